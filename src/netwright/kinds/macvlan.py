"""A macvlan: an interface with a MAC address of its own on another one's wire (linux/if_link.h: IFLA_MACVLAN_*).

Its interfaces reach each other (in mode bridge) and whatever the lower link reaches, but never the lower link's own host.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from netwright.model.link import Link, LinkKey
from netwright.model.netns import named
from netwright.rtnl import attribute
from netwright.rtnl.attribute import as_u32, u32
from netwright.rtnl.constants import IFLA_MACVLAN_MODE

MODES: Mapping[str, int] = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8, "source": 16}
"""linux/if_link.h: enum macvlan_mode."""
_NAMES = {number: name for name, number in MODES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Macvlan(Link):
    """`mode` is one of MODES."""

    kind: ClassVar[str] = "macvlan"
    stacked: ClassVar[bool] = True
    recreate_on: ClassVar[frozenset[str]] = frozenset({"lower"})
    unstated: ClassVar[Mapping[str, Any]] = {"mode": "vepa"}
    """drivers/net/macvlan.c: macvlan_common_newlink."""

    lower: LinkKey | None = None
    """The link whose wire it shares; observed None: it could not be found."""
    mode: str | None = None

    def beneath(self) -> LinkKey | None:
        return self.lower

    def fixed(self, observed: Link) -> frozenset[str]:
        """Into and out of passthru no living macvlan goes (drivers/net/macvlan.c: macvlan_changelink)."""
        changed = self.differences(observed)
        through = "passthru" in (self.mode, getattr(observed, "mode", None))
        return changed & (self.recreate_on | {"mode"} if through else self.recreate_on)

    def ip_words(self, fields: frozenset[str]) -> tuple[str, ...]:
        return ("mode", self.mode) if "mode" in fields and self.mode is not None else ()

    def info_data(self, fields: frozenset[str]) -> bytes:
        return u32(IFLA_MACVLAN_MODE, MODES[self.mode]) if "mode" in fields and self.mode is not None else b""

    @classmethod
    def read_info_data(cls, data: bytes, other: LinkKey | None) -> dict[str, Any]:
        mode = attribute.decode(data).get(IFLA_MACVLAN_MODE)
        return {"lower": other, "mode": None if mode is None else _NAMES.get(as_u32(mode))}

    @classmethod
    def examples(cls) -> tuple[Macvlan, ...]:
        lower = LinkKey(named("example"), "eth0")
        return (
            cls(name="mv0", lower=lower, mode="bridge"),
            cls(name="mv1", up=True, mtu=1400, mac="02:00:00:00:00:44", lower=lower, mode="private"),
        )
