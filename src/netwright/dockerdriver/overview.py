"""What the driver has, as text for a person: Docker's own tools do not show the ports of a driver that is not built in."""

from __future__ import annotations

from collections.abc import Iterator

from netwright.dockerdriver.records import LeaseKind, Network, Records
from netwright.model.address import ip_of


def overview(records: Records) -> str:
    """A paragraph for each network; empty where there is none."""
    networks = sorted(records.networks.values(), key=lambda network: network.bridge)
    return "\n".join("".join(f"{line}\n" for line in _network(network, records)) for network in networks)


def _network(network: Network, records: Records) -> Iterator[str]:
    words = [", ".join(subnet.prefix for subnet in network.subnets) or "no subnet"]
    words += ["internal"] if network.internal else []
    words += [f"ports for {', '.join(network.options.sources)}"] if network.options.sources is not None else []
    yield f"network {network.id[:12]} on bridge {network.bridge}: {'; '.join(words)}"
    used = set()
    for endpoint in sorted(records.endpoints.values(), key=lambda endpoint: endpoint.id):
        if endpoint.network == network.id:
            addresses = [ip_of(cidr) for cidr in (endpoint.ipv4, endpoint.ipv6) if cidr is not None]
            used.update(addresses)
            yield f"  {' and '.join(addresses) or endpoint.id[:12]} on {endpoint.port}, {endpoint.mac}"
            for port in endpoint.ports:
                yield f"    {port.host_ip or '*'}:{port.host_port}/{port.protocol} -> {port.container_port}"
    prefixes = {subnet.prefix for subnet in network.subnets}
    for lease in sorted(records.leases.values(), key=lambda lease: lease.key):
        if lease.pool in prefixes and lease.address not in used and lease.kind is not LeaseKind.GATEWAY:
            yield f"  {lease.address} reserved" + ("" if lease.active else " for a stopped container")
