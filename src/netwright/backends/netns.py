"""Doing something in another network namespace, without the caller ever leaving its own.

setns(2) moves a *thread*. A thread that fails to come back poisons everything that runs on it afterwards, so the caller's
thread never goes: a short-lived one enters, does one thing (opens a socket, writes a sysctl) and ends there.
A netlink socket stays in the namespace in which it was opened: it can be used from any thread afterwards.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from typing import TypeVar

from netwright.errors import KernelError
from netwright.model.netns import HOST, NetnsRef

CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)

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
    """Run `function` in a thread that ends with it; its result or its exception is the caller's."""
    result: list[T] = []
    failure: list[BaseException] = []

    def body() -> None:
        try:
            result.append(function())
        except BaseException as error:  # noqa: BLE001 - handed to the caller whole
            failure.append(error)

    thread = threading.Thread(target=body, name="netwright-netns")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return result[0]


def run_in(netns: NetnsRef, function: Callable[[], T]) -> T:
    """Run `function` in `netns`, in a thread of its own. For the host it runs at once, in the caller's.

    Raises KernelError (ENOENT where the namespace is gone), and whatever `function` raises.
    """
    if netns == HOST:
        return function()

    def enter_and_run() -> T:
        try:
            fd = os.open(netns.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise KernelError(error.errno or 0, f"entering {netns}: {error.strerror}") from error
        try:
            setns(fd)
        finally:
            os.close(fd)
        return function()

    return in_thread(enter_and_run)
