"""`netwright apply`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from netwright.frontends.cli import failure, say
from netwright.frontends.cli.arguments import (
    Seconds,
    file_argument,
    json_option,
    lockout_option,
    no_wait_option,
    read_document,
    replace_option,
)
from netwright.frontends.cli.daemon_socket import daemon_for_user
from netwright.frontends.cli.privilege import need_root
from netwright.frontends.cli.progress import shown

if TYPE_CHECKING:
    from netwright.engine.outcome import Outcome


@click.command(short_help="Make the host as the file says.")
@file_argument
@click.option(
    "--confirm",
    metavar="SECONDS",
    type=Seconds(),
    help="Roll back after so many seconds unless netwright confirm comes in time; a week at most.",
)
@lockout_option
@replace_option
@no_wait_option
@click.option("--quiet", "-q", is_flag=True, help="Say nothing unless it fails.")
@json_option
def apply(file: str, *, confirm: float | None, allow_lockout: bool, replace: bool, no_wait: bool, quiet: bool, as_json: bool) -> int:
    """Make the host as the file says: all of it, or nothing.

    The file is checked against the host first. Then it is done, verified and remembered; what was done is printed. If an
    operation fails, or Ctrl-C is pressed, what was done is rolled back. A second apply finds nothing to do.

    With --confirm the host goes back to what it was unless "netwright confirm NAME" is run in time: for changes that may cut off
    the connection over which you make them. It goes back also if that connection, this process or your session is gone by then.

    A change that takes what carries your SSH session (its NIC, its address, the way back to you, its port), or the host's default
    route, is refused unless --allow-lockout is given.

    Docker cannot change a network. With --replace one that is not as in the file is made anew though containers of others are on it:
    they are disconnected for a moment, and connected again with their addresses, aliases and other settings.

    \b
    Example: sudo netwright apply shop.yaml
             sudo netwright apply --confirm 60 shop.yaml   # then: sudo netwright confirm shop

    Exit status: 0 done; 1 it failed, and says what is the state now; 2 the file is wrong, or does not fit the host, nothing was
    touched; 130 interrupted, rolled back.
    """
    document = read_document(file)
    if (daemon := daemon_for_user()) is not None:
        request = {
            "text": document.text,
            "source": document.source,
            "confirm": confirm,
            "wait": not no_wait,
            "allow_lockout": allow_lockout,
            "replace": replace,
        }
        return daemon.show("POST", "/v1/apply", request, as_json=as_json, quiet=quiet)
    need_root("apply", "changes the host's networks")
    from netwright.wiring import open_engine

    name = document.spec.name
    if confirm is not None:
        # It watches before the change begins: by the end of that the connection may be cut, or this process be gone.
        from netwright.frontends.cli.watch_trial import start_watching

        start_watching(name)
    with failure.untouched(), shown(quiet=quiet) as progress, open_engine(progress=progress) as engine:
        outcome = engine.apply(document, wait=not no_wait, confirm_seconds=confirm, allow_lockout=allow_lockout, replace_networks=replace)
    if as_json:
        from netwright.report.documents import apply_document

        say.document(apply_document(name, outcome))
    elif not quiet:
        _print(name, outcome)
    return 0


def _print(name: str, outcome: Outcome) -> None:
    from netwright.planning.text import plan_text

    say.data(plan_text(outcome.plan))
    if outcome.plan:
        count = len(outcome.plan.operations)
        say.words(f"{name}: {count} operation{'s' * (count != 1)} done and verified in {outcome.seconds:.2f} s.")
    if outcome.confirm_before is not None:
        until = time.strftime("%H:%M:%S", time.localtime(outcome.confirm_before))
        say.words(f"It is rolled back at {until} unless you run: netwright confirm {name}")
