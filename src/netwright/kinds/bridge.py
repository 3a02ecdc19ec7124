"""The Linux bridge: a switch in the kernel, whose ports are other links (linux/if_link.h: IFLA_BR_*)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netwright.model.link import Link


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge(Link):
    kind: ClassVar[str] = "bridge"

    stp: bool | None = None
    forward_delay_seconds: int | None = None
    ageing_seconds: int | None = None
    multicast_snooping: bool | None = None

    def ip_words(self, fields: frozenset[str]) -> tuple[str, ...]:
        """ip-link(8) takes a bridge's times in hundredths of a second."""
        words: list[str] = []
        if "stp" in fields and self.stp is not None:
            words += ("stp_state", str(int(self.stp)))
        if "forward_delay_seconds" in fields and self.forward_delay_seconds is not None:
            words += ("forward_delay", str(self.forward_delay_seconds * 100))
        if "ageing_seconds" in fields and self.ageing_seconds is not None:
            words += ("ageing_time", str(self.ageing_seconds * 100))
        if "multicast_snooping" in fields and self.multicast_snooping is not None:
            words += ("mcast_snooping", str(int(self.multicast_snooping)))
        return tuple(words)
