"""A file that was read and found right in itself: its Spec, its text, and where each part of it stands."""

from __future__ import annotations

from dataclasses import dataclass, field

from netwright.errors import Problem
from netwright.spec.places import Path, Places, path_text
from netwright.spec.schema import Spec

__all__ = ["Document", "Path", "path_text"]


@dataclass(frozen=True, slots=True)
class Document:
    """`source` is what messages call the file; `places` has 1-based (line, column) by path."""

    spec: Spec
    text: str
    source: str
    places: Places = field(default_factory=Places, repr=False, compare=False)

    def problem(self, path: Path, message: str, hint: str | None = None) -> Problem:
        """A problem at the place of `path`, or of the nearest part around it that has one."""
        line, column = self.places.nearest(path)
        return Problem(line, column, path_text(path), message, hint)
