"""The disk after a power loss: which of what was written is there, and which is not.

A disk has for certain what was synced: a file's content by fsync(2) of the file, a name by fsync(2) of its folder. Of the rest it may have
any part: the names without the content, half of a write, a later write without an earlier one.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torture.disk_writes import Content, Created, Cut, Deed, Image, Outside, Removed, Renamed, Synced, Written

SECTOR = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A disk after a power loss. `kind`: whole, torn, lost."""

    kind: str
    words: str
    image: Image


@dataclass(slots=True, kw_only=True)
class _File:
    """A file, folder or link, by whatever names it has."""

    content: Content = b""
    """As it was when the recording began, or None, or a target."""
    changes: list[Written | Cut] = field(default_factory=list)
    synced: int = 0
    """So many of the changes are on the disk for certain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Name:
    """A change of names: `path` leads to `file` now; None: to nothing."""

    path: str
    file: _File | None
    with_next: bool = False
    """The next one happens with it, or not at all: rename(2)."""


class Disk:
    """Follows the deeds one by one. `before`: what is on it for certain."""

    def __init__(self, before: Image) -> None:
        self._sure: dict[str, _File] = {path: _File(content=content) for path, content in before.items()}
        self._now = dict(self._sure)
        self._names: list[_Name] = []
        """Changes of names that are not on the disk for certain."""

    def follow(self, deed: Deed) -> None:
        match deed:
            case Created():
                self._name(deed.path, _File(content=None if deed.folder else deed.target if deed.target is not None else b""))
            case Written() | Cut():
                self._now[deed.path].changes.append(deed)
            case Renamed():
                file = self._now[deed.path]
                self._name(deed.target, file, with_next=True)
                self._name(deed.path, None)
            case Removed():
                self._name(deed.path, None)
            case Synced():
                if (file := self._now.get(deed.path)) is not None:
                    file.synced = len(file.changes)
                kept = []
                for name in self._names:
                    if str(Path(name.path).parent) == deed.path:
                        _put(self._sure, name)
                    else:
                        kept.append(name)
                self._names = kept
            case Outside():
                pass

    def losses(self, last: Deed | None, rng: random.Random, rounds: int) -> Iterator[Lost]:
        """Disks on which the power may have gone just now. `last`: what was done last; it may be half done."""
        yield Lost(kind="whole", words="all of it written", image=self._image(self._names, {}))
        if isinstance(last, Written) and len(last.data) > 1:
            file = self._now[last.path]
            for words, piece in _pieces(last, rng):
                yield Lost(kind="torn", words=words, image=self._image(self._names, {id(file): [*file.changes[:-1], *piece]}))
        pending = [
            file for file in {id(f): f for f in (*self._now.values(), *self._sure.values())}.values() if len(file.changes) > file.synced
        ]
        if not pending and not self._names:
            return
        sure = {id(file): file.changes[: file.synced] for file in pending}
        yield Lost(kind="lost", words="nothing but what was synced", image=self._image([], sure))
        yield Lost(kind="lost", words="the names without the content", image=self._image(self._names, sure))
        yield Lost(kind="lost", words="the content without the names", image=self._image([], {}))
        for number in range(rounds):
            kept = {id(file): [*file.changes[: file.synced], *_some(file.changes[file.synced :], rng)] for file in pending}
            yield Lost(kind="lost", words=f"some of it (draw {number})", image=self._image(_some_names(self._names, rng), kept))

    def _name(self, path: str, file: _File | None, *, with_next: bool = False) -> None:
        name = _Name(path=path, file=file, with_next=with_next)
        self._names.append(name)
        _put(self._now, name)

    def _image(self, names: Sequence[_Name], changes: Mapping[int, Sequence[Written | Cut]]) -> Image:
        there = dict(self._sure)
        for name in names:
            _put(there, name)
        found: dict[str, Content] = {}
        for path in sorted(there):
            parent = str(Path(path).parent)
            # What stands in a folder that is not there is not there.
            if any(root != path and path.startswith(f"{root}/") for root in there) and parent not in found:
                continue
            file = there[path]
            found[path] = _written(file.content, changes.get(id(file), file.changes)) if isinstance(file.content, bytes) else file.content
        return found


def lay(image: Image, moved: Mapping[str, str]) -> None:
    """Write it out. `moved`: folders (paths in the image) → where they are to be."""
    for folder in moved.values():
        shutil.rmtree(folder, ignore_errors=True)
    for path, content in image.items():
        for root, place in moved.items():
            if path == root or path.startswith(f"{root}/"):
                target = Path(place + path[len(root) :])
                if content is None:
                    target.mkdir(mode=0o700, exist_ok=True)
                elif isinstance(content, str):
                    target.symlink_to(content)
                else:
                    target.write_bytes(content)


def _put(there: dict[str, _File], name: _Name) -> None:
    if name.file is None:
        there.pop(name.path, None)
    else:
        there[name.path] = name.file


def _written(content: bytes, changes: Sequence[Written | Cut]) -> bytes:
    data = bytearray(content)
    for change in changes:
        end = change.size if isinstance(change, Cut) else change.offset + len(change.data)
        if len(data) < end:
            data.extend(bytes(end - len(data)))
        if isinstance(change, Cut):
            del data[change.size :]
        else:
            data[change.offset : end] = change.data
    return bytes(data)


def _pieces(last: Written, rng: random.Random) -> Iterator[tuple[str, list[Written]]]:
    half = len(last.data) // 2
    yield "half of the last write", [Written(path=last.path, offset=last.offset, data=last.data[:half])]
    if len(last.data) > SECTOR:
        start = SECTOR * rng.randrange(len(last.data) // SECTOR)
        piece = Written(path=last.path, offset=last.offset + start, data=last.data[start : start + SECTOR])
        yield f"one sector of the last write, at {start}", [piece]


def _some(changes: Sequence[Written | Cut], rng: random.Random) -> list[Written | Cut]:
    """Any of them, one perhaps torn."""
    kept = [change for change in changes if rng.random() < 0.5]
    if kept and isinstance(kept[-1], Written) and len(kept[-1].data) > 1 and rng.random() < 0.3:
        torn = list(_pieces(kept[-1], rng))[-1][1]
        return [*kept[:-1], *torn]
    return kept


def _some_names(names: Sequence[_Name], rng: random.Random) -> list[_Name]:
    kept: list[_Name] = []
    taken = True
    for number, name in enumerate(names):
        if number == 0 or not names[number - 1].with_next:
            taken = rng.random() < 0.5
        if taken:
            kept.append(name)
    return kept
