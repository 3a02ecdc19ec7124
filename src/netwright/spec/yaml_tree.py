"""YAML text → plain values, with the place of each.

libyaml's events are walked once: values and places are made on the way, so a file of 14,000 lines takes some 40 ms. Keys are
always texts. Aliases share what they name; what they would expand to is counted, and the count is bounded.
Merge keys (`<<: *name`, or a list of such) work as in Compose files: what a mapping says itself wins, then the first named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from netwright.errors import Problem
from netwright.spec.places import Path, Spot, path_text
from netwright.spec.yaml_errors import complaint, unprintable
from netwright.spec.yaml_scalars import plain

MAX_CHARACTERS = 16 * 1024 * 1024
MAX_DEPTH = 50
MAX_VALUES = 1_000_000

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TEXT_TAGS = ("!", "tag:yaml.org,2002:str")
_MAPPING_TAG = "tag:yaml.org,2002:map"
_SEQUENCE_TAG = "tag:yaml.org,2002:seq"


@dataclass(frozen=True, slots=True)
class Tree:
    """`root` is None, and `problems` says why, where nothing could be read."""

    values: Any
    root: Spot | None
    problems: tuple[Problem, ...]


class _Stop(Exception):
    """Reading on makes no sense."""


def read(text: str) -> Tree:
    """Every problem of a text that is YAML; the first of one that is not."""
    if len(text) > MAX_CHARACTERS:
        return Tree(None, None, (Problem(0, 0, "", f"the file is too big: {len(text):,} characters; at most {MAX_CHARACTERS:,} are read"),))
    bad = unprintable(text)
    if bad is not None:
        return Tree(None, None, (bad,))
    reader = _Reader(text)
    try:
        values, root = reader.document()
    except _Stop:
        return Tree(None, None, tuple(reader.problems))
    except yaml.YAMLError as error:
        return Tree(None, None, (*reader.problems, complaint(error, text)))
    return Tree(values, root, tuple(reader.problems))


class _Reader:
    def __init__(self, text: str) -> None:
        self._next = _Loader(text).get_event
        self._anchors: dict[str, tuple[Any, Spot, int] | None] = {}
        """Name → value, place, size; None: being read at this moment."""
        self._path: list[str | int] = []
        self._count = 0
        self.problems: list[Problem] = []

    def document(self) -> tuple[Any, Spot]:
        self._next()
        start = self._next()
        if not isinstance(start, DocumentStartEvent):
            raise self._stop((0, 0), "the file is empty", "start with `version: 1` and `name: …`")
        values, root = self._value(self._next())
        self._next()
        end = self._next()
        mark = end.start_mark
        if not isinstance(end, StreamEndEvent):
            raise self._stop(
                (mark.line + 1, mark.column + 1), "a second document starts here; a file is one stack", "put it into a file of its own"
            )
        return values, root

    def _value(self, event: Any) -> tuple[Any, Spot]:
        mark = event.start_mark
        spot = Spot(mark.line + 1, mark.column + 1)
        self._count += 1
        if self._count > MAX_VALUES:
            raise self._stop(spot.place, f"the file has more than {MAX_VALUES:,} values")
        if isinstance(event, AliasEvent):
            return self._alias(event.anchor, spot)
        anchor = event.anchor
        before = self._count
        if anchor is not None:
            self._anchors[anchor] = None
        value: Any
        if isinstance(event, ScalarEvent):
            value = self._scalar(event, spot)
        elif len(self._path) >= MAX_DEPTH:
            self._path = []
            raise self._stop(spot.place, f"nested more than {MAX_DEPTH} levels deep")
        elif isinstance(event, MappingStartEvent):
            value = self._mapping(event, spot)
        else:
            value = self._sequence(event, spot)
        if anchor is not None:
            self._anchors[anchor] = value, spot, self._count - before + 1
        return value, spot

    def _scalar(self, event: ScalarEvent, spot: Spot) -> Any:
        text: str = event.value
        if event.tag is None:
            if event.implicit[0]:
                spot.empty = not text
                return plain(text)
            return text
        if event.tag not in _TEXT_TAGS:
            self._tag(event.tag, spot)
        return text

    def _mapping(self, start: MappingStartEvent, spot: Spot) -> dict[str, Any]:
        self._collection_tag(start.tag, _MAPPING_TAG, spot)
        values: dict[str, Any] = {}
        spots: dict[str, Spot] = {}
        spot.children = spots
        merged: tuple[Any, Spot] | None = None
        path = self._path
        get = self._next
        while True:
            event = get()
            if isinstance(event, MappingEndEvent):
                break
            mark = event.start_mark
            if not isinstance(event, ScalarEvent):
                raise self._stop(
                    (mark.line + 1, mark.column + 1),
                    "a key is a text, not a list, a mapping or an alias",
                    "put a text that starts with [, {, ? or * in quotes",
                )
            key: str = event.value
            self._count += 1
            if event.anchor is not None:
                self._anchors[event.anchor] = key, Spot(mark.line + 1, mark.column + 1), 1
            path.append(key)
            value, inner = self._value(get())
            inner_key = inner.key = mark.line + 1, mark.column + 1
            if key == "<<" and event.implicit[0] and merged is None:
                merged = value, inner
            elif key in spots:
                first = spots[key].key
                self._problem(inner_key, f"this key stands here twice; the first is at line {first[0] if first else 0}", path)
            else:
                values[key] = value
                spots[key] = inner
            path.pop()
        if merged is not None:
            self._merge(values, spots, *merged)
        return values

    def _merge(self, values: dict[str, Any], spots: dict[str, Spot], source: Any, spot: Spot) -> None:
        sources = (
            list(zip(source, spot.children, strict=True))
            if isinstance(source, list) and isinstance(spot.children, list)
            else [(source, spot)]
        )
        for mapping, places in sources:
            if not isinstance(mapping, dict) or not isinstance(places.children, dict):
                self._problem(
                    spot.key or spot.place, "<< takes an alias of a mapping, or a list of such", [*self._path, "<<"], "write `<<: *name`"
                )
                return
            for key, value in mapping.items():
                if key not in values:
                    values[key] = value
                    spots[key] = places.children[key]

    def _sequence(self, start: SequenceStartEvent, spot: Spot) -> list[Any]:
        self._collection_tag(start.tag, _SEQUENCE_TAG, spot)
        values: list[Any] = []
        spots: list[Spot] = []
        spot.children = spots
        path = self._path
        get = self._next
        while True:
            event = get()
            if isinstance(event, SequenceEndEvent):
                return values
            path.append(len(values))
            value, inner = self._value(event)
            values.append(value)
            spots.append(inner)
            path.pop()

    def _alias(self, name: Any, spot: Spot) -> tuple[Any, Spot]:
        if name not in self._anchors:
            raise self._stop(
                spot.place, f"*{name} is an alias of nothing: no &{name} stands before it", "put a text that starts with * in quotes"
            )
        anchored = self._anchors[name]
        if anchored is None:
            raise self._stop(spot.place, f"*{name} stands inside of what it is an alias of")
        value, original, size = anchored
        self._count += size
        if self._count > MAX_VALUES:
            raise self._stop(spot.place, f"with its aliases written out the file has more than {MAX_VALUES:,} values")
        spot.children = original.children
        return value, spot

    def _collection_tag(self, tag: str | None, own: str, spot: Spot) -> None:
        if tag is not None and tag not in ("!", own):
            self._tag(tag, spot)

    def _tag(self, tag: str, spot: Spot) -> None:
        short = tag.replace("tag:yaml.org,2002:", "!!")
        self._problem(
            spot.place, f"the tag {short} is not known here", self._path, "write the value without a tag, or in quotes if it is a text"
        )

    def _problem(self, place: tuple[int, int], message: str, path: list[str | int] | Path = (), hint: str | None = None) -> None:
        self.problems.append(Problem(*place, path_text(tuple(path)), message, hint))

    def _stop(self, place: tuple[int, int], message: str, hint: str | None = None) -> _Stop:
        self._problem(place, message, self._path, hint)
        return _Stop()
