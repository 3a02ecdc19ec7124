"""From which part of a Docker network's subnets Docker shall give addresses by itself.

Docker frees a container's address when the container stops, even one that was asked for (moby: libnetwork/endpoint.go, releaseAddress),
and another container may get it. An auxiliary address would keep it from both. What Docker chooses by itself is always inside a
subnet's range, and what is asked for may be outside of it (libnetwork/ipam: RequestAddress): so an address is kept by being outside.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from netwright.ipam.block import free_block
from netwright.spec.document import Document
from netwright.spec.schema_networks import NetworkSpec


def chosen_ranges(document: Document, key: str) -> dict[str, str]:
    """Subnet → the range that the file leaves open, where it states a container's address in it.

    It holds no address that the file states, and is as large as can be.
    """
    spec = document.spec.networks.get(key) or NetworkSpec()
    kept = list(of_containers(document, key))
    chosen = {}
    for prefix in spec.subnets:
        if any(_contains(prefix, address) for address in kept) and not any(
            _contains(prefix, part.split("/")[0]) for part in spec.ip_range or ()
        ):
            block = block_for_docker(document, key, prefix)
            if block is not None:
                chosen[prefix] = block
    return chosen


def block_for_docker(document: Document, key: str, prefix: str) -> str | None:
    """The largest part of a subnet without an address that the file states; None: there is none worth it."""
    return free_block(prefix, {*of_containers(document, key), *_of_interfaces(document, key)})


def of_containers(document: Document, network: str) -> dict[str, str]:
    """Address → the container that is to have it."""
    return {
        address: name
        for name, entry in document.spec.containers.items()
        if entry is not None and (attachment := entry.networks.get(network)) is not None
        for address in attachment.address or ()
    }


def _of_interfaces(document: Document, network: str) -> Iterator[str]:
    spec = document.spec
    for part in (*spec.namespaces.values(), spec.host, *spec.containers.values()):
        for interface in part.interfaces.values() if part is not None else ():
            if interface.network == network:
                yield from interface.address or ()


def _contains(prefix: str, address: str) -> bool:
    return ipaddress.ip_address(address) in ipaddress.ip_network(prefix)
