"""Who may use a port: lists of prefixes, each distinct list once, as an interval set of its own."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field

from netwright.errors import InvalidValue
from netwright.firewall.text import ADDR, set_text
from netwright.model.address import IPNetwork, canonical, family, parse_prefix

Prefixes = tuple[str, ...]
"""Disjoint, sorted, canonical. Two lists that let in the same addresses are equal."""

EVERYBODY: Prefixes | None = None


def prefixes_of(sources: Sequence[str] | None, of_family: int) -> Prefixes | None:
    """The prefixes of one family that `sources` holds, overlaps and neighbours merged; None: everybody.

    nft refuses an interval set with overlapping elements. Raises InvalidValue.
    """
    if sources is None:
        return EVERYBODY
    parsed = [source for source in map(parse_prefix, sources) if family(source) == of_family]
    merged: list[IPNetwork]
    if of_family == 4:
        merged = list(ipaddress.collapse_addresses(map(ipaddress.IPv4Network, parsed)))
    else:
        merged = list(ipaddress.collapse_addresses(map(ipaddress.IPv6Network, parsed)))
    if any(network.prefixlen == 0 for network in merged):
        return EVERYBODY
    return tuple(f"{canonical(network.network_address)}/{network.prefixlen}" for network in merged)


def complement(prefixes: Prefixes, of_family: int) -> tuple[tuple[str, str], ...]:
    """The ranges (first and last address) of all that `prefixes` leaves out, in order."""
    top = (1 << (32 if of_family == 4 else 128)) - 1
    address = ipaddress.IPv4Address if of_family == 4 else ipaddress.IPv6Address
    gaps = []
    free = 0
    for network in (ipaddress.ip_network(prefix) for prefix in prefixes):
        first, last = int(network.network_address), int(network.broadcast_address)
        if first > free:
            gaps.append((free, first - 1))
        free = last + 1
    if free <= top:
        gaps.append((free, top))
    return tuple((canonical(address(first)), canonical(address(last))) for first, last in gaps)


@dataclass(slots=True)
class SourceSets:
    """The distinct lists of one table. Sets are numbered by family in the order in which they are first asked for."""

    _names: dict[tuple[int, Prefixes], str] = field(default_factory=dict)
    _counts: dict[int, int] = field(default_factory=lambda: {4: 0, 6: 0})

    def name(self, of_family: int, prefixes: Prefixes) -> str:
        """The name of the set that holds `prefixes`, `from4_1`. Raises InvalidValue where there is none."""
        if not prefixes:
            raise InvalidValue("a list of sources is empty: it would let nobody in")
        key = (of_family, prefixes)
        if key not in self._names:
            self._counts[of_family] += 1
            self._names[key] = f"from{of_family}_{self._counts[of_family]}"
        return self._names[key]

    def text(self) -> str:
        """The sets, as they stand in the table."""
        return "".join(set_text(name, ADDR[of_family], prefixes, interval=True) for (of_family, prefixes), name in self._names.items())
