"""What is remembered, what is forgotten, and what is said where the disk or the file is not as it should be."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from netwright.backends.store import SqliteStore, schema
from netwright.errors import BackendError, Refused
from netwright.model.link import LinkKey
from netwright.model.loan import NicLoan, SysctlLoan
from netwright.model.netns import HOST, named
from netwright.model.route import Address, Route
from netwright.model.state import Claims
from netwright.ports import Commit, Journal, Trial

COMMIT = Commit(stack="shop", spec="version: 1\nname: shop\n", source="shop.yaml", committed_at=1700000000.25, digest="d1")
JOURNAL = Journal(
    stack="shop",
    spec="version: 1\nname: shop\n",
    source="shop.yaml",
    started_at=1700000001.5,
    claims=Claims(netns=frozenset({named("a")}), links=frozenset({LinkKey(HOST, "br-shop")}), docker_networks=frozenset({"custom"})),
    leases={"lan/a/eth0/4": "10.3.0.2"},
)
FORWARD = SysctlLoan(netns=HOST, key="net.ipv4.ip_forward", value="0")
NIC = NicLoan(
    home=HOST,
    name="eth1",
    netns=named("a"),
    new_name="wan",
    mac="02:00:00:00:00:11",
    permanent_mac="02:00:00:00:00:12",
    mtu=1400,
    up=True,
    master="",
    alias="",
    txqlen=700,
    group=2,
    addrgenmode=None,
    addresses=(Address(dev="eth1", cidr="10.0.0.9/8"),),
    routes=(Route(to="10.9.0.0/16", via="10.0.0.1", dev="eth1", protocol=4),),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def store(folder: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(str(folder))
    yield store
    store.close()


def everything(folder: Path, stack: str = "shop") -> tuple[object, ...]:
    """As another process would read it: through a store of its own."""
    other = SqliteStore(str(folder))
    try:
        return (
            dict(other.commits()),
            dict(other.leases(stack)),
            dict(other.loans(stack)),
            dict(other.journals()),
            dict(other.fingerprints(stack)),
            dict(other.trials()),
        )
    finally:
        other.close()


NOTHING = ({}, {}, {}, {}, {}, {})


def test_reading_what_never_was_finds_nothing_and_makes_nothing(store: SqliteStore, folder: Path) -> None:
    assert everything(folder) == NOTHING
    assert dict(store.loans()) == {}
    assert not folder.exists()


def test_a_commit_is_read_back_whole_and_drops_its_journal(store: SqliteStore, folder: Path) -> None:
    store.begin(JOURNAL, [FORWARD])
    assert everything(folder) == ({}, {}, {"shop": (FORWARD,)}, {"shop": JOURNAL}, {}, {})
    store.commit("shop", COMMIT, leases={"lan/a/eth0/4": "10.3.0.2"}, loans=[NIC, FORWARD], fingerprints={"abc": "table inet x {}"})
    assert everything(folder) == (
        {"shop": COMMIT},
        {"lan/a/eth0/4": "10.3.0.2"},
        {"shop": (NIC, FORWARD)},
        {},
        {"abc": "table inet x {}"},
        {},
    )


def test_loans_of_a_run_are_added_and_the_same_one_is_kept_once(store: SqliteStore) -> None:
    store.commit("shop", COMMIT, leases={}, loans=[FORWARD], fingerprints={})
    store.begin(JOURNAL, [FORWARD, NIC])
    store.begin(JOURNAL, [NIC])
    assert store.loans() == {"shop": (FORWARD, NIC)}


def test_another_stack_is_left_alone(store: SqliteStore, folder: Path) -> None:
    store.commit(
        "other",
        Commit(stack="other", spec="x", source="-", committed_at=1.0, digest="o"),
        leases={"k": "10.1.1.1"},
        loans=[FORWARD],
        fingerprints={"f": "g"},
    )
    before = everything(folder, "other")
    store.begin(JOURNAL, [NIC])
    store.commit("shop", COMMIT, leases={"k": "10.2.2.2"}, loans=[], fingerprints={})
    store.commit("shop", None, leases={}, loans=[], fingerprints={})
    assert everything(folder, "other") == before
    assert store.leases("other") == {"k": "10.1.1.1"}


def test_a_stack_that_is_gone_leaves_no_row(store: SqliteStore, folder: Path) -> None:
    store.begin(JOURNAL, [NIC])
    store.commit("shop", COMMIT, leases={"k": "10.2.2.2"}, loans=[NIC], fingerprints={"f": "g"})
    store.begin(JOURNAL, [FORWARD])
    store.set_trial("shop", Trial(stack="shop", spec=None, source="-", leases={}, deadline=5.0))
    store.commit("shop", None, leases={}, loans=[], fingerprints={})
    assert everything(folder) == NOTHING


def test_what_could_not_be_removed_with_a_stack_stays_written_down_with_its_loans(store: SqliteStore, folder: Path) -> None:
    store.commit("shop", COMMIT, leases={"k": "10.2.2.2"}, loans=[NIC, FORWARD], fingerprints={"f": "g"})
    store.commit("shop", None, leases={}, loans=[FORWARD], fingerprints={}, left=JOURNAL)
    assert everything(folder) == ({}, {}, {"shop": (FORWARD,)}, {"shop": JOURNAL}, {}, {})
    store.commit("shop", COMMIT, leases={}, loans=[], fingerprints={}, left=JOURNAL)
    assert everything(folder) == ({"shop": COMMIT}, {}, {}, {"shop": JOURNAL}, {}, {})


def test_a_trial_is_set_replaced_and_dropped_and_outlives_a_commit(store: SqliteStore) -> None:
    store.set_trial("shop", Trial(stack="shop", spec=None, source="shop.yaml", leases={}, deadline=1700000100.5))
    trial = Trial(stack="shop", spec="version: 1\n", source="-", leases={"lan/host/eth0/10.5.0.0/24": "10.5.0.2"}, deadline=1700000200.5)
    store.set_trial("shop", trial)
    store.commit("shop", COMMIT, leases={}, loans=[], fingerprints={})
    assert store.trials() == {"shop": trial}
    store.set_trial("shop", None)
    assert store.trials() == {}


def test_a_destroy_is_journalled_without_a_file(store: SqliteStore) -> None:
    journal = Journal(stack="shop", spec=None, source="", started_at=1.0, claims=Claims())
    store.begin(journal, [])
    assert store.journals() == {"shop": journal}


def test_the_folder_and_what_is_in_it_are_for_the_owner_alone(store: SqliteStore, folder: Path) -> None:
    with store.lock(wait=False, waiting=print):
        store.begin(JOURNAL, [])
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert modes == {"state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600, "lock": 0o600}


def test_it_is_written_ahead_and_flushed_to_the_disk(store: SqliteStore, folder: Path) -> None:
    store.begin(JOURNAL, [])
    database = store._database._connection
    assert database is not None
    assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert database.execute("PRAGMA synchronous").fetchone() == (2,)
    assert database.execute("PRAGMA user_version").fetchone() == (len(schema.MIGRATIONS),)


def test_a_process_killed_between_begin_and_commit_leaves_its_journal_and_no_half_commit(folder: Path) -> None:
    program = f"""
