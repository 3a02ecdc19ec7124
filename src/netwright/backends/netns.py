"""Doing something in another network namespace, without the caller ever leaving its own.

setns(2) moves a *thread*. A thread that fails to come back poisons everything that runs on it afterwards, so the caller's
thread never goes: a short-lived one enters, does one thing (opens a socket, writes a sysctl) and ends there.
A netlink socket stays in the namespace in which it was opened: it can be used from any thread afterwards.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from types import FrameType
from typing import Any, TypeVar

from netwright.backends import own_tasks
from netwright.errors import KernelError
from netwright.model.netns import HOST, NetnsRef

CLONE_NEWNET = 0x40000000
OWN = "/proc/thread-self/ns/net"
"""The calling thread's own."""

_libc = ctypes.CDLL(None, use_errno=True)

INTERRUPTIONS: tuple[int, ...] = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

T = TypeVar("T")


def setns(fd: int) -> None:
    """Move the calling thread to the network namespace behind `fd` (setns(2)). Raises KernelError."""
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise KernelError(code, f"entering a network namespace: {os.strerror(code)}")


def unshare_network() -> None:
    """Give the calling thread a new, empty network namespace (unshare(2)). Raises KernelError."""
    if _libc.unshare(CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise KernelError(code, f"making a network namespace: {os.strerror(code)}")


def in_thread(function: Callable[[], T]) -> T:
    """Run `function` in a thread that ends with it; its result or its exception is the caller's.

    Ctrl-C is raised when the thread has ended, not before: whoever rolls back must not have somebody behind them who still makes things.
    """
    return in_threads((function,))[0]


def in_threads(functions: Sequence[Callable[[], T]]) -> list[T]:
    """Run each in a thread of its own, all at the same time, as `in_thread`. When all have ended: their results, or the first one's exception;
    KernelError where the system gives no thread.
    """
    results: dict[int, T] = {}
    failures: dict[int, BaseException] = {}

    def body(number: int) -> None:
        try:
            results[number] = functions[number]()
        except BaseException as error:  # noqa: BLE001 - handed to the caller whole
            failures[number] = error
        finally:
            own_tasks.remember(threading.get_native_id())

    started: list[threading.Thread] = []
    with _no_interruption():
        for number in range(len(functions)):
            thread = threading.Thread(target=body, args=(number,), name="netwright-netns")
            try:
                thread.start()
            except RuntimeError as error:
                # Python says neither which system call it was nor why; it is clone(2), and mostly a limit on processes (EAGAIN).
                failures[number] = KernelError(errno.EAGAIN, f"entering a network namespace: {error}", hint="see `ulimit -u` and pids.max")
                break
            started.append(thread)
        for thread in started:
            thread.join()
    if failures:
        raise failures[min(failures)]
    return [results[number] for number in range(len(functions))]


@contextmanager
def _no_interruption() -> Iterator[None]:
    """Signals that Python handles wait for the end of the body; then their handlers are called.

    Not a mask, which the thread and what it starts would inherit; and an exception out of join() cannot be caught and join() called
    again: in Python 3.11 the interrupted one takes a running thread for one that has ended (cpython issue 90882).
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}
    for number in INTERRUPTIONS:
        handler = signal.getsignal(number)
        if callable(handler):
            handlers[number] = handler
            signal.signal(number, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        for heard, handler in handlers.items():
            signal.signal(heard, handler)
        for heard in came:
            handlers[heard](heard, None)


def location(netns: NetnsRef) -> str:
    """Where the namespace can be opened: for the host, that of the calling thread. Empty for a container that does not run."""
    return OWN if netns == HOST else netns.path


def identity(netns: NetnsRef) -> tuple[int, int] | None:
    """What tells this namespace from every other that has been or will be under its name, while a socket holds it: device and inode.

    None if there is none; also for the plain file that is left of a name if its namespace is unmounted and the file is not removed.
    Raises KernelError where it is there, and may not be looked at.
    """
    try:
        found = os.stat(location(netns))  # noqa: PTH116 - a thousand times: Path costs more than the call
    except PermissionError as error:
        # proc(5): a process of more capabilities than we have shows its namespaces to CAP_SYS_PTRACE only.
        words = f"entering {netns}: {error.strerror}"
        raise KernelError(errno.EACCES, words, hint="it takes CAP_SYS_PTRACE to look into a container's namespace") from error
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found.st_dev == _nsfs() else None


def enter(netns: NetnsRef) -> None:
    """Move the calling thread there, for good: for threads that end there. Raises KernelError (ENOENT where it is gone)."""
    try:
        fd = os.open(location(netns), os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise KernelError(error.errno or 0, f"entering {netns}: {error.strerror}") from error
    try:
        if os.fstat(fd).st_dev != _nsfs():
            # Taken away between two system calls of ip-netns(8): the mount is gone already, the file not yet.
            raise KernelError(errno.ENOENT, f"entering {netns}: there is a file of that name, and no namespace")
        setns(fd)
    finally:
        os.close(fd)


def visit(namespaces: Iterable[NetnsRef], function: Callable[[NetnsRef], T]) -> dict[NetnsRef, T]:
    """Run `function` in each of them, one after the other, all in one thread. One that is not there is absent from the result.

    The host's turn is in the caller's thread. Raises KernelError, and whatever `function` raises.
    """
    there = [netns for netns in namespaces if identity(netns) is not None]
    results = {netns: function(netns) for netns in there if netns == HOST}
    others = [netns for netns in there if netns != HOST]

    def tour() -> None:
        for netns in others:
            try:
                enter(netns)
            except KernelError as error:
                if error.errno != errno.ENOENT:
                    raise
            else:
                results[netns] = function(netns)

    if others:
        in_thread(tour)
    return results


@cache
def _nsfs() -> int:
    """The device number of the file system that namespaces live on."""
    return os.stat(OWN).st_dev  # noqa: PTH116


def run_in(netns: NetnsRef, function: Callable[[], T]) -> T:
    """Run `function` in `netns`, in a thread of its own. For the host it runs at once, in the caller's.

    Raises KernelError (ENOENT where the namespace is gone), and whatever `function` raises.
    """
    if netns == HOST:
        return function()

    def enter_and_run() -> T:
        enter(netns)
        return function()

    return in_thread(enter_and_run)
