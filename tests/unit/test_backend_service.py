"""What a process that stays shares with its host: one at a time, and a word to its supervisor."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from netwright.backends.service import notify, only_one
from netwright.errors import Busy

HOLDER = """
import sys
from netwright.backends.service import only_one
from netwright.errors import Busy
with only_one(sys.argv[1], Busy("taken")):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_one_is_refused_and_the_next_is_let_in_when_the_first_has_died(tmp_path: Path) -> None:
    lock = tmp_path / "state" / "it.lock"
    first = subprocess.Popen([sys.executable, "-c", HOLDER, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with pytest.raises(Busy, match="it runs already"), only_one(str(lock), Busy("it runs already")):
            pytest.fail("two hold it")
    finally:
        first.kill()
        first.communicate()
    with only_one(str(lock), Busy("it runs already")):
        assert (lock.parent.stat().st_mode & 0o777, lock.stat().st_mode & 0o777) == (0o700, 0o600)


@pytest.mark.parametrize("abstract", [False, True])
def test_a_supervisor_hears_of_it_by_path_or_by_an_abstract_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, abstract: bool
) -> None:
    path = f"@netwright-{os.getpid()}" if abstract else f"{tmp_path}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(path.replace("@", "\0"))
        supervisor.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        notify("READY=1")
        assert supervisor.recv(100) == b"READY=1"


def test_a_supervisor_that_does_not_read_or_is_not_there_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"{tmp_path}/notify"
    monkeypatch.setattr("netwright.backends.service._NOTIFY_SECONDS", 0.01)
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    notify("READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(path)
        supervisor.settimeout(0)
        for _ in range(2_000):
            notify("WATCHDOG=1")
            if _is_full(path):
                break
        else:
            pytest.fail("its queue was never full")
        notify("WATCHDOG=1")
    monkeypatch.delenv("NOTIFY_SOCKET")
    notify("STOPPING=1")


def _is_full(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as another:
        try:
            another.sendto(b"", path)
        except BlockingIOError:
            return True
    return False
