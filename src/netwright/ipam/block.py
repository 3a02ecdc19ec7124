"""Parts of a subnet. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection

LEAST = 4
"""A part with fewer addresses is of no use to give addresses from."""
LONGEST6 = 96
"""Of IPv6 so much is enough; and Docker 20.10 refuses the upper half of a /64 ("invalid bit range")."""

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def free_block(subnet: str, addresses: Collection[str]) -> str | None:
    """The largest part of `subnet` (a prefix of its own) that holds none of `addresses`; of equally large ones the last; of IPv6 the first /96 of it.

    None: what is left between them has fewer than `LEAST` addresses each.
    """
    whole = ipaddress.ip_network(subnet)
    taken = [number for number in map(ipaddress.ip_address, addresses) if number in whole]
    found = _largest(whole, [int(number) for number in taken])
    if found is not None and found.version == 6 and found.prefixlen < LONGEST6:
        found = ipaddress.ip_network((found.network_address, LONGEST6))
    return str(found) if found is not None else None


def _largest(part: _Network, taken: list[int]) -> _Network | None:
    if part.num_addresses < LEAST:
        return None
    if not taken:
        return part
    low, high = part.subnets()
    middle = int(high.network_address)
    candidates = [_largest(low, [n for n in taken if n < middle]), _largest(high, [n for n in taken if n >= middle])]
    return max((c for c in candidates if c is not None), key=lambda c: (c.num_addresses, int(c.network_address)), default=None)
