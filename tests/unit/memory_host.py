"""A host in memory with one NIC, and an engine over it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from netwright.backends.fake import FakeWorld
from netwright.backends.store import SqliteStore
from netwright.engine.engine import Engine
from netwright.engine.outcome import Progress, Silent
from netwright.kinds.loopback import Loopback
from netwright.model.caller import Caller
from netwright.model.link import Link, Observation
from netwright.model.netns import HOST
from netwright.model.operation import AnyOperation
from netwright.model.route import Address, Route
from netwright.model.state import Namespace

LO = Loopback(name="lo", alias="", up=True, mtu=65536, mac="00:00:00:00:00:00", master="")
NIC = Link(name="eth1", alias="the uplink", up=True, mtu=1400, mac="02:00:00:00:00:99", master="")


def a_host() -> FakeWorld:
    """It has eth1, with an address, a route and a sysctl of its own."""
    host = Namespace(
        ref=HOST,
        links={"lo": LO, "eth1": NIC},
        seen={"lo": Observation(index=1), "eth1": Observation(index=7, txqlen=900)},
        addresses=frozenset({Address(dev="eth1", cidr="192.0.2.7/24", broadcast="192.0.2.255", label="eth1")}),
        routes=frozenset({Route(to="198.51.100.0/24", via="192.0.2.1", dev="eth1", protocol=4, metric=5)}),
        sysctls={"net.ipv4.conf.eth1.rp_filter": "2"},
    )
    return FakeWorld(host, loopback=lambda: replace(LO, up=False))


def an_engine(world: FakeWorld, folder: Path, progress: Progress | None = None, caller: Caller | None = None) -> Engine:
    return Engine(world, SqliteStore(str(folder)), progress or Silent(), caller)


def seen(namespace: Namespace) -> Namespace:
    """Without what only the kernel knows, and without chains that were looked at and are empty."""
    return replace(namespace, seen={}, foreign={})


def visible(world: FakeWorld) -> Mapping[object, Namespace]:
    """All of it, to be compared."""
    return {ref: seen(namespace) for ref, namespace in world.namespaces.items()}


class CutOff(BaseException):
    """Stands for a kill: nothing runs after it."""


class Mortal(FakeWorld):
    """Dies at an operation, as a killed process does; `at` -1: it lives."""

    def __init__(self, living: FakeWorld, at: int) -> None:
        super().__init__(living.namespaces[HOST], loopback=living._loopback)
        self.at = at
        self.before: Callable[[AnyOperation], None] = lambda _: None

    def _do(self, operation: AnyOperation) -> None:
        self.before(operation)
        if len(self.executed) == self.at:
            raise CutOff
        super()._do(operation)


class Told:
    """A Progress that keeps the sentences."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def phase(self, name: str) -> None: ...

    def planned(self, plan: object) -> None: ...

    def done(self, operations: int) -> None: ...

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)
