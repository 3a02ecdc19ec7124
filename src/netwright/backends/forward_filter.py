"""What others drop of what the host forwards: looked at in the namespace we run in, nothing changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from netwright.backends.libnftables import run_nft
from netwright.backends.xtables import Variant, save, variants
from netwright.firewall import docker_direct, docker_nft
from netwright.firewall.foreign import FILTER, FORWARD
from netwright.firewall.listing import (
    BaseChain,
    Forward,
    base_chains,
    leads_elsewhere,
    nft_forward,
    obstacle,
    rules_by_chain,
    rules_of,
    ruleset_of,
    saved_forward,
    saved_rules,
)
from netwright.model.firewall import DirectDrop, DockerBridge, ForwardFilter, Obstacle, Ruleset
from netwright.model.names import TABLE_PREFIXES

_NFT_FAMILIES = {4: "ip", 6: "ip6"}
_BRIDGE_SWITCHES = {4: "/proc/sys/net/bridge/bridge-nf-call-iptables", 6: "/proc/sys/net/bridge/bridge-nf-call-ip6tables"}


def observe_forward() -> ForwardFilter:
    """FORWARD of iptables in both of its kinds, and nft's base chains at the forward hook.

    A program is started only where the kernel's older tables (iptables-legacy) are in use: nft shows the rest.
    Raises FirewallError, KernelError, Missing.
    """
    listing = run_nft("list chains")
    chains = base_chains(listing)
    obstacles = [found for base in chains if not _of_iptables(base) and (found := _look_at(base)) is not None]
    drops, docker_user = set(), set()
    guarded = [bridge for base in chains if _of_docker(base) for bridge in _docker_bridges(base)]
    for family in (4, 6):
        forwards = _forwards(family, chains)
        variant = choose(forwards)
        for other, forward in forwards.items():
            if other is variant:
                if forward.docker_user:
                    docker_user.add(family)
                if forward.stops is not None and not (forward.docker_user and forward.stops_first):
                    drops.add(family)
            if forward.stops is not None and (other is not variant or (forward.docker_user and forward.stops_first)):
                rule = f"{forward.stops} (iptables-{other.value})"
                obstacles.append(Obstacle(family=_NFT_FAMILIES[family], table=FILTER, chain=FORWARD, rule=rule))
    return ForwardFilter(
        drops=frozenset(drops),
        docker_user=frozenset(docker_user),
        bridge_calls_iptables=frozenset(family for family, path in _BRIDGE_SWITCHES.items() if _is_on(path)),
        iptables={family: table for family in (4, 6) if (table := _led_away(family, chains)) is not None},
        obstacles=tuple(obstacles),
        docker_bridges=tuple(guarded),
        direct_drops=tuple(_direct_drops(base_chains(listing, at="prerouting"))),
    )


def variant_of(family: int) -> Variant | None:
    """The kind of iptables in which our rules belong: Docker's, else the one that drops; None: there is none."""
    chains = base_chains(run_nft("list chains")) if Variant.NFT in variants(family) else []
    return choose(_forwards(family, chains))


def choose(forwards: dict[Variant, Forward]) -> Variant | None:
    """Of several kinds the one that Docker uses, else the one that drops, else the first."""
    return min(forwards, key=lambda variant: (not forwards[variant].docker_user, forwards[variant].stops is None), default=None)


def _forwards(family: int, chains: list[BaseChain]) -> dict[Variant, Forward]:
    found = {}
    for base in chains:
        if base.family == _NFT_FAMILIES[family] and base.table == FILTER and base.chain == FORWARD:
            found[Variant.NFT] = nft_forward(base.policy, run_nft(f"list chain {base.family} {FILTER} {FORWARD}"))
    if Variant.LEGACY in variants(family) and (legacy := saved_forward(save(family, Variant.LEGACY, FILTER))) is not None:
        found[Variant.LEGACY] = legacy
    return found


def _led_away(family: int, chains: list[BaseChain]) -> Ruleset | None:
    """The table of iptables-nft, where what FORWARD leads to may have rules of its own for what the file asks for."""
    for base in chains:
        if base.family == _NFT_FAMILIES[family] and _of_iptables(base):
            rules = rules_of(FORWARD, run_nft(f"list chain {base.family} {FILTER} {FORWARD}"))
            if any(leads_elsewhere(rule) for rule in rules):
                return ruleset_of(run_nft(f"list table {base.family} {FILTER}"))
    return None


def _of_iptables(base: BaseChain) -> bool:
    return base.family in _NFT_FAMILIES.values() and base.table == FILTER and base.chain == FORWARD


def _of_docker(base: BaseChain) -> bool:
    return base.family in _NFT_FAMILIES.values() and base.table == docker_nft.TABLE and base.chain == docker_nft.FORWARD


def _docker_bridges(base: BaseChain) -> Iterator[DockerBridge]:
    (of_family,) = (number for number, word in _NFT_FAMILIES.items() if word == base.family)
    return docker_nft.docker_bridges(of_family, rules_by_chain(run_nft(f"list table {base.family} {base.table}")))


def _direct_drops(chains: list[BaseChain]) -> Iterator[DirectDrop]:
    for base in chains:
        if base.family in _NFT_FAMILIES.values() and (base.table, base.chain) in (docker_direct.SAVED_CHAIN, docker_direct.NFT_CHAIN):
            rules = rules_by_chain(run_nft(f"list chain {base.family} {base.table} {base.chain}"))[base.chain]
            yield from docker_direct.direct_drops(f"{base.family} {base.table}", base.chain, rules)
    table, chain = docker_direct.SAVED_CHAIN
    for family in _NFT_FAMILIES:
        if Variant.LEGACY in variants(family, table):
            yield from docker_direct.direct_drops(table, chain, saved_rules(save(family, Variant.LEGACY, table), chain))


def _look_at(base: BaseChain) -> Obstacle | None:
    # Ours shut single networks, or refuse what a policy denies, and never drop all.
    if base.table.startswith(TABLE_PREFIXES) and base.policy != "drop":
        return None
    return obstacle(base, run_nft(f"list table {base.family} {base.table}"))


def _is_on(path: str) -> bool:
    """Absent: br_netfilter is not loaded."""
    try:
        return Path(path).read_text(encoding="ascii").strip() not in ("", "0")
    except OSError:
        return False
