"""Requests as values, and values as answers: JSON documents, or words where the request accepts `text/plain`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from netwright.errors import InvalidValue
from netwright.model.event import Event, event_document
from netwright.report.event_text import event_line
from netwright.report.plain import json_text, plain

LARGE_BYTES = 1 << 20
MOST_LARGE = 2
"""Bodies of more than LARGE_BYTES, or of unknown size, that are read at the same time; others wait."""
BODY_SECONDS = 30.0
"""For the whole body."""
LARGE = web.AppKey("large", asyncio.Semaphore)
"""Where an application keeps the places for MOST_LARGE."""


def refuse_forms(request: web.Request) -> None:
    """What changes something says that it is JSON: a page of somebody else's cannot have a browser send that unasked (fetch.spec.whatwg.org,
    "CORS-safelisted request-header"). Raises HTTPUnsupportedMediaType.
    """
    if request.method == "POST" and request.content_type != "application/json":
        bare = "Content-Type" not in request.headers and "Origin" not in request.headers
        if not bare or request.can_read_body:
            raise web.HTTPUnsupportedMediaType(reason="a body must be sent as Content-Type: application/json")


async def read_body(request: web.Request, needed: str | None, **keys: type | tuple[type, ...]) -> dict[str, Any]:
    """The request's JSON object. Raises InvalidValue, HTTPRequestTimeout, HTTPRequestEntityTooLarge."""
    try:
        body = json.loads(await _content(request) or b"{}")
    except (ValueError, RecursionError) as error:
        raise InvalidValue(f"the request is no JSON: {error}") from None
    if not isinstance(body, dict):
        raise InvalidValue("the request is no JSON object")
    for key, value in body.items():
        if key not in keys:
            raise InvalidValue(f"{key[:_SHOWN]}: there is no such key; there are {', '.join(keys)}")
        if not isinstance(value, keys[key]) or (isinstance(value, bool) and keys[key] is not bool):
            raise InvalidValue(f"{key}: is of the wrong type")
        _refuse_halves(key, value)
    if needed is not None and needed not in body:
        raise InvalidValue(f"{needed}: is missing")
    return body


_SHOWN = 80
"""Characters of a word of theirs that a message repeats."""


async def _content(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            if request.content_length is not None and request.content_length <= LARGE_BYTES and "Content-Encoding" not in request.headers:
                return await request.read()
            async with request.app[LARGE]:
                return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(reason=f"the body did not come within {BODY_SECONDS:.0f} s") from None


def _refuse_halves(key: str, value: object) -> None:
    """JSON can say half of a surrogate pair (RFC 8259, 8.2), which is no character: nothing can be done with it, not even a file be called so."""
    for place, one in enumerate(value if isinstance(value, list) else [value]):
        if isinstance(one, str):
            try:
                one.encode()
            except UnicodeEncodeError as error:
                where = f"{key}[{place}]" if isinstance(value, list) else key
                raise InvalidValue(
                    f"{where}: the character {error.start + 1} is half of a surrogate pair (U+{ord(one[error.start]):04X}), which is no text",
                    hint="send the whole pair, or the character as UTF-8",
                ) from None


def wants_words(request: web.Request) -> bool:
    """Rather than a document."""
    return "text/plain" in request.headers.get("Accept", "")


def answered(request: web.Request, document: Callable[[], dict[str, Any]], words: Callable[[], str]) -> web.Response:
    """Whichever of the two is wanted."""
    if wants_words(request):
        return web.Response(text=plain(words()))
    return document_response(document())


def document_response(document: dict[str, Any], status: int = 200) -> web.Response:
    """As JSON."""
    return web.Response(text=json_text(document), status=status, content_type="application/json")


def event_bytes(event: Event, *, as_words: bool) -> bytes:
    """A line of the answer."""
    return (plain(event_line(event)) if as_words else json_text(event_document(event), indent=None)).encode()
