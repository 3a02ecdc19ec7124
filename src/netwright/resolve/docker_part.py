"""What a stack wants of Docker: networks, and containers on them."""

from __future__ import annotations

from collections.abc import Mapping

from netwright.model.address import family
from netwright.model.docker import Attachment, DockerNetwork
from netwright.resolve.docker_network import desired_network
from netwright.resolve.docker_range import chosen_ranges
from netwright.resolve.endpoint import Endpoint
from netwright.resolve.facts import Facts, matches
from netwright.resolve.network import Network
from netwright.spec.document import Document


def wanted_networks(
    document: Document, networks: dict[str, Network], endpoints: list[Endpoint], mtus: Mapping[str, int]
) -> dict[str, DockerNetwork]:
    """The networks that Docker is to have, by their names there. `mtus`: network → its MTU, where that is managed."""
    wanted = {}
    for network in networks.values():
        if network.docker_name is None or network.spec.external:
            continue
        reserved = {
            f"{endpoint.holder.name}-{endpoint.interface}" + ("-6" if version == 6 else ""): str(address)
            for endpoint in endpoints
            if endpoint.network is network
            for version in (4, 6)
            if (address := endpoint.address(version)) is not None
        }
        reserved |= network.spec.aux_addresses
        wanted[network.docker_name] = desired_network(
            document.spec.name,
            network.key,
            network.spec,
            reserved,
            network.bridge or "",
            chosen=chosen_ranges(document, network.key),
            mtu=mtus.get(network.key),
        )
    return wanted


def wanted_attachments(
    document: Document, networks: dict[str, Network], facts: Facts, waiting: list[str]
) -> dict[str, dict[str, Attachment]]:
    """Container → network in Docker → how it is to be on it. What is not there is said to be waited for."""
    wanted: dict[str, dict[str, Attachment]] = {}
    for key, spec in document.spec.containers.items():
        if spec is None or not spec.networks:
            continue
        found = matches(key, spec, facts.docker)
        if not found:
            waiting.append(f"containers.{key}: its networks wait for the container to be there")
        for container in found:
            for name, attachment in spec.networks.items():
                network = networks.get(name)
                if network is None or network.docker_name is None:
                    continue
                addresses = (attachment.address if attachment else None) or []
                wanted.setdefault(container.name, {})[network.docker_name] = Attachment(
                    network=network.docker_name,
                    ipv4=next((a for a in addresses if family(a) == 4), None),
                    ipv6=next((a for a in addresses if family(a) == 6), None),
                )
    return wanted
