"""`netwright recover`."""

from __future__ import annotations

import click

from netwright.frontends.cli import say
from netwright.frontends.cli.arguments import json_option, no_wait_option
from netwright.frontends.cli.daemon_socket import daemon_for_user
from netwright.frontends.cli.privilege import need_root
from netwright.frontends.cli.progress import shown


@click.command(short_help="After a crash: back to what was committed.")
@no_wait_option
@json_option
def recover(*, no_wait: bool, as_json: bool) -> int:
    """After a crash: back to the last committed state.

    Stacks whose apply or destroy was cut short (kill -9, a power cut) go back to what was committed last, or to nothing. So do
    those that were not confirmed in time. The next apply does this by itself.

    \b
    Example: sudo netwright recover

    Exit status: 0 done, or there was nothing to do; 1 it failed, and says what is the state now.
    """
    if (daemon := daemon_for_user()) is not None:
        return daemon.show("POST", "/v1/recover", as_json=as_json)
    need_root("recover", "changes the host's networks")
    from netwright.wiring import open_engine

    with shown() as progress, open_engine(progress=progress) as engine:
        done = engine.take_back(wait=not no_wait)
    if as_json and not done.failures:
        from netwright.report.documents import recover_document

        say.document(recover_document(done.recovered, done.expired))
        return 0
    for name in done.recovered:
        say.words(f"{name}: brought back to the last committed state.")
    for name in done.expired:
        say.words(f"{name}: was not confirmed in time, and was rolled back.")
    done.check()
    if not done.recovered and not done.expired:
        say.words("Nothing to recover: no run was cut short.")
    return 0
