"""When a change that nobody confirms is taken back, though the clock is set, the machine sleeps, or is booted anew meanwhile.

A time namespace (time_namespaces(7)) stands for all that makes the clocks disagree: in it more time has gone by since the machine
was booted than the wall clock tells. That is how it looks when the wall clock has been set back.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from netwright.backends.store import SqliteStore
from netwright.ports import Trial

LEFT = """
import sys, time
from contextlib import closing
from netwright.backends.store import SqliteStore
with closing(SqliteStore(sys.argv[1])) as store:
    print(round(store.trials()["shop"].deadline - time.time(), -1))
"""
"""Prints the seconds that are left, to ten of them."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a change that is to be confirmed within 600 seconds."""
    with closing(SqliteStore(str(tmp_path))) as store:
        store.set_trial("shop", Trial(stack="shop", spec=None, source="shop.yaml", leases={}, deadline=time.time() + 600))
    return tmp_path


def left(folder: Path, *through: str) -> float:
    command = [*through, sys.executable, "-c", LEFT, str(folder)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout)


def change(folder: Path, what: str) -> None:
    """In the row."""
    with closing(sqlite3.connect(folder / "state.db")) as database:
        database.execute(f"UPDATE trials SET {what}")
        database.commit()


def test_as_long_as_nobody_sets_the_clock_it_is_the_deadline_to_the_digit(folder: Path) -> None:
    with closing(SqliteStore(str(folder))) as store:
        assert store.trials()["shop"].deadline == store.trials()["shop"].deadline
    assert left(folder) == 600


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a time namespace: needs root")
def test_a_clock_that_was_set_back_lengthens_nothing(folder: Path) -> None:
    if not Path("/proc/self/ns/time").exists():
        pytest.skip("this kernel has no time namespaces")
    assert left(folder, "unshare", "--time", "--fork", "--boottime", "400") == 200


def test_a_clock_that_was_set_forward_shortens_nothing(folder: Path) -> None:
    # As the row would be if the clock had been an hour behind.
    change(folder, "deadline = deadline - 3600, written = written - 3600")
    assert left(folder) == 600


def test_after_a_reboot_the_wall_clock_counts(folder: Path) -> None:
    change(folder, "deadline = deadline - 400, written = written - 400, boot = 'another', since_boot = 7.0")
    assert left(folder) == 200


def test_a_clock_that_is_wrong_after_a_reboot_makes_it_due_at_once(folder: Path) -> None:
    # As on a machine whose clock has no battery: it is earlier than it was.
    change(folder, "deadline = deadline + 86400, written = written + 86400, boot = 'another'")
    assert left(folder) == 0
