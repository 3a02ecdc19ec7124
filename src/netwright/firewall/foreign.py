"""Rules of ours that must stand in chains of other people, because a verdict of theirs is final.

An accept in our own table does not keep another base chain from dropping; so what Docker or an administrator drops in iptables'
FORWARD is accepted there, in DOCKER-USER where there is one. And a port that Docker publishes to everybody is shut there, before
Docker accepts it.

The rules are written as iptables-save(8) prints them, for they are compared with what it prints. Each is marked by a comment that
begins with `netwright:STACK`. None of them skips what others have in DOCKER-USER, so a restriction refuses whom it shuts out,
and lets nobody pass by RETURN.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from netwright.firewall import docker_nft
from netwright.firewall.intents import BridgeNetwork, Intents, Publish, Restriction
from netwright.firewall.restriction import families_of
from netwright.firewall.sources import complement, prefixes_of
from netwright.firewall.walk import Probe, Stop, stop_of
from netwright.model.address import family, parse_ip, parse_prefix
from netwright.model.firewall import ForeignChain, ForwardFilter, Obstacle
from netwright.model.names import OWNER_PREFIX, parse_ifname

FILTER = "filter"
DOCKER_USER = "DOCKER-USER"
FORWARD = "FORWARD"

DNAT_MENTION = "ct status dnat"
"""In Obstacle.mentions: the table has a rule for translated connections."""

_MARK = re.compile(rf'--comment "{OWNER_PREFIX}(?P<stack>[a-z0-9][a-z0-9-]*)[ "]')
_PROTOCOL_NUMBERS = {"tcp": 6, "udp": 17, "sctp": 132}
_UNREACHABLE = {4: "icmp-port-unreachable", 6: "icmp6-port-unreachable"}
_NFT_FAMILIES = {4: "ip", 6: "ip6"}
_FAMILIES = {"ip": (4,), "ip6": (6,), "inet": (4, 6), "bridge": (4, 6)}


def foreign_rules(stack: str, forward: ForwardFilter, intents: Intents) -> Mapping[ForeignChain, tuple[str, ...]]:
    """The rules of a stack by chain, in order: who is shut out first. Raises InvalidValue."""
    found = {}
    for of_family in (4, 6):
        has_docker_user = of_family in forward.docker_user
        rules: list[str] = []
        if has_docker_user:
            rules.extend(_restrictions(stack, intents, of_family))
        if of_family in forward.drops:
            rules.extend(_accepts(stack, forward, intents, of_family))
            if not has_docker_user:
                rules.extend(_left_to_docker(stack, intents, of_family))
        if of_family in forward.drops or has_docker_user:
            # Docker 28 and later drop what they have not published themselves, whatever FORWARD does.
            rules.extend(_published(stack, publish) for publish in beyond(intents, of_family))
        if rules:
            chain = ForeignChain(of_family, FILTER, DOCKER_USER if has_docker_user else FORWARD)
            found[chain] = tuple(dict.fromkeys(rules))
        if ahead := list(_ahead(stack, forward, intents, of_family)):
            chain = ForeignChain(of_family, FILTER, FORWARD)
            found[chain] = tuple(dict.fromkeys([*found.get(chain, ()), *ahead]))
    return found


def _ahead(stack: str, forward: ForwardFilter, intents: Intents, of_family: int) -> Iterator[str]:
    """Publishes that a chain which FORWARD leads to refuses, as libvirt's do what enters its bridges: they pass at FORWARD's top."""
    ruleset = forward.iptables.get(of_family)
    if ruleset is None:
        return
    for publish in beyond(intents, of_family):
        stop = stop_of(ruleset, FORWARD, policy="accept", probe=_towards(publish, of_family))
        if stop is not None and stop.chain != FORWARD and not stop.chain.startswith("DOCKER"):
            yield _published(stack, publish)


def marked_stack(rule: str) -> str | None:
    """The stack that a rule belongs to, as iptables-save prints it; None: it is somebody else's."""
    mark = _MARK.search(rule)
    return mark["stack"] if mark else None


def _comment(stack: str, what: str) -> str:
    return f'-m comment --comment "{OWNER_PREFIX}{stack} {what}"'


def _restrictions(stack: str, intents: Intents, of_family: int) -> Iterator[str]:
    for restriction in intents.restrictions:
        if of_family in families_of(restriction):
            yield from _restriction(stack, restriction, of_family)


def _restriction(stack: str, restriction: Restriction, of_family: int) -> Iterator[str]:
    """By the port that the client asked for: behind Docker's DNAT the container's own is to be seen."""
    allowed = prefixes_of(restriction.sources, of_family)
    if allowed is None:
        return
    address = "" if restriction.address is None else f" --ctorigdst {parse_ip(restriction.address)}"
    connection = f"-m conntrack --ctstate DNAT{address} --ctorigdstport {_range(restriction.ports)} --ctdir ORIGINAL"
    answer = "tcp-reset" if restriction.protocol == "tcp" else _UNREACHABLE[of_family]
    comment = _comment(stack, "restriction")
    tail = f"{connection} {comment} -j REJECT --reject-with {answer}"
    if not allowed:
        yield f"-p {restriction.protocol} {tail}"
    elif len(allowed) == 1:
        yield f"! -s {allowed[0]} -p {restriction.protocol} {tail}"
    else:
        # iptables negates one prefix, not several: so the gaps between them are refused.
        for first, last in complement(allowed, of_family):
            yield f"-p {restriction.protocol} -m iprange --src-range {first}-{last} {tail}"


