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
from collections.abc import Iterator, Mapping

from netwright.firewall.intents import BridgeNetwork, Intents, Publish, Restriction
from netwright.firewall.restriction import families_of
from netwright.firewall.sources import complement, prefixes_of
from netwright.firewall.walk import Probe, stop_of
from netwright.model.address import family, parse_ip, parse_prefix
from netwright.model.firewall import ForeignChain, ForwardFilter
from netwright.model.names import OWNER_PREFIX, parse_ifname

FILTER = "filter"
DOCKER_USER = "DOCKER-USER"
FORWARD = "FORWARD"

DNAT_MENTION = "ct status dnat"
"""In Obstacle.mentions: the table has a rule for translated connections."""

_MARK = re.compile(rf'--comment "{OWNER_PREFIX}(?P<stack>[a-z0-9][a-z0-9-]*)[ "]')
_PROTOCOL_NUMBERS = {"tcp": 6, "udp": 17, "sctp": 132}
_UNREACHABLE = {4: "icmp-port-unreachable", 6: "icmp6-port-unreachable"}


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
        stop = stop_of(ruleset, FORWARD, policy="accept", probe=towards(publish, of_family))
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
    connection = f"-m conntrack --ctstate DNAT{address} --ctorigdstport {port_range(restriction.ports)} --ctdir ORIGINAL"
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
    networks = [network for network in intents.networks if of_family in families_on(network)]
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
        f" --ctorigdstport {port_range(publish.ports)} --ctreplsrcport {port_range(publish.target_ports)}"
        f" {_comment(stack, 'publish')} -j ACCEPT"
    )


def _left_to_docker(stack: str, intents: Intents, of_family: int) -> Iterator[str]:
    """Ports that Docker translates and the file opens, where its own accepts are not in iptables: who may not use them is refused elsewhere."""
    for opening in intents.openings:
        if opening.target is not None and family(opening.target) == of_family:
            yield (
                f"-m conntrack --ctstate DNAT --ctproto {_PROTOCOL_NUMBERS[opening.protocol]} --ctreplsrc {parse_ip(opening.target)}"
                f" --ctorigdstport {port_range(opening.ports)} {_comment(stack, 'publish')} -j ACCEPT"
            )


def beyond(intents: Intents, of_family: int) -> Iterator[Publish]:
    """Publishes whose target is on no network of ours: on Docker's, or anywhere else."""
    ours = [ipaddress.ip_network(parse_prefix(subnet)) for network in intents.networks for subnet in network.subnets]
    for publish in intents.publishes:
        target = ipaddress.ip_address(publish.target)
        if target.version == of_family and not any(target in subnet for subnet in ours):
            yield publish


def families_on(network: BridgeNetwork) -> set[int]:
    """The IP families of its subnets."""
    return {family(subnet) for subnet in network.subnets}


def port_range(ports: tuple[int, int]) -> str:
    """As iptables has it: `80`, or `80:90`."""
    first, last = ports
    return str(first) if first == last else f"{first}:{last}"


def towards(publish: Publish, of_family: int) -> Probe:
    """The first packet through a published port."""
    return Probe(
        family=of_family,
        translated=True,
        goes=publish.through,
        target=publish.target,
        protocol=publish.protocol,
        port=publish.target_ports[0],
    )
