"""What becomes of the host's own addresses and routes as a plan is carried out, by the kernel's rules.

Only as far as it matters to packets of the host itself: main table, no policy rules. What others do meanwhile is not foreseen.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from netwright.model.address import DEFAULT4, DEFAULT6, canonical, family, network_of
from netwright.model.link import Link
from netwright.model.netns import HOST
from netwright.model.operation import (
    AddAddress,
    AddRoute,
    AnyOperation,
    ChangeLink,
    CreateDockerNetwork,
    CreateLink,
    DeleteLink,
    DeleteNetns,
    MoveLink,
    RemoveAddress,
    RemoveDockerNetwork,
    RemoveRoute,
    SetSysctl,
)
from netwright.model.route import MAIN_TABLE, Address, Route
from netwright.model.state import Namespace, State

_NOPREFIXROUTE = 0x200
"""linux/if_addr.h: IFA_F_NOPREFIXROUTE, an address without a route to its network."""
_RTPROT_KERNEL = 2


@dataclass(slots=True)
class Foresight:
    """The host as it is, and then as it will be."""

    observed: State
    links: dict[str, Link] = field(default_factory=dict)
    addresses: list[Address] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)
    """In the order in which they were made, as far as that is known: of two that are alike the first counts."""
    origins: dict[str, str] = field(default_factory=dict)
    """The name that a link has now → the one it had at first."""

    def __post_init__(self) -> None:
        host = self.observed.namespaces.get(HOST, Namespace(ref=HOST))
        self.links = dict(host.links)
        self.addresses = sorted(host.addresses, key=lambda address: (address.dev, address.cidr))
        self.routes = sorted(
            (r for r in host.routes if r.table == MAIN_TABLE), key=lambda r: (r.to, r.metric or 0, r.via or "", r.dev or "")
        )
        self.origins = {name: name for name in host.links}

    def holder(self, address: str) -> str | None:
        """The link that has the address, and is up; None: none has."""
        for one in self.addresses:
            if one.cidr.partition("/")[0] == address and self._usable(one.dev):
                return one.dev
        return None

    def way(self, destination: str) -> Route | None:
        """The route that a packet to this address takes; None: there is none."""
        length = 128 if family(destination) == 6 else 32
        number = int(ipaddress.ip_address(destination))
        address = ipaddress.IPv6Address if length == 128 else ipaddress.IPv4Address
        known: dict[str, int] = {}
        for bits in range(length, -1, -1):
            known[f"{canonical(address(number >> (length - bits) << (length - bits)))}/{bits}"] = bits
        best = [r for r in self.routes if r.to in known and (r.dev is None or self._usable(r.dev))]
        return min(best, key=lambda route: (-known[route.to], _metric(route)), default=None)

    def default(self, version: int) -> Route | None:
        """The default route of IPv4 or IPv6 that counts; None: there is none."""
        to = DEFAULT4 if version == 4 else DEFAULT6
        usable = [r for r in self.routes if r.to == to and r.kind == "unicast" and r.dev is not None and self._usable(r.dev)]
        return min(usable, key=_metric, default=None)

    def ports(self, bridge: str) -> frozenset[str]:
        """The ports of a bridge that are up and nobody's stack has made: one of them leads to the world. By their first names."""
        return frozenset(
            self.origins[name]
            for name, link in self.links.items()
            if link.master == bridge and link.up and link.owner is None and name in self.origins
        )

    def _usable(self, dev: str) -> bool:
        link = self.links.get(dev)
        return link is not None and link.up is not False

    def pass_by(self, operation: AnyOperation) -> None:
        """It is done."""
        match operation:
            case CreateLink(netns=netns, link=link, twin=twin, twin_netns=across):
                if netns == HOST:
                    self.links[link.name] = link
                if twin is not None and across == HOST:
                    self.links[twin.name] = replace(twin, up=False)
            case ChangeLink(netns=netns, link=link, fields=fields) if netns == HOST and link.name in self.links:
                self._change(link, fields)
            case DeleteLink(netns=netns, name=name):
                twin_key = self._twin(operation)
                if netns == HOST:
                    self._forget(name)
                if twin_key is not None:
                    self._forget(twin_key)
            case DeleteNetns():
                for name in self._reaching_in(operation):
                    self._forget(name)
            case MoveLink():
                self._move(operation)
            case AddAddress(netns=netns, address=address) if netns == HOST:
                self._add(address)
            case RemoveAddress(netns=netns, address=address) if netns == HOST:
                self._remove(address)
            case AddRoute(netns=netns, route=route) if netns == HOST and route.table == MAIN_TABLE:
                next_hop = self.way(route.via) if route.via is not None and route.dev is None else None
                self.routes.append(route if next_hop is None else replace(route, dev=next_hop.dev))
            case RemoveRoute(netns=netns, route=route) if netns == HOST:
                self.routes = [one for one in self.routes if one.key != route.key]
            case SetSysctl(netns=netns, key=key, value="1") if netns == HOST and key.endswith(".disable_ipv6"):
                self._without_ipv6(key.removeprefix("net.ipv6.conf.").removesuffix(".disable_ipv6").replace("/", "."))
            case CreateDockerNetwork(network=network):
                dev = network.bridge or f"Docker's bridge of {network.name}"
                self.links[dev] = Link(name=dev, up=True)
                self.routes += [Route(to=one.subnet, dev=dev, protocol=_RTPROT_KERNEL) for one in network.subnets]
            case RemoveDockerNetwork(name=name):
                known = self.observed.docker.networks.get(name) if self.observed.docker else None
                if known is not None and known.bridge:
                    self._forget(known.bridge)
            case _:
                pass

    def _change(self, link: Link, fields: frozenset[str]) -> None:
        have = self.links[link.name]
        self.links[link.name] = replace(have, **{name: getattr(link, name) for name in fields & {"up", "master", "alias"}})
        if "up" in fields and not link.up:
            self.routes = [route for route in self.routes if route.dev != link.name]
            self.addresses = [a for a in self.addresses if a.dev != link.name or family(a.cidr) == 4]
        elif "up" in fields and not have.up:
            self.routes += [route for a in self.addresses if a.dev == link.name for route in _connected(a)]
        if "master" in fields and link.master:
            # What comes in by a port is the bridge's: an address of the port's own is not answered for any more.
            self.addresses = [a for a in self.addresses if a.dev != link.name]

    def _move(self, move: MoveLink) -> None:
        link, origin = self.links.get(move.name), self.origins.get(move.name)
        if move.source == HOST and move.target == HOST and link is not None:
            kept = [replace(a, dev=move.new_name) for a in self.addresses if a.dev == move.name and family(a.cidr) == 4]
            self._forget(move.name)
            self.links[move.new_name] = replace(link, name=move.new_name, up=False)
            self.addresses += kept
            self.origins[move.new_name] = origin or move.name
        elif move.source == HOST:
            self._forget(move.name)
        elif move.target == HOST:
            self.links[move.new_name] = Link(name=move.new_name, up=False)
            self.origins[move.new_name] = move.new_name

    def _add(self, address: Address) -> None:
        self.addresses.append(address)
        if self._usable(address.dev):
            self.routes += _connected(address)

    def _remove(self, address: Address) -> None:
        ip = address.cidr.partition("/")[0]
        self.addresses = [one for one in self.addresses if one.key != address.key]
        network = network_of(address.peer or address.cidr)
        alike = any(one.dev == address.dev and network_of(one.peer or one.cidr) == network for one in self.addresses)
        self.routes = [
            one
            for one in self.routes
            if not (
                one.dev == address.dev
                and (one.source == ip or (one.protocol == _RTPROT_KERNEL and one.to == network and one.via is None and not alike))
            )
        ]

    def _forget(self, name: str) -> None:
        self.links.pop(name, None)
        self.origins.pop(name, None)
        self.addresses = [one for one in self.addresses if one.dev != name]
        self.routes = [one for one in self.routes if one.dev != name]

    def _without_ipv6(self, dev: str) -> None:
        self.addresses = [a for a in self.addresses if family(a.cidr) == 4 or dev not in ("all", a.dev)]
        self.routes = [r for r in self.routes if family(r.to) == 4 or dev not in ("all", r.dev)]

    def _twin(self, operation: DeleteLink) -> str | None:
        """The name of its other end, where that is on the host."""
        there = self.observed.namespaces.get(operation.netns)
        link = there.links.get(operation.name) if there is not None else None
        twin = link.twin() if link is not None else None
        return twin.name if twin is not None and twin.netns == HOST else None

    def _reaching_in(self, operation: DeleteNetns) -> Iterator[str]:
        there = self.observed.namespaces.get(operation.netns)
        for link in there.links.values() if there is not None else ():
            twin = link.twin()
            if twin is not None and twin.netns == HOST:
                yield twin.name


def _connected(address: Address) -> list[Route]:
    """The route that the kernel makes with an address."""
    cidr = address.peer or address.cidr
    bits = 128 if family(cidr) == 6 else 32
    if address.flags & _NOPREFIXROUTE or (cidr.endswith(f"/{bits}") and address.peer is None):
        return []
    metric = 256 if bits == 128 else None
    return [Route(to=network_of(cidr), dev=address.dev, metric=metric, protocol=_RTPROT_KERNEL)]


def _metric(route: Route) -> int:
    return route.metric or (1024 if ":" in route.to else 0)
