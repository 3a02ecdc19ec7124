"""Where each part of a file stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Union

Path = tuple[str | int, ...]
"""`("networks", "custom", "subnets", 0)`."""

Place = tuple[int, int]
"""Line and column, from 1."""


@dataclass(slots=True)
class Spot:
    """A value's place, its key's if it is a mapping's, and those of its parts."""

    line: int
    column: int
    children: Union[dict[str, Spot], list[Spot], None] = None  # noqa: UP007 (a recursive alias)
    key: Place | None = None
    empty: bool = False
    """Nothing is written there: `key:` and the line's end."""

    def child(self, step: str | int) -> Spot | None:
        if isinstance(step, str):
            return self.children.get(step) if isinstance(self.children, dict) else None
        return self.children[step] if isinstance(self.children, list) and 0 <= step < len(self.children) else None

    @property
    def place(self) -> Place:
        """Where an eye looks for it: a plain value itself, but the key of a mapping, a list or nothing."""
        if self.key is not None and (self.children is not None or self.empty):
            return self.key
        return self.line, self.column


class Places(Mapping[Path, Place]):
    """Path → place, over a tree of spots.

    The tree of a big file is big, and looked into only to say what is wrong: `Places.of` makes it when it is asked for.
    """

    def __init__(self, root: Spot | None = None) -> None:
        self._known = root
        self._make: Callable[[], Spot | None] | None = None

    @classmethod
    def of(cls, make: Callable[[], Spot | None]) -> Places:
        places = cls()
        places._make = make
        return places

    @property
    def _root(self) -> Spot | None:
        if self._make is not None:
            self._known, self._make = self._make(), None
        return self._known

    def __getitem__(self, path: Path) -> Place:
        spot = self._spot(path)
        if spot is None:
            raise KeyError(path)
        return spot.place

    def __iter__(self) -> Iterator[Path]:
        stack: list[tuple[Path, Spot]] = [((), self._root)] if self._root else []
        while stack:
            path, spot = stack.pop()
            yield path
            children = spot.children
            if children is not None:
                steps = children.items() if isinstance(children, dict) else enumerate(children)
                stack.extend(((*path, step), child) for step, child in steps)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def key(self, path: Path) -> Place | None:
        """The place of the key that `path` ends with; None: it has none (a list's element)."""
        spot = self._spot(path)
        return spot.key if spot else None

    def nearest(self, path: Path) -> Place:
        """The place of `path`, or of the nearest part around it that has one; (0, 0): of none."""
        spot = self._root
        if spot is None:
            return 0, 0
        for step in path:
            inner = spot.child(step)
            if inner is None:
                break
            spot = inner
        return spot.place

    def _spot(self, path: Path) -> Spot | None:
        spot = self._root
        for step in path:
            spot = spot.child(step) if spot else None
        return spot


def path_text(path: Path) -> str:
    """`networks.custom.subnets[0]`; a step that has a dot or the like in it is quoted."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step and not any(c in ".[]: \n" for c in step):
            text += f".{step}" if text else step
        else:
            text += f"[{step!r}]"
    return text
