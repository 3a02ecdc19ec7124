"""Operations of one namespace on their way to the kernel: gathered, sent together, answered for one by one."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Sequence

from netwright.backends.netlink.channel import BATCH, Channel
from netwright.backends.netlink.indexes import Indexes
from netwright.backends.netlink.wording import phrase, refused
from netwright.backends.netns import location
from netwright.errors import KernelError
from netwright.model.netns import NetnsRef
from netwright.model.operation import (
    AddAddress,
    AddRoute,
    AddRule,
    ChangeLink,
    CreateLink,
    RemoveAddress,
    RemoveRoute,
    RemoveRule,
)
from netwright.ports import OperationFailed
from netwright.rtnl import address, link, route, rule
from netwright.rtnl.message import Answer, Request

Local = CreateLink | ChangeLink | AddAddress | RemoveAddress | AddRoute | RemoveRoute | AddRule | RemoveRule
"""What happens in one namespace, by messages that can stand beside each other in a batch."""

REMOVALS = (RemoveAddress, RemoveRoute, RemoveRule)
GONE = frozenset({errno.ENOENT, errno.ESRCH, errno.EADDRNOTAVAIL, errno.ENODEV})
"""How the kernel says that there is nothing to remove."""


PATIENCE_SECONDS = 10.0
PAUSE_SECONDS = 0.02
LEAST_MTU = 68
"""RFC 791: what every link must carry; the kernel takes no less for a bridge."""


class Batch:
    """Sends `operations` through `channel`, in order. Tells `done` how many more are finished."""

    def __init__(self, netns: NetnsRef, channel: Channel, indexes: Indexes, done: Callable[[int], None]) -> None:
        self._netns = netns
        self._channel = channel
        self._indexes = indexes
        self._done = done
        self._pending: list[Local] = []
        self._requests: list[tuple[int, Request]] = []
        """With the position among the pending of what it is for."""
        self._marks: list[tuple[int, Request]] = []
        """Sent when the rest has succeeded: a name that turns out to be somebody else's must not get our mark."""
        self._born: set[str] = set()
        self._fds: list[int] = []

    def run(self, operations: Sequence[Local]) -> None:
        """Raises OperationFailed: those before it are done, some behind it may be."""
        try:
            self._learn(operations)
            for operation in operations:
                # A link that is born in this batch has no index yet, and may turn out to be somebody else's.
                if not self._born.isdisjoint(_mentions(operation)) or len(self._requests) >= BATCH:
                    self._flush()
                self._add(operation)
            self._flush()
        finally:
            self._close_fds()

    def _learn(self, operations: Sequence[Local]) -> None:
        born = {operation.link.name for operation in operations if isinstance(operation, CreateLink)}
        names = {name for operation in operations if (name := _needs(operation)) is not None}
        self._indexes.learn(self._netns, self._channel, names - born)

    def _add(self, operation: Local) -> None:
        index = None
        if (name := _needs(operation)) is not None:
            index = self._index(name)
            if index is None:
                if not isinstance(operation, REMOVALS):
                    self._flush()
                    error = KernelError(
                        errno.ENODEV, f"the kernel refused to {phrase(operation)}: there is no link {name} in {self._netns}"
                    )
                    raise OperationFailed(operation, error) from error
                self._pending.append(operation)
                return
        position = len(self._pending)
        self._pending.append(operation)
        match operation:
            case CreateLink():
                self._create(position, operation, index)
            case ChangeLink():
                self._requests.append((position, _change(operation, index)))
            case AddAddress() if index is not None:
                self._requests.append((position, address.add(operation.address, index)))
            case RemoveAddress() if index is not None:
                self._requests.append((position, address.remove(operation.address, index)))
            case AddRoute():
                self._requests.append((position, route.add(operation.route, index)))
            case RemoveRoute():
                self._requests.append((position, route.remove(operation.route, index)))
            case AddRule():
                self._requests.append((position, rule.add(operation.rule)))
            case RemoveRule():
                self._requests.append((position, rule.remove(operation.rule)))

    def _create(self, position: int, operation: CreateLink, master: int | None) -> None:
        born = operation.link
        twin_fd = None
        if operation.twin is not None and operation.twin_netns is not None and operation.twin_netns != operation.netns:
            twin_fd = self._open(operation, operation.twin_netns)
        # Only a change on the living link pins it, and setting what is there is none.
        pinned = born.mtu_follows_ports and born.mtu is not None and born.mtu > LEAST_MTU
        request = link.create(
            name=born.name,
            kind=born.kind,
            data=born.birth_data(operation.twin, twin_fd),
            up=bool(born.up),
            mtu=born.mtu - 1 if pinned and born.mtu else born.mtu,
            mac=born.mac or (_random_mac() if born.mac_follows_ports else None),
            master=master,
            queues=born.queues,
        )
        self._requests.append((position, request))
        if pinned:
            self._requests.append((position, link.change(name=born.name, mtu=born.mtu)))
        self._born.add(born.name)
        if operation.twin is not None and twin_fd is None:
            self._born.add(operation.twin.name)
        if born.alias:
            self._marks.append((position, link.change(name=born.name, alias=born.alias)))

    def _open(self, operation: CreateLink, netns: NetnsRef) -> int:
        try:
            fd = os.open(location(netns), os.O_RDONLY | os.O_CLOEXEC)
        except OSError as problem:
            self._pending.pop()
            self._flush()
            error = KernelError(problem.errno or 0, f"the other end of {operation.link.name}: entering {netns}: {problem.strerror}")
            raise OperationFailed(operation, error) from error
        self._fds.append(fd)
        return fd

    def _index(self, name: str) -> int | None:
        index = self._indexes.find(self._netns, name)
        if index is None:
            # It may be born of something before this in the batch, by a name that is not said there.
            self._flush()
            self._indexes.learn(self._netns, self._channel, (name,))
            index = self._indexes.find(self._netns, name)
        return index

    def _flush(self) -> None:
        failed = self._send(self._requests, {})
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and any(self._is_passing(*refusal) for refusal in failed.items()):
            time.sleep(PAUSE_SECONDS)
            failed = self._send([request for request in self._requests if request[0] in failed], {})
        failed = self._send([mark for mark in self._marks if mark[0] not in failed], failed)
        pending, self._pending = self._pending, []
        self._requests, self._marks, self._born = [], [], set()
        self._close_fds()
        if failed:
            first = min(failed)
            self._done(first)
            error = refused(pending[first], failed[first])
            raise OperationFailed(pending[first], error) from error
        if pending:
            self._done(len(pending))

    def _is_passing(self, position: int, answer: Answer) -> bool:
        """A namespace that its last process has left is cleared later (net/core/net_namespace.c: cleanup_net). Until then what stood in
        it on a NIC has its MAC address there, which the same interface of a container that was started again shall have.
        """
        operation = self._pending[position]
        return answer.code == errno.EADDRINUSE and isinstance(operation, ChangeLink) and operation.link.beneath() is not None

    def _send(self, requests: Sequence[tuple[int, Request]], failed: dict[int, Answer]) -> dict[int, Answer]:
        failed = dict(failed)
        for place, answer in self._channel.exchange([request for _, request in requests]).items():
            position = requests[place][0]
            if not (isinstance(self._pending[position], REMOVALS) and answer.code in GONE):
                failed.setdefault(position, answer)
        return failed

    def _close_fds(self) -> None:
        while self._fds:
            os.close(self._fds.pop())


