"""One writer at a time: flock(2) on a file in the state's folder, and on the folder.

The kernel drops the locks with their holder's last descriptor, so a holder that was killed blocks nobody. The file's
content only says who holds it, for the message of those who wait; nobody decides anything by it. Somebody may delete the
file, or put another one in its place, while it is held: the folder is locked, too.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from netwright.errors import Busy

_LONGEST_COMMAND = 200


@contextmanager
def hold(path: str, *, wait: bool, waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock at `path` (made if absent) for the body.

    Where another process has it: `waiting("Waiting for PID 123 (netwright apply x.yaml)…")` is called once, then this waits without
    end, and Ctrl-C ends the waiting; with `wait` False, Busy is raised instead. Raises OSError where the file cannot be made.
    """
    folder = _open_folder(path)
    try:
        lock = _take(path, folder, wait=wait, waiting=waiting)
        try:
            _sign(lock)
            try:
                yield
            finally:
                # A name that stays there is overwritten by the next holder: no reason to call what was done a failure.
                with suppress(OSError):
                    os.ftruncate(lock, 0)
        finally:
            os.close(lock)
    finally:
        os.close(folder)


def holder(path: str) -> str | None:
    """Who holds the lock at `path`; None: nobody. Raises OSError.

    Whoever wants it without waiting in the very moment of the look finds it taken: so it is asked only where that matters.
    """
    try:
        folder = _open_folder(path)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(folder, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _name(path)
    finally:
        os.close(folder)
    return None


def _take(path: str, folder: int, *, wait: bool, waiting: Callable[[str], None]) -> int:
    """The file at `path`, locked as `folder` is, and still there under its name. Raises Busy."""
    told = False
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            for each in (lock, folder):
                try:
                    fcntl.flock(each, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    name = _name(path)
                    if not wait:
                        raise Busy(
                            f"{name} is changing this host's networks. Nothing was touched.",
                            hint="wait until it is done, or leave out --no-wait",
                        ) from None
                    if not told:
                        waiting(f"Waiting for {name}…")
                    told = True
                    fcntl.flock(each, fcntl.LOCK_EX)
            if _is_at(path, lock):
                return lock
        except BaseException:
            os.close(lock)
            raise
        # In the same order again: whoever has the new file waits for the folder.
        fcntl.flock(folder, fcntl.LOCK_UN)
        os.close(lock)


def _is_at(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))  # noqa: PTH116 - beside its descriptor's
    except FileNotFoundError:
        return False


def _open_folder(path: str) -> int:
    return os.open(Path(path).parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _sign(lock: int) -> None:
    name = Path(sys.argv[0] or "python").name
    command = " ".join(["netwright" if name == "__main__.py" else name, *sys.argv[1:]])
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"PID {os.getpid()} ({command[:_LONGEST_COMMAND]})".encode(errors="replace"), 0)


def _name(path: str) -> str:
    """Of whoever holds the lock, who may be between taking and signing it."""
    try:
        text = Path(path).read_text(errors="replace")
    except OSError:
        text = ""
    return text or "another process"
