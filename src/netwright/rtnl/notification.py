"""What the kernel tells unasked: rtnetlink's and nf_tables' multicast groups (linux/rtnetlink.h, linux/netfilter/nf_tables.h).

Messages here are read for what they are about, not for all that they say.
"""

from __future__ import annotations

from ipaddress import ip_address
from struct import Struct
from typing import NamedTuple

from netwright.rtnl import attribute
from netwright.rtnl.attribute import Malformed, as_s32, as_text
from netwright.rtnl.constants import (
    AF_INET,
    FRA_PRIORITY,
    FRA_PROTOCOL,
    IFA_ADDRESS,
    IFA_LOCAL,
    IFLA_IFNAME,
    RTA_DST,
    RTA_OIF,
    RTM_DELADDR,
    RTM_DELLINK,
    RTM_DELROUTE,
    RTM_DELRULE,
    RTM_F_CLONED,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTM_NEWROUTE,
    RTM_NEWRULE,
)
from netwright.rtnl.message import Message
from netwright.rtnl.nfnetlink import HEADER as NFGENMSG
from netwright.rtnl.nfnetlink import NFNL_SUBSYS_NFTABLES

RTM_NEWNETCONF = 80
NETLINK_LISTEN_ALL_NSID = 8
"""linux/netlink.h: a socket option, and the type of the ancillary data that tells the namespace's number."""

ROUTE_GROUPS = sum(1 << (group - 1) for group in (1, 5, 7, 8, 9, 11, 19, 24, 25))
"""RTNLGRP_LINK, IPV4_IFADDR, IPV4_ROUTE, IPV4_RULE, IPV6_IFADDR, IPV6_ROUTE, IPV6_RULE, IPV4_NETCONF, IPV6_NETCONF, as bind(2) takes them."""

NFTABLES_GROUPS = 1 << (7 - 1)
"""NFNLGRP_NFTABLES."""

_LINK = Struct("=BxHiII")
_ADDRESS = Struct("=BBBBi")
_ROUTE = Struct("=BBBBBBBBI")
_RULE = Struct("=BBBBBBBBI")
_NEWGEN = 15
_NFTA_GEN_PROC_PID = 2
_NFTA_GEN_PROC_NAME = 3
_NFTA_TABLE = 1
"""NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_RULE_TABLE, …: the same number in all of them."""
_NFTA_RULE_CHAIN = 2
_NFTA_CHAIN_NAME = 3
_PARTS = {
    0: ("table", False),
    2: ("table", True),
    3: ("chain", False),
    5: ("chain", True),
    6: ("rule", False),
    8: ("rule", True),
    9: ("set", False),
    11: ("set", True),
    12: ("element", False),
    14: ("element", True),
    18: ("object", False),
    20: ("object", True),
    22: ("flowtable", False),
    24: ("flowtable", True),
}
"""NFT_MSG_*: what it is about, and whether it is gone."""


class Change(NamedTuple):
    """A change of a link, address, route, rule or setting."""

    kind: str
    """link | address | route | rule | setting."""
    gone: bool
    subject: str
    """A link's name, an address with its length, a route's destination, a rule's priority; else empty."""
    ifindex: int
    """Of the link, 0 where there is none."""
    protocol: int


class TableChange(NamedTuple):
    """A change of an nft table: of the whole, or of a part."""

    table: str
    gone: bool
    part: str
    """table | chain | rule | set | element | object | flowtable."""
    chain: str
    """Of a rule or a chain."""


class Generation(NamedTuple):
    """The end of a transaction of nf_tables, and which thread made it (by its number in the first process id namespace)."""

    pid: int
    name: str


def decode_route_message(data: bytes, message: Message) -> Change | None:
    """Read a message of rtnetlink's groups; None: it is about nothing of the above. Raises Malformed."""
    kind, start, end = message.type, message.start, message.end
    if kind in {RTM_NEWLINK, RTM_DELLINK}:
        _, _, index, _, _ = _read(_LINK, data, start, end)
        name = as_text(attribute.decode(data, start + _LINK.size, end).get(IFLA_IFNAME, b""))
        return Change("link", kind == RTM_DELLINK, name, index, 0)
    if kind in {RTM_NEWADDR, RTM_DELADDR}:
        _, length, _, _, index = _read(_ADDRESS, data, start, end)
        found = attribute.decode(data, start + _ADDRESS.size, end)
        address = found.get(IFA_LOCAL) or found.get(IFA_ADDRESS) or b""
        return Change("address", kind == RTM_DELADDR, _prefix(address, length), index, 0)
    if kind in {RTM_NEWROUTE, RTM_DELROUTE}:
        family, length, _, _, _, protocol, _, _, flags = _read(_ROUTE, data, start, end)
        if flags & RTM_F_CLONED:
            return None
        found = attribute.decode(data, start + _ROUTE.size, end)
        destination = found.get(RTA_DST) or bytes(4 if family == AF_INET else 16)
        index = as_s32(found[RTA_OIF]) if RTA_OIF in found else 0
        return Change("route", kind == RTM_DELROUTE, _prefix(destination, length), index, protocol)
    if kind in {RTM_NEWRULE, RTM_DELRULE}:
        _read(_RULE, data, start, end)
        found = attribute.decode(data, start + _RULE.size, end)
        priority = attribute.as_u32(found[FRA_PRIORITY]) if FRA_PRIORITY in found else 0
        protocol = attribute.as_u8(found[FRA_PROTOCOL]) if FRA_PROTOCOL in found else 0
        return Change("rule", kind == RTM_DELRULE, str(priority), 0, protocol)
    return Change("setting", False, "", 0, 0) if kind == RTM_NEWNETCONF else None


def decode_nftables_message(data: bytes, message: Message) -> TableChange | Generation | None:
    """Read a message of NFNLGRP_NFTABLES; None: it is about nothing of the above. Raises Malformed."""
    subsystem, number = message.type >> 8, message.type & 0xFF
    if subsystem != NFNL_SUBSYS_NFTABLES:
        return None
    found = attribute.decode(data, message.start + NFGENMSG.size, message.end)
    if number == _NEWGEN:
        pid = int.from_bytes(found.get(_NFTA_GEN_PROC_PID, b""), "big")
        return Generation(pid, as_text(found.get(_NFTA_GEN_PROC_NAME, b"")))
    if number not in _PARTS:
        return None
    part, gone = _PARTS[number]
    chain = found.get({"rule": _NFTA_RULE_CHAIN, "chain": _NFTA_CHAIN_NAME}.get(part, 0), b"")
    return TableChange(as_text(found.get(_NFTA_TABLE, b"")), gone, part, as_text(chain))


def namespace_number(ancillary: list[tuple[int, int, bytes]], sol_netlink: int) -> int | None:
    """The number of the namespace that a message came from; None: the socket's own."""
    for level, kind, value in ancillary:
        if level == sol_netlink and kind == NETLINK_LISTEN_ALL_NSID:
            return as_s32(value)
    return None


def _read(struct: Struct, data: bytes, start: int, end: int) -> tuple[int, ...]:
    if end - start < struct.size or end > len(data):
        raise Malformed(f"a notification has {end - start} bytes")
    return struct.unpack_from(data, start)


def _prefix(address: bytes, length: int) -> str:
    if len(address) not in {4, 16}:
        return ""
    return f"{ip_address(address)}/{length}"
