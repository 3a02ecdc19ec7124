"""Tests that play the host leave the machine first: the pytest process moves to network and mount namespaces of its own.

The move is made by the conftest.py of such tests, when it is loaded by a process that runs tests (under pytest-xdist: by every
worker), so that nothing of the machine is in reach: no interface, no route, no sysctl below net, no nft table, no name in /run/netns,
no file in /etc/netns. Only the calling thread moves, and what it starts.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
FOLDERS = (Path("/run/netns"), Path("/etc/netns"))
NEEDS_ROOT = "plays the host in namespaces of its own: needs root"
MACHINE = frozenset(os.readlink(f"/proc/thread-self/ns/{kind}") for kind in ("net", "mnt"))
"""The namespaces that the pytest process was started in."""

_libc = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """unshare(2)."""
    if _libc.unshare(flags) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"unshare: {os.strerror(code)}")


def enter(fd: int) -> None:
    """setns(2) with a network namespace."""
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"setns: {os.strerror(code)}")


def open_network() -> int:
    """A file descriptor of the network namespace of the calling thread."""
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


@contextmanager
def away() -> Iterator[None]:
    """Whatever network namespace the block goes to, the thread comes back."""
    home = open_network()
    try:
        yield
    finally:
        enter(home)
        os.close(home)


def threads_elsewhere(known: set[str]) -> list[str]:
    """The threads of this process that are in none of these namespaces, by name. One that has been joined may take a moment to be gone."""
    for _ in range(200):
        found = []
        for task in Path("/proc/self/task").iterdir():
            try:
                if os.readlink(task / "ns" / "net") not in known:
                    found.append((task / "comm").read_text().strip())
            except OSError:
                continue
        if not found:
            break
        time.sleep(0.01)
    return found


def namespaces_held() -> list[str]:
    """The namespaces that this process has a descriptor of."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = os.readlink(entry)
        except OSError:
            continue
        if target.startswith(("net:[", "/run/netns/")):
            found.append(target)
    return sorted(found)


@contextmanager
def nothing_held() -> Iterator[None]:
    """After the block no thread of this process is in another network namespace than before, and no more handles of one are open.

    Raises AssertionError. Where the block has failed, that is told.
    """
    before = os.readlink("/proc/thread-self/ns/net")
    held = namespaces_held()
    yield
    after = os.readlink("/proc/thread-self/ns/net")
    strayed = threads_elsewhere({before, after, *MACHINE})
    more = namespaces_held()
    for one in held:
        if one in more:
            more.remove(one)
    assert after == before, "the test's thread was left in another network namespace"
    assert strayed == [], "threads were left in other network namespaces"
    assert more == [], "handles of namespaces were left open"


def run(*command: str) -> str:
    """Run a program; its stdout. Raises CalledProcessError."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def new_network() -> None:
    """An empty network namespace for the calling thread, its loopback up."""
    unshare(CLONE_NEWNET)
    run("ip", "link", "set", "lo", "up")


def leave_the_machine(config: pytest.Config) -> None:
    """Once in a process; not in the one that only hands tests to others, and not without root (the tests skip then)."""
    plays_host = hasattr(config, "workerinput") or not config.getoption("numprocesses", None)
    if os.geteuid() != 0 or not plays_host or os.readlink("/proc/thread-self/ns/mnt") not in MACHINE:
        return
    for folder in FOLDERS:
        folder.mkdir(parents=True, exist_ok=True)
    unshare(CLONE_NEWNS)
    run("mount", "--make-rprivate", "/")
    for folder in FOLDERS:
        run("mount", "-t", "tmpfs", "-o", "mode=755", "netwright-tests", str(folder))
    new_network()
