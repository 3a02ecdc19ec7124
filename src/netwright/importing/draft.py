"""A file that is being written: plain values, and remarks that become comments above them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from netwright.importing.yaml_text import comment, scalar
from netwright.spec.places import Path

_WIDTH = 120
"""A mapping of plain values that fits is written on one line."""


@dataclass(slots=True)
class Draft:
    """`values` are mappings, lists and scalars; `remarks` stand above what has their path."""

    head: list[str]
    """Lines at the top."""
    values: dict[str, Any]
    remarks: dict[Path, list[str]] = field(default_factory=dict)
    """Path → lines. `()`: at the end of the file."""

    def remark(self, path: Path, *lines: str) -> None:
        """Say something above `path`."""
        self.remarks.setdefault(path, []).extend(lines)

    def text(self) -> str:
        """The file. Sections that are empty are left out; what is remarked on them is not."""
        lines = [comment(line) for line in self.head]
        for key, value in self.values.items():
            if isinstance(value, dict | list):
                lines.append("")
            if value in ({}, []):
                lines += [comment(line) for line in self.remarks.get((key,), ())] or [comment(f"{key}: none")]
            else:
                lines += self._entry((key,), f"{scalar(key)}:", value, 0)
        if () in self.remarks:
            lines += ["", *(comment(line) for line in self.remarks[()])]
        return "\n".join(lines) + "\n"

    def at(self, path: Path) -> Any:
        """The value there."""
        value: Any = self.values
        for step in path:
            value = value[step]
        return value

    def take_out(self, path: Path) -> Any:
        """Remove a value, with the remarks in it; what stands behind it in a list moves up."""
        value = self.at(path[:-1]).pop(path[-1])
        kept: dict[Path, list[str]] = {}
        last = len(path) - 1
        for other, lines in self.remarks.items():
            if other[: last + 1] == path:
                continue
            step = other[last] if len(other) > last and other[:last] == path[:-1] else None
            place = path[-1]
            behind = isinstance(step, int) and isinstance(place, int) and step > place
            kept[(*path[:-1], step - 1, *other[last + 1 :]) if isinstance(step, int) and behind else other] = lines
        self.remarks = kept
        return value

    def paths(self) -> Iterator[Path]:
        """Of all there is, what holds before what is held."""
        yield from _paths(self.values, ())

    def _entry(self, path: Path, lead: str, value: Any, depth: int) -> Iterator[str]:
        """The lines of one key or one element; `lead` is what stands before the value."""
        margin = "  " * depth
        for line in self.remarks.get(path, ()):
            yield comment(line, margin)
        if self._on_one_line(path, value) and len(line := f"{margin}{lead} {flat(value)}".rstrip()) <= _WIDTH:
            yield line
        elif not isinstance(value, dict | list):
            yield f"{margin}{lead} {flat(value)}"
        else:
            steps = value.items() if isinstance(value, dict) else enumerate(value)
            inner = [
                line
                for step, part in steps
                for line in self._entry((*path, step), f"{scalar(step)}:" if isinstance(step, str) else "-", part, depth + 1)
            ]
            if lead == "-" and not inner[0].lstrip().startswith("#"):
                # The first key stands on the dash's line, unless a comment stands above it.
                yield f"{margin}- {inner.pop(0).lstrip()}"
            else:
                yield f"{margin}{lead}"
            yield from inner

    def _on_one_line(self, path: Path, value: Any) -> bool:
        if any(len(other) > len(path) and other[: len(path)] == path for other in self.remarks):
            return False
        if isinstance(value, list):
            return not any(isinstance(part, dict | list) for part in value)
        if isinstance(value, dict) and value:
            # A section is a line for each of its parts, and so is a part of a section that has parts itself.
            return len(path) > 1 and (len(path) > 2 or not any(isinstance(part, dict) for part in value.values())) and _shallow(value)
        return True


def flat(value: Any) -> str:
    """On one line, in brackets."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key)}: {flat(inner)}".rstrip() for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flat(inner) for inner in value) + "]"
    return "" if value is None else scalar(value)


def _shallow(value: dict[str, Any]) -> bool:
    """No list of mappings in it, and no mapping of mappings."""
    lists = (part for part in value.values() if isinstance(part, list))
    mappings = (part for part in value.values() if isinstance(part, dict))
    return not any(isinstance(inner, dict) for part in lists for inner in part) and not any(
        isinstance(inner, dict) for part in mappings for inner in part.values()
    )


def _paths(value: Any, path: Path) -> Iterator[Path]:
    yield path
    for step, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _paths(inner, (*path, step))
