"""What the rest of Netwright sees of the driver's networks: one store of addresses for containers and namespaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from netwright.dockerdriver.records import Network, Records
from netwright.model.address import ip_of
from netwright.model.docker import DockerNetwork, DockerState, DockerSubnet, PortBinding


def with_records(docker: DockerState, records: Records) -> DockerState:
    """Docker's state; the driver's networks with their bridges, gateways, and every address that Docker has of them, of stopped
    containers too: none of these is given to a namespace; and the ports that the driver publishes, of which Docker does not tell."""
    if not records.networks:
        return docker
    networks = {name: _seen(network, records) for name, network in docker.networks.items()}
    ports = _ports(docker, records)
    containers = {
        name: replace(one, bindings=(*one.bindings, *ports[name])) if name in ports else one for name, one in docker.containers.items()
    }
    return replace(docker, networks=networks, containers=containers)


def _ports(docker: DockerState, records: Records) -> dict[str, list[PortBinding]]:
    """Container → what the driver publishes to it."""
    names = {network.id: name for name, network in docker.networks.items()}
    holders = {
        (name, address): container.name
        for container in docker.containers.values()
        for name, attachment in container.attachments.items()
        for address in (attachment.ipv4, attachment.ipv6)
        if container.running and address is not None
    }
    found: dict[str, list[PortBinding]] = {}
    for endpoint in records.endpoints.values():
        places = ((names.get(endpoint.network, ""), ip_of(cidr)) for cidr in (endpoint.ipv4, endpoint.ipv6) if cidr is not None)
        holder = next((holders[place] for place in places if place in holders), None)
        if holder is not None and endpoint.ports:
            found.setdefault(holder, []).extend(
                PortBinding(
                    protocol=port.protocol,
                    host_ip=port.host_ip or "0.0.0.0",  # noqa: S104 - told, not bound
                    host_port=port.host_port,
                    container_port=port.container_port,
                )
                for port in endpoint.ports
            )
    return found


def _seen(docker: DockerNetwork, records: Records) -> DockerNetwork:
    network = records.networks.get(docker.id)
    return docker if network is None else replace(docker, bridge=network.bridge, subnets=_subnets(docker, network, records))


def _subnets(docker: DockerNetwork, network: Network, records: Records) -> tuple[DockerSubnet, ...]:
    told = {subnet.subnet: subnet for subnet in docker.subnets}
    return tuple(
        DockerSubnet(
            subnet=subnet.prefix,
            gateway=subnet.gateway if network.options.gateway else None,
            ip_range=told[subnet.prefix].ip_range if subnet.prefix in told else None,
            reserved={**(told[subnet.prefix].reserved if subnet.prefix in told else {}), **_leased(subnet.prefix, records)},
        )
        for subnet in network.subnets
    )


def _leased(prefix: str, records: Records) -> Mapping[str, str]:
    return {f"docker-{lease.address}": lease.address for lease in records.leases.values() if lease.pool == prefix}
