"""The power goes, or SIGKILL comes, or the disk is full, at a write of the command line: a part of what `make torture` does."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from torture import power_boot, power_kill, power_room, power_scenes
from torture.disk_writes import can_record
from torture.figures import Effort, details
from torture.power import MEMORY
from torture.power_replay import replayed

pytestmark = [pytest.mark.netns, pytest.mark.skipif(not can_record(), reason="strace may not look on at programs here")]

PART = Effort(every=13)


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder)


def test_after_a_power_loss_a_stack_is_as_before_the_command_or_as_after_it(place: Path) -> None:
    remembered = []
    for scene in power_scenes.life(place / "life"):
        figure, found = replayed(scene, PART, place / "look")
        assert details(figure) == ""
        assert figure.tried > 50
        remembered.append((scene, found.seen))
    # One host for each command, and each kind of host in its turn: the torture has all of them.
    for number, (scene, seen) in enumerate(remembered):
        words = list(seen)[(number + 1) % len(seen)]
        setup = list(power_boot.SETUPS)[number % len(power_boot.SETUPS)]
        boots = power_boot.boots(scene, {words: seen[words]}, [setup])[number % 2 :: 2]
        assert details(power_boot.figure(boots, place / "boot")) == ""


def test_after_a_power_loss_the_other_memories_are_whole(place: Path) -> None:
    for scene in (*power_scenes.others(place / "others"), *power_scenes.upgrades(place / "upgrades")):
        figure, _ = replayed(scene, PART, place / "look")
        assert details(figure) == ""
        assert figure.tried > 5


@pytest.mark.parametrize(
    ("what", "call", "number"), [("the first apply", "rename", 1), ("an edit", "fdatasync", 2), ("destroy", "unlink", 2)]
)
def test_killed_at_a_write_it_is_brought_back_by_recover(what: str, call: str, number: int) -> None:
    assert power_kill.killed(what, call, number) == ""


@pytest.mark.parametrize(("what", "pages"), [("the first apply", 3), ("the first apply", 29), ("an edit", 12), ("destroy", 15)])
def test_a_disk_that_is_full_is_said_and_the_host_is_as_before(what: str, pages: int, place: Path) -> None:
    assert power_room.cramped(what, pages, place / "full") == ""
