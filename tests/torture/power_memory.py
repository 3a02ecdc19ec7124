"""What Netwright remembers, as the next process reads it from a folder, in words that can be written down in a test."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from netwright.backends.driver_store import DriverStore
from netwright.backends.event_log import EventLog
from netwright.backends.store import SqliteStore
from netwright.model.event import Event, What


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    words: str
    """`edge begun, lab; log: 2`"""
    whole: object
    """All of it, to be compared."""


Read = Callable[[Path], Memory]
"""Raises NetwrightError, and whatever should not happen."""


def of_stacks(folder: Path) -> Memory:
    """A stack's name, and what stands beside it: `begun` (a journal), `on trial`, `borrows` and how many loans."""
    with closing(SqliteStore(str(folder))) as store:
        commits, journals, trials, loans, deeds = store.commits(), store.journals(), store.trials(), store.loans(), store.deeds()
        leases = {stack: dict(store.leases(stack)) for stack in commits}
        fingerprints = {stack: dict(store.fingerprints(stack)) for stack in commits}
    _look_into(folder / "state.db")
    stacks = []
    for stack in sorted({*commits, *journals, *trials, *loans}):
        beside = ["begun"] if stack in journals else []
        beside += ["on trial"] if stack in trials else []
        beside += [f"borrows {len(loans[stack])}"] if stack in loans else []
        beside += [] if stack in commits else ["not committed"]
        stacks.append(" ".join([stack, *beside]))
    words = f"{', '.join(stacks) or 'nothing'}; log: {len(deeds)}"
    return Memory(words=words, whole=(dict(commits), dict(journals), dict(trials), dict(loans), leases, fingerprints, tuple(deeds)))


def of_log(folder: Path) -> Memory:
    """The moments of the first and the last entry of the log of changes."""
    with closing(SqliteStore(str(folder))) as store:
        deeds = tuple(store.deeds())
    _look_into(folder / "state.db")
    return Memory(words=f"{deeds[0].at:.0f} to {deeds[-1].at:.0f}" if deeds else "empty", whole=deeds)


def of_driver(folder: Path) -> Memory:
    """How many pools, leases, networks and endpoints."""
    with closing(DriverStore(str(folder))) as store:
        records = store.load()
    _look_into(folder / "records.db")
    counts = (len(records.pools), len(records.leases), len(records.networks), len(records.endpoints))
    return Memory(words="pools {}, leases {}, networks {}, endpoints {}".format(*counts), whole=records)


def of_events(folder: Path) -> Memory:
    """What is kept, and that one more is kept with it."""
    log = EventLog(str(folder))
    before = log.read()
    more = Event(at=1.5, what=What.STARTED, stack="after", message="the power is back")
    log.add(more)
    after = log.read()
    assert after[-1] == more, f"an event that was added after the power loss is not read back: {after[-1:]}"
    assert after[:-1] == before, "adding an event lost another"
    return Memory(words=f"{len(before)} events", whole=before)


def _look_into(file: Path) -> None:
    """SQLite's own opinion."""
    if file.exists():
        with closing(sqlite3.connect(file)) as database:
            (verdict,) = database.execute("PRAGMA integrity_check").fetchone()
        assert verdict == "ok", verdict
