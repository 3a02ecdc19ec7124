"""What every competitor builds: endpoints, spread evenly over bridges. `floor.c` has the same names and addresses."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

ENDPOINTS_PER_NETWORK = 500
"""A bridge takes 1,023 ports (linux: BR_PORT_BITS); half of that keeps every size a round number of networks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A namespace with an eth0, whose other end is a port of the bridge."""

    namespace: str
    port: str
    bridge: str
    address: str
    gateway: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """`gateways`: bridge → its address. Every network is a /16."""

    endpoints: tuple[Endpoint, ...]
    gateways: dict[str, str]

    def yaml(self) -> str:
        """The file for `netwright apply`."""
        lines = ["version: 1", "name: bench", "networks:"]
        for bridge, gateway in self.gateways.items():
            subnet = IPv4Network(f"{gateway}/16", strict=False)
            lines.append(f"  {bridge}: {{bridge: {bridge}, subnets: [{subnet}], masquerade: false}}")
        lines.append("namespaces:")
        for one in self.endpoints:
            interface = f"{{network: {one.bridge}, address: {one.address}, port: {one.port}}}"
            lines.append(f"  {one.namespace}: {{interfaces: {{eth0: {interface}}}}}")
        return "\n".join(lines) + "\n"


def spread(count: int) -> Topology:
    """`count` endpoints on as few networks as hold them, equally many on each."""
    networks = network_count(count)
    each = -(-count // networks)
    base = int(IPv4Address("10.100.0.0"))
    gateways = {f"b{n}": str(IPv4Address(base + (n << 16) + 1)) for n in range(networks)}
    endpoints = tuple(
        Endpoint(
            namespace=f"n{i}",
            port=f"p{i}",
            bridge=f"b{i // each}",
            address=str(IPv4Address(base + (i // each << 16) + i % each + 2)),
            gateway=gateways[f"b{i // each}"],
        )
        for i in range(count)
    )
    return Topology(endpoints=endpoints, gateways=gateways)


def one_more(topology: Topology) -> Topology:
    """The same, and one endpoint more on the first network."""
    bridge, gateway = next(iter(topology.gateways.items()))
    address = str(IPv4Address(int(IPv4Address(gateway)) + 60_000))
    new = Endpoint(namespace="extra", port="pextra", bridge=bridge, address=address, gateway=gateway)
    return Topology(endpoints=(*topology.endpoints, new), gateways=topology.gateways)


def network_count(endpoints: int) -> int:
    """How many networks `spread` takes."""
    return -(-endpoints // ENDPOINTS_PER_NETWORK)
