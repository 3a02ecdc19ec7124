"""`netwright events`."""

from __future__ import annotations

import time

import click

from netwright.frontends.cli import say
from netwright.frontends.cli.arguments import StackType, stack_of
from netwright.frontends.cli.daemon_socket import daemon_for_user
from netwright.frontends.cli.privilege import need_state

NOTHING = "The daemon has done nothing yet, as far as its log goes back."
PATIENCE = 0.1
"""Seconds between two looks whether there is something new."""


@click.command(short_help="Show what the daemon did, and why.")
@click.argument("stack", metavar="[NAME|FILE]", type=StackType(), required=False)
@click.option("--follow", "-f", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document on each line instead.")
def events(stack: str | None, *, follow: bool, as_json: bool) -> int:
    """Show what the daemon did and why, oldest first.

    What was repaired, because of what; what failed, and when it is tried again; what waits; who is suspected of undoing it. The
    log is kept beside the state, and is there without the daemon, too.

    \b
    Example: sudo netwright events
             sudo netwright events shop --follow

    Exit status: 0; 130 interrupted.
    """
    name = None if stack is None else stack_of(stack)
    daemon = daemon_for_user()
    if daemon is not None:
        told = 0
        for line in daemon.events(name, follow=follow, as_json=as_json):
            say.data(line)
            told += 1
        if not told and not as_json:
            say.words(NOTHING)
        return 0
    need_state("events", "reads the state")
    from netwright.model.event import Event, event_document
    from netwright.report.event_text import event_line
    from netwright.wiring import open_log

    def show(event: Event) -> None:
        if as_json:
            say.document(event_document(event), indent=None)
        else:
            say.data(event_line(event))

    log = open_log()
    added = log.follow(name) if follow else None
    # Begun before what is kept is read, so that nothing falls between the two.
    begun = None if added is None else next(iter(added))
    assert begun is None
    kept = log.read(name)
    for event in kept:
        show(event)
    if not kept and not as_json:
        say.words(NOTHING)
    for more in added or ():
        if more is None:
            time.sleep(PATIENCE)
        elif more not in kept:
            show(more)
    return 0
