"""Ways to go wrong, installed in the process that runs: at the World's boundary, on the wire to the kernel, at nftables and iptables,
in the memory, on the disk.

Where the kernel or a program can be made to refuse by itself it is: a message is spoilt on its way, a transaction gets a line that is
refused, a disk is full. Nothing of Netwright's is replaced; what it calls is called, once in another way.
"""

from __future__ import annotations

import errno
import os
import signal
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from netwright.backends import iptables, nft, xtables
from netwright.backends.netlink.channel import Channel
from netwright.backends.store import SqliteStore
from netwright.backends.world import LiveWorld
from netwright.errors import KernelError
from netwright.model.operation import AnyOperation
from netwright.planning.sentence import sentence
from netwright.ports import OperationFailed
from torture.program import Fault

HEADER = struct.Struct("=LHHLL")
"""struct nlmsghdr (netlink(7)): length, type, flags, sequence, port."""
NO_SUCH_REQUEST = 0x7FFF
"""Behind the last message type of rtnetlink: refused with EOPNOTSUPP (net/core/rtnetlink.c: rtnetlink_rcv_msg)."""
REFUSED_BY_THE_KERNEL = "add table inet spoilt\nadd chain inet spoilt c { type nat hook prerouting priority -300; }\n"
"""Well formed, and refused: address translation comes after connection tracking (net/netfilter/nf_tables_api.c: nft_chain_parse_hook)."""


class Place:
    """Counts the places where it could go wrong, and says at which it does."""

    def __init__(self, fault: Fault, tell: Callable[[str], object]) -> None:
        self.disks = fault.disks
        self._left = fault.number
        self._tell = tell

    @property
    def past(self) -> bool:
        """It has gone wrong already."""
        return self._left < 0

    def reached(self, what: str) -> bool:
        """Whether it is this one: true once."""
        self._left -= 1
        if self._left != -1:
            return False
        self._tell(what)
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One of them."""

    words: str
    """`the kernel has no memory at an operation`"""
    install: Callable[[Place], None]
    end: int = 1
    """The status that the run ends with; negative: a signal."""
    stride: int = 1
    """Of its places every so many-th is tried, where all are asked for: what takes the same way back as another need not go it everywhere."""
    docker: bool = False
    """Concerns those stacks only that have rules in Docker's chains."""


def install(fault: Fault, tell: Callable[[str], object]) -> None:
    """In this process something goes wrong; `tell` hears where."""
    WAYS[fault.way].install(Place(fault, tell))


def _operations(strike: Callable[[AnyOperation, Place], None], *, afterwards: Callable[[], None] = lambda: None) -> Callable[[Place], None]:
    """At an operation, those before it being done. `afterwards`: before each batch that comes later."""

    def installed(place: Place) -> None:
        whole = LiveWorld.execute

        def execute(self: LiveWorld, operations: Sequence[AnyOperation], done: Callable[[int], None]) -> None:
            if place.past:
                afterwards()
                whole(self, operations, done)
                return
            for position, operation in enumerate(operations):
                if place.reached(sentence(operation)):
                    whole(self, operations[:position], done)
                    strike(operation, place)
                    whole(self, operations[position:], done)
                    return
            whole(self, operations, done)

        LiveWorld.execute = execute  # type: ignore[method-assign]

    return installed


def _refuse(operation: AnyOperation, _place: Place) -> NoReturn:
    raise OperationFailed(operation, KernelError(errno.ENOMEM, "made to fail"))


def _no_memory(_operation: AnyOperation, _place: Place) -> NoReturn:
    raise MemoryError


