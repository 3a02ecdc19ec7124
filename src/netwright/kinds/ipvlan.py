"""An ipvlan: an interface with addresses of its own and another one's MAC address (linux/if_link.h: IFLA_IPVLAN_*)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from netwright.model.link import Link, LinkKey
from netwright.model.netns import named
from netwright.rtnl import attribute
from netwright.rtnl.attribute import as_u16, u16
from netwright.rtnl.constants import IFLA_IPVLAN_FLAGS, IFLA_IPVLAN_MODE

MODES: Mapping[str, int] = {"l2": 0, "l3": 1, "l3s": 2}
"""linux/if_link.h: enum ipvlan_mode."""
FLAGS: Mapping[str, int] = {"bridge": 0, "private": 1, "vepa": 2}
"""linux/if_link.h: IPVLAN_F_*; bridge is neither of the two."""
_MODE_NAMES = {number: name for name, number in MODES.items()}
_FLAG_NAMES = {number: name for name, number in FLAGS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ipvlan(Link):
    """`mode` is one of MODES, `flag` one of FLAGS. Both belong to the lower link: all ipvlans on it have the same."""

    kind: ClassVar[str] = "ipvlan"
    stacked: ClassVar[bool] = True
    recreate_on: ClassVar[frozenset[str]] = frozenset({"lower"})
    unstated: ClassVar[Mapping[str, Any]] = {"mode": "l3", "flag": "bridge"}
    """drivers/net/ipvlan/ipvlan_main.c: ipvlan_link_new."""

    lower: LinkKey | None = None
    """The link whose wire and MAC address it shares; observed None: it could not be found."""
    mode: str | None = None
    flag: str | None = None

    def beneath(self) -> LinkKey | None:
        return self.lower

    def ip_words(self, fields: frozenset[str]) -> tuple[str, ...]:
        """ip-link(8) takes mode and flag together, or sets the other as it is by default."""
        if fields.isdisjoint({"mode", "flag"}) or self.mode is None:
            return ()
        return ("mode", self.mode, *((self.flag,) if self.flag is not None else ()))

    def info_data(self, fields: frozenset[str]) -> bytes:
        data = b""
        if "mode" in fields and self.mode is not None:
            data += u16(IFLA_IPVLAN_MODE, MODES[self.mode])
        if "flag" in fields and self.flag is not None:
            data += u16(IFLA_IPVLAN_FLAGS, FLAGS[self.flag])
        return data

    @classmethod
    def read_info_data(cls, data: bytes, other: LinkKey | None) -> dict[str, Any]:
        found = attribute.decode(data)
        own: dict[str, Any] = {"lower": other}
        if (mode := found.get(IFLA_IPVLAN_MODE)) is not None:
            own["mode"] = _MODE_NAMES.get(as_u16(mode))
        if (flags := found.get(IFLA_IPVLAN_FLAGS)) is not None:
            own["flag"] = _FLAG_NAMES.get(as_u16(flags))
        return own

    @classmethod
    def examples(cls) -> tuple[Ipvlan, ...]:
        lower = LinkKey(named("example"), "eth0")
        return (
            cls(name="iv0", lower=lower, mode="l3s", flag="vepa"),
            cls(name="iv1", up=True, mtu=1400, lower=lower, mode="l2", flag="private"),
        )
