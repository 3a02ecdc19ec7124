"""The addresses of containers that do not run: which of them stay theirs, and which Docker may give away."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping

from netwright.model.docker import DRIVER
from netwright.resolve.docker_range import block_for_docker, chosen_ranges, of_containers
from netwright.resolve.facts import Facts
from netwright.resolve.network import Network
from netwright.spec.document import Document, path_text


def range_choices(document: Document, networks: Mapping[str, Network], facts: Facts) -> Iterator[str]:
    """A sentence for each network that Docker is about to make with a range of our choice."""
    for key, network in networks.items():
        if network.docker_name is None or network.spec.external or network.docker_name in facts.docker.networks:
            continue
        for prefix, block in chosen_ranges(document, key).items():
            kept = [(name, address) for address, name in of_containers(document, key).items() if _contains(prefix, address)]
            whose = ", ".join(f"{address} ({name})" for name, address in kept)
            yield f"networks.{key}.ip_range: {block}, so that Docker gives no other container {whose}"


def unkept(document: Document, networks: Mapping[str, Network], facts: Facts) -> Iterator[str]:
    """A sentence for each address that Docker may give to another container while its own one does not run."""
    for key, network in networks.items():
        there = facts.docker.networks.get(network.docker_name or "")
        if network.docker_name is None or (there is not None and there.driver == DRIVER):
            continue
        for address, name in of_containers(document, key).items():
            subnet = next((one for one in network.subnets if _contains(one.prefix, address)), None)
            if subnet is None or not _contains(pool := subnet.docker_range or subnet.prefix, address):
                continue
            path = path_text(("containers", name, "networks", key, "address"))
            yield (
                f"{path}: {address} is not kept for {name} while it does not run, because Docker gives any container an address "
                f"of {pool}{_advice(document, network, subnet.prefix, standing=there is not None)}"
            )


def _advice(document: Document, network: Network, prefix: str, *, standing: bool) -> str:
    key = network.key
    block = block_for_docker(document, key, prefix)
    if block is None:
        return f"; no part of {prefix} is without stated addresses"
    if network.spec.external:
        return f"; made with --ip-range {block}, the network would keep it"
    return f"; say ip_range: {block} in networks.{key}" + (", for which it is made anew" if standing else "")


def _contains(prefix: str, address: str) -> bool:
    return ipaddress.ip_address(address) in ipaddress.ip_network(prefix)
