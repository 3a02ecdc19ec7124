"""A NIC that is there already: borrowed from its home, configured, and given back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from netwright.model.link import Link, LinkKey
from netwright.model.netns import HOST


@dataclass(frozen=True, slots=True, kw_only=True)
class Nic(Link):
    """Its fields are as the file wants them, or as they were at home."""

    borrowed: ClassVar[bool] = True

    current: LinkKey = field(compare=False)
    """Where it is now: a fact that was looked up."""
    home: LinkKey | None = field(default=None, compare=False)
    """Where it was before anybody borrowed it; None: it is there still."""

    def origin(self) -> LinkKey | None:
        return self.current

    def belongs(self) -> LinkKey | None:
        return self.home or self.current

    @classmethod
    def examples(cls) -> tuple[Nic, ...]:
        return (
            cls(name="eth1", up=True, mtu=1400, alias="netwright-loan:example", current=LinkKey(HOST, "eth1"), home=LinkKey(HOST, "eth1")),
        )
