"""Subnets as numbers, and what follows from a network's keys: its gateways."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache

from netwright.model.address import canonical
from netwright.spec.schema_networks import NetworkSpec


@dataclass(frozen=True, slots=True)
class Subnet:
    """A prefix: its text, its family (4 or 6), its first and last address as numbers."""

    text: str
    family: int
    first: int
    last: int

    def has(self, family: int, number: int) -> bool:
        return self.family == family and self.first <= number <= self.last

    def overlaps(self, other: Subnet) -> bool:
        return self.family == other.family and self.first <= other.last and other.first <= self.last

    def inside(self, other: Subnet) -> bool:
        return self.family == other.family and other.first <= self.first and self.last <= other.last

    def reserved(self, number: int) -> str | None:
        """What the address is instead of a host's. Of two addresses or one, all are hosts' (RFC 3021, RFC 6164)."""
        if self.last - self.first < 2:
            return None
        if number == self.first:
            return "network address" if self.family == 4 else "subnet-router anycast address"
        return "broadcast address" if number == self.last and self.family == 4 else None

    @property
    def hosts(self) -> tuple[int, int]:
        """The first and the last address that a host can have."""
        if self.last - self.first < 2:
            return self.first, self.last
        return self.first + 1, self.last - (self.family == 4)

    def address(self, number: int) -> str:
        return canonical(ipaddress.IPv4Address(number) if self.family == 4 else ipaddress.IPv6Address(number))


@lru_cache(maxsize=65536)
def subnet(prefix: str) -> Subnet:
    """Of a prefix, or of an interface's address with its length, in canonical text."""
    network = ipaddress.ip_network(prefix, strict=False)
    return Subnet(str(network), network.version, int(network.network_address), int(network.broadcast_address))


def number(ip: str) -> tuple[int, int]:
    """Family and number of an address in canonical text."""
    if ":" in ip:
        return 6, int(ipaddress.IPv6Address(ip))
    a, b, c, d = ip.split(".")
    return 4, int(a) << 24 | int(b) << 16 | int(c) << 8 | int(d)


def first_host(prefix: str) -> str:
    """The gateway where nobody says otherwise: a subnet's first host address."""
    here = subnet(prefix)
    return here.address(here.hosts[0])


def gateways(network: NetworkSpec) -> dict[str, str | None]:
    """Subnet → the gateway's address in it; None: it has none.

    Those not stated are the subnet's first host address; of an external network only those stated are known.
    """
    known: dict[str, str | None] = {}
    stated = network.gateway or []
    for prefix in network.prefixes:
        here = subnet(prefix)
        own = next((ip for ip in stated if ip != "none" and here.has(*number(ip))), None)
        if own is None and "none" not in stated and not network.external:
            own = first_host(prefix)
        known[prefix] = own
    return known
