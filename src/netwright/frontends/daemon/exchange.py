"""Requests as values, and values as answers: JSON documents, or words where the request accepts `text/plain`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from netwright.errors import InvalidValue
from netwright.model.event import Event, event_document
from netwright.report.event_text import event_line


async def read_body(request: web.Request, needed: str | None, **keys: type | tuple[type, ...]) -> dict[str, Any]:
    """The request's JSON object. Raises InvalidValue."""
    try:
        body = json.loads(await request.read() or b"{}")
    except (ValueError, RecursionError) as error:
        raise InvalidValue(f"the request is no JSON: {error}") from None
    if not isinstance(body, dict):
        raise InvalidValue("the request is no JSON object")
    for key, value in body.items():
        if key not in keys:
            raise InvalidValue(f"{key}: there is no such key; there are {', '.join(keys)}")
        if not isinstance(value, keys[key]) or (isinstance(value, bool) and keys[key] is not bool):
            raise InvalidValue(f"{key}: is of the wrong type")
    if needed is not None and needed not in body:
        raise InvalidValue(f"{needed}: is missing")
    return body


def wants_words(request: web.Request) -> bool:
    """Rather than a document."""
    return "text/plain" in request.headers.get("Accept", "")


def answered(request: web.Request, document: Callable[[], dict[str, Any]], words: Callable[[], str]) -> web.Response:
    """Whichever of the two is wanted."""
    return web.Response(text=words()) if wants_words(request) else document_response(document())


def document_response(document: dict[str, Any], status: int = 200) -> web.Response:
    """As JSON."""
    return web.Response(text=json.dumps(document, indent=2, ensure_ascii=False) + "\n", status=status, content_type="application/json")


def event_bytes(event: Event, *, plain: bool) -> bytes:
    """A line of the answer."""
    return (event_line(event) if plain else json.dumps(event_document(event), ensure_ascii=False) + "\n").encode()
