"""Netfilter's part of netlink (linux/netfilter/nfnetlink.h): what its subsystems share."""

from __future__ import annotations

from struct import Struct

NETLINK_NETFILTER = 12
"""linux/netlink.h."""

NFNL_SUBSYS_CTNETLINK = 1
NFNL_SUBSYS_NFTABLES = 10

HEADER = Struct("=BBxx")
"""struct nfgenmsg: family, version (NFNETLINK_V0), and a resource number that nothing here uses."""


def message_type(subsystem: int, number: int) -> int:
    """nlmsg_type: the subsystem above, its message below."""
    return subsystem << 8 | number
