"""`netwright log`."""

from __future__ import annotations

import click

from netwright.frontends.cli import say
from netwright.frontends.cli.arguments import StackType, json_option, stack_of
from netwright.frontends.cli.daemon_socket import daemon_for_user
from netwright.frontends.cli.privilege import need_state


@click.command(short_help="Show who changed what, and when.")
@click.argument("stack", metavar="[NAME|FILE]", type=StackType(), required=False)
@click.option("--full", is_flag=True, help="Show every operation that was kept, not the first few.")
@json_option
def log(stack: str | None, *, full: bool, as_json: bool) -> int:
    """Show who changed what and when, oldest first.

    Every apply, destroy, publish, confirm and recover, what was refused or rolled back, and what the daemon repaired: with the time, the user
    (and who became it by sudo, or logged in), the command, and what was done. A stack that is gone is still in it. The newest 5000
    entries are kept, and 2000 of the daemon's repairs, of the last 400 days. "netwright events" tells why the daemon repaired something.

    \b
    Example: sudo netwright log
             sudo netwright log shop --json

    Exit status: 0.
    """
    name = None if stack is None else stack_of(stack)
    if (daemon := daemon_for_user()) is not None:
        query = "&".join([*([f"stack={name}"] if name else []), *(["full=1"] if full else [])])
        return daemon.show("GET", f"/v1/log?{query}", as_json=as_json)
    need_state("log", "reads the state")
    from netwright import api
    from netwright.report.log_text import NOTHING, log_document, log_text

    found = api.log(name)
    if as_json:
        say.document(log_document(found))
    elif found:
        say.data(log_text(found, full=full))
    else:
        say.words(NOTHING)
    return 0
