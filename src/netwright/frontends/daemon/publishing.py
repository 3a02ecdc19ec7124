"""The API's part that publishes ports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netwright.api import Engine, warnings_of
from netwright.engine.outcome import Revision
from netwright.errors import InvalidValue
from netwright.model.names import parse_stack_name
from netwright.report.documents import revision_document
from netwright.report.revision_text import revision_text, revision_words
from netwright.revising.publication import Base, Publish, Unpublish
from netwright.revising.request import Port, parse_listened, parse_port
from netwright.spec.load import parse

Body = Mapping[str, Any]

REST: dict[str, type] = {"stack": str, "plan": bool, "wait": bool, "allow_lockout": bool, "file": str, "text": str}
PUBLISH: dict[str, type] = {"target": str, "port": str, "from": list, "source": str, "replace": bool, **REST}
UNPUBLISH: dict[str, type] = {"target": str, "port": str, **REST}
"""The keys of the requests."""


def publish_request(body: Body) -> Publish:
    """Raises InvalidValue, SpecError."""
    return Publish(target=body["target"], port=_port(body), stack=_stack(body), replace=body.get("replace", False), base=_base(body))


def unpublish_request(body: Body) -> Unpublish:
    """Raises InvalidValue, SpecError."""
    listen = parse_listened(body["port"]) if "port" in body else None
    return Unpublish(target=body["target"], listen=listen, stack=_stack(body), base=_base(body))


def change_of(body: Body, *, withdrawn: bool) -> Publish | Unpublish:
    """Raises InvalidValue, SpecError."""
    return unpublish_request(body) if withdrawn else publish_request(body)


def revise(engine: Engine, change: Publish | Unpublish, body: Body) -> Revision:
    """Do it, or only plan it."""
    if body.get("plan", False):
        return engine.foresee(change)
    return engine.revise(change, wait=body.get("wait", True), allow_lockout=body.get("allow_lockout", False))


def answer(made: Revision, change: Publish | Unpublish) -> dict[str, Any]:
    """The document."""
    return revision_document(made, warnings_of(made, change.port) if isinstance(change, Publish) else ())


def words(document: dict[str, Any]) -> str:
    """It, for a person."""
    return revision_text(document) + "".join(f"{line}\n" for line in revision_words(document))


def _port(body: Body) -> Port:
    if "port" not in body:
        raise InvalidValue("port: is missing")
    sources = body.get("from", [])
    if not all(isinstance(one, str) for one in sources):
        raise InvalidValue("from: is a list of prefixes")
    return parse_port(body["port"], from_=sources, source=body.get("source", "masquerade"))


def _stack(body: Body) -> str | None:
    return parse_stack_name(body["stack"]) if "stack" in body else None


def _base(body: Body) -> Base | None:
    if "text" not in body:
        return None
    source = body.get("file", "<request>")
    return Base(stack=parse(body["text"], source).spec.name, text=body["text"], source=source)
