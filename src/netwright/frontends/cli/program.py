"""The command `netwright`: which commands there are, and what happens to what they raise.

A command returns its exit status. Exit statuses: 0 done; 1 it failed; 2 the command line or the file is wrong; 3 a check
found a difference; 130 interrupted.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from netwright.errors import NetwrightError
from netwright.frontends.cli import failure, say

COMMANDS = {
    "validate": "validate:validate",
    "plan": "plan:plan",
    "apply": "apply:apply",
    "confirm": "confirm:confirm",
    "destroy": "destroy:destroy",
    "status": "status:status",
    "publish": "publishing:publish",
    "unpublish": "publishing:unpublish",
    "exec": "exec:execute",
    "graph": "graph:graph",
    "sandbox": "sandbox:sandbox",
    "demo": "demo:demo",
    "import": "importing:importing",
    "schema": "schema:schema",
    "recover": "recover:recover",
    "daemon": "daemon:daemon",
    "events": "events:events",
    "log": "log:log",
    "docker-plugin": "docker_plugin:docker_plugin",
    "completion": "completion:completion",
    "_watch-trial": "watch_trial:watch_trial",
}
"""Name → module below this package, and the command in it. In the order in which they are listed."""

_PASS_ON = frozenset({"exec", "sandbox"})
"""What stands behind these may be another program's command line."""


class Program(click.Group):
    """A group whose commands are imported one by one, and whose failures are sentences."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command = getattr(importlib.import_module(f"netwright.frontends.cli.{module}"), name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], [name for name in COMMANDS if name[0] != "_"], n=1)
            if not near or args[0].startswith("-"):
                raise
            raise click.UsageError(f"{error.message} Did you mean {near[0]!r}?", ctx) from None

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: ARG002 - click's signature; always alone
        windows_expand_args: bool = True,  # noqa: ARG002 - click's signature
        **extra: Any,
    ) -> NoReturn:
        """Run, say what went wrong if something did, and exit."""
        arguments = list(sys.argv[1:] if args is None else args)
        as_json = _asks_for_json(arguments)
        try:
            result = super().main(arguments or ["--help"], prog_name or "netwright", complete_var, standalone_mode=False, **extra)
            status = result if isinstance(result, int) else 0
        except click.ClickException as error:
            status = failure.tell_usage(error, as_json=as_json)
        except (KeyboardInterrupt, click.Abort):
            status = failure.tell_interrupted(as_json=as_json)
        except NetwrightError as error:
            status = failure.tell(error, as_json=as_json)
        except Exception as error:
            if os.environ.get("NETWRIGHT_DEBUG"):
                raise
            status = failure.tell_unexpected(error, as_json=as_json)
        sys.exit(status)


def _asks_for_json(arguments: list[str]) -> bool:
    command = next((argument for argument in arguments if not argument.startswith("-")), "")
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return command not in _PASS_ON and "--json" in own


def _version(ctx: click.Context, _parameter: click.Parameter, asked: bool) -> None:
    if asked:
        from netwright import __version__

        say.data(f"netwright {__version__}\n")
        ctx.exit(0)


@click.group("netwright", cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version and exit.")
def program() -> None:
    """A host's container networks from one file: planned, all or nothing, verified, rolled back on failure.

    \b
    Example: netwright plan shop.yaml             # what would be done, and why
             sudo netwright apply shop.yaml       # do it
             sudo netwright destroy shop          # undo it

    An argument NAME|FILE is a file if it has a / in it or ends in .yaml or .yml, else a stack's name. A FILE may be -, standard
    input. Data goes to standard output, words to standard error.

    Exit status: 0 done; 1 it failed, and says what is the state now; 2 the command line or the file is wrong (nothing was
    touched); 3 plan --check found a difference; 130 interrupted (rolled back).

    \b
    Environment: NETWRIGHT_STATE  the state's folder; /var/lib/netwright if unset
                 NETWRIGHT_SOCKET the daemon's socket; /run/netwright/api.sock
                 NETWRIGHT_DEBUG  set: show where a mistake of Netwright's was
                 NO_COLOR         set: no colours
    """


def run() -> NoReturn:
    """The program as a process of its own."""
    say.prepare()
    program.main()