def _random_mac() -> str:
    """As the kernel makes them (linux/etherdevice.h: eth_random_addr): of one station, locally administered. Neighbours remember a
    gateway by it, so it shall not change with a port that comes or goes.
    """
    first, *rest = os.urandom(6)
    return bytes(((first & 0xFC) | 0x02, *rest)).hex(":")


def _needs(operation: Local) -> str | None:
    """The link whose index the message carries."""
    match operation:
        case CreateLink(link=wanted):
            return wanted.master or None
        case ChangeLink(link=wanted, fields=fields):
            return (wanted.master or None) if "master" in fields else None
        case AddAddress(address=wanted) | RemoveAddress(address=wanted):
            return wanted.dev
        case AddRoute(route=wanted) | RemoveRoute(route=wanted):
            return wanted.dev
        case AddRule() | RemoveRule():
            return None


def _mentions(operation: Local) -> set[str]:
    names = {operation.link.name} if isinstance(operation, CreateLink | ChangeLink) else set()
    return names if (needed := _needs(operation)) is None else names | {needed}


def _change(operation: ChangeLink, master: int | None) -> Request:
    wanted, fields = operation.link, operation.fields
    return link.change(
        name=wanted.name,
        up=wanted.up if "up" in fields else None,
        mtu=wanted.mtu if "mtu" in fields else None,
        mac=wanted.mac if "mac" in fields else None,
        master=(master or 0) if "master" in fields and wanted.master is not None else None,
        alias=wanted.alias if "alias" in fields else None,
        kind=wanted.kind,
        data=wanted.info_data(fields),
    )