def _accepts(stack: str, forward: ForwardFilter, intents: Intents, of_family: int) -> Iterator[str]:
    networks = [network for network in intents.networks if of_family in _families(network)]
    for network in networks:
        bridge = parse_ifname(network.bridge)
        comment = _comment(stack, "network")
        if of_family in forward.bridge_calls_iptables:
            yield f"-i {bridge} -o {bridge} {comment} -j ACCEPT"
        if not network.internal:
            yield f"-i {bridge} ! -o {bridge} {comment} -j ACCEPT"
            yield f"-o {bridge} -m conntrack --ctstate RELATED,ESTABLISHED {comment} -j ACCEPT"
            yield f"-o {bridge} -m conntrack --ctstate DNAT {comment} -j ACCEPT"
    for interface in intents.own_interfaces:
        name, comment = parse_ifname(interface), _comment(stack, "interface")
        yield f"-i {name} {comment} -j ACCEPT"
        yield f"-o {name} -m conntrack --ctstate RELATED,ESTABLISHED {comment} -j ACCEPT"


def _published(stack: str, publish: Publish) -> str:
    """Both directions and their ICMP errors in one rule: these matches look at the connection, not at the packet."""
    return (
        f"-m conntrack --ctstate DNAT --ctproto {_PROTOCOL_NUMBERS[publish.protocol]} --ctreplsrc {parse_ip(publish.target)}"
        f" --ctorigdstport {_range(publish.ports)} --ctreplsrcport {_range(publish.target_ports)}"
        f" {_comment(stack, 'publish')} -j ACCEPT"
    )


def _left_to_docker(stack: str, intents: Intents, of_family: int) -> Iterator[str]:
    """Ports that Docker translates and the file opens, where its own accepts are not in iptables: who may not use them is refused elsewhere."""
    for opening in intents.openings:
        if opening.target is not None and family(opening.target) == of_family:
            yield (
                f"-m conntrack --ctstate DNAT --ctproto {_PROTOCOL_NUMBERS[opening.protocol]} --ctreplsrc {parse_ip(opening.target)}"
                f" --ctorigdstport {_range(opening.ports)} {_comment(stack, 'publish')} -j ACCEPT"
            )


def beyond(intents: Intents, of_family: int) -> Iterator[Publish]:
    """Publishes whose target is on no network of ours: on Docker's, or anywhere else."""
    ours = [ipaddress.ip_network(parse_prefix(subnet)) for network in intents.networks for subnet in network.subnets]
    for publish in intents.publishes:
        target = ipaddress.ip_address(publish.target)
        if target.version == of_family and not any(target in subnet for subnet in ours):
            yield publish


def _families(network: BridgeNetwork) -> set[int]:
    return {family(subnet) for subnet in network.subnets}


def _range(ports: tuple[int, int]) -> str:
    first, last = ports
    return str(first) if first == last else f"{first}:{last}"


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
                if publish.through not in guarded and (stop := _stop(obstacle, [_towards(publish, of_family)], DNAT_MENTION)) is not None
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
            ports = f"{_range(opening.ports)}/{opening.protocol}"
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
    for of_family in _families(network) & set(_FAMILIES[obstacle.family]):
        own = [ipaddress.ip_network(parse_prefix(subnet)) for subnet in network.subnets if family(subnet) == of_family]
        if network.internal:
            probes.append(Probe(family=of_family, comes=network.bridge, goes=network.bridge))
            continue
        probes += [replace(probe, source=str(own[0])) if probe.comes else probe for probe in _around(network.bridge, of_family)]
        for publish in intents.publishes:
            if any(ipaddress.ip_address(publish.target) in subnet for subnet in own):
                probes.append(replace(_towards(publish, of_family), goes=network.bridge))
    return _stop(obstacle, probes, network.bridge)


def _around(interface: str, of_family: int) -> tuple[Probe, Probe]:
    """A connection that begins behind an interface, and its answers."""
    return Probe(family=of_family, comes=interface), Probe(family=of_family, goes=interface, state="established")


def _towards(publish: Publish, of_family: int) -> Probe:
    """The first packet through a published port."""
    return Probe(
        family=of_family,
        translated=True,
        goes=publish.through,
        target=publish.target,
        protocol=publish.protocol,
        port=publish.target_ports[0],
    )


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
    families = _families(network) & set(_FAMILIES[obstacle.family])
    if obstacle.family == "bridge" or not network.internal:
        return bool(families)
    return bool(families & forward.bridge_calls_iptables)


def _mentioned(bridge: str, obstacle: Obstacle) -> bool:
    return any(bridge.startswith(name[:-1]) if name.endswith("*") else bridge == name for name in obstacle.mentions)


def _where(obstacle: Obstacle, stop: Stop) -> str:
    return f"the chain {stop.chain} of the nft table {obstacle.family} {obstacle.table}"
