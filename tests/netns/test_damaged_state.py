"""A state that is not as Netwright left it: every command says so in a sentence with a way out, touches nothing, and works again when it is."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from torture.power_host import CONFIGURED, booted, netwright, standing
from torture.power_scenes import EDGE, WIDER

pytestmark = pytest.mark.netns


def emptied(state: Path) -> None:
    (state / "state.db").write_bytes(b"")


def cut_in_half(state: Path) -> None:
    os.truncate(state / "state.db", (state / "state.db").stat().st_size // 2)


def garbage(state: Path) -> None:
    content = (state / "state.db").read_bytes()
    (state / "state.db").write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))


def no_database(state: Path) -> None:
    (state / "state.db").write_bytes(b"a letter to somebody " * 500)


def a_folder(state: Path) -> None:
    (state / "state.db").unlink()
    (state / "state.db").mkdir()


def a_pipe(state: Path) -> None:
    (state / "state.db").unlink()
    os.mkfifo(state / "state.db")


def of_another_program(state: Path) -> None:
    (state / "state.db").unlink()
    with closing(sqlite3.connect(state / "state.db")) as theirs:
        theirs.execute("CREATE TABLE places (x)")


def of_another_program_with_a_version(state: Path) -> None:
    of_another_program(state)
    with closing(sqlite3.connect(state / "state.db")) as theirs:
        theirs.execute("PRAGMA user_version = 2")


def a_folder_for_the_log_ahead(state: Path) -> None:
    (state / "state.db-wal").mkdir()


def on_a_disk_that_is_not_mounted(state: Path) -> None:
    (state / "state.db").unlink()
    (state / "state.db").symlink_to("/mnt/netwright/state.db")


def read_only(state: Path) -> None:
    subprocess.run(["mount", "--bind", str(state), str(state)], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", str(state)], check=True)


def of_a_newer_version(state: Path) -> None:
    """Which was cut off: its version is in the log ahead alone, and there is no -shm."""
    crashed = state.with_name("crashed")
    crashed.mkdir()
    with closing(sqlite3.connect(state / "state.db")) as newer:
        newer.execute("PRAGMA user_version = 97")
        for path in (state / "state.db", state / "state.db-wal"):
            shutil.copy(path, crashed)
    for path in state.glob("state.db*"):
        path.unlink()
    for path in crashed.iterdir():
        shutil.copy(path, state)


TROUBLES: dict[Callable[[Path], None], tuple[str, str]] = {
    emptied: ("is damaged: it is empty.", "hint: put a backup in its place"),
    cut_in_half: ("is damaged: database disk image is malformed.", "hint: put a backup in its place"),
    garbage: ("is damaged: database disk image is malformed.", "hint: put a backup in its place"),
    no_database: ("is damaged: file is not a database.", "hint: put a backup in its place"),
    a_folder: ("cannot be used: state.db is a folder.", "hint: move it away: mv "),
    a_pipe: ("is damaged: it is no file.", "hint: put a backup in its place"),
    of_another_program: ("is damaged: it is another program's database.", "hint: put a backup in its place"),
    of_another_program_with_a_version: ("is damaged: it is another program's database.", "hint: put a backup in its place"),
    a_folder_for_the_log_ahead: ("cannot be used: state.db-wal is a folder.", "hint: move it away: mv "),
    on_a_disk_that_is_not_mounted: (
        "cannot be used: state.db leads to /mnt/netwright/state.db, which is not there.",
        "hint: mount the disk that it is on",
    ),
    of_a_newer_version: ("was written by a newer Netwright: it has version 97", "hint: install that Netwright again"),
    read_only: ("cannot be used: Read-only file system.", "hint: mount the file system of "),
}
COMMANDS = ("status", "log", "recover", "confirm", "plan FILE", "apply FILE", "destroy edge", "publish gate 8080:80", "unpublish gate 8080")


@pytest.mark.parametrize("damage", TROUBLES, ids=lambda damage: damage.__name__)
def test_it_is_said_and_nothing_is_touched(damage: Callable[[Path], None], tmp_path: Path) -> None:
    state, file, backup = tmp_path / "state", tmp_path / "edge.yaml", tmp_path / "backup"
    reason, hint = TROUBLES[damage]
    file.write_text(EDGE)
    with booted(CONFIGURED):
        assert netwright(state, "apply", str(file)).status == 0
        before = standing()
        shutil.copytree(state, backup)
        damage(state)
        try:
            found = _contents(state)
            file.write_text(WIDER)
            for command in COMMANDS:
                said = netwright(state, *command.replace("FILE", str(file)).split())
                assert (said.status, said.fault) == (1, None), command
                assert reason in said.err, command
                assert hint in said.err, command
            assert standing() == before
            assert _contents(state) == found
        finally:
            subprocess.run(["umount", str(state)], check=False, capture_output=True)
        shutil.rmtree(state)
        shutil.copytree(backup, state)
        for command in (f"apply {file}", f"plan --check {file}", "destroy edge"):
            assert netwright(state, *command.split()).status == 0


def _contents(state: Path) -> dict[str, bytes | None]:
    """But the lock's file, which says who holds it."""
    return {path.name: path.read_bytes() if path.is_file() else None for path in state.iterdir() if path.name != "lock"}


def test_without_its_memory_a_stack_is_known_by_its_marks(tmp_path: Path) -> None:
    state, file = tmp_path / "state", tmp_path / "edge.yaml"
    file.write_text(EDGE)
    with booted(CONFIGURED):
        assert netwright(state, "apply", str(file)).status == 0
        before = standing()
        garbage(state)
        # As the hint says.
        for path in state.glob("state.db*"):
            path.rename(path.with_name(f"{path.name}.damaged"))
        assert netwright(state, "apply", str(file)).status == 0
        assert standing() == before
        assert netwright(state, "destroy", "edge").status == 0
        assert standing()["links"] == ["eth1", "far1", "lo"]
        assert standing()["namespaces"] == []
