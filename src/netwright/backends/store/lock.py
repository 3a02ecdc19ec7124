"""One writer at a time: flock(2) on a file in the state's folder.

The kernel drops the lock with its holder's last descriptor, so a holder that was killed blocks nobody. The file's
content only says who holds it, for the message of those who wait; nobody decides anything by it.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from netwright.errors import Busy

_LONGEST_COMMAND = 200


@contextmanager
def hold(path: str, *, wait: bool, waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock at `path` (made if absent) for the body.

    Where another process has it: `waiting("Waiting for PID 123 (netwright apply x.yaml)…")` is called once, then this waits without
    end, and Ctrl-C ends the waiting; with `wait` False, Busy is raised instead. Raises OSError where the file cannot be made.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(lock)
            if not wait:
                raise Busy(
                    f"{holder} is changing this host's networks. Nothing was touched.",
                    hint="wait until it is done, or leave out --no-wait",
                ) from None
            waiting(f"Waiting for {holder}…")
            fcntl.flock(lock, fcntl.LOCK_EX)
        _sign(lock)
        try:
            yield
        finally:
            os.ftruncate(lock, 0)
    finally:
        os.close(lock)


def holder(path: str) -> str | None:
    """Who holds the lock at `path`; None: nobody. Raises OSError.

    Whoever wants it without waiting in the very moment of the look finds it taken: so it is asked only where that matters.
    """
    try:
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(lock)
    finally:
        os.close(lock)
    return None


def _sign(lock: int) -> None:
    name = Path(sys.argv[0] or "python").name
    command = " ".join(["netwright" if name == "__main__.py" else name, *sys.argv[1:]])
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"PID {os.getpid()} ({command[:_LONGEST_COMMAND]})".encode(errors="replace"), 0)


def _holder(lock: int) -> str:
    # The holder may be between taking the lock and signing it.
    return os.pread(lock, 4096, 0).decode(errors="replace") or "another process"


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold flock(2) on the folder itself, so that it never stands in the way of `lock`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
