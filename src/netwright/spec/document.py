"""A file that was read and found right in itself: its Spec, its text, and where each part of it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netwright.errors import Problem
from netwright.spec.schema import Spec

Path = tuple[str | int, ...]
"""`("networks", "custom", "subnets", 0)`."""


@dataclass(frozen=True, slots=True)
class Document:
    """`source` is what messages call the file; `places` has 1-based (line, column) by path."""

    spec: Spec
    text: str
    source: str
    places: Mapping[Path, tuple[int, int]] = field(default_factory=dict, repr=False)

    def problem(self, path: Path, message: str, hint: str | None = None) -> Problem:
        """A problem at the place of `path`, or of the nearest part around it that has one."""
        line, column = 0, 0
        for length in range(len(path), -1, -1):
            if path[:length] in self.places:
                line, column = self.places[path[:length]]
                break
        return Problem(line, column, path_text(path), message, hint)


def path_text(path: Path) -> str:
    """`networks.custom.subnets[0]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
