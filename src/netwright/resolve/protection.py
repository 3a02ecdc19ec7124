"""`host.protect`: which bridges are Docker's on this host, and on which ports its proxies listen."""

from __future__ import annotations

import re
from collections.abc import Mapping

from netwright.firewall.intents import BoundPort, Protection
from netwright.kinds.bridge import Bridge
from netwright.kinds.veth import Veth
from netwright.model.address import family, is_loopback
from netwright.model.docker import DRIVER, DockerState
from netwright.model.link import Link
from netwright.resolve.facts import Facts
from netwright.resolve.network import Network
from netwright.spec.document import Document

ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - read, not bound
"""As the address of a listener: every address of that family."""

_NAMED_BY_DOCKER = re.compile(r"docker0|docker_gwbridge|br-[0-9a-f]{12}")


def protection(document: Document, networks: dict[str, Network], facts: Facts, waiting: list[str]) -> Protection | None:
    """None: the file does not ask for it.

    While the engine does not answer, bridges that it has named itself are known; of the others those are taken for somebody else's that
    have a port which is no container's.
    """
    host = document.spec.host
    if host is None or not host.protect:
        return None
    docker = facts.docker
    if not docker.reachable:
        waiting.append(f"host.protect waits for Docker, to know its networks, and the ports of its proxies: {docker.why}")
    there = facts.host.links
    by_driver = {False: set[str](), True: set[str]()}
    for network in docker.networks.values():
        if network.bridge is not None:
            by_driver[network.driver == DRIVER].add(network.bridge)
    # Those of our own driver publish by Netwright, to those whom they say themselves.
    dockers, driven = by_driver[False], by_driver[True]
    dockers |= {network.bridge for network in networks.values() if network.docker_name is not None and network.bridge is not None}
    dockers |= {name for name, link in there.items() if link.owner is None and _NAMED_BY_DOCKER.fullmatch(name)}
    dockers -= driven
    others = {
        name for name, link in there.items() if isinstance(link, Bridge) and (docker.reachable or _is_anothers(link, there))
    } - dockers
    others |= driven | {network.bridge for network in networks.values() if network.ours and network.bridge is not None}
    return Protection(
        inside=tuple(sorted(dockers | driven)),
        bridges=tuple(sorted(dockers)),
        others=tuple(sorted(others)),
        bound=tuple(sorted(set(bound_ports(docker)), key=lambda port: (port.family, port.protocol, port.port, port.address or ""))),
    )


def bound_ports(docker: DockerState) -> list[BoundPort]:
    """Where docker-proxy listens for others than the host itself."""
    return [
        BoundPort(
            protocol=binding.protocol,
            port=binding.host_port,
            family=family(binding.host_ip),
            address=None if binding.host_ip in ANY_ADDRESS else binding.host_ip,
        )
        for container in docker.containers.values()
        if container.running
        for binding in container.bindings
        if not is_loopback(binding.host_ip)
    ]


def _is_anothers(bridge: Bridge, there: Mapping[str, Link]) -> bool:
    """Whether it can be told from the links alone that it is not Docker's: containers are plugged into that by veths only."""
    return bridge.owner is not None or any(link.master == bridge.name and not isinstance(link, Veth) for link in there.values())
