"""What the rest of Netwright sees of the driver's networks: one store of addresses for containers and namespaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from netwright.dockerdriver.records import Network, Records
from netwright.model.docker import DockerNetwork, DockerState, DockerSubnet


def with_records(docker: DockerState, records: Records) -> DockerState:
    """Docker's state; the driver's networks with their bridges, gateways, and every address that Docker has of them, of stopped
    containers too: none of these is given to a namespace."""
    if not records.networks:
        return docker
    networks = {name: _seen(network, records) for name, network in docker.networks.items()}
    return replace(docker, networks=networks)


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
