"""`netwright exec`."""

from __future__ import annotations

import click

from netwright.frontends.cli.arguments import NamespaceType
from netwright.frontends.cli.privilege import need_root


@click.command(
    "exec", short_help="Run a command in a namespace.", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.argument("namespace", type=NamespaceType())
@click.argument("command", metavar="-- COMMAND…", nargs=-1, type=click.UNPROCESSED, required=True)
def execute(namespace: str, command: tuple[str, ...]) -> int:
    """Run a command in a namespace, as "ip netns exec" does.

    The namespace is one below /run/netns, whoever made it. The command sees the namespace's own interfaces in /sys, and the files
    in /etc/netns/NAMESPACE in place of those in /etc: so it finds the stack's endpoints by name. Cgroups stay mounted.

    \b
    Example: sudo netwright exec my_netns -- ip address
             sudo netwright exec client -- curl http://web:8080/

    Exit status: the command's; 127 if there is no such command, 126 if it cannot be run; 1 if the namespace cannot be entered.
    """
    need_root("exec", "enters another network namespace")
    from netwright.frontends.cli.entering import become

    arguments = command[1:] if command[0] == "--" else command
    if not arguments:
        raise click.UsageError("Missing argument '-- COMMAND…'.")
    return become(namespace, arguments)
