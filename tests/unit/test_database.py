"""Databases that another process, another version or a crash has left: read, mended, or refused without a trace."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from netwright.backends.database import Database, Newer
from netwright.backends.driver_store import DriverStore
from netwright.backends.store import SqliteStore
from netwright.backends.written_version import written_version
from netwright.dockerdriver.records import Records
from netwright.errors import Refused

STEPS = (("CREATE TABLE a (x TEXT)",), ("CREATE TABLE b (x TEXT)", "INSERT INTO b VALUES ('made')"))


def database(file: Path) -> Database:
    return Database(file, lambda: STEPS, known_by="a")


def cut_off(file: Path, place: Path, *statements: str) -> None:
    """A copy in `place` of the database as a crash leaves it after the statements."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
        place.mkdir(mode=0o700)
        for path in file.parent.glob(f"{file.name}*"):
            if not path.name.endswith("-shm"):
                shutil.copy(path, place)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_one_whose_making_was_cut_off_is_made_by_the_next_process(tmp_path: Path) -> None:
    spilled = ("PRAGMA cache_size = 1", "BEGIN", "CREATE TABLE x (y)", "INSERT INTO x VALUES (randomblob(100000))")
    cut_off(tmp_path / "state.db", tmp_path / "crashed", *spilled)
    # The journal of a transaction that never came to its end: whoever reads has to roll it back, and write.
    assert sorted(contents(tmp_path / "crashed")) == ["state.db", "state.db-journal"]
    with closing(SqliteStore(str(tmp_path / "crashed"))) as store:
        assert dict(store.commits()) == {}
        store.set_trial("shop", None)


@pytest.mark.parametrize("logged", [False, True], ids=["in the file", "in the write-ahead log alone"])
def test_a_newer_one_is_refused_byte_for_byte_and_nothing_is_made_beside_it(tmp_path: Path, logged: bool) -> None:
    for name, use in USES.items():
        first = tmp_path / name
        first.mkdir()
        with closing(sqlite3.connect(first / name)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            if not logged:
                connection.execute("PRAGMA user_version = 97")
        place = tmp_path / f"crashed-{name}"
        if logged:
            cut_off(first / name, place, "CREATE TABLE of_theirs (x)", "PRAGMA user_version = 97")
            assert (place / name).read_bytes()[60:64] == bytes(4)
        else:
            shutil.copytree(first, place)
        before = contents(place)
        with pytest.raises(Refused, match="was written by a newer Netwright"):
            use(place)
        assert contents(place) == before


def _driver(folder: Path) -> None:
    with closing(DriverStore(str(folder))) as store:
        store.load()


def _stacks(folder: Path) -> None:
    with closing(SqliteStore(str(folder))) as store:
        store.commits()


USES: dict[str, Callable[[Path], None]] = {"records.db": _driver, "state.db": _stacks}


def test_a_newer_version_that_never_came_to_its_end_does_not_count(tmp_path: Path) -> None:
    with closing(database(tmp_path / "x.db")) as mine, mine.writing():
        pass
    cut_off(tmp_path / "x.db", tmp_path / "crashed", "BEGIN", "PRAGMA user_version = 97", "CREATE TABLE c (x)", "COMMIT")
    with (tmp_path / "crashed" / "x.db-wal").open("r+b") as log:
        log.truncate(log.seek(-2000, 2))
    assert (97).to_bytes(4, "big") in (tmp_path / "crashed" / "x.db-wal").read_bytes()
    assert written_version(tmp_path / "crashed" / "x.db") == 2
    with closing(database(tmp_path / "crashed" / "x.db")) as mine, mine.reading() as connection:
        assert connection is not None
        assert connection.execute("SELECT x FROM b").fetchall() == [("made",)]


def test_two_processes_that_bring_it_to_this_version_at_the_same_time_do_it_once(tmp_path: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from netwright.backends.database import Database
mine = Database(Path(sys.argv[1]), lambda: {STEPS!r}, known_by="a")
sys.stdin.read(1)
with mine.writing() as connection:
    print(connection.execute("SELECT count(*) FROM b").fetchone()[0])
"""
    for version in (0, 1):
        file = tmp_path / f"{version}.db"
        if version:
            with closing(sqlite3.connect(file)) as old:
                old.executescript("CREATE TABLE a (x TEXT); PRAGMA user_version = 1;")
        command = [sys.executable, "-c", program, str(file)]
        started = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
        for process in started:
            assert process.stdin is not None
            process.stdin.write("x")
            process.stdin.flush()
        assert [process.communicate(timeout=60)[0] for process in started] == ["1\n"] * 3


def test_the_log_of_one_that_was_moved_away_is_not_taken_for_the_new_ones(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    with closing(database(file)) as mine, mine.writing():
        pass
    cut_off(file, tmp_path / "crashed", "INSERT INTO a VALUES ('of the old one')")
    left = tmp_path / "crashed" / "x.db"
    left.rename(left.with_name("x.db.damaged"))
    with closing(database(left)) as mine, mine.writing() as connection:
        assert connection.execute("SELECT x FROM a").fetchall() == []
    assert sorted(contents(tmp_path / "crashed")) == ["x.db", "x.db-wal.old", "x.db.damaged"]


def test_a_version_that_another_process_has_made_meanwhile_is_refused_too(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    with closing(database(file)) as mine, mine.writing():
        pass
    newer = Database(file, lambda: (*STEPS, ("CREATE TABLE c (x TEXT)",)), known_by="a")
    with closing(newer), newer.writing(), pytest.raises(Newer), database(file).reading():
        pass


def test_the_drivers_memory_is_made_by_whoever_is_first(tmp_path: Path) -> None:
    with closing(DriverStore(str(tmp_path))) as one, closing(DriverStore(str(tmp_path))) as two:
        one.save(Records(), Records())
        assert two.load() == Records()


def test_a_look_at_the_version_drops_no_lock_of_the_connections_of_this_process(tmp_path: Path) -> None:
    file = tmp_path / "state.db"

    def locks() -> int:
        return sum(f":{file.stat().st_ino} " in line for line in Path("/proc/locks").read_text().splitlines())

    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA user_version = 7")
        assert locks() == 1
        assert written_version(file) == 7
        assert locks() == 1
