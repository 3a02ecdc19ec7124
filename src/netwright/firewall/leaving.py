"""What leaves and enters: what is masqueraded, the networks that nothing leaves or enters, and those that nobody calls from outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netwright.firewall.intents import BridgeNetwork
from netwright.firewall.text import ADDR, IP, chain_text, map_text, set_text
from netwright.model.address import family, parse_prefix
from netwright.model.names import parse_ifname


@dataclass(frozen=True, slots=True)
class Leaving:
    """Networks and interfaces of one namespace. Rules do not grow with either."""

    networks: Sequence[BridgeNetwork]
    interfaces: Sequence[str]

    def collections(self) -> str:
        """The sets and maps, as they stand in the table. Raises InvalidValue."""
        parts = []
        if self.interfaces:
            parts.append(set_text("masquerade_interfaces", "ifname", sorted({f'"{parse_ifname(name)}"' for name in self.interfaces})))
        parts.extend(
            map_text(f"leaving{of_family}", f"{ADDR[of_family]} : verdict", subnets, interval=True)
            for of_family in (4, 6)
            if (subnets := self._subnets(of_family))
        )
        for kind, bridges in (("internal", self._internal()), ("isolated", self._isolated())):
            if bridges:
                parts.append(set_text(kind, "ifname", bridges))
                parts.append(set_text(f"{kind}_within", "ifname . ifname", [f"{name} . {name}" for name in bridges]))
        return "".join(parts)

    def chains(self) -> str:
        """The chains that maps lead to: one a bridge, since a map cannot say "any interface but this"."""
        return "".join(chain_text(f"leaving_{number}", [f'oifname != "{bridge}" masquerade']) for bridge, number in self._bridges().items())

    def outgoing(self) -> list[str]:
        """Rules of the postrouting hook. The interfaces first: a map's `goto` comes back to no rule after it."""
        rules = ["oifname @masquerade_interfaces masquerade"] if self.interfaces else []
        rules.extend(f"{IP[of_family]} saddr vmap @leaving{of_family}" for of_family in (4, 6) if self._subnets(of_family))
        return rules

    def forwarded(self) -> list[str]:
        """Rules of the forward hook. Within: br_netfilter shows frames of one bridge to this hook too."""
        rules: list[str] = []
        if self._internal():
            rules += ["iifname . oifname @internal_within accept", "iifname @internal drop", "oifname @internal drop"]
        if self._isolated():
            # Replies pass, and so does what was sent to a published port, whoever translated it. What belongs to no connection has no direction.
            rules += [
                "iifname . oifname @isolated_within accept",
                "oifname @isolated ct direction original ct status & dnat == 0 drop",
                "oifname @isolated ct state invalid,untracked drop",
            ]
        return rules

    def _internal(self) -> list[str]:
        return sorted({f'"{parse_ifname(network.bridge)}"' for network in self.networks if network.internal})

    def _isolated(self) -> list[str]:
        return sorted({f'"{parse_ifname(network.bridge)}"' for network in self.networks if network.isolated and not network.internal})

    def _bridges(self) -> dict[str, int]:
        """Bridge → its number, of those that masquerade."""
        names = dict.fromkeys(parse_ifname(network.bridge) for network in self.networks if _masquerades(network))
        return {name: number for number, name in enumerate(names, start=1)}

    def _subnets(self, of_family: int) -> dict[str, str]:
        bridges = self._bridges()
        return {
            subnet: f"goto leaving_{bridges[network.bridge]}"
            for network in self.networks
            if _masquerades(network)
            for subnet in map(parse_prefix, network.subnets)
            if family(subnet) == of_family
        }


def _masquerades(network: BridgeNetwork) -> bool:
    return network.masquerade and not network.internal and bool(network.subnets)
