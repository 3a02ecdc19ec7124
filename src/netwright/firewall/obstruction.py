"""What others drop of what the file asks for, and no rule of ours can get around: told before anything is touched."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import replace

from netwright.firewall import docker_nft
from netwright.firewall.foreign import DNAT_MENTION, beyond, families_on, port_range, towards
from netwright.firewall.intents import BridgeNetwork, Intents
from netwright.firewall.walk import Probe, Stop, stop_of
from netwright.model.address import family, parse_prefix
from netwright.model.firewall import ForwardFilter, Obstacle
from netwright.model.names import parse_ifname

_NFT_FAMILIES = {4: "ip", 6: "ip6"}
_FAMILIES = {"ip": (4,), "ip6": (6,), "inet": (4, 6), "bridge": (4, 6)}


def obstacles(stack: str, forward: ForwardFilter, intents: Intents) -> list[str]:
    """What others drop and no rule of ours can get around: a sentence each, with the chain, its rule, and what to do."""
    sentences = []
    for obstacle in forward.obstacles:
        families = _FAMILIES[obstacle.family]
        for network in intents.networks:
            if _stopped(network, obstacle, forward) and (stop := _stop_of_network(network, obstacle, intents)) is not None:
                bridge = parse_ifname(network.bridge)
                remedy = _remedy(obstacle, bridge) or (
                    f'accept it there, with iifname "{bridge}" accept and oifname "{bridge}" ct state established,related accept,'
                    f" and ct status dnat accept for published ports"
                )
                sentences.append(f"{_where(obstacle, stop)} drops what network {bridge} of {stack} forwards, {_by(stop)}; {remedy}")
        for interface in intents.own_interfaces if obstacle.family != "bridge" else ():
            probes = [probe for of_family in families for probe in _around(interface, of_family)]
            if (stop := _stop(obstacle, probes, interface)) is not None:
                remedy = _remedy(obstacle, interface) or (
                    f'accept it there, with iifname "{interface}" accept and oifname "{interface}" ct state established,related accept'
                )
                sentences.append(f"{_where(obstacle, stop)} drops what {stack} forwards from {interface}, {_by(stop)}; {remedy}")
        if obstacle.family != "bridge":
            # What comes into Docker's own bridges is looked at below: its mark is not known here.
            guarded = {bridge.bridge for bridge in forward.docker_bridges} if obstacle.table == docker_nft.TABLE else set()
            stops = {
                publish.target: stop
                for of_family in families
                for publish in beyond(intents, of_family)
                if publish.through not in guarded and (stop := _stop(obstacle, [towards(publish, of_family)], DNAT_MENTION)) is not None
            }
            sentences.extend(
                f"{_where(obstacle, stop)} drops what {stack} publishes to {target}, {_by(stop)}; accept it there, with ct status dnat accept"
                for target, stop in stops.items()
            )
            sentences.extend(_opened_in_vain(stack, obstacle, intents))
    return list(dict.fromkeys([*sentences, *_docker_refuses(stack, forward, intents)]))


def _opened_in_vain(stack: str, obstacle: Obstacle, intents: Intents) -> Iterator[str]:
    """Ports that Docker translates, and that the file opens."""
    for opening in intents.openings:
        if opening.target is None or family(opening.target) not in _FAMILIES[obstacle.family]:
            continue
        probe = Probe(family=family(opening.target), translated=True, target=opening.target, protocol=opening.protocol)
        if (stop := _stop(obstacle, [probe], DNAT_MENTION)) is not None:
            ports = f"{port_range(opening.ports)}/{opening.protocol}"
            what = f"{_where(obstacle, stop)} drops what {stack} opens of Docker's port {ports}"
            yield f"{what}, {_by(stop)}; accept it there, with ct status dnat accept"


def _docker_refuses(stack: str, forward: ForwardFilter, intents: Intents) -> Iterator[str]:
    for of_family in (4, 6):
        for publish in beyond(intents, of_family):
            bridge = docker_nft.guard(forward, publish)
            if bridge is None:
                continue
            obstacle = Obstacle(family=_NFT_FAMILIES[of_family], table=docker_nft.TABLE, chain=docker_nft.FORWARD, rule="")
            where = _where(obstacle, Stop(bridge.chain, bridge.drop or ""))
            what = f"{where} drops what {stack} publishes to {publish.target}, by `{bridge.drop}`"
            if docker_nft.accepted_mark(forward) is not None:
                yield f"{what}: Docker lets nothing from elsewhere into this network, whatever its mark; publish on a network that is not internal"
            else:
                yield (
                    f"{what}, and nothing but a mark that dockerd was told of comes past that; start dockerd with {docker_nft.FLAG}=0x4e57/0x4e57"
                    f' ("bridge-accept-fwmark" in /etc/docker/daemon.json), or let Docker publish the port'
                )


def _stop_of_network(network: BridgeNetwork, obstacle: Obstacle, intents: Intents) -> Stop | None:
    """What the network is for: it calls out and is answered, and what is published to it comes in."""
    probes = []
    for of_family in families_on(network) & set(_FAMILIES[obstacle.family]):
        own = [ipaddress.ip_network(parse_prefix(subnet)) for subnet in network.subnets if family(subnet) == of_family]
        if network.internal:
            probes.append(Probe(family=of_family, comes=network.bridge, goes=network.bridge))
            continue
        probes += [replace(probe, source=str(own[0])) if probe.comes else probe for probe in _around(network.bridge, of_family)]
        for publish in intents.publishes:
            if any(ipaddress.ip_address(publish.target) in subnet for subnet in own):
                probes.append(replace(towards(publish, of_family), goes=network.bridge))
    return _stop(obstacle, probes, network.bridge)


def _around(interface: str, of_family: int) -> tuple[Probe, Probe]:
    """A connection that begins behind an interface, and its answers."""
    return Probe(family=of_family, comes=interface), Probe(family=of_family, goes=interface, state="established")


def _stop(obstacle: Obstacle, probes: Sequence[Probe], mention: str) -> Stop | None:
    """What stops one of the packets. Of a table that cannot be followed: what stops all, unless it mentions what they are about."""
    if obstacle.ruleset is None or obstacle.family == "bridge":
        return None if not obstacle.rule or _mentioned(mention, obstacle) else Stop(obstacle.chain, obstacle.rule)
    for probe in probes:
        if (stop := stop_of(obstacle.ruleset, obstacle.chain, policy=obstacle.policy, probe=probe)) is not None:
            return stop
    return None


def _by(stop: Stop) -> str:
    return f"by `{stop.rule}`, and no rule elsewhere can keep it from that"


def _remedy(obstacle: Obstacle, interface: str) -> str | None:
    """What to do where the table is a program's, which would overwrite what is put there by hand."""
    if obstacle.table != "firewalld":
        return None
    return f"put it into a zone that lets it pass, with firewall-cmd --permanent --zone=trusted --add-interface={interface} and firewall-cmd --reload"


def _stopped(network: BridgeNetwork, obstacle: Obstacle, forward: ForwardFilter) -> bool:
    """Whether traffic that the network is for passes the chain."""
    families = families_on(network) & set(_FAMILIES[obstacle.family])
    if obstacle.family == "bridge" or not network.internal:
        return bool(families)
    return bool(families & forward.bridge_calls_iptables)


def _mentioned(bridge: str, obstacle: Obstacle) -> bool:
    return any(bridge.startswith(name[:-1]) if name.endswith("*") else bridge == name for name in obstacle.mentions)


def _where(obstacle: Obstacle, stop: Stop) -> str:
    return f"the chain {stop.chain} of the nft table {obstacle.family} {obstacle.table}"
