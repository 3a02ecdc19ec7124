"""Which prefixes are in use on a host, and by whom: what its routes lead to, and Docker's networks."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from netwright.model.route import MAIN_TABLE, PROTOCOL, Route
from netwright.resolve.facts import Facts

Prefix = ipaddress.IPv4Network | ipaddress.IPv6Network

DEFAULT_LENGTHS = {4: 7, 6: 6}
"""By family: a route to a prefix as short as this, or shorter, is a default route, or a part of one (VPNs write 0.0.0.0/1 and 128.0.0.0/1
beside the default route to win over it). What is made beside it is more specific, as it is beside a default route."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupied:
    """A prefix, and a clause that says who has it: "which the host reaches through tun0"."""

    prefix: Prefix
    whose: str

    def overlaps(self, other: Prefix) -> bool:
        return self.prefix.version == other.version and self.prefix.overlaps(other)


def occupied(facts: Facts, stack: str, *, bridges: Collection[str], docker_names: Collection[str]) -> list[Occupied]:
    """What others than the stack have: Docker's networks, then routes. `bridges`, `docker_names`: the stack's own, made or not."""
    in_docker = [
        Occupied(prefix=ipaddress.ip_network(config.subnet), whose=f"which is Docker's network {name}")
        for name, network in facts.docker.networks.items()
        if name not in docker_names and network.owner != stack
        for config in network.subnets
    ]
    known = {one.prefix for one in in_docker}
    # A route with several next hops is seen as several.
    return [*in_docker, *dict.fromkeys(one for one in _routed(facts, stack, bridges) if one.prefix not in known)]


def is_default(route: Route) -> bool:
    """Whether it leads anywhere, or is a part of what does together."""
    to = ipaddress.ip_network(route.to)
    return to.prefixlen <= DEFAULT_LENGTHS[to.version]


def _routed(facts: Facts, stack: str, bridges: Collection[str]) -> Iterator[Occupied]:
    """Of every table: a rule that looks into one may be there already, or come."""
    for route in sorted(facts.host.routes, key=lambda r: (r.to, r.dev or "", r.table)):
        if route.kind != "unicast" or route.dev is None or route.dev in bridges or route.dev == "lo" or is_default(route):
            continue
        link = facts.host.links.get(route.dev)
        if (link is not None and stack in (link.owner, link.borrower)) or route.protocol == PROTOCOL:
            continue
        prefix = ipaddress.ip_network(route.to)
        if prefix.is_link_local or prefix.is_multicast:
            continue
        table = f" (table {route.table})" if route.table != MAIN_TABLE else ""
        yield Occupied(prefix=prefix, whose=f"which the host reaches through {route.dev}{table}")
