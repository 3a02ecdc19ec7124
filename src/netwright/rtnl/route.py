"""Routes (linux/rtnetlink.h: struct rtmsg)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from struct import Struct
from sys import byteorder

from netwright.model.route import Route
from netwright.rtnl import attribute, ip
from netwright.rtnl.attribute import Malformed, as_u16, as_u32, nested, raw, u32
from netwright.rtnl.constants import (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    RT_SCOPE_LINK,
    RT_SCOPE_NOWHERE,
    RT_SCOPE_UNIVERSE,
    RT_TABLE_LOCAL,
    RT_TABLE_UNSPEC,
    RTA_DST,
    RTA_GATEWAY,
    RTA_METRICS,
    RTA_MULTIPATH,
    RTA_OIF,
    RTA_PREFSRC,
    RTA_PRIORITY,
    RTA_TABLE,
    RTA_VIA,
    RTAX_MTU,
    RTM_DELROUTE,
    RTM_F_CLONED,
    RTM_GETROUTE,
    RTM_NEWROUTE,
    RTN_BLACKHOLE,
    RTN_PROHIBIT,
    RTN_UNICAST,
    RTN_UNREACHABLE,
    RTNH_F_ONLINK,
)
from netwright.rtnl.message import Request

HEADER = Struct("=BBBBBBBBI")
"""struct rtmsg: family, destination's and source's lengths, TOS, table, protocol, scope, type, flags."""

_NEXT_HOP = Struct("=HBBi")
"""struct rtnexthop: length, flags, weight less one, index."""

KINDS = {"unicast": RTN_UNICAST, "blackhole": RTN_BLACKHOLE, "unreachable": RTN_UNREACHABLE, "prohibit": RTN_PROHIBIT}
_NAMES = {number: name for name, number in KINDS.items()}
_NOWHERE = {AF_INET: "0.0.0.0/0", AF_INET6: "::/0"}


def add(route: Route, index: int | None) -> Request:
    """Add it; EEXIST where the table has one with this destination and metric, as `ip route add` has it.

    Without a scope it is what ip-route(8) takes: a destination behind no gateway is on the link.
    """
    scope = route.scope
    if scope is None:
        direct = route.via is None and route.kind == "unicast" and ":" not in route.to
        scope = RT_SCOPE_LINK if direct else RT_SCOPE_UNIVERSE
    body = _body(route, index, scope, route.metric)
    if route.source is not None:
        body += raw(RTA_PREFSRC, ip.pack(route.source)[1])
    if route.mtu is not None:
        body += nested(RTA_METRICS, u32(RTAX_MTU, route.mtu))
    return Request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, body)


def remove(route: Route, index: int | None) -> Request:
    """Remove the one with this destination, next hop, link, metric, kind and protocol, whatever its scope."""
    metric = route.metric or ip.DEFAULT_METRICS[ip.pack(route.to)[0]] or None
    return Request(RTM_DELROUTE, 0, _body(route, index, RT_SCOPE_NOWHERE, metric))


def dump() -> Request:
    """The routes of all tables and families."""
    return Request(RTM_GETROUTE, NLM_F_DUMP, HEADER.pack(AF_UNSPEC, 0, 0, 0, RT_TABLE_UNSPEC, 0, 0, 0, 0))


def decode(data: bytes, start: int, end: int, names: Mapping[int, str]) -> tuple[Route, ...]:
    """Read an RTM_NEWROUTE's body; `names` are the links by index. Raises Malformed.

    Nothing for table local, cached routes, other families and kinds that no Route has. A route with several next hops
    is a Route for each of them.
    """
    if end - start < 12 or end > len(data):
        raise Malformed(f"a route's message has {end - start} bytes")
    family, length, _, _, table, protocol, scope, kind, flags = HEADER.unpack_from(data, start)
    if table == RT_TABLE_LOCAL or flags & RTM_F_CLONED or kind not in _NAMES or family not in _NOWHERE:
        return ()
    found = attribute.decode(data, start + 12, end)
    take = found.get
    if (wide := take(RTA_TABLE)) is not None:
        table = as_u32(wide)
    destination = take(RTA_DST)
    source = take(RTA_PREFSRC)
    mtu = None if (metrics := take(RTA_METRICS)) is None else attribute.decode(metrics).get(RTAX_MTU)
    metric = take(RTA_PRIORITY)
    return tuple(
        Route(
            to=_NOWHERE[family] if destination is None else f"{ip.unpack(destination)}/{length}",
            via=_gateway(hop),
            # IPv6 lets what goes nowhere go there through lo.
            dev=names.get(index) if kind == RTN_UNICAST else None,
            source=None if source is None else ip.unpack(source),
            metric=None if metric is None else as_u32(metric),
            table=table,
            kind=_NAMES[kind],
            scope=scope,
            onlink=bool(hop_flags & RTNH_F_ONLINK),
            mtu=None if mtu is None else as_u32(mtu),
            protocol=protocol,
        )
        for hop, hop_flags, index in _next_hops(found, flags)
    )


def _next_hops(found: Mapping[int, bytes], flags: int) -> Iterator[tuple[Mapping[int, bytes], int, int]]:
    """Attributes, flags and link index of each."""
    hops = found.get(RTA_MULTIPATH)
    if hops is None:
        yield found, flags, as_u32(found.get(RTA_OIF, b"\0\0\0\0"))
        return
    offset = 0
    while offset + 8 <= len(hops):
        length, hop_flags, _, index = _NEXT_HOP.unpack_from(hops, offset)
        if length < 8 or offset + length > len(hops):
            raise Malformed(f"a next hop says it is {length} bytes long, of {len(hops) - offset} that are there")
        yield attribute.decode(hops, offset + 8, offset + length), hop_flags, index
        offset += (length + 3) & ~3


def _gateway(hop: Mapping[int, bytes]) -> str | None:
    if (gateway := hop.get(RTA_GATEWAY)) is not None:
        return ip.unpack(gateway)
    if (via := hop.get(RTA_VIA)) is None:
        return None
    as_u16(via)
    return ip.unpack(via[2:])


def _body(route: Route, index: int | None, scope: int, metric: int | None) -> bytes:
    family, destination, length = ip.pack(route.to)
    table = route.table if route.table < 256 else RT_TABLE_UNSPEC
    flags = RTNH_F_ONLINK if route.onlink else 0
    body = HEADER.pack(family, length, 0, 0, table, route.protocol, scope, KINDS[route.kind], flags)
    if length:
        body += raw(RTA_DST, destination)
    if route.via is not None:
        via_family, via, _ = ip.pack(route.via)
        # IPv4 behind an IPv6 gateway (struct rtvia: family, address).
        body += raw(RTA_GATEWAY, via) if via_family == family else raw(RTA_VIA, via_family.to_bytes(2, byteorder) + via)
    if index is not None:
        body += u32(RTA_OIF, index)
    if metric is not None:
        body += u32(RTA_PRIORITY, metric)
    if table != route.table:
        body += u32(RTA_TABLE, route.table)
    return body
