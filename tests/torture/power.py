"""Power loss: whatever the command line writes is cut at each write, and a host boots with what is left; SIGKILL there, and a full disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from torture import power_boot, power_kill, power_replay, power_room, power_scenes
from torture.figures import Effort, Figure

MEMORY = "/dev/shm"
"""A disk that is written anew thousands of times: in memory."""


def run(effort: Effort) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        place = Path(folder)
        for scene in power_scenes.others(place / "others"):
            yield power_replay.replayed(scene, effort, place / "look")[0]
        for scene in power_scenes.upgrades(place / "upgrades"):
            yield power_replay.replayed(scene, effort, place / "look")[0]
        remembered = []
        for scene in power_scenes.life(place / "life"):
            figure, found = power_replay.replayed(scene, effort, place / "look")
            yield figure
            remembered.append((scene, found.seen))
        for scene, seen in remembered:
            # Six for each state: every fifth is another kind of host each time.
            yield power_boot.figure(power_boot.boots(scene, seen)[:: min(effort.every, 5)], place / "boot")
        yield from power_kill.figures(effort)
        yield from power_room.figures(effort, place / "full")