def _kill(*_where: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _signal(number: signal.Signals) -> Callable[..., None]:
    return lambda *_where: os.kill(os.getpid(), number)


def _fill(_operation: object, place: Place) -> None:
    for disk in place.disks:
        with Path(disk, "filler").open("ab", buffering=0) as file:
            size = 1 << 16
            while size:
                try:
                    file.write(bytes(size))
                except OSError:
                    size //= 2


def _wire(strike: Callable[[Channel, bytearray, int, Callable[[bytes], None]], None]) -> Callable[[Place], None]:
    """At a request that changes something, in the middle of whatever goes out with it; `strike` is given what sends it all."""

    def installed(place: Place) -> None:
        whole = Channel._send

        def send(self: Channel, data: bytes) -> None:
            for start, kind in _changes(data):
                if place.reached(f"rtnetlink message {kind}"):
                    strike(self, bytearray(data), start, partial(whole, self))
                    return
            whole(self, data)

        Channel._send = send  # type: ignore[method-assign]

    return installed


def _changes(data: bytes) -> Iterator[tuple[int, int]]:
    """Where the requests begin that change something, and their types: of four the third asks (linux/rtnetlink.h)."""
    start = 0
    while start + HEADER.size <= len(data):
        length, kind, *_ = HEADER.unpack_from(data, start)
        if kind % 4 != 2:
            yield start, kind
        start += (length + 3) & ~3


def _spoil(_channel: Channel, data: bytearray, start: int, send: Callable[[bytes], None]) -> None:
    struct.pack_into("=H", data, start + 4, NO_SUCH_REQUEST)
    send(data)


def _close_before(channel: Channel, data: bytearray, _start: int, send: Callable[[bytes], None]) -> None:
    channel._socket.close()
    send(data)


def _close_after(channel: Channel, data: bytearray, _start: int, send: Callable[[bytes], None]) -> None:
    send(data)
    channel._socket.close()


def _no_memory_after(_channel: Channel, data: bytearray, _start: int, send: Callable[[bytes], None]) -> None:
    send(data)
    raise MemoryError


def _interrupt_after(_channel: Channel, data: bytearray, _start: int, send: Callable[[bytes], None]) -> None:
    send(data)
    os.kill(os.getpid(), signal.SIGINT)


def _transactions(place: Place) -> None:
    whole = nft.run_nft

    def run_nft(text: str, *, counters: bool = False) -> str:
        changes = not text.startswith("list ")
        spoilt = changes and place.reached(f"nft {text[:60]!r}")
        return whole(f"{text}\n{REFUSED_BY_THE_KERNEL}" if spoilt else text, counters=counters)

    nft.run_nft = run_nft  # type: ignore[attr-defined]


def _restored_badly(place: Place) -> None:
    whole = iptables.restore  # type: ignore[attr-defined]

    def restore(family: int, variant: xtables.Variant, text: str) -> None:
        spoilt = place.reached(f"iptables-restore of {text!r}")
        whole(family, variant, text.replace("COMMIT", "-A NO_SUCH_CHAIN -j ACCEPT\nCOMMIT") if spoilt else text)

    iptables.restore = restore  # type: ignore[attr-defined]


def _not_installed(*, again: bool) -> Callable[[Place], None]:
    """iptables-restore is not where programs are. `again`: at the next time it is."""

    def installed(place: Place) -> None:
        whole, path, folders = iptables.restore, os.environ["PATH"], xtables.FOLDERS  # type: ignore[attr-defined]

        def restore(family: int, variant: xtables.Variant, text: str) -> None:
            gone = place.reached(f"iptables-restore of {text!r}") or (place.past and not again)
            os.environ["PATH"], xtables.FOLDERS = ("/nowhere", ("/nowhere",)) if gone else (path, folders)
            try:
                whole(family, variant, text)
            finally:
                os.environ["PATH"], xtables.FOLDERS = path, folders

        iptables.restore = restore  # type: ignore[attr-defined]

    return installed


def _memory(strike: Callable[[object, Place], None]) -> Callable[[Place], None]:
    """Before and after each thing that is written into the database."""

    def installed(place: Place) -> None:
        def watched(name: str) -> Callable[..., Any]:
            whole: Callable[..., Any] = getattr(SqliteStore, name)

            def write(self: SqliteStore, *values: Any, **named: Any) -> None:
                if place.reached(f"before {name}"):
                    strike(name, place)
                whole(self, *values, **named)
                if place.reached(f"after {name}"):
                    strike(name, place)

            return write

        for name in ("begin", "commit", "set_trial", "record"):
            setattr(SqliteStore, name, watched(name))

    return installed


def _before_commit(place: Place) -> None:
    """All is done, and nothing of it committed: the longest way back."""
    whole = SqliteStore.commit

    def commit(self: SqliteStore, *values: Any, **named: Any) -> None:
        if place.reached("before the commit"):
            _kill()
        whole(self, *values, **named)

    SqliteStore.commit = commit  # type: ignore[method-assign]


WAYS = {
    "refused": Way(words="the kernel has no memory (ENOMEM) at an operation", install=_operations(_refuse)),
    "memory": Way(words="Python has no memory (MemoryError) at an operation", install=_operations(_no_memory), stride=3),
    "SIGINT": Way(
        words="Ctrl-C at an operation, and again at each of the way back",
        install=_operations(_signal(signal.SIGINT), afterwards=_signal(signal.SIGINT)),
        end=130,
        stride=3,
    ),
    "SIGTERM": Way(words="SIGTERM at an operation", install=_operations(_signal(signal.SIGTERM)), end=130, stride=3),
    "SIGHUP": Way(words="SIGHUP at an operation", install=_operations(_signal(signal.SIGHUP)), end=130, stride=3),
    "spoilt": Way(words="the kernel refuses a message in the middle of a batch", install=_wire(_spoil)),
    "closed": Way(words="the rtnetlink socket is closed before a request", install=_wire(_close_before), stride=3),
    "unanswered": Way(words="the answer to an rtnetlink request is lost", install=_wire(_close_after), stride=3),
    "memory-wire": Way(words="MemoryError between a request and its answer", install=_wire(_no_memory_after), stride=3),
    "SIGINT-wire": Way(words="Ctrl-C between a request and its answer", install=_wire(_interrupt_after), end=130, stride=3),
    "nft": Way(words="the kernel refuses an nft transaction", install=_transactions),
    "iptables": Way(words="iptables-restore refuses", install=_restored_badly, docker=True),
    "no-iptables": Way(words="iptables-restore is missing at a call", install=_not_installed(again=True), docker=True),
    "never-iptables": Way(words="iptables-restore is missing from a call on", install=_not_installed(again=False), docker=True),
    "disk": Way(words="the disks are full from an operation on", install=_operations(_fill), stride=3),
    "disk-memory": Way(words="the disks are full from a write to the database on", install=_memory(_fill)),
    "killed": Way(words="SIGKILL at an operation", install=_operations(_kill), end=-signal.SIGKILL),
    "killed-wire": Way(
        words="SIGKILL between a request and its answer",
        install=_wire(lambda _channel, data, _start, send: (send(data), _kill())[1]),
        end=-signal.SIGKILL,
    ),
    "killed-memory": Way(words="SIGKILL before and after each write to the database", install=_memory(_kill), end=-signal.SIGKILL),
    "killed-uncommitted": Way(words="SIGKILL between journal and commit", install=_before_commit, end=-signal.SIGKILL),
}
