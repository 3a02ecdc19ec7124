"""Collects what is wrong with a file, and keeps back what only follows from something else that is wrong."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from netwright.errors import Problem
from netwright.spec.places import Path, Place, Places, path_text


class Findings:
    """Problems by path.

    A file with a malformed part is looked at without it, so that everything wrong is said at once. Then paths have other
    list indexes than in the file, and some things look wrong only since that part is left out: `left_out` knows both.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._left_out: set[Path] = set()
        self._around: set[Path] = set()
        """What has a part that was left out."""
        self._indexes: dict[Path, set[int]] = {}
        self._shifts: dict[Path, list[int]] = {}
        """List → for each element left out, in order: the index that the one after it has now."""
        self.problems: list[Problem] = []

    def leave_out(self, path: Path) -> None:
        """`path`, as in the file, is malformed, and was taken out of the values."""
        self._left_out.add(path)
        self._around.update(path[:length] for length in range(len(path)))
        if path and isinstance(path[-1], int):
            self._indexes.setdefault(path[:-1], set()).add(path[-1])
            self._shifts.pop(path[:-1], None)

    def in_file(self, path: Path) -> Path:
        """The path in the file of what is at `path` among the values that are left."""
        if not self._indexes:
            return path
        original: Path = ()
        for step in path:
            here = step + bisect_right(self._shift(original), step) if isinstance(step, int) else step
            original = (*original, here)
        return original

    def _shift(self, path: Path) -> list[int]:
        if path not in self._shifts:
            self._shifts[path] = [index - before for before, index in enumerate(sorted(self._indexes.get(path, ())))]
        return self._shifts[path]

    def doubtful(self, path: Path) -> bool:
        """Whether `path`, a part of it, or what it is a part of, was left out."""
        if not self._left_out:
            return False
        path = self.in_file(path)
        return path in self._around or any(path[:length] in self._left_out for length in range(len(path) + 1))

    def add(self, path: Path, message: str, hint: str | None = None, *, on: Iterable[Path] = (), at_key: bool = False) -> None:
        """`message` about `path`. `on`: what else it is derived from; it is not said if any of that was left out."""
        if self._left_out and (self.doubtful(path) or any(self.doubtful(other) for other in on)):
            return
        path = self.in_file(path)
        while path and isinstance(path[-1], int) and path not in self._places:
            path = path[:-1]  # one value, read as a list of it
        place = self._places.key(path) if at_key else None
        self.say(path, place or self._places.nearest(path), message, hint)

    def say(self, path: Path, place: Place, message: str, hint: str | None) -> None:
        """Without a doubt, and with a place found already."""
        self.problems.append(Problem(*place, path_text(path), message, hint))

    def where(self, path: Path) -> str:
        """` (line 12)`, to point from one problem to its other side."""
        line, _ = self._places.nearest(self.in_file(path))
        return f" (line {line})" if line else ""


def listing(words: Iterable[str], last: str = "or") -> str:
    """`a, b or c`."""
    words = list(words)
    return f" {last} ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