import os, signal
from test_store_sqlite import COMMIT, FORWARD, JOURNAL, NIC
from netwright.backends.store import SqliteStore
store = SqliteStore({str(folder)!r})
store.commit("shop", COMMIT, leases={{}}, loans=[NIC], fingerprints={{}})
store.begin(JOURNAL, [FORWARD])
with store._transaction() as database:
    database.execute("DELETE FROM commits")
    database.execute("DELETE FROM journals")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parent, check=False, timeout=30)
    assert killed.returncode == -9
    assert everything(folder) == ({"shop": COMMIT}, {}, {"shop": (NIC, FORWARD)}, {"shop": JOURNAL}, {}, {})


def test_a_newer_versions_state_is_refused_and_left_byte_for_byte(store: SqliteStore, folder: Path) -> None:
    store.begin(JOURNAL, [])
    store.close()
    database = sqlite3.connect(folder / "state.db")
    database.execute("PRAGMA user_version = 97")
    database.commit()
    database.close()
    before = (folder / "state.db").read_bytes()
    for use in (store.commits, lambda: store.begin(JOURNAL, []), lambda: store.set_trial("shop", None)):
        with pytest.raises(Refused) as refused:
            use()
        assert str(refused.value) == (
            f"The state in {folder}/state.db was written by a newer Netwright: it has version 97, this one knows up to {len(schema.MIGRATIONS)}. It was left as it is."
        )
        assert refused.value.hint == "install that Netwright again, or set NETWRIGHT_STATE to another folder"
    assert (folder / "state.db").read_bytes() == before


