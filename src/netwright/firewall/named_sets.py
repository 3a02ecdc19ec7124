"""The sets of a table of policies, by name, as its rules ask for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from netwright.firewall.policies import Side
from netwright.firewall.sources import prefixes_of
from netwright.firewall.text import ADDR, set_text
from netwright.model.address import DEFAULT4, DEFAULT6, family

EVERYBODY = {4: (DEFAULT4,), 6: (DEFAULT6,)}


@dataclass(frozen=True, slots=True)
class NamedSets:
    texts: dict[str, str] = field(default_factory=dict)
    """Name → text, as they are first asked for."""

    def side(self, side: Side, *, here: bool, match: str, name: str) -> str | None:
        """What a rule says of one side; "": nothing; None: nobody is meant. `here`: this namespace is on that side."""
        if side.anyone or (here and side.itself):
            return ""
        if not (side.addressed_here if here else side.addressed):
            return None
        prefixes = side.prefixes
        if here and side.here is not None:
            prefixes, name = side.here, f"{name}_here"
        for of_family in (4, 6):
            self.addresses(f"{name}{of_family}", prefixes, of_family)
        return f"{match} @{name}{{family}}"

    def addresses(self, name: str, prefixes: Iterable[str], of_family: int) -> None:
        """Those of one family."""
        own = [prefix for prefix in prefixes if family(prefix) == of_family]
        merged = prefixes_of(own, of_family)
        self.put(name, ADDR[of_family], EVERYBODY[of_family] if merged is None else merged)

    def put(self, name: str, type_: str, elements: Iterable[str], *, interval: bool = True) -> None:
        """A set, unless it is there."""
        self.texts.setdefault(name, set_text(name, type_, sorted(elements), interval=interval))
