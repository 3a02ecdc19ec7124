"""When a change is over that nobody has confirmed, whatever becomes of the clock meanwhile.

A row has the deadline twice: by the wall clock, and by the clock that counts since the machine was booted and is never set, also
while the machine sleeps (clock_gettime(2): CLOCK_BOOTTIME). As long as the machine runs the second one is what counts.
After a reboot there is only the wall clock; where that is behind the time at which the row was written, nothing can be known by it.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from netwright.backends.store import codec
from netwright.ports import Trial

COLUMNS = "stack, spec, source, leases, deadline, written, boot, since_boot"
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_ADJUSTED = 2.0
"""Seconds: what a clock is out by that is being adjusted, and was not set (adjtimex(2))."""


def write(database: sqlite3.Connection, trial: Trial) -> None:
    now = time.time()
    since_boot = _since_boot() + trial.deadline - now
    database.execute(
        f"INSERT INTO trials ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - names of ours
        (trial.stack, trial.spec, trial.source, codec.dump_texts(trial.leases), trial.deadline, now, _boot(), since_boot),
    )


def deadline_of(deadline: float, written: float, boot: str, since_boot: float) -> float:
    """Seconds since the epoch, by the wall clock as it is at this moment."""
    now = time.time()
    if boot and boot == _boot():
        counted = now + since_boot - _since_boot()
        return deadline if abs(counted - deadline) < _ADJUSTED else counted
    return deadline if written <= now else min(deadline, now)


def _since_boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _boot() -> str:
    """What the kernel calls its run, a random number (random(4)); empty where /proc is not there."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""
