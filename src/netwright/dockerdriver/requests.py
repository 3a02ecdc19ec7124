"""Docker's JSON → typed requests.

Fields that are empty come as "", null or not at all, depending on the engine: all three are read as "not said".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from netwright.dockerdriver.options import EndpointOptions, parse_endpoint_options
from netwright.dockerdriver.records import Subnet
from netwright.errors import InvalidValue
from netwright.model.address import ip_of, parse_cidr, parse_ip, parse_prefix

Body = Mapping[str, Any]

GENERIC = "com.docker.network.generic"
INTERNAL = "com.docker.network.internal"
PORT_MAP = "com.docker.network.portmap"
REQUEST_TYPE = "RequestAddressType"
GATEWAY_TYPE = "com.docker.network.gateway"

_PROTOCOLS = {6: "tcp", 17: "udp", 132: "sctp"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRequest:
    """NetworkDriver.CreateNetwork."""

    id: str
    subnets: tuple[Subnet, ...]
    internal: bool
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRequest:
    """NetworkDriver.CreateEndpoint."""

    id: str
    network: str
    ipv4: str | None
    ipv6: str | None
    mac: str | None
    options: EndpointOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class PortRequest:
    """One of `-p`: `host_ports` (0, 0) leaves the choice to the driver."""

    protocol: str
    host_ip: str | None
    host_ports: tuple[int, int]
    container_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolRequest:
    """IpamDriver.RequestPool. `prefix` None: any."""

    prefix: str | None
    part: str | None
    ipv6: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRequest:
    """IpamDriver.RequestAddress. `address` None: any."""

    pool: str
    address: str | None
    gateway: bool


def network_request(body: Body) -> NetworkRequest:
    """Raises InvalidValue."""
    options = _mapping(body.get("Options"))
    data = [*_list(body.get("IPv4Data")), *_list(body.get("IPv6Data"))]
    return NetworkRequest(
        id=_text(body, "NetworkID"),
        subnets=tuple(_subnet(one) for one in data if one.get("Pool")),
        internal=options.get(INTERNAL) is True or str(options.get(INTERNAL, "")).lower() == "true",
        options={key: str(value) for key, value in _mapping(options.get(GENERIC)).items()},
    )


def endpoint_request(body: Body) -> EndpointRequest:
    """Raises InvalidValue."""
    interface = _mapping(body.get("Interface"))
    mac = interface.get("MacAddress") or None
    return EndpointRequest(
        id=_text(body, "EndpointID"),
        network=_text(body, "NetworkID"),
        ipv4=_cidr(interface.get("Address")),
        ipv6=_cidr(interface.get("AddressIPv6")),
        mac=str(mac).lower() if mac else None,
        options=parse_endpoint_options(_mapping(body.get("Options"))),
    )


def port_requests(body: Body) -> tuple[PortRequest, ...]:
    """The port map of NetworkDriver.ProgramExternalConnectivity. Raises InvalidValue."""
    return tuple(_port(one) for one in _list(_mapping(body.get("Options")).get(PORT_MAP)))


def pool_request(body: Body) -> PoolRequest:
    """Raises InvalidValue."""
    prefix, part = body.get("Pool") or None, body.get("SubPool") or None
    return PoolRequest(
        prefix=parse_prefix(str(prefix)) if prefix else None, part=parse_prefix(str(part)) if part else None, ipv6=bool(body.get("V6"))
    )


def address_request(body: Body) -> AddressRequest:
    """Raises InvalidValue."""
    address = body.get("Address") or None
    options = _mapping(body.get("Options"))
    return AddressRequest(
        pool=_text(body, "PoolID"),
        address=parse_ip(ip_of(str(address))) if address else None,
        gateway=options.get(REQUEST_TYPE) == GATEWAY_TYPE,
    )


def endpoint_key(body: Body) -> tuple[str, str]:
    """(network's id, endpoint's id)."""
    return _text(body, "NetworkID"), _text(body, "EndpointID")


def network_key(body: Body) -> str:
    """The network's id."""
    return _text(body, "NetworkID")


def _subnet(data: Body) -> Subnet:
    gateway = data.get("Gateway") or None
    return Subnet(prefix=parse_prefix(str(data["Pool"])), gateway=parse_ip(ip_of(str(gateway))) if gateway else None)


def _port(data: Body) -> PortRequest:
    number = data.get("Proto")
    if number not in _PROTOCOLS:
        raise InvalidValue(f"ports of the IP protocol {number} cannot be published: tcp, udp and sctp can")
    first = int(data.get("HostPort") or 0)
    return PortRequest(
        protocol=_PROTOCOLS[number],
        host_ip=parse_ip(str(data["HostIP"])) if data.get("HostIP") else None,
        host_ports=(first, max(first, int(data.get("HostPortEnd") or 0))),
        container_port=int(data.get("Port") or 0),
    )


def _cidr(text: object) -> str | None:
    return parse_cidr(str(text)) if text else None


def _text(body: Body, key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise InvalidValue(f"the request has no {key}")
    return value


def _mapping(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Body]:
    return (
        [one for one in value if isinstance(one, Mapping)] if isinstance(value, Iterable) and not isinstance(value, str | Mapping) else []
    )
