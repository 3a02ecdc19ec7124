"""A veth pair: two interfaces, each of which receives what the other sends (veth(4))."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netwright.model.link import Link, LinkKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Veth(Link):
    kind: ClassVar[str] = "veth"
    recreate_on: ClassVar[frozenset[str]] = frozenset({"peer"})

    peer: LinkKey | None = None
    """The other end; observed None: it could not be found."""

    def twin(self) -> LinkKey | None:
        return self.peer
