"""Asking for one nft table (linux/netfilter/nf_tables.h): whether it is there, and what its comment says.

libnftables tells a table's comment only with the whole table, elements and all.
"""

from __future__ import annotations

from netwright.rtnl import attribute
from netwright.rtnl.attribute import Malformed, as_text, text
from netwright.rtnl.message import Request
from netwright.rtnl.nfnetlink import HEADER, NFNL_SUBSYS_NFTABLES, message_type

FAMILIES = {"inet": 1, "ip": 2, "bridge": 7, "ip6": 10}
"""linux/netfilter.h: NFPROTO_*, by nft's word."""

NFT_MSG_GETTABLE = 1
NFTA_TABLE_NAME = 1
NFTA_TABLE_USERDATA = 6

_COMMENT = 0
"""libnftnl's NFTNL_UDATA_TABLE_COMMENT: user data is a row of type, length (a byte each) and value."""


def get_table(family: str, name: str) -> Request:
    """The table of this family (inet, ip, bridge, ip6) and name; the answer is one NFT_MSG_NEWTABLE, or ENOENT."""
    body = HEADER.pack(FAMILIES[family], 0) + text(NFTA_TABLE_NAME, name)
    return Request(message_type(NFNL_SUBSYS_NFTABLES, NFT_MSG_GETTABLE), 0, body)


def decode_comment(data: bytes, start: int, end: int) -> str:
    """Read an NFT_MSG_NEWTABLE's body: the table's comment, empty where it has none. Raises Malformed."""
    rest = attribute.decode(data, start + HEADER.size, end).get(NFTA_TABLE_USERDATA, b"")
    while rest:
        if len(rest) < 2 or len(rest) < 2 + rest[1]:
            raise Malformed("a table's user data is cut off")
        value, rest, kind = rest[2 : 2 + rest[1]], rest[2 + rest[1] :], rest[0]
        if kind == _COMMENT:
            return as_text(value)
    return ""
