"""The numbers by which one network namespace knows others (linux/net_namespace.h)."""

from __future__ import annotations

from netwright.rtnl import attribute
from netwright.rtnl.attribute import Malformed, as_s32, u32
from netwright.rtnl.constants import NETNSA_FD, NETNSA_NSID, RTM_GETNSID, RTM_NEWNSID
from netwright.rtnl.message import Request

_ANY = b"\0\0\0\0"
"""struct rtgenmsg: the family, padded."""
_ANY_NUMBER = 0xFFFFFFFF
"""-1 (NETNSA_NSID_NOT_ASSIGNED): the kernel chooses."""


def get(netns_fd: int) -> Request:
    """Which number the socket's namespace has for the one behind `netns_fd`; the answer is one RTM_NEWNSID, or an error."""
    return Request(RTM_GETNSID, 0, _ANY + u32(NETNSA_FD, netns_fd))


def give(netns_fd: int) -> Request:
    """Have the kernel number the namespace behind `netns_fd`, for the socket's namespace. EEXIST: it has a number already."""
    return Request(RTM_NEWNSID, 0, _ANY + u32(NETNSA_NSID, _ANY_NUMBER) + u32(NETNSA_FD, netns_fd))


def decode(data: bytes, start: int, end: int) -> int:
    """Read an RTM_NEWNSID's body: the number, -1 where it has none. Raises Malformed."""
    if end - start < 4 or end > len(data):
        raise Malformed(f"a namespace number's message has {end - start} bytes")
    found = attribute.decode(data, start + 4, end).get(NETNSA_NSID)
    if found is None:
        raise Malformed("a namespace number's message has no number")
    return as_s32(found)
