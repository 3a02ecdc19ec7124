"""`host_access`: by which routes the host reaches what stands on its own NIC.

A NIC does not hand to its own host what the host sends to those who stand on it. The host gets an interface beside them (the shim),
and a route through it for each of them: a range where the file says from which one they have their addresses, else one by one.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping

from netwright.model.address import family, ip_of
from netwright.model.route import Route
from netwright.resolve.endpoint import Endpoint
from netwright.resolve.facts import Facts
from netwright.resolve.network import Network, Subnet
from netwright.spec.schema import ContainerSpec


def shim_routes(
    networks: Mapping[str, Network], endpoints: Iterable[Endpoint], containers: Mapping[str, ContainerSpec | None], facts: Facts
) -> set[Route]:
    """Of the host, through its shims."""
    endpoints = list(endpoints)
    found: set[Route] = set()
    for network in networks.values():
        shim = next((endpoint for endpoint in endpoints if endpoint.is_shim and endpoint.network is network), None)
        if shim is None:
            continue
        there: list[str] = [ip_of(cidr) for one in endpoints if one.network is network and not one.is_shim for cidr in one.addresses]
        there += _containers(network, containers, facts)
        for subnet in network.subnets:
            source = shim.address(family(subnet.prefix))
            for prefix in _prefixes(network, subnet, there):
                found.add(Route(to=prefix, dev=shim.interface, source=source))
    return found


def _prefixes(network: Network, subnet: Subnet, addresses: Iterable[str]) -> Iterator[str]:
    whole = ipaddress.ip_network(subnet.prefix)
    texts = (*(network.spec.ip_range or ()), *((subnet.docker_range,) if subnet.docker_range is not None else ()))
    parts = (ipaddress.ip_network(text) for text in dict.fromkeys(texts))
    ranges = [part for part in parts if part.version == whole.version and part.network_address in whole]
    yield from map(str, ranges)
    for address in dict.fromkeys(addresses):
        ip = ipaddress.ip_address(address)
        if ip in whole and not any(ip in part for part in ranges):
            yield f"{address}/{ip.max_prefixlen}"


def _containers(network: Network, containers: Mapping[str, ContainerSpec | None], facts: Facts) -> Iterator[str]:
    """Of a network of Docker's: whoever is on it now, and who shall be there with an address of the file."""
    if network.docker_name is None:
        return
    for container in facts.docker.containers.values():
        attachment = container.attachments.get(network.docker_name)
        if attachment is not None:
            yield from (address for address in (attachment.ipv4, attachment.ipv6) if address)
    for spec in containers.values():
        attachment_spec = spec.networks.get(network.key) if spec is not None else None
        yield from (attachment_spec.address if attachment_spec is not None else None) or ()
