"""A picture of a stack before it is drawn: who is connected to whom, with all texts ready, in no format yet."""

from __future__ import annotations

from dataclasses import dataclass

ALLOCATED = "allocated"
"""Stands for an address that nobody has chosen yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """A network interface of a box. One of `network`, `nic` and `peer` says where its other side is."""

    name: str
    addresses: tuple[str, ...] = ()
    """ADDRESS/LENGTH, or `allocated` or `allocated in SUBNET`."""
    network: str | None = None
    """The key of the network it is on."""
    nic: str | None = None
    """What the NIC is called on the host, or how it is found: `eth1`, `mac 02:00:00:00:00:01`."""
    peer: tuple[str, str] | None = None
    """The key of another box, and the interface there."""
    masquerade: bool = False
    up: bool = True
    trouble: str = ""
    """Live pictures only, empty where all is well: `missing`, `differs: mtu`, …"""

    @property
    def role(self) -> str:
        """What it is for, in a few words."""
        role = f"network {self.network}" if self.network else f"NIC {self.nic}" if self.nic else ""
        return ", ".join(part for part in (role, "NAT" if self.masquerade else "", "" if self.up else "down") if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """Ports of a box that are handed on."""

    listen: str
    sources: tuple[str, ...] = ()
    """Prefixes that may use it; none: anyone."""
    to: str
    """As the file has it: `web:1234`."""
    target: str | None = None
    """The key of the box it goes to; None: an address that is no box's."""
    preserve: bool = False

    @property
    def words(self) -> str:
        """`eth1:1234/tcp from 10.0.0.0/16`, the arrow and the target left out."""
        sources = f" from {', '.join(self.sources)}" if self.sources else ""
        return f"{self.listen}{sources}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A network namespace: one with a name, the host's, or a container's."""

    key: str
    """As NetnsRef.key: `host`, `named/web`, `container/web`."""
    name: str
    kind: str
    """`namespace` | `host` | `container`."""
    interfaces: tuple[Interface, ...] = ()
    routes: tuple[str, ...] = ()
    """Default routes only: `default via 10.255.255.254`."""
    publishes: tuple[Publish, ...] = ()
    note: str = ""
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network, drawn as its bridge."""

    key: str
    bridge: str | None = None
    """The kernel's name for the bridge; None: not known yet."""
    subnets: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    stands_on: str = ""
    """`macvlan on eth1`, where it has no bridge."""
    manager: str = "Netwright"
    """`Netwright` | `Docker`."""
    traits: tuple[str, ...] = ()
    """`NAT`, `internal`, `external`."""
    trouble: str = ""

    @property
    def nature(self) -> str:
        """`bridge docker1`, `macvlan on eth1`."""
        return self.stands_on or (f"bridge {self.bridge}" if self.bridge else "bridge")

    @property
    def words(self) -> tuple[str, ...]:
        """What is worth saying beside its name, most telling first."""
        words = [self.nature, *self.subnets]
        if self.gateways:
            words.append(f"gateway {', '.join(self.gateways)}")
        return (*words, *(("made by Docker",) if self.manager == "Docker" else ()), *self.traits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A whole stack."""

    title: str
    networks: tuple[Network, ...] = ()
    boxes: tuple[Box, ...] = ()
    """Namespaces, the host if it takes part, containers."""
    hidden: int = 0
    """How many boxes were left out."""
    hidden_on: tuple[tuple[str, int], ...] = ()
    """Network → how many interfaces of left-out boxes are on it."""

    @property
    def has_outside(self) -> bool:
        """Whether a NIC leads out of it."""
        return any(interface.nic for box in self.boxes for interface in box.interfaces)

    def box(self, key: str) -> Box | None:
        """The box of that key."""
        return next((box for box in self.boxes if box.key == key), None)


def shortened(picture: Picture, limit: int) -> Picture:
    """At most `limit` boxes: those that have more than a place on one network first, then the file's order."""
    if len(picture.boxes) <= limit:
        return picture
    targets = {publish.target for box in picture.boxes for publish in box.publishes}

    def plain(box: Box) -> bool:
        special = box.publishes or box.key in targets or box.trouble or box.kind == "host"
        return not special and len(box.interfaces) <= 1 and all(each.network for each in box.interfaces)

    order = sorted(range(len(picture.boxes)), key=lambda place: (plain(picture.boxes[place]), place))
    kept = frozenset(order[: limit - 1])
    shown = tuple(box for place, box in enumerate(picture.boxes) if place in kept)
    left_out = [interface for place, box in enumerate(picture.boxes) if place not in kept for interface in box.interfaces]
    counts = tuple(
        (network.key, count) for network in picture.networks if (count := sum(interface.network == network.key for interface in left_out))
    )
    return Picture(title=picture.title, networks=picture.networks, boxes=shown, hidden=len(picture.boxes) - len(shown), hidden_on=counts)
