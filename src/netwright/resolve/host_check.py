"""What is right in the file and wrong on this host: found before anything is touched."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from netwright.errors import Problem
from netwright.model.address import DEFAULT4, DEFAULT6
from netwright.model.route import PROTOCOL
from netwright.resolve.facts import Facts
from netwright.resolve.network import Network
from netwright.spec.document import Document


def overlaps(document: Document, networks: dict[str, Network], facts: Facts) -> list[Problem]:
    """Subnets that the host already routes elsewhere, or that Docker uses."""
    own = {network.bridge for network in networks.values() if network.bridge}
    docker_names = {network.docker_name for network in networks.values() if network.docker_name}
    routed = list(_routed(facts, document.spec.name, own))
    in_docker = [
        (ipaddress.ip_network(config.subnet), name)
        for name, network in facts.docker.networks.items()
        if name not in docker_names and network.owner != document.spec.name
        for config in network.subnets
    ]
    problems = []
    for key, network in networks.items():
        if network.spec.external:
            continue
        for index, prefix in enumerate(network.spec.subnets):
            subnet = ipaddress.ip_network(prefix)
            path = ("networks", key, "subnets", index)
            for other, name in in_docker:
                if subnet.version == other.version and subnet.overlaps(other):
                    problems.append(
                        document.problem(path, f"{prefix} overlaps {other}, which is Docker's network {name}", "choose another subnet")
                    )
            for other, dev in routed:
                if subnet.version == other.version and subnet.overlaps(other) and not any(o == other for o, _ in in_docker):
                    problems.append(
                        document.problem(path, f"{prefix} overlaps {other}, which the host reaches through {dev}", "choose another subnet")
                    )
    return problems


def _routed(facts: Facts, stack: str, own: set[str]) -> Iterator[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, str]]:
    for route in sorted(facts.host.routes, key=lambda r: (r.to, r.dev or "")):
        if route.to in (DEFAULT4, DEFAULT6) or route.kind != "unicast" or route.dev is None or route.dev in own or route.dev == "lo":
            continue
        link = facts.host.links.get(route.dev)
        if (link is not None and stack in (link.owner, link.borrower)) or route.protocol == PROTOCOL:
            continue
        network = ipaddress.ip_network(route.to)
        if network.is_link_local or network.is_multicast:
            continue
        yield network, route.dev
