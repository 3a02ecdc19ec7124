"""Addresses, routes and policy rules of one namespace."""

from __future__ import annotations

from dataclasses import dataclass

PROTOCOL = 78
"""The protocol number (rtnetlink.h: rtm_protocol, free for user programs) of every route and rule that is ours."""

RA_PROTOCOL = 9
"""RTPROT_RA: from a router advertisement."""

KERNEL_PROTOCOLS = frozenset({2, RA_PROTOCOL})
"""Routes that the kernel makes by itself (RTPROT_KERNEL with an address, RTPROT_RA from router advertisements): never put back by hand."""

MAIN_TABLE = 254

SCOPE_GLOBAL = 0
SCOPE_LINK = 253
SCOPE_HOST = 254

NODAD = 0x02
"""linux/if_addr.h: IFA_F_NODAD, no duplicate address detection."""

FOREVER = 0xFFFFFFFF
"""An address's lifetime that never ends, in seconds (linux/if_addr.h: struct ifa_cacheinfo)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An interface's address. Its identity is (dev, cidr, peer); the rest is compared only where a loan asks for it."""

    dev: str
    cidr: str
    """ADDRESS/LENGTH, canonical."""
    peer: str | None = None
    """The other end of a point-to-point address, with the length; then `cidr` is the local one."""
    scope: int = SCOPE_GLOBAL
    label: str | None = None
    broadcast: str | None = None
    flags: int = 0
    """IFA_F_* that a person can set: noprefixroute, mngtmpaddr, home, nodad."""
    valid_seconds: int = FOREVER
    preferred_seconds: int = FOREVER

    @property
    def key(self) -> tuple[str, str, str | None]:
        return (self.dev, self.cidr, self.peer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route. `to` is a prefix, canonical (`0.0.0.0/0` and `::/0` are the defaults)."""

    to: str
    via: str | None = None
    dev: str | None = None
    source: str | None = None
    """Preferred source address (RTA_PREFSRC)."""
    metric: int | None = None
    """RTA_PRIORITY; None and 0 are the same for IPv4; IPv6's default is 1024."""
    table: int = MAIN_TABLE
    kind: str = "unicast"
    """unicast | blackhole | unreachable | prohibit."""
    scope: int | None = None
    onlink: bool = False
    mtu: int | None = None
    protocol: int = PROTOCOL

    @property
    def key(self) -> tuple[str, str | None, str | None, int, int, str]:
        """What makes it this route and no other: destination, next hop, device, table, metric, kind.

        A route of another kind or next hop beside it is another route.
        """
        default = 1024 if ":" in self.to else 0
        return (self.to, self.via, self.dev, self.table, self.metric or default, self.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A policy rule (ip-rule(8)): what matches looks into `table`."""

    family: int
    priority: int
    table: int
    from_: str | None = None
    to: str | None = None
    ip_protocol: str | None = None
    """tcp | udp | sctp."""
    source_ports: tuple[int, int] | None = None
    """First and last."""
    iif: str | None = None
    protocol: int = PROTOCOL
