"""Which prefixes are in use on a host, and by whom: what its routes lead to, and Docker's networks."""

from __future__ import annotations

import ipaddress
from bisect import bisect_left, insort
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from netwright.model.address import family
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


class Occupancy:
    """What is in use, to be asked for what overlaps a prefix: prefixes nest or are apart, so that not all of them are looked at."""

    def __init__(self, entries: Iterable[Occupied] = ()) -> None:
        self._entries: list[Occupied] = []
        self._by_prefix: dict[Prefix, list[int]] = {}
        self._lengths: set[int] = set()
        self._starts: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        for entry in entries:
            self.add(entry)

    def add(self, entry: Occupied) -> None:
        number = len(self._entries)
        self._entries.append(entry)
        self._by_prefix.setdefault(entry.prefix, []).append(number)
        self._lengths.add(entry.prefix.prefixlen)
        insort(self._starts[entry.prefix.version], (int(entry.prefix.network_address), number))

    def overlapping(self, prefix: Prefix) -> list[Occupied]:
        """In the order in which they were added."""
        around = (prefix.supernet(new_prefix=length) for length in self._lengths if length < prefix.prefixlen)
        found = {number for wider in around for number in self._by_prefix.get(wider, ())}
        starts = self._starts[prefix.version]
        low = bisect_left(starts, (int(prefix.network_address), -1))
        high = bisect_left(starts, (int(prefix.broadcast_address) + 1, -1))
        found.update(number for _, number in starts[low:high])
        return [self._entries[number] for number in sorted(found)]


def occupied(facts: Facts, stack: str, *, bridges: Collection[str], docker_names: Collection[str]) -> Occupancy:
    """What others than the stack have: Docker's networks, then routes. `bridges`, `docker_names`: the stack's own, made or not."""
    in_docker = [
        Occupied(prefix=ipaddress.ip_network(config.subnet), whose=f"which is Docker's network {name}")
        for name, network in facts.docker.networks.items()
        if name not in docker_names and network.owner != stack
        for config in network.subnets
    ]
    known = {one.prefix for one in in_docker}
    # A route with several next hops is seen as several.
    return Occupancy([*in_docker, *dict.fromkeys(one for one in _routed(facts, stack, bridges) if one.prefix not in known)])


def is_default(route: Route) -> bool:
    """Whether it leads anywhere, or is a part of what does together."""
    return int(route.to.rpartition("/")[2]) <= DEFAULT_LENGTHS[family(route.to)]


def _routed(facts: Facts, stack: str, bridges: Collection[str]) -> Iterator[Occupied]:
    """Of every table: a rule that looks into one may be there already, or come."""
    left_out = {None, "lo", *bridges}
    candidates = (r for r in facts.host.routes if r.dev not in left_out and r.kind == "unicast" and not is_default(r))
    for route in sorted(candidates, key=lambda r: (r.to, r.dev or "", r.table)):
        link = facts.host.links.get(route.dev or "")
        if (link is not None and stack in (link.owner, link.borrower)) or route.protocol == PROTOCOL:
            continue
        prefix = ipaddress.ip_network(route.to)
        if prefix.is_link_local or prefix.is_multicast:
            continue
        table = f" (table {route.table})" if route.table != MAIN_TABLE else ""
        yield Occupied(prefix=prefix, whose=f"which the host reaches through {route.dev}{table}")
