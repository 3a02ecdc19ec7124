"""Ports that Docker publishes to everybody, and the file to some: the part of it that stands in our own table.

Docker forwards a published port by DNAT. Where it has a DOCKER-USER, that shuts the others out (`netwright.firewall.foreign`); where
it has none, as with its nftables backend, our forward hook does: what one base chain drops no other one brings back. And docker-proxy
listens on the port, on [::] too, and takes whatever no DNAT rule took, so the input hook shuts them out there. Either answers
as if nothing were there: a TCP reset, or "port unreachable".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from netwright.errors import InvalidValue
from netwright.firewall.intents import Restriction
from netwright.firewall.publishing import PROTOCOLS, expand
from netwright.firewall.sources import SourceSets, prefixes_of
from netwright.firewall.text import ADDR, IP, chain_text, map_text
from netwright.model.address import family, parse_ip

REFUSE = "refuse_it"
"""The chain that answers as if nothing were there; who has a rule that leads to it has it in the table."""


def refuse_chain() -> str:
    """The chain itself."""
    return chain_text(REFUSE, ["meta l4proto tcp reject with tcp reset", "reject"])


@dataclass(slots=True)
class Refusal:
    """All restrictions of a table, gathered."""

    sources: SourceSets
    _anywhere: dict[int, dict[str, str]] = field(default_factory=lambda: {4: {}, 6: {}})
    """Family → PROTOCOL . PORT → verdict."""
    _address: dict[int, dict[str, str]] = field(default_factory=lambda: {4: {}, 6: {}})
    """Family → ADDRESS . PROTOCOL . PORT → verdict."""
    _chains: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def add(self, restriction: Restriction) -> None:
        """Raises InvalidValue for what cannot stand in a table."""
        if restriction.protocol not in PROTOCOLS:
            raise InvalidValue(f"{restriction.protocol!r} is not a protocol: tcp, udp or sctp")
        for of_family in families_of(restriction):
            allowed = prefixes_of(restriction.sources, of_family)
            if allowed is None:
                continue
            verdict = f"goto {REFUSE}"
            if allowed:
                from_set = self.sources.name(of_family, allowed)
                self._chains[f"restrict_{from_set}"] = (f"{IP[of_family]} saddr @{from_set} return", f"goto {REFUSE}")
                verdict = f"goto restrict_{from_set}"
            elements = self._anywhere[of_family] if restriction.address is None else self._address[of_family]
            where = "" if restriction.address is None else f"{parse_ip(restriction.address)} . "
            for port in expand(restriction.ports):
                key = f"{where}{restriction.protocol} . {port}"
                if elements.setdefault(key, verdict) != verdict:
                    raise InvalidValue(f"{restriction.protocol} port {port} is restricted twice, to different sources")

    def collections(self) -> str:
        """The maps, as they stand in the table."""
        parts = []
        for of_family, elements in self._address.items():
            if elements:
                parts.append(
                    map_text(f"restricted_address{of_family}", f"{ADDR[of_family]} . inet_proto . inet_service : verdict", elements)
                )
        for of_family, elements in self._anywhere.items():
            if elements:
                parts.append(map_text(f"restricted{of_family}", "inet_proto . inet_service : verdict", elements))
        return "".join(parts)

    def chains(self) -> str:
        """The chains that maps lead to."""
        return "".join(chain_text(name, rules) for name, rules in self._chains.items())

    def received(self) -> list[str]:
        """Rules of the input hook: loopback and the answers to what began here pass."""
        if not self.present:
            return []
        rules = ['iifname "lo" accept', "ct direction reply accept"]
        for of_family, elements in self._address.items():
            if elements:
                rules.append(f"{IP[of_family]} daddr . meta l4proto . th dport vmap @restricted_address{of_family}")
        for of_family, elements in self._anywhere.items():
            if elements:
                rules.append(f"meta nfproto ipv{of_family} meta l4proto . th dport vmap @restricted{of_family}")
        return rules

    def forwarded(self, families: Collection[int]) -> list[str]:
        """Rules of the forward hook: by the port that the client asked for, whatever it was translated to."""
        rules: list[str] = []
        for of_family in sorted(families):
            for where, word, elements in (
                (f"ct original {IP[of_family]} daddr . ", "restricted_address", self._address[of_family]),
                ("", "restricted", self._anywhere[of_family]),
            ):
                rules.extend(
                    f"ct direction original ct status dnat meta nfproto ipv{of_family} meta l4proto {protocol} "
                    f"{where}meta l4proto . ct original proto-dst vmap @{word}{of_family}"
                    for protocol in PROTOCOLS
                    if any(f"{protocol} . " in key for key in elements)
                )
        return rules

    @property
    def present(self) -> bool:
        """Whether there is any."""
        return any((*self._address.values(), *self._anywhere.values()))


def families_of(restriction: Restriction) -> Iterable[int]:
    """The IP families that a restriction is about: its address's, or both."""
    return (4, 6) if restriction.address is None else (family(restriction.address),)
