"""Addresses and prefixes between the model's text and the kernel's bytes."""

from __future__ import annotations

from functools import lru_cache
from socket import inet_ntop, inet_pton

from netwright.rtnl.attribute import Malformed
from netwright.rtnl.constants import AF_INET, AF_INET6

_SIZES = {4: AF_INET, 16: AF_INET6}
DEFAULT_METRICS = {AF_INET: 0, AF_INET6: 1024}
"""What the kernel makes of a route without a metric (net/ipv6/route.c: IP6_RT_PRIO_USER)."""


@lru_cache(maxsize=8192)
def pack(text: str) -> tuple[int, bytes, int]:
    """ADDRESS or ADDRESS/LENGTH → family (AF_*), bytes, length (that of a single address where none is said)."""
    address, slash, length = text.partition("/")
    family = AF_INET6 if ":" in address else AF_INET
    packed = inet_pton(family, address)
    return family, packed, int(length) if slash else 8 * len(packed)


def unpack(packed: bytes) -> str:
    """Bytes → address. Raises Malformed for a size that no family has."""
    family = _SIZES.get(len(packed))
    if family is None:
        raise Malformed(f"an address has {len(packed)} bytes")
    return inet_ntop(family, packed)
