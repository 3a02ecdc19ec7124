"""`netwright confirm`."""

from __future__ import annotations

import click

from netwright.errors import Refused
from netwright.frontends.cli import say
from netwright.frontends.cli.arguments import StackType, json_option, stack_of
from netwright.frontends.cli.daemon_socket import daemon_for_user
from netwright.frontends.cli.privilege import need_state
from netwright.frontends.cli.progress import shown


@click.command(short_help="Keep what apply --confirm did.")
@click.argument("stack", metavar="[NAME|FILE]", type=StackType(), required=False)
@json_option
def confirm(stack: str | None, *, as_json: bool) -> int:
    """Keep what "apply --confirm" did.

    It is not rolled back any more. Without a name, everything that waits to be confirmed is.

    \b
    Example: sudo netwright apply --confirm 60 shop.yaml
             sudo netwright confirm shop

    Exit status: 0 it stays; 1 there was nothing to confirm, or it was too late.
    """
    name = None if stack is None else stack_of(stack)
    if (daemon := daemon_for_user()) is not None:
        return daemon.show("POST", "/v1/confirm", {} if name is None else {"stack": name}, as_json=as_json)
    need_state("confirm", "writes to the state")
    from netwright.wiring import open_engine

    with shown() as progress, open_engine(progress=progress) as engine:
        names = [one.name for one in engine.status() if one.confirm_before is not None] if name is None else [name]
        confirmed = [one for one in names if engine.confirm(one)]
    if not confirmed:
        raise Refused(
            f"There is no change{f' of {name}' if name else ''} that waits to be confirmed.",
            hint="if its time has passed it was rolled back: netwright status tells how the host stands",
        )
    if as_json:
        from netwright.report.documents import confirm_document

        say.document(confirm_document(confirmed))
    else:
        say.words("".join(f"{one}: confirmed, it stays.\n" for one in confirmed).rstrip("\n"))
    return 0
