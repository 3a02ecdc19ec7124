"""`netwright sandbox`."""

from __future__ import annotations

import os

import click

from netwright.frontends.cli import say
from netwright.frontends.cli.arguments import file_argument, read_document
from netwright.frontends.cli.progress import shown


@click.command(
    short_help="Try a file on a throw-away host.", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@file_argument
@click.argument("command", metavar="[-- COMMAND…]", nargs=-1, type=click.UNPROCESSED)
def sandbox(file: str, command: tuple[str, ...]) -> int:
    """Build a file on a throw-away host, run a command or a shell there, and drop it all.

    The host is a user, mount, network and process namespace of its own: no root is needed, and the machine's network is not
    touched. Containers that the file names are namespaces of their names on their networks; NICs are veths whose other end is in
    a namespace outside-NIC. Inside, every other command of netwright works on what was built. Files are the machine's own.

    \b
    Example: netwright sandbox shop.yaml
             netwright sandbox shop.yaml -- netwright exec web -- ip address

    Exit status: the command's; 127 if there is no such command, 126 if it cannot be run; 1 if the file cannot be built or the
    system lets this user make no namespaces; 2 the file is wrong.
    """
    document = read_document(file)
    from netwright.sandbox import throwaway
    from netwright.sandbox.building import build
    from netwright.sandbox.shell import interactive, run
    from netwright.sandbox.standins import stand_in

    sandboxed = stand_in(document)
    throwaway.become()
    with shown(quiet=bool(command)) as progress:
        built = build(sandboxed, progress=progress)
    name = document.spec.name
    os.environ["NETWRIGHT_SANDBOX"] = name
    arguments = command[1:] if command[:1] == ("--",) else command
    if arguments:
        return run(arguments)
    for note in sandboxed.notes:
        say.words(f"{note[0].upper()}{note[1:]}.")
    say.words(f"The sandbox of {name} has the namespaces {', '.join(built.namespaces) or '(none)'}.")
    say.words("netwright exec NAMESPACE -- COMMAND runs a command in one; exit drops it all.")
    return interactive(os.environ.get("SHELL") or "/bin/sh", name)
