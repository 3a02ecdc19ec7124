"""Links: what is asked of network interfaces, and what the kernel tells of them (linux/if_link.h)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from netwright.rtnl import attribute
from netwright.rtnl.attribute import Malformed, as_s32, as_text, as_u8, as_u32, nested, raw, text, u8, u32
from netwright.rtnl.constants import (
    AF_INET6,
    AF_UNSPEC,
    IFF_UP,
    IFLA_ADDRESS,
    IFLA_AF_SPEC,
    IFLA_EXT_MASK,
    IFLA_GROUP,
    IFLA_IFALIAS,
    IFLA_IFNAME,
    IFLA_INET6_ADDR_GEN_MODE,
    IFLA_INFO_DATA,
    IFLA_INFO_KIND,
    IFLA_LINK,
    IFLA_LINK_NETNSID,
    IFLA_LINKINFO,
    IFLA_MASTER,
    IFLA_MTU,
    IFLA_NET_NS_FD,
    IFLA_NUM_RX_QUEUES,
    IFLA_NUM_TX_QUEUES,
    IFLA_PARENT_DEV_BUS_NAME,
    IFLA_PARENT_DEV_NAME,
    IFLA_PERM_ADDRESS,
    IFLA_TXQLEN,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    RTEXT_FILTER_SKIP_STATS,
    RTM_DELLINK,
    RTM_GETLINK,
    RTM_NEWLINK,
)
from netwright.rtnl.message import Request

HEADER = Struct("=BxHiII")
"""struct ifinfomsg: family, hardware type (ARPHRD_*), index, flags (IFF_*), which of the flags to change."""

_ANY = HEADER.pack(AF_UNSPEC, 0, 0, 0, 0)
_DOWN = HEADER.pack(AF_UNSPEC, 0, 0, 0, IFF_UP)
_UP = HEADER.pack(AF_UNSPEC, 0, 0, IFF_UP, IFF_UP)


class LinkMessage(NamedTuple):
    """An RTM_NEWLINK. Indexes are of the namespace it came from, `peer_index` excepted."""

    ifindex: int
    hardware: int
    """ARPHRD_*."""
    up: bool
    name: str
    mtu: int
    mac: str | None
    permanent_mac: str | None
    alias: str
    master_index: int
    """0: of none."""
    peer_index: int
    """IFLA_LINK: a veth's other end, a VLAN's lower device; 0: none."""
    peer_netnsid: int | None
    """The namespace of `peer_index`, as this one numbers it; None: the same."""
    kind: str
    data: bytes
    """IFLA_INFO_DATA, for the kind to read."""
    txqlen: int
    group: int
    addrgenmode: int | None
    bus: str | None
    device: str | None


def create(
    *,
    name: str,
    kind: str,
    data: bytes = b"",
    up: bool = False,
    mtu: int | None = None,
    mac: str | None = None,
    master: int | None = None,
    queues: int | None = None,
    lower: int | None = None,
    netns_fd: int | None = None,
) -> Request:
    """A new link. Its alias has to follow: the kernel reads none here.

    `lower`: the index, where this is sent, of the link that it stands on. `netns_fd`: the namespace that it is born in; None: the same.
    """
    body = (_UP if up else _ANY) + identity(name=name, mtu=mtu, mac=mac, queues=queues)
    if lower:
        body += u32(IFLA_LINK, lower)
    if netns_fd is not None:
        body += u32(IFLA_NET_NS_FD, netns_fd)
    if master:
        body += u32(IFLA_MASTER, master)
    return Request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body + _info(kind, data))


def identity(*, name: str, mtu: int | None = None, mac: str | None = None, queues: int | None = None) -> bytes:
    """The attributes that both ends of a pair are born with."""
    parts = text(IFLA_IFNAME, name)
    if mtu is not None:
        parts += u32(IFLA_MTU, mtu)
    if mac is not None:
        parts += raw(IFLA_ADDRESS, _mac(mac))
    if queues is not None:
        parts += u32(IFLA_NUM_TX_QUEUES, queues) + u32(IFLA_NUM_RX_QUEUES, queues)
    return parts


def peer(*, name: str, mtu: int | None, mac: str | None, queues: int | None, netns_fd: int | None) -> bytes:
    """The other end of a new pair, as VETH_INFO_PEER has it. It cannot be born up: the kernel answers ENOTCONN."""
    body = _ANY + identity(name=name, mtu=mtu, mac=mac, queues=queues)
    return body if netns_fd is None else body + u32(IFLA_NET_NS_FD, netns_fd)


def change(
    *,
    name: str,
    up: bool | None = None,
    mtu: int | None = None,
    mac: str | None = None,
    master: int | None = None,
    alias: str | None = None,
    group: int | None = None,
    kind: str = "",
    data: bytes = b"",
) -> Request:
    """Change the link `name`: what is None stays. `master` 0 releases it; `alias` "" erases it.

    RTM_NEWLINK without NLM_F_CREATE, since RTM_SETLINK reads no IFLA_INFO_DATA.
    """
    body = (_ANY if up is None else _UP if up else _DOWN) + text(IFLA_IFNAME, name)
    if mtu is not None:
        body += u32(IFLA_MTU, mtu)
    if mac is not None:
        body += raw(IFLA_ADDRESS, _mac(mac))
    if master is not None:
        body += u32(IFLA_MASTER, master)
    if alias is not None:
        body += raw(IFLA_IFALIAS, alias.encode())
    if group is not None:
        body += u32(IFLA_GROUP, group)
    if data:
        body += _info(kind, data)
    return Request(RTM_NEWLINK, 0, body)


def relocate(
    *,
    index: int,
    name: str,
    netns_fd: int | None,
    alias: str,
    addrgenmode: int | None = None,
    txqlen: int | None = None,
    group: int | None = None,
) -> Request:
    """Put the link into the namespace behind `netns_fd` (None: it stays) as `name`; the rest is set on it there."""
    body = HEADER.pack(AF_UNSPEC, 0, index, 0, 0)
    if netns_fd is not None:
        body += u32(IFLA_NET_NS_FD, netns_fd)
    body += text(IFLA_IFNAME, name) + raw(IFLA_IFALIAS, alias.encode())
    if txqlen is not None:
        body += u32(IFLA_TXQLEN, txqlen)
    if group is not None:
        body += u32(IFLA_GROUP, group)
    if addrgenmode is not None:
        body += nested(IFLA_AF_SPEC, nested(AF_INET6, u8(IFLA_INET6_ADDR_GEN_MODE, addrgenmode)))
    return Request(RTM_NEWLINK, 0, body)


def rename(index: int, name: str) -> Request:
    """It must be down (kernels before 6.2 rename no other)."""
    return Request(RTM_NEWLINK, 0, HEADER.pack(AF_UNSPEC, 0, index, 0, 0) + text(IFLA_IFNAME, name))


def delete(name: str) -> Request:
    return Request(RTM_DELLINK, 0, _ANY + text(IFLA_IFNAME, name))


def delete_group(group: int) -> Request:
    """Every link of the group, at the price of one (net/core/rtnetlink.c: rtnl_group_dellink)."""
    return Request(RTM_DELLINK, 0, _ANY + u32(IFLA_GROUP, group))


def get(name: str) -> Request:
    """The link `name`; the answer is one RTM_NEWLINK, or an error."""
    return Request(RTM_GETLINK, 0, _ANY + u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS) + text(IFLA_IFNAME, name))


def dump() -> Request:
    """All links, without their statistics."""
    return Request(RTM_GETLINK, NLM_F_DUMP, _ANY + u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS))


def decode_index(data: bytes, start: int, end: int) -> int:
    """The index alone. Raises Malformed."""
    return int(_header(data, start, end)[2])


def decode(data: bytes, start: int, end: int) -> LinkMessage:
    """Read an RTM_NEWLINK's body. Raises Malformed."""
    _, hardware, index, flags, _ = _header(data, start, end)
    found = attribute.decode(data, start + 16, end)
    take = found.get
    kind, info = "", b""
    if (linkinfo := take(IFLA_LINKINFO)) is not None:
        inner = attribute.decode(linkinfo)
        kind, info = as_text(inner.get(IFLA_INFO_KIND, b"")), inner.get(IFLA_INFO_DATA, b"")
    return LinkMessage(
        ifindex=index,
        hardware=hardware,
        up=bool(flags & IFF_UP),
        name=as_text(take(IFLA_IFNAME, b"")),
        mtu=as_u32(take(IFLA_MTU, b"\0\0\0\0")),
        mac=mac.hex(":") if (mac := take(IFLA_ADDRESS)) else None,
        permanent_mac=mac.hex(":") if (mac := take(IFLA_PERM_ADDRESS)) else None,
        alias=as_text(take(IFLA_IFALIAS, b"")),
        master_index=as_u32(take(IFLA_MASTER, b"\0\0\0\0")),
        peer_index=as_u32(take(IFLA_LINK, b"\0\0\0\0")),
        peer_netnsid=None if (netnsid := take(IFLA_LINK_NETNSID)) is None else as_s32(netnsid),
        kind=kind,
        data=info,
        txqlen=as_u32(take(IFLA_TXQLEN, b"\0\0\0\0")),
        group=as_u32(take(IFLA_GROUP, b"\0\0\0\0")),
        addrgenmode=_addrgenmode(take(IFLA_AF_SPEC)),
        bus=None if (bus := take(IFLA_PARENT_DEV_BUS_NAME)) is None else as_text(bus),
        device=None if (device := take(IFLA_PARENT_DEV_NAME)) is None else as_text(device),
    )


def _header(data: bytes, start: int, end: int) -> tuple[int, ...]:
    if end - start < 16 or end > len(data):
        raise Malformed(f"a link's message has {end - start} bytes")
    return HEADER.unpack_from(data, start)


def _addrgenmode(af_spec: bytes | None) -> int | None:
    inet6 = None if af_spec is None else attribute.decode(af_spec).get(AF_INET6)
    mode = None if inet6 is None else attribute.decode(inet6).get(IFLA_INET6_ADDR_GEN_MODE)
    return None if mode is None else as_u8(mode)


def _info(kind: str, data: bytes) -> bytes:
    return nested(IFLA_LINKINFO, text(IFLA_INFO_KIND, kind) + (nested(IFLA_INFO_DATA, data) if data else b""))


def _mac(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))
