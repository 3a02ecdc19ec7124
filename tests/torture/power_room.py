"""A disk that is full, at each page that it has room for: a file system of that size, and the real ENOSPC."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from own_host import run
from torture.figures import Effort, Figure
from torture.power_host import CONFIGURED, Said, Standing, booted, netwright, standing
from torture.power_scenes import EDGE, WIDER

PAGE = 4096
MOST = 200
"""Pages that a run may need: one that needs more is endless."""
ROOM = "64m"


RUNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "the first apply": ((), ("apply", "FILE")),
    "an edit": ((EDGE,), ("apply", "FILE")),
    "publish": ((EDGE,), ("publish", "gate", "8080:80")),
    "destroy": ((EDGE,), ("destroy", "edge")),
}
"""What → the files that are applied before, and the command."""


def figures(effort: Effort, place: Path) -> Iterator[Figure]:
    for what in RUNS:
        began = time.monotonic()
        tried, broken = 0, []
        for pages in range(1, MOST, effort.every):
            fault = cramped(what, pages, place)
            if fault is None:
                break
            tried += 1
            if fault:
                broken.append(f"room for {pages} pages: {fault}")
        yield Figure(what=f"disk full: {what}", tried=tried, broken=tuple(broken), seconds=time.monotonic() - began)


def cramped(what: str, pages: int, place: Path) -> str | None:
    """What did not hold where the state's disk has room for so many pages more; None: that is enough. Empty: all is well."""
    applied, command = RUNS[what]
    file = place.with_name(f"{place.name}.yaml")
    with booted(CONFIGURED), _disk(place):
        for text in applied:
            file.write_text(text)
            assert netwright(place, "apply", str(file)).status == 0
        before = standing()
        file.write_text(WIDER)
        _resize(place, str(_used(place) + pages * PAGE))
        said = netwright(place, *(str(file) if word == "FILE" else word for word in command))
        if said.status == 0:
            return None
        if wrong := _unsaid(said):
            return f"netwright {command[0]}: {wrong}"
        now = standing()
        looked = netwright(place, "status")
        if looked.fault:
            return f"netwright status: {looked.fault}"
        # What destroy has removed is announced anew before it is made anew: where there is no room for that, recover does it.
        torn = "between two states" in said.err
        if (torn and what != "destroy") or (not torn and now != before):
            return f"the host is not as before: {said.err}"
        _resize(place, ROOM)
        return _mended(place, file, before)


def _unsaid(said: Said) -> str:
    """Why this is not what one should be told of a full disk."""
    if said.fault or said.status != 1:
        return said.fault or f"exit status {said.status}: {said.err}"
    true = any(words in said.err for words in ("No space left on device", "database or disk is full", "KiB are left on its file system"))
    return "" if true and "hint: " in said.err else f"does not say that the disk is full, or what to do: {said.err}"


def _mended(place: Path, file: Path, before: Standing) -> str:
    """With room again."""
    said = netwright(place, "recover")
    if said.status != 0 or standing() != before:
        return f"with room again, recover does not bring the host back: {said.err}"
    for words in (["log"], ["apply", str(file)], ["plan", "--check", str(file)], ["destroy", "edge"]):
        said = netwright(place, *words)
        if said.status != 0:
            return f"with room again, netwright {words[0]}: {said.err}"
    return ""


@contextmanager
def _disk(place: Path) -> Iterator[None]:
    place.mkdir(parents=True, exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", f"size={ROOM},mode=700", "netwright-torture", str(place))
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=False, capture_output=True)


def _resize(place: Path, size: str) -> None:
    run("mount", "-o", f"remount,size={size}", str(place))


def _used(place: Path) -> int:
    """Bytes, in whole pages."""
    return sum(-(-path.stat().st_size // PAGE) * PAGE for path in place.rglob("*") if path.is_file())
