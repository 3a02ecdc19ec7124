"""Policy rules (linux/fib_rules.h)."""

from __future__ import annotations

from functools import lru_cache
from struct import Struct

from netwright.model.route import Rule
from netwright.rtnl import attribute, ip
from netwright.rtnl.attribute import Malformed, as_text, as_u8, as_u32, raw, text, u8, u32
from netwright.rtnl.constants import (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    FIB_RULE_INVERT,
    FR_ACT_TO_TBL,
    FRA_DPORT_RANGE,
    FRA_DST,
    FRA_FWMARK,
    FRA_FWMASK,
    FRA_IIFNAME,
    FRA_IP_PROTO,
    FRA_L3MDEV,
    FRA_OIFNAME,
    FRA_PRIORITY,
    FRA_PROTOCOL,
    FRA_SPORT_RANGE,
    FRA_SRC,
    FRA_SUPPRESS_IFGROUP,
    FRA_SUPPRESS_PREFIXLEN,
    FRA_TABLE,
    FRA_TUN_ID,
    FRA_UID_RANGE,
    IPPROTO_SCTP,
    IPPROTO_TCP,
    IPPROTO_UDP,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    RT_TABLE_UNSPEC,
    RTM_DELRULE,
    RTM_GETRULE,
    RTM_NEWRULE,
)
from netwright.rtnl.message import Request

HEADER = Struct("=BBBBBBBBI")
"""struct fib_rule_hdr: family, destination's and source's lengths, TOS, table, two reserved, action, flags."""

_PORTS = Struct("=HH")
"""struct fib_rule_port_range: first and last."""

_FAMILIES = {4: AF_INET, 6: AF_INET6}
_NUMBERS = {family: number for number, family in _FAMILIES.items()}
_PROTOCOLS = {"tcp": IPPROTO_TCP, "udp": IPPROTO_UDP, "sctp": IPPROTO_SCTP}
_PROTOCOL_NAMES = {number: name for name, number in _PROTOCOLS.items()}
_BEYOND = {FRA_FWMARK, FRA_FWMASK, FRA_TUN_ID, FRA_OIFNAME, FRA_L3MDEV, FRA_UID_RANGE, FRA_DPORT_RANGE}
"""Selectors that a Rule does not have."""
_NONE = b"\xff\xff\xff\xff"
"""The kernel's "suppress nothing"."""


def add(rule: Rule) -> Request:
    """EEXIST where the same rule is there."""
    return Request(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, _body(rule))


def remove(rule: Rule) -> Request:
    return Request(RTM_DELRULE, 0, _body(rule))


def dump() -> Request:
    """The rules of all families."""
    return Request(RTM_GETRULE, NLM_F_DUMP, HEADER.pack(AF_UNSPEC, 0, 0, 0, 0, 0, 0, 0, 0))


@lru_cache(maxsize=1024)
def decode(body: bytes) -> Rule | None:
    """Read an RTM_NEWRULE's body. Raises Malformed.

    None for a rule that says more than a Rule can (a mark, another action, …): it is somebody else's. Remembered,
    because every namespace is born with the same rules.
    """
    if len(body) < 12:
        raise Malformed(f"a rule's message has {len(body)} bytes")
    family, to_length, from_length, tos, table, _, _, action, flags = HEADER.unpack_from(body)
    found = attribute.decode(body, 12)
    take = found.get
    suppresses = take(FRA_SUPPRESS_PREFIXLEN, _NONE) != _NONE or take(FRA_SUPPRESS_IFGROUP, _NONE) != _NONE
    if family not in _NUMBERS or action != FR_ACT_TO_TBL or tos or flags & FIB_RULE_INVERT or suppresses or not _BEYOND.isdisjoint(found):
        return None
    ip_protocol = None
    if (number := take(FRA_IP_PROTO)) is not None and (ip_protocol := _PROTOCOL_NAMES.get(as_u8(number))) is None:
        return None
    ports = take(FRA_SPORT_RANGE)
    if ports is not None and len(ports) < 4:
        raise Malformed(f"a range of ports has {len(ports)} bytes")
    return Rule(
        family=_NUMBERS[family],
        priority=as_u32(take(FRA_PRIORITY, b"\0\0\0\0")),
        table=table if (wide := take(FRA_TABLE)) is None else as_u32(wide),
        from_=None if (source := take(FRA_SRC)) is None else f"{ip.unpack(source)}/{from_length}",
        to=None if (destination := take(FRA_DST)) is None else f"{ip.unpack(destination)}/{to_length}",
        ip_protocol=ip_protocol,
        source_ports=None if ports is None else _PORTS.unpack_from(ports),
        iif=None if (iif := take(FRA_IIFNAME)) is None else as_text(iif),
        protocol=as_u8(take(FRA_PROTOCOL, b"\0")),
    )


def _body(rule: Rule) -> bytes:
    parts = u32(FRA_PRIORITY, rule.priority) + u8(FRA_PROTOCOL, rule.protocol)
    from_length = to_length = 0
    if rule.from_ is not None:
        _, source, from_length = ip.pack(rule.from_)
        parts += raw(FRA_SRC, source)
    if rule.to is not None:
        _, destination, to_length = ip.pack(rule.to)
        parts += raw(FRA_DST, destination)
    if rule.iif is not None:
        parts += text(FRA_IIFNAME, rule.iif)
    if rule.ip_protocol is not None:
        parts += u8(FRA_IP_PROTO, _PROTOCOLS[rule.ip_protocol])
    if rule.source_ports is not None:
        parts += raw(FRA_SPORT_RANGE, _PORTS.pack(*rule.source_ports))
    table = rule.table if rule.table < 256 else RT_TABLE_UNSPEC
    if table != rule.table:
        parts += u32(FRA_TABLE, rule.table)
    return HEADER.pack(_FAMILIES[rule.family], to_length, from_length, 0, table, 0, 0, FR_ACT_TO_TBL, 0) + parts