def test_an_older_versions_state_takes_the_missing_steps(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = SqliteStore(str(folder))
    old.set_trial("shop", Trial(stack="shop", spec=None, source="-", leases={}, deadline=5.0))
    old.close()
    monkeypatch.setattr(
        schema, "MIGRATIONS", (*schema.MIGRATIONS, ("UPDATE trials SET deadline = deadline + 1", "CREATE TABLE more (x TEXT)"))
    )
    new = SqliteStore(str(folder))
    assert new.trials() == {"shop": Trial(stack="shop", spec=None, source="-", leases={}, deadline=6.0)}
    new.close()
    again = SqliteStore(str(folder))
    assert again.trials() == {"shop": Trial(stack="shop", spec=None, source="-", leases={}, deadline=6.0)}
    again.close()


def test_a_step_that_fails_leaves_the_older_version(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = SqliteStore(str(folder))
    old.set_trial("shop", Trial(stack="shop", spec=None, source="-", leases={}, deadline=5.0))
    old.close()
    with monkeypatch.context() as newer:
        newer.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, ("DELETE FROM trials", "DROP TABLE nonsense")))
        with pytest.raises(BackendError):
            SqliteStore(str(folder)).trials()
    again = SqliteStore(str(folder))
    assert again.trials() == {"shop": Trial(stack="shop", spec=None, source="-", leases={}, deadline=5.0)}
    again.close()


def test_a_disk_that_takes_no_more_at_the_first_commit_is_said_in_its_own_words(folder: Path) -> None:
    program = f"""
import resource
from netwright.backends.store import SqliteStore
from netwright.errors import BackendError
said = []
for room in range(8192, 65536, 4096):
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, -1))
    try:
        SqliteStore({str(folder)!r} + str(room)).set_trial("shop", None)
    except BackendError as error:
        said.append(str(error).partition(": ")[2])
print(len(said) > 3, set(said))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "True {'disk I/O error.'}\n"


def test_what_is_no_database_is_called_damaged_with_a_way_out(store: SqliteStore, folder: Path) -> None:
    folder.mkdir()
    (folder / "state.db").write_bytes(b"this is no database, " * 100)
    with pytest.raises(BackendError) as damaged:
        store.commits()
    assert str(damaged.value) == f"The state in {folder}/state.db is damaged: file is not a database."
    assert damaged.value.hint is not None
    assert f"mv {folder}/state.db {folder}/state.db.damaged" in damaged.value.hint


def test_a_torn_page_is_called_damaged(store: SqliteStore, folder: Path) -> None:
    store.begin(JOURNAL, [NIC])
    store.close()
    content = bytearray((folder / "state.db").read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    (folder / "state.db").write_bytes(content)
    with pytest.raises(BackendError, match="is damaged: database disk image is malformed"):
        everything(folder)


def test_a_row_that_does_not_read_is_called_damaged(store: SqliteStore, folder: Path) -> None:
    store.begin(JOURNAL, [NIC])
    store.close()
    database = sqlite3.connect(folder / "state.db")
    database.execute("""UPDATE loans SET loans = '[{"loan": "bicycle"}]'""")
    database.commit()
    database.close()
    with pytest.raises(BackendError, match="is damaged: a row that does not read: a loan of the kind 'bicycle'"):
        store.loans()


def test_a_place_where_no_folder_can_be_made_is_said_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = SqliteStore(str(tmp_path / "file" / "state"))
    for use in (store.commits, lambda: store.begin(JOURNAL, []), lambda: store.lock(wait=False, waiting=print).__enter__()):
        with pytest.raises(BackendError) as refused:
            use()
        assert str(refused.value) == f"The state folder {tmp_path}/file/state cannot be used: Not a directory."
        assert refused.value.hint == "run as root, or set NETWRIGHT_STATE to a folder that you may write to and that has room"


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, which needs root")
def test_a_folder_that_may_not_be_written_is_said_with_a_hint(folder: Path) -> None:
    program = f"""
import os
os.setegid(65534), os.seteuid(65534)
from netwright.backends.store import SqliteStore
from netwright.errors import BackendError
store = SqliteStore({str(folder)!r})
for use in (store.commits, lambda: store.set_trial("shop", None), lambda: store.lock(wait=False, waiting=print).__enter__()):
    try:
        use()
    except BackendError as error:
        print(error)
"""
    folder.mkdir(mode=0o700)
    (folder / "state.db").write_bytes(b"x")
    # Imported before the change of user: the checkout may be root's alone.
    said = subprocess.run(
        [sys.executable, "-c", f"from netwright.backends.store import SqliteStore{program}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert said.stdout == f"The state folder {folder} cannot be used: Permission denied.\n" * 3


def test_a_full_disk_is_said_and_nothing_is_half_written(store: SqliteStore, folder: Path) -> None:
    store.commit("shop", COMMIT, leases={}, loans=[NIC], fingerprints={})
    database = store._database._connection
    assert database is not None
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    database.execute(f"PRAGMA max_page_count = {pages}")
    big = Journal(stack="shop", spec="x" * 100_000, source="-", started_at=1.0, claims=Claims())
    with pytest.raises(BackendError, match="cannot be used: database or disk is full"):
        store.begin(big, [FORWARD])
    assert everything(folder) == ({"shop": COMMIT}, {}, {"shop": (NIC,)}, {}, {}, {})
