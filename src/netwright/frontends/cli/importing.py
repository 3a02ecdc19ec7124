"""`netwright import compose` and `netwright import host`."""

from __future__ import annotations

import sys

import click

from netwright.frontends.cli import say
from netwright.frontends.cli.arguments import FileType, json_option
from netwright.frontends.cli.privilege import need_root


@click.group("import")
def importing() -> None:
    """Write the file of a Compose project or this host.

    The file goes to standard output, with comments that say what stands there and why. What it describes belongs to somebody
    else, and stays so: applying it makes, changes and deletes nothing.

    \b
    Example: netwright import compose compose.yaml > shop.yaml
             sudo netwright import host > host.yaml
    """


@importing.command()
@click.argument("file", metavar="FILE", type=FileType())
@click.option("--name", metavar="NAME", help="The stack's name; the project's, if absent.")
@click.option("--project", metavar="PROJECT", help="The Compose project's name, as docker compose's -p.")
@json_option
def compose(file: str, *, name: str | None, project: str | None, as_json: bool) -> int:
    """Write the networks, containers and ports of a Compose file.

    Networks are joined as Compose makes them, containers are known by Compose's labels, and each published port has a line that
    shows how to limit it. Variables are taken from the environment and from the .env beside the file. What a file extends or
    includes, and override files, are Compose's to put together: docker compose config does it, and its output can be read here.

    \b
    Example: netwright import compose compose.yaml > shop.yaml
             docker compose config | netwright import compose - > shop.yaml

    Exit status: 0; 2 the Compose file is wrong, or has something that cannot be read here.
    """
    from netwright.api import import_compose
    from netwright.spec.load import decode

    text = decode(sys.stdin.buffer.read(), "<stdin>") if file == "-" else None
    _print(import_compose("<stdin>" if file == "-" else file, text=text, name=name, project=project), as_json=as_json)
    return 0


@importing.command()
@click.option("--name", metavar="NAME", default="host", show_default=True, help="The stack's name.")
@click.option("--all", "everything", is_flag=True, help="Describe what stacks of Netwright's have made, too.")
@json_option
def host(*, name: str, everything: bool, as_json: bool) -> int:
    """Write what is on this host.

    Namespaces, bridges, veths, NICs, addresses, routes, Docker's networks and containers. Everything is external in the file: applying it changes nothing, and destroying the stack neither. What the language has no words
    for stands in comments. To look into every namespace needs root.

    \b
    Example: sudo netwright import host > host.yaml
             netwright graph ./host.yaml --format svg > host.svg

    Exit status: 0; 1 the host cannot be read, or a stack of that name is there.
    """
    from netwright.model.names import parse_stack_name

    name = parse_stack_name(name)
    need_root("import", "host looks into every namespace")
    from netwright.api import import_host

    _print(import_host(name, everything=everything), as_json=as_json)
    return 0


def _print(text: str, *, as_json: bool) -> None:
    if as_json:
        from netwright.report.documents import import_document

        say.document(import_document(text))
    else:
        say.data(text, verbatim=True)
