"""The loopback: in every namespace from its birth, down until somebody sets it up. Its alias marks whose the namespace is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netwright.model.link import Link
from netwright.rtnl.constants import ARPHRD_LOOPBACK


@dataclass(frozen=True, slots=True, kw_only=True)
class Loopback(Link):
    """Innate; of its fields a file decides the mark and whether it is up."""

    innate: ClassVar[bool] = True
    hardware: ClassVar[int | None] = ARPHRD_LOOPBACK

    @classmethod
    def examples(cls) -> tuple[Loopback, ...]:
        return (cls(name="lo", up=True, mtu=16384, alias="netwright:example"),)
