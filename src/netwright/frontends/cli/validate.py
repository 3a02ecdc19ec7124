"""`netwright validate`."""

from __future__ import annotations

import click

from netwright.frontends.cli import say
from netwright.frontends.cli.arguments import file_argument, json_option, read_document


@click.command()
@file_argument
@json_option
def validate(file: str, *, as_json: bool) -> int:
    """Check a file, touch nothing.

    Everything that is wrong with the file in itself is reported at once, each as FILE:LINE:COLUMN: PATH: what is wrong. What
    can only be seen on the host (a NIC that is not there, a subnet that is in use) is checked by plan and apply. Needs no root.

    \b
    Example: netwright validate shop.yaml
             generate | netwright validate -

    Exit status: 0 the file is right; 2 it is not.
    """
    document = read_document(file)
    if as_json:
        from netwright.report.documents import validate_document

        say.document(validate_document(document))
        return 0
    spec = document.spec
    counts = {"network": len(spec.networks), "namespace": len(spec.namespaces), "container": len(spec.containers)}
    parts = [f"{count} {noun}{'s' * (count != 1)}" for noun, count in counts.items() if count]
    say.words(f"{document.source}: right. Stack {spec.name}{': ' if parts else ''}{', '.join(parts)}.")
    return 0
