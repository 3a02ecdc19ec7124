"""A veth pair: two interfaces, each of which receives what the other sends (veth(4), linux/veth.h)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from netwright.model.link import Link, LinkKey
from netwright.model.netns import named
from netwright.rtnl import attribute, link
from netwright.rtnl.constants import VETH_INFO_PEER


@dataclass(frozen=True, slots=True, kw_only=True)
class Veth(Link):
    """One end."""

    kind: ClassVar[str] = "veth"
    recreate_on: ClassVar[frozenset[str]] = frozenset({"peer"})
    queues: ClassVar[int | None] = 1
    """With more, the kernel waits for a grace period to trim them (drivers/net/veth.c: veth_init_queues): twice the time."""
    paired: ClassVar[bool] = True
    unstated: ClassVar[Mapping[str, Any]] = {"mtu": 1500, "master": ""}

    peer: LinkKey | None = None
    """The other end; observed None: it could not be found."""

    def twin(self) -> LinkKey | None:
        return self.peer

    def birth_data(self, twin: Link | None, twin_netns_fd: int | None) -> bytes:
        if twin is None:
            return b""
        far = link.peer(name=twin.name, mtu=twin.mtu, mac=twin.mac, queues=self.queues, netns_fd=twin_netns_fd)
        return attribute.nested(VETH_INFO_PEER, far)

    @classmethod
    def read_info_data(cls, data: bytes, other: LinkKey | None) -> dict[str, Any]:  # noqa: ARG003 - the kernel says nothing there of a living veth
        return {"peer": other}

    @classmethod
    def examples(cls) -> tuple[Veth, ...]:
        return (
            cls(name="v0", peer=LinkKey(named("example"), "eth0")),
            cls(name="v1", up=True, mtu=1400, mac="02:00:00:00:00:43", peer=LinkKey(named("example"), "eth1")),
        )
