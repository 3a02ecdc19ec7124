"""The databases as several connections of one process and other processes use them at the same time: the daemon, and commands."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

from netwright.backends.driver_store import DriverStore
from netwright.backends.store import SqliteStore
from netwright.dockerdriver.records import Pool, Records
from netwright.ports import Commit

COMMITS = """
import sys
from contextlib import closing
from netwright.backends.store import SqliteStore
with closing(SqliteStore(sys.argv[1])) as store:
    print(*store.commits())
"""
POOLS = """
import sys
from contextlib import closing
from netwright.backends.driver_store import DriverStore
with closing(DriverStore(sys.argv[1])) as store:
    print(*store.load().pools)
"""


def as_others_see_it(program: str, folder: Path) -> str:
    """What a process reads that opens the database and closes it, as every command does."""
    return subprocess.run(
        [sys.executable, "-c", program, str(folder)], check=True, capture_output=True, text=True, timeout=60
    ).stdout.strip()


def keep(store: SqliteStore, stack: str) -> None:
    commit = Commit(stack=stack, spec="version: 1\n", source=f"{stack}.yaml", committed_at=1700000000.25, digest="d1")
    store.commit(stack, commit, leases={}, loans=(), fingerprints={})


def test_a_commit_beside_another_connection_of_the_process_is_seen_by_others(tmp_path: Path) -> None:
    with closing(SqliteStore(str(tmp_path))) as working:
        keep(working, "first")
        with closing(SqliteStore(str(tmp_path))) as looking:
            assert list(looking.commits()) == ["first"]
        assert as_others_see_it(COMMITS, tmp_path) == "first"
        keep(working, "second")
        assert as_others_see_it(COMMITS, tmp_path) == "first second"


def test_what_the_driver_saves_beside_another_connection_of_the_process_is_seen_by_others(tmp_path: Path) -> None:
    one = Records().with_pool(Pool(id="172.30.0.0/24", prefix="172.30.0.0/24", part=None, last=None))
    two = one.with_pool(Pool(id="172.31.0.0/24", prefix="172.31.0.0/24", part=None, last=None))
    with closing(DriverStore(str(tmp_path))) as working:
        working.save(Records(), one)
        with closing(DriverStore(str(tmp_path))) as looking:
            assert looking.load() == one
        assert as_others_see_it(POOLS, tmp_path) == "172.30.0.0/24"
        working.save(one, two)
        assert as_others_see_it(POOLS, tmp_path) == "172.30.0.0/24 172.31.0.0/24"
