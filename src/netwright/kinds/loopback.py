"""The loopback: in every namespace from its birth, down until somebody sets it up. Its alias marks whose the namespace is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netwright.model.link import Link


@dataclass(frozen=True, slots=True, kw_only=True)
class Loopback(Link):
    innate: ClassVar[bool] = True
