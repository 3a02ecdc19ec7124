"""A socket for each namespace, kept from one use to the next."""

from __future__ import annotations

import errno
import resource
from collections.abc import Iterable

from netwright.backends.netlink.channel import Channel
from netwright.backends.netns import identity, visit
from netwright.errors import KernelError
from netwright.model.netns import NetnsRef

CHUNK = 256
"""How many may be opened at once: fewer than any limit on open files lets be kept."""

_RESERVE = 256
"""Open files that are left to the rest of the process."""


class Sockets:
    """Channels by namespace. A name that has come to mean another namespace since gets a new one.

    A process that may open few files keeps only those last used.
    """

    def __init__(self) -> None:
        self._kept: dict[NetnsRef, tuple[Channel, tuple[int, int]]] = {}

    def open(self, namespaces: Iterable[NetnsRef]) -> dict[NetnsRef, Channel]:
        """A channel in each of them that is there: one thread opens all that are missing. Raises KernelError."""
        found: dict[NetnsRef, Channel] = {}
        missing: dict[NetnsRef, tuple[int, int]] = {}
        for netns in namespaces:
            now = identity(netns)
            kept = self._kept.pop(netns, None)
            if kept is not None and kept[1] == now and not kept[0].closed:
                self._kept[netns] = kept
                found[netns] = kept[0]
                continue
            if kept is not None:
                kept[0].close()
            if now is not None:
                missing[netns] = now
        if missing:
            self._make_room(len(missing))

            def keep(netns: NetnsRef) -> None:
                # At once: one that cannot be entered must not make those before it be forgotten, and stay open.
                found[netns] = channel = Channel.open()
                self._kept[netns] = (channel, missing[netns])

            visit(missing, keep)
        return found

    def get(self, netns: NetnsRef) -> Channel:
        """Raises KernelError, ENOENT where the namespace is not there."""
        channel = self.open((netns,)).get(netns)
        if channel is None:
            raise KernelError(errno.ENOENT, f"there is no network namespace {netns}")
        return channel

    def adopt(self, netns: NetnsRef, channel: Channel) -> None:
        """Keep a channel that was opened as the namespace was made."""
        self.drop(netns)
        now = identity(netns)
        if now is None:
            channel.close()
            return
        self._make_room(1)
        self._kept[netns] = (channel, now)

    def drop(self, netns: NetnsRef) -> None:
        """Close it: an open socket keeps a namespace alive without a name."""
        kept = self._kept.pop(netns, None)
        if kept is not None:
            kept[0].close()

    def close(self) -> None:
        for netns in list(self._kept):
            self.drop(netns)

    def _make_room(self, more: int) -> None:
        room = _file_limit(len(self._kept) + more + _RESERVE) - _RESERVE
        excess = len(self._kept) + more - max(room, CHUNK)
        for netns in list(self._kept)[:excess] if excess > 0 else ():
            self.drop(netns)


def _file_limit(wanted: int) -> int:
    """How many files the process may open: raised towards the hard limit where `wanted` needs it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        raised = 2 * wanted if hard == resource.RLIM_INFINITY else min(2 * wanted, hard)
        if raised > soft:
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
            soft = raised
    return wanted if soft == resource.RLIM_INFINITY else soft
