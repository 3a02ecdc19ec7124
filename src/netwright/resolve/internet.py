"""What `internet` is: all but what addresses are set aside for, and the file's own networks.

Set aside are the ranges of the IANA's special-purpose registries (RFC 6890) that are not globally reachable, and multicast; of
IPv6, all outside 2000::/3, which is where it gives out global addresses, and in there 2001::/23 and 2002::/16 as well, which lead
elsewhere than they seem to. 64:ff9b::/96 leads to the IPv4 internet (RFC 6052), and so belongs to it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from functools import lru_cache

from netwright.firewall.sources import complement, prefixes_of
from netwright.model.address import canonical

_SPECIAL = {
    4: (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24"),
        *("192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    ),
    6: ("::/3", "4000::/2", "8000::/1", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
}
_NAT64 = "64:ff9b::/96"


@lru_cache(maxsize=16)
def internet(networks: frozenset[str]) -> tuple[str, ...]:
    """The prefixes of the internet, of both IP versions, without those of `networks`."""
    return (*_all_but(4, networks), _NAT64, *_all_but(6, networks))


def without(prefixes: Iterable[str], subnet: str | None) -> tuple[str, ...]:
    """`prefixes` less what is in `subnet`."""
    if subnet is None:
        return tuple(prefixes)
    hole = ipaddress.ip_network(subnet)
    found: list[str] = []
    for prefix in prefixes:
        network = ipaddress.ip_network(prefix)
        if network.version != hole.version or not network.overlaps(hole):
            found.append(prefix)
        elif not network.subnet_of(hole):  # type: ignore[arg-type]
            found += (f"{canonical(rest.network_address)}/{rest.prefixlen}" for rest in network.address_exclude(hole))  # type: ignore[arg-type]
    return tuple(found)


def _all_but(version: int, networks: Iterable[str]) -> Iterator[str]:
    for first, last in complement(prefixes_of((*_SPECIAL[version], *networks), version) or (), version):
        for network in ipaddress.summarize_address_range(ipaddress.ip_address(first), ipaddress.ip_address(last)):
            yield f"{canonical(network.network_address)}/{network.prefixlen}"
