"""Subnets to choose from, where nobody has said one. Pure."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterator

_POOLS4 = (
    *((f"172.{second}.0.0/16", 16) for second in range(17, 32)),
    ("192.168.0.0/16", 20),
    ("10.0.0.0/8", 24),
)
"""Docker's own, in its order (moby: libnetwork/ipamutils), and what is left of RFC 1918 when they are used up: prefix, and the length of a subnet."""
_LENGTH6 = 64


def subnets(version: int, seed: str) -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Candidates of one family, in the order in which to try them.

    IPv6 ones are unique local (RFC 4193), a /48 of its own for each; `seed` stands for the random bits: the same gives the same.
    """
    if version == 4:
        for pool, length in _POOLS4:
            yield from ipaddress.IPv4Network(pool).subnets(new_prefix=length)
        return
    for attempt in range(1, 1000):
        digest = hashlib.sha256(f"{seed}/{attempt}".encode()).digest()
        yield ipaddress.IPv6Network((bytes([0xFD]) + digest[:5] + bytes(10), _LENGTH6))
