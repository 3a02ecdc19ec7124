"""Tracked connections (linux/netfilter/nfnetlink_conntrack.h): listing them, and forgetting single ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from netwright.model.firewall import Published
from netwright.rtnl import attribute, ip
from netwright.rtnl.attribute import Malformed, as_u8, nested
from netwright.rtnl.constants import AF_INET, AF_INET6, NLM_F_DUMP
from netwright.rtnl.message import Request
from netwright.rtnl.nfnetlink import HEADER, NFNL_SUBSYS_CTNETLINK, message_type

IPCTNL_MSG_CT_GET = 1
IPCTNL_MSG_CT_DELETE = 2
CTA_TUPLE_ORIG = 1
CTA_TUPLE_REPLY = 2
CTA_ID = 12
CTA_ZONE = 18
CTA_TUPLE_IP = 1
CTA_TUPLE_PROTO = 2
CTA_IP_V4_SRC = 1
CTA_IP_V4_DST = 2
CTA_IP_V6_SRC = 3
CTA_IP_V6_DST = 4
CTA_PROTO_NUM = 1
CTA_PROTO_SRC_PORT = 2
CTA_PROTO_DST_PORT = 3

_PROTOCOLS = {6: "tcp", 17: "udp", 132: "sctp"}
_FAMILIES = {4: AF_INET, 6: AF_INET6}


class Connection(NamedTuple):
    """An entry that has ports. `published` is how it would have come about by publishing: the original port, and who answers."""

    family: int
    """AF_INET or AF_INET6."""
    published: Published
    source: str
    destination: str
    """Of the first packet, before any translation."""
    key: bytes
    """The attributes that name it to the kernel: the original tuple, the zone, and the id, so that no later one is hit."""


def dump(family: int) -> Request:
    """All entries of an IP family, 4 or 6."""
    return Request(message_type(NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET), NLM_F_DUMP, HEADER.pack(_FAMILIES[family], 0))


def forget(connection: Connection) -> Request:
    """Delete the entry; ENOENT where it ended by itself."""
    return Request(message_type(NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE), 0, HEADER.pack(connection.family, 0) + connection.key)


def decode(data: bytes, start: int, end: int) -> Connection | None:
    """Read an IPCTNL_MSG_CT_NEW's body; None for a protocol that cannot be published. Raises Malformed."""
    if end - start < HEADER.size or end > len(data):
        raise Malformed(f"a connection's message has {end - start} bytes")
    family, _ = HEADER.unpack_from(data, start)
    entry = attribute.decode(data, start + HEADER.size, end)
    original = attribute.decode(entry.get(CTA_TUPLE_ORIG, b""))
    forth = attribute.decode(original.get(CTA_TUPLE_PROTO, b""))
    if CTA_PROTO_NUM not in forth or (protocol := _PROTOCOLS.get(as_u8(forth[CTA_PROTO_NUM]))) is None:
        return None
    reply = attribute.decode(entry.get(CTA_TUPLE_REPLY, b""))
    back = attribute.decode(reply.get(CTA_TUPLE_PROTO, b""))
    client, asked = _addresses(original, family)
    target, _ = _addresses(reply, family)
    published = Published(protocol, _port(forth.get(CTA_PROTO_DST_PORT, b"")), target, _port(back.get(CTA_PROTO_SRC_PORT, b"")))
    key = nested(CTA_TUPLE_ORIG, entry[CTA_TUPLE_ORIG])
    key += b"".join(attribute.raw(kind, entry[kind]) for kind in (CTA_ZONE, CTA_ID) if kind in entry)
    return Connection(family, published, client, asked, key)


def _addresses(direction: Mapping[int, bytes], family: int) -> tuple[str, str]:
    """Source and destination of a tuple."""
    found = attribute.decode(direction.get(CTA_TUPLE_IP, b""))
    source, destination = (CTA_IP_V4_SRC, CTA_IP_V4_DST) if family == AF_INET else (CTA_IP_V6_SRC, CTA_IP_V6_DST)
    return ip.unpack(found.get(source, b"")), ip.unpack(found.get(destination, b""))


def _port(value: bytes) -> int:
    """In network byte order, unlike the rest."""
    return int.from_bytes(value, "big")
