"""What is sent to a container's own address from elsewhere: Docker 28 and later drop it, before anything is routed.

    iptables    table raw, PREROUTING           -d 172.17.0.2/32 ! -i docker0 -j DROP
    nftables    docker-bridges, raw-PREROUTING  ip daddr 172.17.0.2 iifname != "docker0" drop

No rule elsewhere keeps them from it, and no mark. The host itself may send there, and what it translates has another address still
when it passes these rules; so only a namespace that hands ports on to such an address, without being on its network, is stopped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from netwright.firewall.intents import Publish
from netwright.model.address import parse_ip
from netwright.model.firewall import DirectDrop
from netwright.model.netns import HOST, NetnsRef

SAVED_CHAIN = ("raw", "PREROUTING")
NFT_CHAIN = ("docker-bridges", "raw-PREROUTING")

_RULES = (
    re.compile(r"-d (?P<address>[0-9a-f.:]+)(?:/32|/128)? ! -i \S+ -j DROP"),
    re.compile(r"ip6? daddr (?P<address>[0-9a-f.:]+) iifname != (?:\S+|\{.*\}) drop"),
    re.compile(r'iifname != "[^"]+" ip6? daddr (?P<address>[0-9a-f.:]+) drop'),
)
"""As iptables-save has them, as Docker's nftables backend writes them, and as nft shows those of iptables-nft."""


def direct_drops(table: str, chain: str, rules: Iterable[str]) -> Iterator[DirectDrop]:
    """From the rules of one of the two chains, without counters and comments."""
    for rule in rules:
        for shape in _RULES:
            if found := shape.fullmatch(rule):
                yield DirectDrop(address=parse_ip(found["address"]), table=table, chain=chain, rule=rule)


def unreachable(stack: str, drops: Iterable[DirectDrop], publishes: Mapping[NetnsRef, Iterable[Publish]]) -> list[str]:
    """A sentence for each target that a namespace hands ports on to, and does not reach."""
    by_address = {drop.address: drop for drop in drops}
    sentences = []
    for ref, published in publishes.items():
        for publish in published:
            drop = by_address.get(publish.target)
            if drop is None or ref == HOST or publish.through is not None:
                continue
            sentences.append(
                f"the chain {drop.chain} of the table {drop.table} drops what {stack} publishes in {ref} to {publish.target}, by `{drop.rule}`: Docker"
                " lets nobody send to a container's own address from elsewhere; put an interface of the namespace on the container's network, or publish"
                " on the host"
            )
    return list(dict.fromkeys(sentences))
