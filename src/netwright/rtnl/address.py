"""Interface addresses (linux/if_addr.h)."""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct
from struct import error as StructError  # noqa: N812 - a class under its role

from netwright.model.route import FOREVER, Address
from netwright.rtnl import attribute, ip
from netwright.rtnl.attribute import Malformed, as_text, as_u32, raw, text, u32
from netwright.rtnl.constants import (
    AF_INET6,
    AF_UNSPEC,
    IFA_ADDRESS,
    IFA_BROADCAST,
    IFA_CACHEINFO,
    IFA_F_HOMEADDRESS,
    IFA_F_MANAGETEMPADDR,
    IFA_F_NODAD,
    IFA_F_NOPREFIXROUTE,
    IFA_F_TEMPORARY,
    IFA_FLAGS,
    IFA_LABEL,
    IFA_LOCAL,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_REPLACE,
    RTM_DELADDR,
    RTM_GETADDR,
    RTM_NEWADDR,
)
from netwright.rtnl.message import Request

HEADER = Struct("=BBBBI")
"""struct ifaddrmsg: family, prefix length, the low flags, scope, index."""

_CACHEINFO = Struct("=IIII")
"""struct ifa_cacheinfo: preferred and valid, both in seconds; two time stamps."""

_SETTABLE = IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE


def add(address: Address, index: int) -> Request:
    """Add it to the link, or set the lifetimes of one that is there: whether the kernel took it away with a primary is not foreseen."""
    _, body = _body(address, index)
    if address.label is not None:
        body += text(IFA_LABEL, address.label)
    if address.broadcast is not None:
        body += raw(IFA_BROADCAST, ip.pack(address.broadcast)[1])
    if address.flags:
        body += u32(IFA_FLAGS, address.flags)
    if (address.valid_seconds, address.preferred_seconds) != (FOREVER, FOREVER):
        body += raw(IFA_CACHEINFO, _CACHEINFO.pack(address.preferred_seconds, address.valid_seconds, 0, 0))
    return Request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, body)


def remove(address: Address, index: int) -> Request:
    return Request(RTM_DELADDR, 0, _body(address, index)[1])


def dump() -> Request:
    """All addresses of both families."""
    return Request(RTM_GETADDR, NLM_F_DUMP, HEADER.pack(AF_UNSPEC, 0, 0, 0, 0))


def decode(data: bytes, start: int, end: int, names: Mapping[int, str]) -> Address | None:
    """Read an RTM_NEWADDR's body; `names` are the links by index. Raises Malformed.

    None for what nobody can add: an address of a link that went meanwhile, and IPv6's temporary ones. The label is
    None where it is the link's name, as it is unless somebody says otherwise.
    """
    if end > len(data):
        raise Malformed("an address's message is cut off")
    try:
        family, length, flags, scope, index = HEADER.unpack_from(data, start)
    except StructError as error:
        raise Malformed(f"an address's message has {end - start} bytes") from error
    found = attribute.decode(data, start + 8, end)
    take = found.get
    if (wide := take(IFA_FLAGS)) is not None:
        flags = as_u32(wide)
    dev = names.get(index)
    far = take(IFA_ADDRESS)
    local = take(IFA_LOCAL, far)
    if dev is None or local is None or (family == AF_INET6 and flags & IFA_F_TEMPORARY):
        return None
    valid = preferred = FOREVER
    if (cacheinfo := take(IFA_CACHEINFO)) is not None:
        if len(cacheinfo) < 8:
            raise Malformed(f"an address's lifetimes have {len(cacheinfo)} bytes")
        preferred, valid = as_u32(cacheinfo), as_u32(cacheinfo[4:])
    label = None if (label_bytes := take(IFA_LABEL)) is None else as_text(label_bytes)
    broadcast = take(IFA_BROADCAST)
    return Address(
        dev=dev,
        cidr=f"{ip.unpack(local)}/{length}",
        peer=None if far is None or far == local else f"{ip.unpack(far)}/{length}",
        scope=scope,
        label=None if label == dev else label,
        broadcast=None if broadcast is None else ip.unpack(broadcast),
        flags=flags & _SETTABLE,
        valid_seconds=valid,
        preferred_seconds=preferred,
    )


def _body(address: Address, index: int) -> tuple[int, bytes]:
    family, local, length = ip.pack(address.cidr)
    far = local
    if address.peer is not None:
        _, far, length = ip.pack(address.peer)
    return family, HEADER.pack(family, length, 0, address.scope, index) + raw(IFA_LOCAL, local) + raw(IFA_ADDRESS, far)
