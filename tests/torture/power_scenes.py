"""What is recorded: a life of stacks by the command line, and what others of Netwright's memories are written with."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from own_host import FOLDERS
from torture.disk_writes import Recording, record
from torture.power_host import CONFIGURED, booted
from torture.power_memory import of_driver, of_events, of_log, of_stacks
from torture.power_replay import Scene

STATES = Path(__file__).parents[1] / "unit" / "states"
EDGE = """\
version: 1
name: edge
networks: {lan: {subnets: [10.5.0.0/24], bridge: br-edge}}
namespaces:
  gate:
    interfaces: {wan: {nic: eth1, addresses: [203.0.113.5/24]}, eth0: {network: lan}}
    nameservers: [10.5.0.53]
"""
WIDER = EDGE + "  more: {interfaces: {eth0: {network: lan}}}\n"
LAB = "version: 1\nname: lab\nnetworks: {lan: {subnets: [10.6.0.0/24]}}\nnamespaces: {a: {interfaces: {eth0: {network: lan}}}}\n"
TRIED = LAB.replace("namespaces: {", "namespaces: {b: {interfaces: {eth0: {network: lan}}}, ")
LIFE = (
    (
        "the first apply ever",
        "apply edge.yaml",
        ("nothing; log: 0", "edge begun borrows 3 not committed; log: 0", "edge borrows 3; log: 1"),
    ),
    (
        "a second stack",
        "apply lab.yaml",
        ("edge borrows 3; log: 1", "edge borrows 3, lab begun not committed; log: 1", "edge borrows 3, lab; log: 2"),
    ),
    ("an edit", "apply wider.yaml", ("edge borrows 3, lab; log: 2", "edge begun borrows 3, lab; log: 2", "edge borrows 3, lab; log: 3")),
    (
        "apply --confirm, and confirm",
        "apply --confirm 600 tried.yaml && netwright confirm lab",
        (
            "edge borrows 3, lab; log: 3",
            "edge borrows 3, lab begun; log: 3",
            "edge borrows 3, lab begun on trial; log: 3",
            "edge borrows 3, lab on trial; log: 4",
            "edge borrows 3, lab; log: 5",
        ),
    ),
    (
        "publish",
        "publish gate 8080:80 --write wider.yaml",
        ("edge borrows 3, lab; log: 5", "edge begun borrows 3, lab; log: 5", "edge borrows 3, lab; log: 6"),
    ),
    (
        "destroy",
        "destroy edge",
        (
            "edge borrows 3, lab; log: 6",
            "edge begun borrows 3, lab; log: 6",
            "edge begun borrows 3, lab borrows 2; log: 6",
            "lab borrows 2; log: 7",
        ),
    ),
)
"""What, the command, and what is remembered meanwhile."""


def life(place: Path) -> Iterator[Scene]:
    """Two stacks from the first apply to the end, on a host of their own."""
    root, state = place / "disk", place / "disk" / "var" / "netwright"
    root.mkdir(parents=True)
    for name, text in {"edge": EDGE, "wider": WIDER, "lab": LAB, "tried": TRIED}.items():
        (root / f"{name}.yaml").write_text(text)
    with booted(CONFIGURED):
        for what, command, walk in LIFE:
            script = f'cd {root} && netwright() {{ {sys.executable} -m netwright "$@"; }} && netwright {command}'
            recording = _record(["sh", "-c", script], [root, FOLDERS[1]], state)
            kept = (root / "wider.yaml",)
            yield Scene(what=what, recording=recording, root=root, state=state, read=of_stacks, kept=kept, walk=walk)


def upgrades(place: Path) -> Iterator[Scene]:
    """The database of each older version, read by this one."""
    for file in sorted(STATES.iterdir())[:-1]:
        state = place / file.stem
        state.mkdir(parents=True)
        with closing(sqlite3.connect(state / "state.db")) as database:
            database.executescript(file.read_text())
            database.execute("PRAGMA journal_mode = WAL")
        recording = _record([sys.executable, "-m", "netwright", "log"], [state], state)
        with closing(sqlite3.connect(state / "state.db")) as database:
            logged = database.execute("SELECT count(*) FROM deeds").fetchone()[0]
        words = f"edge on trial borrows 2, lab begun; log: {logged}"
        yield Scene(what=f"a migration from {file.stem}", recording=recording, root=state, state=state, read=of_stacks, walk=(words,))


_MANY = """
import sys
from netwright.backends.store import SqliteStore, deeds
from netwright.model.deed import Act, Deed, Result
deeds.MOST = 3
store = SqliteStore(sys.argv[1])
with store._database.writing():
    pass
store._database._connection.execute("PRAGMA wal_autocheckpoint = 9")
for number in range(6):
    store.record(Deed(at=float(number), act=Act.APPLY, stack="lab", result=Result.DONE, message="x" * 3000))
    print(number, flush=True)
store.close()
"""
_DRIVER = """
import sys
sys.path.insert(0, sys.argv[2])
from test_driver_store import RECORDS
from netwright.backends.driver_store import DriverStore
from netwright.dockerdriver.records import Records
store = DriverStore(sys.argv[1])
store.save(Records(), RECORDS)
print("created", flush=True)
store.save(RECORDS, RECORDS.without_network("n1"))
print("removed", flush=True)
store.close()
"""
_EVENTS = """
import sys
from netwright.backends.event_log import EventLog
from netwright.model.event import Event, What
log = EventLog(sys.argv[1], limit=700)
for number in range(9):
    log.add(Event(at=float(number), what=What.REPAIRED, stack="lab", why=("the table is gone",), done=("x" * number * 10,), seconds=0.5))
"""


def others(place: Path) -> Iterator[Scene]:
    """A checkpoint of the write-ahead log, the memory of Docker's driver, and the daemon's log of events."""
    programs = (
        (
            "checkpoints, the log of changes turned over",
            _MANY,
            of_log,
            ("empty", "0 to 0", "0 to 1", "0 to 2", "1 to 3", "2 to 4", "3 to 5"),
        ),
        (
            "the memory of Docker's driver",
            _DRIVER,
            of_driver,
            (
                "pools 0, leases 0, networks 0, endpoints 0",
                "pools 1, leases 1, networks 1, endpoints 1",
                "pools 1, leases 1, networks 0, endpoints 0",
            ),
        ),
        ("the daemon's log of events", _EVENTS, of_events, None),
    )
    for number, (what, program, read, walk) in enumerate(programs):
        root = place / f"other-{number}"
        root.mkdir(parents=True)
        state = root / "state"
        recording = _record([sys.executable, "-c", program, str(state), str(STATES.parent)], [root], state)
        yield Scene(what=what, recording=recording, root=root, state=state, read=read, walk=walk)


def _record(command: list[str], folders: list[Path], state: Path) -> Recording:
    recording = record(command, folders, {"NETWRIGHT_STATE": str(state), "PYTHONDONTWRITEBYTECODE": "1"})
    if recording.status != 0:
        raise RuntimeError(f"{command} ended with {recording.status}: {recording.err}")
    return recording
