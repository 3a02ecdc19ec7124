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
