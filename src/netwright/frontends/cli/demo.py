"""`netwright demo`.

With --json it prints

    {version, file: TEXT, operations: N, seconds, namespaces: [NAME…], picture: TEXT, held,
     attempts: [{what, from: ADDRESS, to: ADDRESS:PORT/tcp, expected, result, page, held}]}

`expected` and `result` are reachable, refused or dropped; `page` is what the web server said, or null.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from netwright.frontends.cli import say
from netwright.frontends.cli.arguments import json_option

if TYPE_CHECKING:
    from netwright.sandbox.article import Attempt


@click.command(short_help="See a network with real packets.")
@json_option
def demo(*, as_json: bool) -> int:
    """Show the article's network with real packets, on a throw-away host.

    A network, a namespace with a NIC and a port published to one range of clients: a client in the range is served, all else is
    refused; then the picture. Needs no root, no Docker and no NIC, and touches nothing of the machine.

    \b
    Example: netwright demo

    Exit status: 0 everything was as the file says; 1 it was not, or the system lets this user make no namespaces.
    """
    from netwright.picture import draw, from_document
    from netwright.sandbox import throwaway
    from netwright.sandbox.article import article, attempts, page_served, with_clients
    from netwright.sandbox.building import build

    tell = _nothing if as_json else say.data
    document = article()
    tell(f"{_title('The file')}{document.text}\n")
    throwaway.become()
    built = build(with_clients(document))
    count, seconds = len(built.outcome.plan.operations), built.outcome.seconds
    tell(_title("Built on a throw-away host"))
    tell(f"{count} operations in {seconds:.2f} s, verified. Namespaces: {', '.join(built.namespaces)}.\n")
    tell("A web server listens in web. Two clients are on the link beyond eth1.\n\n")
    tell(_title("Real packets"))
    made: list[Attempt] = []
    with page_served():
        for attempt in attempts():
            made.append(attempt)
            tell(_line(attempt))
    held = all(attempt.held for attempt in made)
    picture = draw(from_document(document), "text").rstrip("\n")
    tell(f"\n{_title('The picture')}{picture}\n\n")
    tell("All is as the file says, and nothing of it is left.\n" if held else "NOT all is as the file says.\n")
    if as_json:
        from netwright.report.documents import VERSION

        say.document(
            {
                "version": VERSION,
                "file": document.text,
                "operations": count,
                "seconds": seconds,
                "namespaces": list(built.namespaces),
                "attempts": [_told(attempt) for attempt in made],
                "held": held,
                "picture": picture,
            }
        )
    return 0 if held else 1


def _nothing(_text: str) -> None: ...


def _title(text: str) -> str:
    return click.style(text, bold=True) + "\n" if say.coloured(sys.stdout) else f"{text}\n{'-' * len(text)}\n"


def _line(attempt: Attempt) -> str:
    result = "served" if attempt.result else attempt.result.value
    verdict = "as it should be" if attempt.held else f"SHOULD BE {attempt.expected.value}"
    if say.coloured(sys.stdout):
        verdict = click.style(verdict, fg="green" if attempt.held else "red")
    line = f"{attempt.client:>9} → {attempt.target:<15}  {result:<8} {verdict}: {attempt.what}\n"
    return line if attempt.page is None else f"{line}{'':>11} “{attempt.page.strip()}”\n"


def _told(attempt: Attempt) -> dict[str, Any]:
    return {
        "what": attempt.what,
        "from": attempt.client,
        "to": f"{attempt.target}/tcp",
        "expected": attempt.expected.value,
        "result": attempt.result.value,
        "page": attempt.page,
        "held": attempt.held,
    }
