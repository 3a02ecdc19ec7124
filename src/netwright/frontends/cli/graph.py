"""`netwright graph`."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Literal, get_args

import click

from netwright.frontends.cli import say
from netwright.frontends.cli.arguments import is_file, json_option, read_document, stack_argument

if TYPE_CHECKING:
    from netwright.picture.values import Picture

Form = Literal["text", "svg", "dot", "mermaid"]

NARROWEST = 60
"""Columns; in fewer the tree cannot be read, and the terminal may break its lines."""


@click.command()
@stack_argument
@click.option("--format", "form", type=click.Choice(get_args(Form)), default="text", show_default=True, help="What to draw it as.")
@json_option
def graph(stack: str, *, form: Form, as_json: bool) -> int:
    """Draw a stack, from its file or live.

    Namespaces, networks, NICs, addresses, publishes. From a file without touching the host; from a name with what is there at this moment, which needs root.

    \b
    Example: netwright graph ./shop.yaml
             netwright graph ./shop.yaml --format svg > shop.svg
             sudo netwright graph shop

    Exit status: 0; 1 there is no such stack; 2 the file is wrong.
    """
    picture = _of_file(stack) if is_file(stack) else _of_stack(stack)
    from netwright.picture import draw

    # A terminal's own width; the fallback is for a pipe or a file.
    drawing = draw(picture, form, width=max(NARROWEST, shutil.get_terminal_size((100, 24)).columns))
    if as_json:
        from netwright.report.documents import graph_document

        say.document(graph_document(form, drawing))
    else:
        say.data(drawing if drawing.endswith("\n") else f"{drawing}\n", verbatim=form != "text")
    return 0


def _of_file(path: str) -> Picture:
    from netwright.picture import from_document

    return from_document(read_document(path))


def _of_stack(name: str) -> Picture:
    from netwright.frontends.cli.status import look_at
    from netwright.model.names import parse_stack_name

    (one,) = look_at("graph", parse_stack_name(name))
    from netwright.picture import from_status
    from netwright.spec.load import parse

    return from_status(parse(one.spec_text, one.source), one.observed, one.desired)
