"""Which boxes of a picture are joined other than by a network: by a veth's two ends, or by a publish."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from netwright.picture.values import Picture, Publish

LONGEST = 4
"""Lines on one arrow."""
SOURCES = 3
"""Source prefixes that are named."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """`kind` is peer (with both interfaces) or publish (with the words of all of them)."""

    kind: str
    source: str
    target: str | None
    interfaces: tuple[str, str] = ("", "")
    words: tuple[str, ...] = ()


def crossings(picture: Picture) -> list[Crossing]:
    """Publishes with the same two ends are one crossing."""
    shown = {box.key for box in picture.boxes}
    found = [
        Crossing("peer", box.key, interface.peer[0], (interface.name, interface.peer[1]))
        for box in picture.boxes
        for interface in box.interfaces
        if interface.peer is not None and interface.peer[0] in shown and (box.key, interface.name) <= interface.peer
    ]
    for box in picture.boxes:
        grouped: dict[str | None, list[Publish]] = {}
        for publish in box.publishes:
            target = publish.target if publish.target in shown and publish.target != box.key else None
            grouped.setdefault(target, []).append(publish)
        found += [Crossing("publish", box.key, target, words=_words(group)) for target, group in grouped.items()]
    return found


def publish_ends(found: list[Crossing]) -> Counter[str]:
    """How many arrows start or end at each box."""
    ends: Counter[str] = Counter()
    for crossing in found:
        if crossing.kind == "publish":
            ends[crossing.source] += 1
            if crossing.target is not None:
                ends[crossing.target] += 1
    return ends


def publish_words(publish: Publish) -> str:
    """`eth1:1234/tcp from 10.0.0.0/16 → web:1234`."""
    sources = ", ".join(publish.sources[:SOURCES])
    more = len(publish.sources) - SOURCES
    whose = f" from {sources}{f' and {more} more' if more > 0 else ''}" if sources else ""
    return f"{publish.listen}{whose} → {publish.to}{' (client keeps its address)' if publish.preserve else ''}"


def _words(group: list[Publish]) -> tuple[str, ...]:
    lines = [publish_words(publish) for publish in group]
    if len(lines) <= LONGEST:
        return tuple(lines)
    return (*lines[: LONGEST - 1], f"… and {len(lines) - LONGEST + 1} more")
