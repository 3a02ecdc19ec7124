"""The Linux bridge: a switch in the kernel, whose ports are other links (linux/if_link.h: IFLA_BR_*)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from netwright.model.link import Link, LinkKey
from netwright.rtnl import attribute
from netwright.rtnl.attribute import as_u8, as_u32, raw, u8, u32
from netwright.rtnl.constants import (
    IFLA_BR_AGEING_TIME,
    IFLA_BR_FORWARD_DELAY,
    IFLA_BR_MCAST_SNOOPING,
    IFLA_BR_MULTI_BOOLOPT,
    IFLA_BR_STP_STATE,
    IFLA_BR_TOPOLOGY_CHANGE,
    USER_HZ,
)

_OPTIONS = struct.Struct("=II")
"""struct br_boolopt_multi: values, and which of them are meant."""
_NO_LL_LEARN = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge(Link):
    """Times are in whole seconds."""

    kind: ClassVar[str] = "bridge"
    mtu_follows_ports: ClassVar[bool] = True
    mac_follows_ports: ClassVar[bool] = True
    unstated: ClassVar[Mapping[str, Any]] = {
        "mtu": 1500,
        "stp": False,
        "forward_delay_seconds": 15,
        "ageing_seconds": 300,
        "multicast_snooping": True,
        "learns_from_own_groups": True,
    }
    """net/bridge/br_device.c: br_dev_setup."""

    stp: bool | None = None
    forward_delay_seconds: int | None = None
    ageing_seconds: int | None = None
    multicast_snooping: bool | None = None
    learns_from_own_groups: bool | None = None
    """Whether it learns where a sender is from frames to 01:80:c2:00:00:0X, which it keeps to itself (linux/if_bridge.h: BR_BOOLOPT_NO_LL_LEARN)."""
    topology_changes: bool | None = field(default=None, compare=False)
    """Observed only: the spanning tree has just changed; for half a minute addresses are forgotten faster than is set."""

    def veiled(self, observed: Link) -> frozenset[str]:
        """net/bridge/br_stp.c: __br_set_topology_change. What is set comes back, and is not shown until then."""
        if not isinstance(observed, Bridge) or not observed.topology_changes or observed.forward_delay_seconds is None:
            return frozenset()
        return frozenset({"ageing_seconds"} if observed.ageing_seconds == 2 * observed.forward_delay_seconds else ())

    def ip_words(self, fields: frozenset[str]) -> tuple[str, ...]:
        """ip-link(8) takes a bridge's times in hundredths of a second."""
        words: list[str] = []
        if "stp" in fields and self.stp is not None:
            words += ("stp_state", str(int(self.stp)))
        if "forward_delay_seconds" in fields and self.forward_delay_seconds is not None:
            words += ("forward_delay", str(self.forward_delay_seconds * USER_HZ))
        if "ageing_seconds" in fields and self.ageing_seconds is not None:
            words += ("ageing_time", str(self.ageing_seconds * USER_HZ))
        if "multicast_snooping" in fields and self.multicast_snooping is not None:
            words += ("mcast_snooping", str(int(self.multicast_snooping)))
        if "learns_from_own_groups" in fields and self.learns_from_own_groups is not None:
            words += ("no_linklocal_learn", str(int(not self.learns_from_own_groups)))
        return tuple(words)

    def info_data(self, fields: frozenset[str]) -> bytes:
        data = b""
        if "forward_delay_seconds" in fields and self.forward_delay_seconds is not None:
            data += u32(IFLA_BR_FORWARD_DELAY, self.forward_delay_seconds * USER_HZ)
        if "ageing_seconds" in fields and self.ageing_seconds is not None:
            data += u32(IFLA_BR_AGEING_TIME, self.ageing_seconds * USER_HZ)
        if "stp" in fields and self.stp is not None:
            data += u32(IFLA_BR_STP_STATE, self.stp)
        if "multicast_snooping" in fields and self.multicast_snooping is not None:
            data += u8(IFLA_BR_MCAST_SNOOPING, self.multicast_snooping)
        if "learns_from_own_groups" in fields and self.learns_from_own_groups is not None:
            data += raw(IFLA_BR_MULTI_BOOLOPT, _OPTIONS.pack(0 if self.learns_from_own_groups else _NO_LL_LEARN, _NO_LL_LEARN))
        return data

    @classmethod
    def read_info_data(cls, data: bytes, other: LinkKey | None) -> dict[str, Any]:  # noqa: ARG003 - a bridge stands for itself
        found = attribute.decode(data)
        own: dict[str, Any] = {}
        if (delay := found.get(IFLA_BR_FORWARD_DELAY)) is not None:
            own["forward_delay_seconds"] = as_u32(delay) // USER_HZ
        if (ageing := found.get(IFLA_BR_AGEING_TIME)) is not None:
            own["ageing_seconds"] = as_u32(ageing) // USER_HZ
        if (stp := found.get(IFLA_BR_STP_STATE)) is not None:
            # 2: a program speaks the protocol in the kernel's stead (BR_USER_STP).
            own["stp"] = as_u32(stp) != 0
        if (changes := found.get(IFLA_BR_TOPOLOGY_CHANGE)) is not None:
            own["topology_changes"] = as_u8(changes) != 0
        if (snooping := found.get(IFLA_BR_MCAST_SNOOPING)) is not None:
            own["multicast_snooping"] = as_u8(snooping) != 0
        if (options := found.get(IFLA_BR_MULTI_BOOLOPT)) is not None:
            if len(options) != _OPTIONS.size:
                raise ValueError(f"a bridge's options are {len(options)} bytes")
            own["learns_from_own_groups"] = not _OPTIONS.unpack(options)[0] & _NO_LL_LEARN
        return own

    @classmethod
    def examples(cls) -> tuple[Bridge, ...]:
        return (
            cls(name="br0"),
            cls(name="br1", mtu=1400, up=True, stp=True, forward_delay_seconds=4, ageing_seconds=77, multicast_snooping=False),
            cls(name="br2", mac="02:00:00:00:00:42", stp=False, forward_delay_seconds=9, ageing_seconds=0, multicast_snooping=True),
            cls(name="br3", learns_from_own_groups=False),
        )
