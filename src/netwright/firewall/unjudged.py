"""What a policy cannot judge by who began it: it has no beginning that was seen, or an address that does not tell whose it is.

unfollowed    connection tracking knows of no connection: INVALID (a segment without one, an unasked echo reply), or told not to look
belated       TCP that began before it was tracked
groups        broadcast and multicast, which reach everybody on a bridge, those who are closed too
link-local    between the host and its bridges
strangers     an address of a bridge's on what comes in elsewhere
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from netwright.firewall.named_sets import NamedSets
from netwright.firewall.policies import CLOSED, CONFINED, Policing, Policy, Side
from netwright.firewall.text import IP
from netwright.model.names import parse_ifname

GROUPS = ("224.0.0.0/4", "255.255.255.255/32", "ff00::/8")
"""Multicast and broadcast addresses that mean the same everywhere."""

JUDGED_OTHERWISE = (
    "ct state invalid jump unfollowed",
    # Neighbour discovery is not for connection tracking to know.
    "ct state untracked meta l4proto != ipv6-icmp jump unfollowed",
    "ct state new tcp flags & (fin | syn | rst | ack) != syn jump belated",
)
"""Rules of the chain for what goes through."""


@dataclass(frozen=True, slots=True)
class Unjudged:
    """Not where this namespace is at one end, but for link-local addresses: that would cut its own sessions."""

    policing: Policing
    named: NamedSets

    def unfollowed(self) -> Iterator[str]:
        """It is dropped where a policy denies something between its ends, whoever is which."""
        pairs = [(policy.sources, policy.targets, f"p_{policy.name}_") for policy in self.policing.chosen(deny=True)]
        pairs.append((Side(anyone=True), self.policing.closed, f"{CLOSED}_"))
        for sources, targets, prefix in pairs:
            for near, far in (("saddr", "daddr"), ("daddr", "saddr")):
                source = self.named.side(sources, here=False, match=f"{{ip}} {near}", name=f"{prefix}from")
                target = self.named.side(targets, here=False, match=f"{{ip}} {far}", name=f"{prefix}to")
                if source is None or target is None:
                    continue
                for of_family in (4, 6) if source or target else (0,):
                    yield " ".join([*(part.format(ip=IP[of_family], family=of_family) for part in (source, target) if part), "drop"])
        confined = self.named.side(self.policing.confined, here=False, match="{ip} saddr", name=f"{CONFINED}_from")
        for of_family in (4, 6) if confined else ():
            self.named.addresses(f"inside{of_family}", self.policing.inside, of_family)
            yield f"{(confined or '').format(ip=IP[of_family], family=of_family)} {IP[of_family]} daddr != @inside{of_family} drop"

    def belated(self) -> Iterator[str]:
        """Who answers may be the first to be seen, and would pass for who opened it: so it is judged the other way round, too."""
        for policy in self.policing.chosen(deny=True):
            sources = self.named.side(policy.sources, here=False, match="ct reply {ip} saddr", name=f"p_{policy.name}_from")
            targets = self.named.side(policy.targets, here=False, match="ct original {ip} saddr", name=f"p_{policy.name}_to")
            if sources is None or targets is None:
                continue
            ports = ""
            if policy.services is not None:
                if not any(one.protocol == "tcp" for one in policy.services):
                    continue
                ports = f"meta l4proto tcp meta l4proto . ct original proto-src @p_{policy.name}_ports"
            for of_family in (4, 6) if sources or targets else (0,):
                sides = [part.format(ip=IP[of_family], family=of_family) for part in (targets, sources) if part]
                yield " ".join([*sides, *filter(None, [ports]), f"goto p_{policy.name}"])
        closed = self.named.side(self.policing.closed, here=False, match="ct original {ip} saddr", name=f"{CLOSED}_to")
        for of_family in (4, 6) if closed else ():
            yield f"{(closed or '').format(ip=IP[of_family], family=of_family)} goto {CLOSED}_off"

    def is_there_anybody(self) -> bool:
        """Whether somebody on a bridge is not open to everybody there."""
        denied = any(policy.targets.addressed for policy in self.policing.chosen(deny=True))
        return self.policing.on_host and (self.policing.closed.addressed or denied)

    def to_groups(self) -> Iterator[str]:
        """Behind what denies, and before what allows: an allow opens a group by naming it."""
        self.named.addresses("groups4", (*GROUPS, *self._broadcasts()), 4)
        self.named.addresses("groups6", GROUPS, 6)
        for of_family in (4, 6):
            yield f"oifname {self._policed()} {IP[of_family]} daddr @groups{of_family} ct state != untracked goto {CLOSED}_off"

    def strangers(self) -> Iterator[str]:
        """Who comes from elsewhere than a bridge, and has an address of one on its packets, is none of those who are known by it."""
        if not self.policing.on_host:
            return
        self.named.put("joined", "ifname", [f'"{name}"' for name in map(parse_ifname, self.policing.joined)], interval=False)
        for of_family in (4, 6):
            self.named.addresses(f"bridged{of_family}", self.policing.bridged, of_family)
            yield f'meta iifkind != "bridge" iifname != @joined {IP[of_family]} saddr @bridged{of_family} drop'

    def _broadcasts(self) -> Iterator[str]:
        for subnet in map(ipaddress.ip_network, self.policing.bridged):
            if subnet.version == 4 and subnet.prefixlen < 31:
                yield f"{subnet.broadcast_address}/32"

    def to_nobody(self) -> Iterator[str]:
        """What the host opens."""
        if self.is_there_anybody():
            yield f"oifname {self._policed()} ip6 daddr fe80::/10 ct state != untracked goto refuse"

    def from_nobody(self) -> Iterator[str]:
        """What comes to the host, where some may not."""
        if self.policing.on_host and any(one.targets.itself and one.sources.addressed for one in self.policing.chosen(deny=True)):
            yield f"iifname {self._policed()} ip6 saddr fe80::/10 ct state != untracked goto refuse"

    def _policed(self) -> str:
        """The set of the host's bridges."""
        self.named.put("policed", "ifname", [f'"{name}"' for name in map(parse_ifname, self.policing.bridges)], interval=False)
        return "@policed"


def names_groups(policy: Policy) -> bool:
    """Whether its targets are groups, by their addresses."""
    groups = [ipaddress.ip_network(group) for group in GROUPS]
    named = [ipaddress.ip_network(prefix) for prefix in policy.targets.prefixes]
    return any(one.version == group.version and one.subnet_of(group) for one in named for group in groups)  # type: ignore[arg-type]
