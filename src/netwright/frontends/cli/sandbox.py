"""`netwright sandbox`: a file on a throw-away host."""

from __future__ import annotations

import os
import sys

import click


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("file")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def sandbox(file: str, command: tuple[str, ...]) -> None:
    """Build FILE on a throw-away host, run COMMAND or a shell there, and drop it all.

    The host is a user, mount, network and process namespace of its own: no root is needed, and the machine's network is not
    touched. Containers are namespaces of their names on their networks; NICs are veths whose other end is in a namespace
    outside-NIC. The exit status is the command's.
    """
    from netwright.api import load, parse
    from netwright.sandbox import throwaway
    from netwright.sandbox.building import build
    from netwright.sandbox.shell import interactive, run
    from netwright.sandbox.standins import stand_in

    document = parse(click.get_text_stream("stdin").read(), "<stdin>") if file == "-" else load(file)
    sandboxed = stand_in(document)
    throwaway.become()
    built = build(sandboxed)
    name = document.spec.name
    os.environ["NETWRIGHT_SANDBOX"] = name
    if command:
        sys.exit(run(command))
    for note in sandboxed.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(f"The sandbox of {name} has the namespaces {', '.join(built.namespaces) or '(none)'}.", err=True)
    click.echo("`netwright exec NAME -- COMMAND` runs a command in one. `exit` drops it all.", err=True)
    sys.exit(interactive(os.environ.get("SHELL") or "/bin/sh", name))
