"""`netwright destroy`."""

from __future__ import annotations

import click

from netwright.frontends.cli import failure, say
from netwright.frontends.cli.arguments import json_option, lockout_option, no_wait_option, stack_argument, stack_of
from netwright.frontends.cli.daemon_socket import daemon_for_user
from netwright.frontends.cli.privilege import need_root
from netwright.frontends.cli.progress import shown


@click.command(short_help="Remove a stack, give back what it borrowed.")
@stack_argument
@lockout_option
@no_wait_option
@click.option("--quiet", "-q", is_flag=True, help="Say nothing unless it fails.")
@json_option
def destroy(stack: str, *, allow_lockout: bool, no_wait: bool, quiet: bool, as_json: bool) -> int:
    """Remove all that a stack owns, and give back what it borrowed.

    NICs go back to where they came from, with name, MTU, MAC, addresses, routes and up state; sysctls get their old values.
    Nothing left to remove is a success. What carries your SSH session, or the host's default route, goes with --allow-lockout only.

    \b
    Example: sudo netwright destroy shop
             sudo netwright destroy ./shop.yaml

    Exit status: 0 nothing of it is left; 1 it failed, and says what is the state now; 130 interrupted, rolled back.
    """
    name = stack_of(stack)
    if (daemon := daemon_for_user()) is not None:
        request = {"stack": name, "wait": not no_wait, "allow_lockout": allow_lockout}
        return daemon.show("POST", "/v1/destroy", request, as_json=as_json, quiet=quiet)
    need_root("destroy", "changes the host's networks")
    from netwright.wiring import open_engine

    with failure.untouched(), shown(quiet=quiet) as progress, open_engine(progress=progress) as engine:
        outcome = engine.destroy(name, wait=not no_wait, allow_lockout=allow_lockout)
    if as_json:
        from netwright.report.documents import apply_document

        say.document(apply_document(name, outcome))
        return 0
    if quiet:
        return 0
    if outcome.plan:
        from netwright.planning.text import plan_text

        count = len(outcome.plan.operations)
        say.data(plan_text(outcome.plan))
        say.words(f"{name}: {count} operation{'s' * (count != 1)} done and verified in {outcome.seconds:.2f} s; nothing of it is left.")
    else:
        say.words(f"{name}: nothing of it was here.")
    return 0
