"""Docker's other world: rules in nftables, in which there is no DOCKER-USER (Docker 29, `dockerd --firewall-backend=nftables`).

    table ip docker-bridges, table ip6 docker-bridges
        filter-FORWARD              hook forward, priority 0: one look-up by the bridge a packet leaves through, one by that it came from
        filter-forward-in__BRIDGE   replies, marked packets, what Docker publishes, and what comes from the bridge itself; all else is dropped

An accept of ours at this hook does not keep Docker from dropping. What does is a mark that dockerd was told of, `--bridge-accept-fwmark`:
it is set before Docker looks, and read from Docker's own rules, so that it is the one which counts. What is to be refused needs nothing of
Docker's: a drop in any base chain is final.

The shape is that of moby's integration/network/bridge/nftablesdoc, which calls it no stable interface: what is not understood here
counts as letting nothing through.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from netwright.firewall.intents import Publish
from netwright.firewall.publishing import PROTOCOLS, pairs
from netwright.firewall.text import ADDR, IP, set_text
from netwright.model.address import family, parse_ip
from netwright.model.firewall import DockerBridge, ForwardFilter, PacketMark

TABLE = "docker-bridges"
FORWARD = "filter-FORWARD"
FLAG = "--bridge-accept-fwmark"

_INTO = "filter-forward-in__"
_MARK = re.compile(r"meta mark (?:(?:&|and) (?P<mask>0x[0-9a-f]+|\d+) == )?(?P<value>0x[0-9a-f]+|\d+) accept")
_OPEN = re.compile(r"ip6? daddr (?P<address>\S+) (?P<protocol>tcp|udp|sctp) dport (?P<port>\d+) accept")
_STOP = re.compile(r'(?:iifname != "[^"]+" )?drop')


def docker_bridges(of_family: int, chains: Mapping[str, Sequence[str]]) -> Iterator[DockerBridge]:
    """From the table's chains and their rules, without counters and comments."""
    for chain, rules in chains.items():
        if not chain.startswith(_INTO):
            continue
        marks = [found for rule in rules if (found := _MARK.fullmatch(rule))]
        opened = [found for rule in rules if (found := _OPEN.fullmatch(rule))]
        # Whichever comes first: what no rule decides is the base chain's to decide, and drops are looked for there too.
        last = next((rule for rule in rules if rule == "accept" or _STOP.fullmatch(rule)), "accept")
        yield DockerBridge(
            family=of_family,
            bridge=chain.removeprefix(_INTO),
            chain=chain,
            drop=None if last == "accept" else last,
            mark=_packet_mark(marks[0]) if marks else None,
            open=frozenset((found["protocol"], parse_ip(found["address"]), int(found["port"])) for found in opened),
        )


def _packet_mark(found: re.Match[str]) -> PacketMark:
    value = int(found["value"], 0)
    return PacketMark(value, int(found["mask"], 0)) if found["mask"] else PacketMark(value)


def accepted_mark(forward: ForwardFilter) -> PacketMark | None:
    """The mark with which packets come into Docker's bridges, of either family; None: dockerd was told of none."""
    marks = sorted((bridge.bridge, bridge.mark) for bridge in forward.docker_bridges if bridge.mark is not None)
    return marks[0][1] if marks else None


def guard(forward: ForwardFilter, publish: Publish) -> DockerBridge | None:
    """The bridge into which Docker lets nothing of this publish, whatever we do; None: it passes, or goes elsewhere."""
    for bridge in forward.docker_bridges:
        if bridge.bridge != publish.through or bridge.family != family(publish.target):
            continue
        passes = bridge.drop is None or bridge.mark is not None
        if not passes and any((publish.protocol, publish.target, port) not in bridge.open for _, port in pairs(publish)):
            return bridge
    return None


@dataclass(frozen=True, slots=True)
class Passage:
    """Marks what is handed on to targets beyond our own networks, so that it comes into Docker's bridges."""

    mark: PacketMark | None
    publishes: Sequence[Publish]
    """Those with targets on no network of ours."""

    def collections(self) -> str:
        """The sets, as they stand in the table. Raises InvalidValue."""
        return "".join(
            set_text(f"handed_on{of_family}", f"inet_proto . inet_service . {ADDR[of_family]} . inet_service", elements)
            for of_family in (4, 6)
            if (elements := self._elements(of_family))
        )

    def forwarded(self) -> list[str]:
        """Rules of the forward hook. Replies need no mark: Docker lets them pass."""
        if self.mark is None:
            return []
        setting = _setting(self.mark)
        return [
            f"ct direction original ct status dnat meta nfproto ipv{of_family} meta l4proto {protocol} "
            f"meta l4proto . ct original proto-dst . {IP[of_family]} daddr . th dport @handed_on{of_family} {setting}"
            for of_family in (4, 6)
            for protocol in PROTOCOLS
            if any(element.startswith(f"{protocol} . ") for element in self._elements(of_family))
        ]

    def _elements(self, of_family: int) -> list[str]:
        if self.mark is None:
            return []
        found = (
            f"{publish.protocol} . {port} . {parse_ip(publish.target)} . {target_port}"
            for publish in self.publishes
            if family(publish.target) == of_family
            for port, target_port in pairs(publish)
        )
        return list(dict.fromkeys(found))


def _setting(mark: PacketMark) -> str:
    if mark.mask == 0xFFFFFFFF:
        return f"meta mark set {mark.value:#x}"
    # Others' bits stay as they are.
    return f"meta mark set meta mark and {~mark.mask & 0xFFFFFFFF:#010x} or {mark.value:#x}"
