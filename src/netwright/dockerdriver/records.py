"""What the driver remembers: Docker tells a driver of a network once, and never again after a restart.

All of it is one frozen value. A request is answered by a function from Records to Records; what differs is what gets written.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TypeVar

from netwright.dockerdriver.options import NetworkOptions
from netwright.model.names import short_hash

STACK = "docker-plugin"
"""The stack that the driver's bridges and their table belong to."""

PORTS_STACK = "docker-plugin-ports"
"""Whose name the table of published ports carries: it changes with every container, the other only with networks."""

PORT_PREFIX = "netwright-endpoint:"
"""The alias of a bridge's end of a container's veth is this and the endpoint's id."""

T = TypeVar("T")


class LeaseKind(Enum):
    GATEWAY = "gateway"
    ALLOCATED = "allocated"
    STATED = "stated"
    """Docker's user asked for this very address (`--ip`): it stays reserved while its container is stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A subnet that addresses are given out from. Its id is what Docker calls it by."""

    id: str
    prefix: str
    part: str | None = None
    """`--ip-range`: what may be allocated without being asked for."""
    last: str | None = None
    """The address that was allocated last: the next one comes after it, so that no address is used again at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """An address of a pool that is somebody's. `active` False: its container is stopped."""

    pool: str
    address: str
    kind: LeaseKind
    active: bool = True

    @property
    def key(self) -> str:
        return lease_key(self.pool, self.address)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet:
    """One of a network's subnets; `gateway` is the address that Docker's IPAM has set apart, None if it has not."""

    prefix: str
    gateway: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A Docker network of this driver."""

    id: str
    bridge: str
    subnets: tuple[Subnet, ...]
    internal: bool
    mtu: int | None
    options: NetworkOptions

    def subnet_of(self, address: str) -> str | None:
        """The subnet that an address is in."""
        ip = ipaddress.ip_address(address)
        return next((subnet.prefix for subnet in self.subnets if ip in ipaddress.ip_network(subnet.prefix)), None)

    def gateway(self, family: int) -> str | None:
        """The address through which containers leave; None where nothing leaves that way."""
        if self.internal or not self.options.gateway:
            return None
        return next((s.gateway for s in self.subnets if s.gateway and ipaddress.ip_address(s.gateway).version == family), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PortMapping:
    """A port of the host that leads to a container."""

    protocol: str
    """tcp | udp | sctp."""
    host_ip: str | None
    """None: every address of the host, of both families."""
    host_port: int
    container_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A container on a network."""

    id: str
    network: str
    ipv4: str | None
    """ADDRESS/LENGTH."""
    ipv6: str | None
    mac: str
    sources: tuple[str, ...] | None = None
    """Who may use its published ports; None: as the network says."""
    preserve: bool | None = None
    listen: str | None = None
    ports: tuple[PortMapping, ...] = ()
    """Published at this moment."""

    @property
    def port(self) -> str:
        """The bridge's end of its veth."""
        return f"nwp{short_hash(self.id, 12)}"

    @property
    def inner(self) -> str:
        """The container's end, until Docker renames it."""
        return f"nwc{short_hash(self.id, 12)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Everything."""

    pools: Mapping[str, Pool] = field(default_factory=dict)
    leases: Mapping[str, Lease] = field(default_factory=dict)
    networks: Mapping[str, Network] = field(default_factory=dict)
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)

    def with_pool(self, pool: Pool) -> Records:
        return replace(self, pools={**self.pools, pool.id: pool})

    def with_lease(self, lease: Lease) -> Records:
        return replace(self, leases={**self.leases, lease.key: lease})

    def with_network(self, network: Network) -> Records:
        return replace(self, networks={**self.networks, network.id: network})

    def with_endpoint(self, endpoint: Endpoint) -> Records:
        return replace(self, endpoints={**self.endpoints, endpoint.id: endpoint})

    def without_pool(self, id_: str) -> Records:
        """And without its leases."""
        leases = {key: lease for key, lease in self.leases.items() if lease.pool != id_}
        return replace(self, pools=_without(self.pools, id_), leases=leases)

    def without_lease(self, key: str) -> Records:
        return replace(self, leases=_without(self.leases, key))

    def without_network(self, id_: str) -> Records:
        """And without its endpoints."""
        endpoints = {key: endpoint for key, endpoint in self.endpoints.items() if endpoint.network != id_}
        return replace(self, networks=_without(self.networks, id_), endpoints=endpoints)

    def without_endpoint(self, id_: str) -> Records:
        return replace(self, endpoints=_without(self.endpoints, id_))


def lease_key(pool: str, address: str) -> str:
    """What a lease is kept by."""
    return f"{pool} {address}"


def _without(mapping: Mapping[str, T], key: str) -> dict[str, T]:
    return {other: value for other, value in mapping.items() if other != key}
