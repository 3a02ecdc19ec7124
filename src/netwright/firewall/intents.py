"""What a namespace's packet filter shall do, before it is written as rules: the compiler's input."""

from __future__ import annotations

from dataclasses import dataclass

from netwright.model.firewall import PacketMark


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """Ports of this namespace that are handed on to a target. One IP family: the target's."""

    protocol: str
    """tcp | udp | sctp."""
    ports: tuple[int, int]
    """First and last."""
    target: str
    """An address."""
    target_ports: tuple[int, int]
    """As many as `ports`, or a single one for all of them."""
    interface: str | None = None
    """Only what comes in here, to an address of this interface."""
    address: str | None = None
    """Only what is sent to this address."""
    sources: tuple[str, ...] | None = None
    """Prefixes of the target's family that may use it; None: everybody."""
    preserve: bool = False
    """The target sees the client's address; False: it sees an address of this namespace."""
    through: str | None = None
    """The interface through which this namespace reaches the target, where it is known."""
    target_subnet: str | None = None
    """The network on which this namespace reaches the target: clients on it are always masqueraded (hairpin)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeNetwork:
    """A network of ours, in the namespace that has its bridge."""

    bridge: str
    subnets: tuple[str, ...]
    masquerade: bool
    internal: bool
    isolated: bool = False
    """No connection from another network begins here, but through a published port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """A port that Docker publishes to everybody, and the file to `sources` only."""

    protocol: str
    ports: tuple[int, int]
    """As the client sees them: the original destination."""
    sources: tuple[str, ...]
    """Of both families; a family without any is shut out whole."""
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A port of the host that the file opens, whoever hands it on to a container: protection lets it pass."""

    protocol: str
    ports: tuple[int, int]
    """As the client sees them: the original destination."""
    sources: tuple[str, ...] | None
    """Of both families; None: everybody."""
    interface: str | None = None
    address: str | None = None
    family: int | None = None
    """4 or 6: this one only; None: the address's, or both."""
    target: str | None = None
    """The address that Docker translates it to; None: we translate it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundPort:
    """A port of the host on which a proxy of Docker's listens."""

    protocol: str
    port: int
    family: int
    address: str | None = None
    """This one only; None: every address of the family."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """What Docker publishes is closed to all who come from outside, but where an `Opening` of some stack says otherwise."""

    inside: tuple[str, ...]
    """Interfaces of Docker's networks: who comes from there is not outside."""
    bridges: tuple[str, ...]
    """Docker's bridges that nothing enters from outside unopened, translated or not."""
    others: tuple[str, ...]
    """Bridges that are not Docker's. What is translated towards any other bridge is taken for published by Docker."""
    bound: tuple[BoundPort, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Intents:
    """All of one namespace."""

    publishes: tuple[Publish, ...] = ()
    masquerade_interfaces: tuple[str, ...] = ()
    networks: tuple[BridgeNetwork, ...] = ()
    own_interfaces: tuple[str, ...] = ()
    """Interfaces of the stack's own that are on no network, and between which and others the namespace shall forward."""
    restrictions: tuple[Restriction, ...] = ()
    openings: tuple[Opening, ...] = ()
    opened_bridges: tuple[str, ...] = ()
    """Bridges of ours with targets of our publishes: whatever is translated towards them is opened."""
    protection: Protection | None = None
    shut_here: frozenset[int] = frozenset()
    """IP families in which Docker has no DOCKER-USER: restrictions stand in our own forward hook."""
    accepted_mark: PacketMark | None = None
    """The mark with which packets come into Docker's bridges, where its rules are in nftables."""
