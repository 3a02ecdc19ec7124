"""`netwright status`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from netwright.errors import Refused
from netwright.frontends.cli import say
from netwright.frontends.cli.arguments import StackType, json_option, stack_of
from netwright.frontends.cli.daemon_socket import daemon_for_user, stack_path
from netwright.frontends.cli.privilege import need_root
from netwright.frontends.cli.progress import shown

if TYPE_CHECKING:
    from netwright.engine.outcome import StackStatus


@click.command()
@click.argument("stack", metavar="[NAME|FILE]", type=StackType(), required=False)
@json_option
def status(stack: str | None, *, as_json: bool) -> int:
    """Show stacks, how they stand, and drift.

    Namespaces, links, addresses, routes, publishes. Drift is what an apply of the committed file would do: somebody has changed the host by hand, or a container has another
    address now. It is shown, and does not make the command fail (plan --check does).

    \b
    Example: sudo netwright status
             sudo netwright status shop --json

    Exit status: 0; 1 there is no such stack.
    """
    name = None if stack is None else stack_of(stack)
    if (daemon := daemon_for_user()) is not None:
        return daemon.show("GET", stack_path(name), as_json=as_json)
    stacks = look_at("status", name)
    from netwright.report.standing import standing_of

    seen = [(one, standing_of(one)) for one in stacks]
    if as_json:
        from netwright.report.documents import status_document

        say.document(status_document(seen))
    elif not seen:
        from netwright.report.status_text import NO_STACKS

        say.words(NO_STACKS)
    else:
        from netwright.report.status_text import status_text

        say.data(status_text(seen, _style))
    return 0


def look_at(command: str, name: str | None) -> tuple[StackStatus, ...]:
    """What the engine says of one stack, or of all. Raises Refused where there is none of that name."""
    need_root(command, "reads the state and the host's namespaces")
    from netwright.wiring import open_engine

    with shown() as progress, open_engine(progress=progress) as engine:
        found = engine.status(name)
        if found or name is None:
            return found
        names = sorted(one.name for one in engine.status())
    from netwright.report.standing import instead_of

    hint = instead_of(name, names)
    raise Refused(f"There is no stack {name} on this host.", hint=hint)


def _style(text: str, *, fg: str | None = None, bold: bool | None = None) -> str:
    return click.style(text, fg=fg, bold=bold) if say.coloured(sys.stdout) else text
