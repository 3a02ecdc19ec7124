"""`netwright demo`: the article's network in a sandbox, with real packets."""

from __future__ import annotations

import json
import sys
from typing import Any

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of words.")
def demo(*, as_json: bool) -> None:
    """The article's network in a sandbox, with real packets: one client is served, another refused; then the picture.

    Needs no root, no Docker and no network card. The exit status is 0 only if everything was as it should be.
    """
    from netwright.picture import draw, from_document
    from netwright.sandbox import throwaway
    from netwright.sandbox.article import PORT, article, attempts, page_served, with_clients
    from netwright.sandbox.building import build

    def say(text: str = "", **style: Any) -> None:
        if not as_json:
            click.secho(text, **style)

    document = article()
    say("The file", bold=True)
    say(document.text.rstrip())
    say()
    throwaway.become()
    built = build(with_clients(document))
    say("Built on a throw-away host", bold=True)
    say(
        f"{len(built.outcome.plan.operations)} operations in {built.outcome.seconds * 1000:.0f} ms, verified; namespaces: {', '.join(built.namespaces)}"
    )
    say("A web server listens in web, on port 1234.")
    say()
    say("Real packets", bold=True)
    made = []
    with page_served():
        for attempt in attempts():
            made.append(attempt)
            mark = (
                click.style("as it should be", fg="green") if attempt.held else click.style(f"SHOULD BE {attempt.expected.value}", fg="red")
            )
            result = "served" if attempt.result else attempt.result.value
            say(f"{attempt.client:>9} → {f'{attempt.address}:{PORT}':<15}  {result:<8} {mark}: {attempt.what}")
            if attempt.page is not None:
                say(f"{'':>11} “{attempt.page.strip()}”")
    held = all(attempt.held for attempt in made)
    picture = draw(from_document(document), "text")
    say()
    say("The picture", bold=True)
    say(picture.rstrip())
    say()
    say("All as the file says. The throw-away host is gone." if held else "Not all is as the file says.", bold=True)
    if as_json:
        told = {
            "file": document.text,
            "operations": len(built.outcome.plan.operations),
            "seconds": built.outcome.seconds,
            "namespaces": list(built.namespaces),
            "attempts": [
                {
                    "what": attempt.what,
                    "from": attempt.client,
                    "to": f"{attempt.address}:{PORT}/tcp",
                    "expected": attempt.expected.value,
                    "result": attempt.result.value,
                    "page": attempt.page,
                    "held": attempt.held,
                }
                for attempt in made
            ],
            "held": held,
            "picture": picture,
        }
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    sys.exit(0 if held else 1)
