"""YAML text → where each of its parts begins and ends: what an edit that leaves all the rest alone has to know.

An alias is a piece of its own, at the place where it is written. Offsets count characters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.events import AliasEvent, MappingEndEvent, MappingStartEvent, ScalarEvent, SequenceEndEvent, SequenceStartEvent

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class Piece:
    """A value as written, from `start` to before `end`; a collection in block style ends where its last part does."""

    start: int
    end: int
    flow: bool = False
    """A collection in brackets."""
    text: str | None = None
    """A scalar's; None: it is a collection, or an alias."""
    pairs: list[tuple[Piece, Piece]] | None = None
    items: list[Piece] | None = field(default=None)

    def get(self, key: str) -> tuple[Piece, Piece] | None:
        """The key and the value of a mapping's pair."""
        return next((pair for pair in self.pairs or () if pair[0].text == key), None)


def pieces(text: str) -> Piece:
    """The root. The text is known to be one document, and right."""
    next_event = _Loader(text).get_event
    next_event()
    next_event()
    return _piece(next_event(), next_event)


def _piece(first: Any, next_event: Callable[[], Any]) -> Piece:
    piece = Piece(first.start_mark.index, _end(first))
    if isinstance(first, ScalarEvent):
        piece.text = first.value
    elif isinstance(first, MappingStartEvent):
        piece.flow, piece.pairs = bool(first.flow_style), []
        while not isinstance(event := next_event(), MappingEndEvent):
            key = _piece(event, next_event)
            piece.pairs.append((key, _piece(next_event(), next_event)))
        piece.end = _end(event) if piece.flow or not piece.pairs else piece.pairs[-1][1].end
    elif isinstance(first, SequenceStartEvent):
        piece.flow, piece.items = bool(first.flow_style), []
        while not isinstance(event := next_event(), SequenceEndEvent):
            piece.items.append(_piece(event, next_event))
        piece.end = _end(event) if piece.flow or not piece.items else piece.items[-1].end
    else:
        assert isinstance(first, AliasEvent)
    return piece


def _end(event: Any) -> int:
    index: int = event.end_mark.index
    return index
