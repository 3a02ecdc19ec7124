"""A container's addresses on Docker's networks, as they will be when the stack is applied."""

from __future__ import annotations

from collections.abc import Mapping

from netwright.model.address import family
from netwright.model.docker import Container
from netwright.resolve.network import Network
from netwright.spec.schema import ContainerSpec


def docker_addresses(spec: ContainerSpec | None, container: Container, networks: Mapping[str, Network]) -> dict[str, dict[int, str]]:
    """Docker network → IP version → address. One that the file states counts before the container is connected."""
    found = {
        name: {version: address for version, address in ((4, one.ipv4), (6, one.ipv6)) if address}
        for name, one in container.attachments.items()
    }
    for key, wish in (spec.networks if spec is not None else {}).items():
        network = networks.get(key)
        if network is not None and network.docker_name is not None and wish is not None and wish.address:
            found.setdefault(network.docker_name, {}).update({family(address): address for address in wish.address})
    return found
