"""One writer at a time, among real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from netwright.backends.store import SqliteStore
from netwright.errors import Busy

HOLDER = """
import sys
from netwright.backends.store import SqliteStore
sys.argv = ["/usr/bin/netwright", "apply", "shop.yaml"]
with SqliteStore({folder!r}).lock(wait=True, waiting=lambda sentence: print(sentence, flush=True)):
    print("held", flush=True)
    sys.stdin.readline()
print("released", flush=True)
"""


@contextmanager
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that takes the lock, says so, and keeps it until it is written a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER.format(folder=str(folder))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


def let_go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def until_asleep(pid: int) -> None:
    """Wait until the kernel has put the process to sleep: it is in flock(2) now."""
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "S":
        assert time.monotonic() < deadline
        os.sched_yield()


def test_a_second_process_is_told_who_it_waits_for_and_goes_on_when_that_is_done(tmp_path: Path) -> None:
    with holder(tmp_path) as first:
        assert line(first) == "held"
        with holder(tmp_path) as second:
            assert line(second) == f"Waiting for PID {first.pid} (netwright apply shop.yaml)…"
            let_go(first)
            assert line(first) == "released"
            assert line(second) == "held"


def test_who_does_not_want_to_wait_is_told_who_is_busy(tmp_path: Path) -> None:
    with holder(tmp_path) as first:
        assert line(first) == "held"
        with pytest.raises(Busy) as busy, SqliteStore(str(tmp_path)).lock(wait=False, waiting=print):
            pass
        assert str(busy.value) == f"PID {first.pid} (netwright apply shop.yaml) is changing this host's networks. Nothing was touched."
        assert busy.value.hint == "wait until it is done, or leave out --no-wait"


def test_a_killed_holder_blocks_nobody(tmp_path: Path) -> None:
    with holder(tmp_path) as first:
        assert line(first) == "held"
        first.kill()
        first.wait(timeout=10)
    with SqliteStore(str(tmp_path)).lock(wait=False, waiting=print):
        assert (tmp_path / "lock").read_text().startswith(f"PID {os.getpid()} (")


def test_waiting_ends_with_ctrl_c_and_leaves_the_holder_alone(tmp_path: Path) -> None:
    with holder(tmp_path) as first:
        assert line(first) == "held"
        with holder(tmp_path) as second:
            assert line(second).startswith("Waiting for PID ")
            until_asleep(second.pid)
            second.send_signal(signal.SIGINT)
            assert second.wait(timeout=10) == -signal.SIGINT
        with pytest.raises(Busy), SqliteStore(str(tmp_path)).lock(wait=False, waiting=print):
            pass


def test_the_lock_is_given_back_where_the_change_failed(tmp_path: Path) -> None:
    store = SqliteStore(str(tmp_path))
    with pytest.raises(RuntimeError, match="on the way"), store.lock(wait=False, waiting=print):
        raise RuntimeError("on the way")
    with store.lock(wait=False, waiting=print):
        pass
    assert (tmp_path / "lock").read_text() == ""


def test_reading_needs_no_lock(tmp_path: Path) -> None:
    with holder(tmp_path) as first:
        assert line(first) == "held"
        store = SqliteStore(str(tmp_path))
        assert dict(store.commits()) == {}
        store.close()


def test_who_is_changing_the_host_is_told_and_nobody_is_kept_from_it(tmp_path: Path) -> None:
    store = SqliteStore(str(tmp_path))
    assert store.holder() is None
    with holder(tmp_path) as other:
        assert line(other) == "held"
        assert store.holder() == f"PID {other.pid} (netwright apply shop.yaml)"
        let_go(other)
        assert line(other) == "released"
    assert store.holder() is None
    with store.lock(wait=False, waiting=print):
        pass


@pytest.mark.parametrize("replaced", [False, True])
def test_a_lock_file_that_somebody_took_away_while_it_was_held_lets_nobody_in(replaced: bool, tmp_path: Path) -> None:
    with holder(tmp_path) as first:
        assert line(first) == "held"
        (tmp_path / "lock").unlink()
        if replaced:
            (tmp_path / "lock").touch()
        with pytest.raises(Busy, match="another process is changing"), SqliteStore(str(tmp_path)).lock(wait=False, waiting=print):
            pass
        assert SqliteStore(str(tmp_path)).holder() == "another process"
        with holder(tmp_path) as second:
            assert line(second) == "Waiting for another process…"
            let_go(first)
            assert line(second) == "held"
            with pytest.raises(Busy, match=f"PID {second.pid} "), SqliteStore(str(tmp_path)).lock(wait=False, waiting=print):
                pass


def test_who_waits_for_a_lock_file_that_is_taken_away_waits_for_the_new_one_then(tmp_path: Path) -> None:
    with holder(tmp_path) as first:
        assert line(first) == "held"
        with holder(tmp_path) as second:
            assert line(second).startswith(f"Waiting for PID {first.pid} ")
            until_asleep(second.pid)
            (tmp_path / "lock").unlink()
            let_go(first)
            assert line(second) == "held"
            assert SqliteStore(str(tmp_path)).holder() == f"PID {second.pid} (netwright apply shop.yaml)"


def test_a_stopped_holder_is_named_and_whoever_waits_goes_on_when_it_is_killed(tmp_path: Path) -> None:
    with holder(tmp_path) as first:
        assert line(first) == "held"
        first.send_signal(signal.SIGSTOP)
        with pytest.raises(Busy, match=f"PID {first.pid} "), SqliteStore(str(tmp_path)).lock(wait=False, waiting=print):
            pass
        with holder(tmp_path) as second:
            assert line(second) == f"Waiting for PID {first.pid} (netwright apply shop.yaml)…"
            first.kill()
            assert line(second) == "held"


def test_many_that_make_the_database_at_the_same_time_all_get_it(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom netwright.backends.store import SqliteStore\nsys.stdin.readline()\n"
        f"SqliteStore({str(tmp_path / 'state')!r}).set_trial('shop', None)\nprint('done')\n"
    )
    many = [subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    try:
        for each in many:
            let_go(each)
        assert [line(each) for each in many] == ["done"] * 8
    finally:
        for each in many:
            each.kill()
            each.communicate(timeout=10)
