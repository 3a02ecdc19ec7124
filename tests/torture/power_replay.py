"""A recorded run, cut at each of its writes: what is remembered afterwards is what was before or after, never half."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torture.disk_writes import Image, Outside, Recording
from torture.figures import Effort, Figure
from torture.power_loss import Disk, Lost, lay
from torture.power_memory import Memory, Read

ROUNDS = 3
"""Random losses at each cut."""
SEED = 20_26
_WORTHLESS = ("-shm", "/lock")
"""Files whose content no crash makes wrong: they are not compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    what: str
    recording: Recording
    root: Path
    """The folder that the recording saw, whose names are moved elsewhere for each look."""
    state: Path
    """Below it, or itself: what `read` is given."""
    read: Read
    kept: tuple[Path, ...] = ()
    """Files of a user's: each is as it was, or as it is in the end. So is every file outside of `root`."""
    walk: tuple[str, ...] | None
    """What is remembered, from the first moment to the last. None: `whole` is a list of which any part may be lost, and nothing is made up."""


@dataclass(slots=True, kw_only=True)
class Replay:
    """What was seen."""

    tried: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    seen: dict[str, Image] = field(default_factory=dict)
    """For each thing that was remembered, a disk that said so: one that was not closed in order, if there is any."""
    walk: list[str] = field(default_factory=list)


def replay(scene: Scene, effort: Effort, place: Path) -> Replay:
    """`place`: a folder for the disks, on a file system that is fast."""
    found = Replay()
    wholes: dict[str, object] = {}
    known: dict[frozenset[tuple[str, object]], Memory | str] = {}
    disk = Disk(scene.recording.before)
    files: list[tuple[str, str, object]] = []
    written = {path: scene.recording.before[path] for path in map(str, scene.kept)}
    floor = 0
    told = "it began"

    def look(lost: Lost) -> Memory | str:
        key = frozenset((path, content) for path, content in lost.image.items() if not path.endswith(_WORTHLESS))
        if key not in known:
            known[key] = _read(scene, lost.image, place)
        return known[key]

    for number, deed in enumerate((None, *scene.recording.deeds)):
        if deed is not None:
            disk.follow(deed)
        losses = [*disk.losses(deed, random.Random(SEED + number), ROUNDS * effort.rounds)]
        now = look(losses[0])
        if isinstance(now, Memory) and found.walk[-1:] != [now.words]:
            found.walk.append(now.words)
            wholes[now.words] = now.whole
        if isinstance(deed, Outside):
            floor, told = len(found.walk) - 1, deed.words.strip()
            written = {path: losses[0].image[path] for path in map(str, scene.kept)}
        elif number % effort.every:
            continue
        for lost in losses:
            found.tried += 1
            found.kinds[lost.kind] += 1
            memory = look(lost)
            where = f"write {number} ({type(deed).__name__}), {lost.kind}: {lost.words}"
            files.extend((where, path, content) for path, content in lost.image.items() if _is_replaced(path, scene))
            late = [path for path in map(str, scene.kept) if written[path] not in (scene.recording.before[path], lost.image.get(path))]
            found.broken += [f"{where}: {path} is not as it was when {told!r}" for path in late]
            wrong = _wrong(memory, scene, wholes, found.walk, floor)
            if wrong is not None:
                found.broken.append(f"{where}: {wrong}; {told!r} was before")
            elif isinstance(memory, Memory) and (memory.words not in found.seen or lost.kind != "whole"):
                found.seen[memory.words] = lost.image
    ends = (scene.recording.before, losses[0].image)
    for where, path, content in files:
        if content not in [image[path] for image in ends if path in image]:
            found.broken.append(f"{where}: {path} is neither as it was nor as it is in the end: {content!r}")
    if scene.walk is not None and tuple(found.walk) != scene.walk:
        found.broken.append(f"what was remembered, step by step: {found.walk}, not {list(scene.walk)}")
    return found


def replayed(scene: Scene, effort: Effort, place: Path) -> tuple[Figure, Replay]:
    began = time.monotonic()
    found = replay(scene, effort, place)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(found.kinds.items()))
    note = f"{len(scene.recording.deeds)} writes and syncs; {kinds}"
    return (
        Figure(
            what=f"power lost: {scene.what}", tried=found.tried, broken=tuple(found.broken), seconds=time.monotonic() - began, note=note
        ),
        found,
    )


def _is_replaced(path: str, scene: Scene) -> bool:
    """A file that is replaced in one step, under the name that others read."""
    return path in map(str, scene.kept) or (not path.startswith(f"{scene.root}/") and not Path(path).name.startswith("."))


def _wrong(memory: Memory | str, scene: Scene, wholes: Mapping[str, object], walk: list[str], floor: int) -> str | None:
    if isinstance(memory, str):
        return memory
    return _made_up(memory, wholes) if scene.walk is None else _missing(memory, wholes, walk, floor)


def _missing(memory: Memory, wholes: Mapping[str, object], walk: list[str], floor: int) -> str | None:
    """What is wrong with that this is remembered. `floor`: the step that had been made before something that no disk takes back."""
    if memory.words not in wholes or wholes[memory.words] != memory.whole:
        return f"remembers {memory.words!r}, which never was, or half of it"
    return None if walk.index(memory.words) >= floor else f"remembers {memory.words!r}, and should {walk[floor]!r} or what came later"


def _made_up(memory: Memory, wholes: Mapping[str, object]) -> str | None:
    ever = [one for whole in wholes.values() if isinstance(whole, list) for one in whole]
    assert isinstance(memory.whole, list)
    made_up = [one for one in memory.whole if one not in ever]
    return f"remembers what never was: {made_up}" if made_up else None


def _read(scene: Scene, image: Image, place: Path) -> Memory | str:
    """A sentence where it cannot be read."""
    lay(image, {str(scene.root): str(place)})
    try:
        return scene.read(place / scene.state.relative_to(scene.root))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        return f"{type(error).__name__}: {error}"
