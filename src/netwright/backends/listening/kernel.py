"""The kernel's multicast groups, of many namespaces at once.

One socket with NETLINK_LISTEN_ALL_NSID hears every namespace that its own has numbered (netlink(7)), so nothing has to be opened in
them: a socket there would keep a deleted namespace alive, and with it the far ends of its veth pairs. CAP_NET_BROADCAST is needed.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TypeVar

from netwright.backends.netlink.channel import Channel
from netwright.backends.netlink.twins import ask_numbers
from netwright.backends.netns import identity, location
from netwright.backends.own_tasks import is_own
from netwright.errors import KernelError
from netwright.model.netns import HOST, NetnsRef
from netwright.model.notice import Kind, Notice
from netwright.rtnl import netnsid
from netwright.rtnl.attribute import Malformed
from netwright.rtnl.constants import NETLINK_ROUTE, SOL_NETLINK
from netwright.rtnl.message import Message, split
from netwright.rtnl.nfnetlink import NETLINK_NETFILTER
from netwright.rtnl.notification import (
    NETLINK_LISTEN_ALL_NSID,
    NFTABLES_GROUPS,
    ROUTE_GROUPS,
    Generation,
    decode_nftables_message,
    decode_route_message,
    namespace_number,
)

_SO_RCVBUFFORCE = 33
_RECEIVE_BUFFER = 8 << 20
"""Bytes: a thousand endpoints made by somebody else at once are told without a loss."""
_READ = 1 << 16
_FIRST_PID_NAMESPACE = 0xEFFFFFFC
"""PROC_PID_INIT_INO (linux/proc_ns.h): there, thread numbers are those that the kernel tells."""
_ANCILLARY = 4 * socket.CMSG_SPACE(4)
_AT_ONCE = 64
_MOST = 256
"""Messages to a batch of notices: whoever is told begins while more are read."""

T = TypeVar("T")

_KINDS = {"link": Kind.LINK, "address": Kind.ADDRESS, "route": Kind.ROUTE, "rule": Kind.RULE, "setting": Kind.SETTING}


class KernelEars:
    """Two sockets: rtnetlink's and nf_tables'. `follow` and reading may be in two threads. Raises KernelError."""

    def __init__(self) -> None:
        self._numbers: dict[int, NetnsRef] = {}
        self._route = _socket(NETLINK_ROUTE, ROUTE_GROUPS)
        self._nftables = _socket(NETLINK_NETFILTER, NFTABLES_GROUPS)
        self._global_pids = os.stat("/proc/self/ns/pid").st_ino == _FIRST_PID_NAMESPACE  # noqa: PTH116 - a link of the kernel's

    def sources(self) -> dict[int, Callable[[], Iterator[Notice]]]:
        """Descriptors that become readable, and what reads them."""
        return {self._route.fileno(): self._read_route, self._nftables.fileno(): self._read_nftables}

    def follow(self, namespaces: Iterable[NetnsRef]) -> frozenset[NetnsRef]:
        """Have each numbered, and remember the numbers. One that is not there is passed over. Those that are new. Raises KernelError."""
        wanted = [one for one in dict.fromkeys(namespaces) if one != HOST and identity(one) is not None]
        channel = Channel.open()
        try:
            for start in range(0, len(wanted), _AT_ONCE):
                _number(channel, wanted[start : start + _AT_ONCE])
            numbers = {number: netns for netns, number in ask_numbers(channel, wanted).items()}
            # A namespace may have numbered itself; then its own messages come with that number.
            numbers.update(dict.fromkeys(ask_numbers(channel, [HOST]).values(), HOST))
        finally:
            channel.close()
        before, self._numbers = self._numbers, numbers
        return frozenset(netns for number, netns in numbers.items() if before.get(number) != netns and netns != HOST)

    def close(self) -> None:
        self._route.close()
        self._nftables.close()

    def _read_route(self) -> Iterator[Notice]:
        for data, netns in self._messages(self._route):
            if data is None:
                yield Notice(kind=Kind.LOST)
                continue
            for change in _decoded(data, decode_route_message):
                if change is not None:
                    yield Notice(
                        kind=_KINDS[change.kind],
                        netns=netns,
                        subject=change.subject,
                        gone=change.gone,
                        index=change.ifindex,
                        protocol=change.protocol,
                    )

    def _read_nftables(self) -> Iterator[Notice]:
        """The last message of a transaction says who made it: what came before it is told with that."""
        found: list[tuple[NetnsRef | None, str, bool, str]] = []
        for data, netns in self._messages(self._nftables):
            if data is None:
                yield Notice(kind=Kind.LOST)
                continue
            for change in _decoded(data, decode_nftables_message):
                if isinstance(change, Generation):
                    yield from self._told(found, f"{change.name} (PID {change.pid})", own=self._is_own(change.pid))
                    found = []
                elif change is not None:
                    found.append((netns, change.table, change.gone, change.chain or change.part))
        yield from self._told(found, "", own=False)

    def _is_own(self, task: int) -> bool:
        return self._global_pids and is_own(task)

    @staticmethod
    def _told(found: Iterable[tuple[NetnsRef | None, str, bool, str]], by: str, *, own: bool) -> Iterator[Notice]:
        for netns, table, gone, part in dict.fromkeys(found):
            yield Notice(kind=Kind.TABLE, netns=netns, subject=table, gone=gone, part=part, by=by, own=own)

    def _messages(self, sock: socket.socket) -> Iterator[tuple[bytes | None, NetnsRef | None]]:
        """Buffers and the namespace that each came from, without waiting; None for a buffer: messages were lost.

        Namespaces that nobody follows are passed over.
        """
        for _ in range(_MOST):
            try:
                data, ancillary, _, _ = sock.recvmsg(_READ, _ANCILLARY)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                yield None, None
                continue
            number = namespace_number(ancillary, SOL_NETLINK)
            netns = HOST if number is None else self._numbers.get(number)
            if netns is not None:
                yield data, netns


def _decoded(data: bytes, decode: Callable[[bytes, Message], T]) -> Iterator[T]:
    """What cannot be read is no reason to stop listening."""
    with suppress(Malformed):
        for message in split(data):
            yield decode(data, message)


def _number(channel: Channel, namespaces: list[NetnsRef]) -> None:
    """Those that have a number keep it."""
    descriptors = []
    try:
        for netns in namespaces:
            with suppress(OSError):
                descriptors.append(os.open(location(netns), os.O_RDONLY | os.O_CLOEXEC))
        refused = channel.exchange([netnsid.give(descriptor) for descriptor in descriptors]) if descriptors else {}
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    for answer in refused.values():
        if answer.code != errno.EEXIST:
            raise KernelError(answer.code, f"numbering a network namespace: {os.strerror(answer.code)}")


def _socket(protocol: int, groups: int) -> socket.socket:
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, protocol)
    try:
        sock.setsockopt(SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, 1)
        try:
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
        except PermissionError:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        sock.bind((0, groups))
    except OSError as error:
        sock.close()
        hint = "it takes CAP_NET_ADMIN and CAP_NET_BROADCAST" if error.errno == errno.EPERM else None
        raise KernelError(error.errno or 0, f"listening to the kernel: {error.strerror}", hint=hint) from error
    return sock
