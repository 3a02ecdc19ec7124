"""NetworkDriver: containers on networks, and the ports that are published for them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from netwright.dockerdriver.records import PORT_PREFIX, Endpoint, Network, PortMapping, Records
from netwright.dockerdriver.requests import EndpointRequest, PortRequest
from netwright.errors import InvalidValue, Refused
from netwright.firewall.intents import Publish
from netwright.kinds.veth import Veth
from netwright.model.address import family, ip_of
from netwright.model.link import LinkKey
from netwright.model.netns import HOST
from netwright.model.operation import CreateLink

FIRST_FREE_PORT = 49153
LAST_FREE_PORT = 65535
"""Where ports are chosen that nobody has chosen (RFC 6335, 6: dynamic ports), as Docker does."""

_ANY = {"0.0.0.0": 4, "::": 6}  # noqa: S104 - read, not bound


def network_of(records: Records, id_: str) -> Network:
    """Raises Refused where it is not known."""
    network = records.networks.get(id_)
    if network is None:
        raise Refused(
            f"the driver netwright knows no network {id_[:12]}: what it remembered of it is gone",
            hint="remove the network and create it again: docker network rm NAME",
        )
    return network


def endpoint_of(records: Records, id_: str) -> Endpoint:
    """Raises Refused where it is not known."""
    endpoint = records.endpoints.get(id_)
    if endpoint is None:
        raise Refused(f"the driver netwright knows no endpoint {id_[:12]}", hint="start the container again")
    return endpoint


def create_endpoint(records: Records, request: EndpointRequest) -> tuple[Records, dict[str, Any]]:
    """And the answer. Docker takes a field back only if it had left it empty. Raises Refused, InvalidValue."""
    network_of(records, request.network)
    endpoint = Endpoint(
        id=request.id,
        network=request.network,
        ipv4=request.ipv4,
        ipv6=request.ipv6,
        mac=request.mac or _mac(request),
        sources=request.options.sources,
        preserve=request.options.preserve,
        listen=request.options.listen,
    )
    return records.with_endpoint(endpoint), {"Interface": {} if request.mac else {"MacAddress": endpoint.mac}}


def veth(network: Network, endpoint: Endpoint) -> CreateLink:
    """The pair that plugs a container in. Docker moves the inner end into it."""
    outer = Veth(
        name=endpoint.port,
        alias=f"{PORT_PREFIX}{endpoint.id[:12]}",
        up=True,
        mtu=network.mtu,
        master=network.bridge,
        peer=LinkKey(HOST, endpoint.inner),
    )
    inner = Veth(name=endpoint.inner, mac=endpoint.mac, mtu=network.mtu, peer=LinkKey(HOST, endpoint.port))
    return CreateLink(netns=HOST, link=outer, twin=inner, twin_netns=HOST, why="a container joins")


def join_answer(network: Network, endpoint: Endpoint) -> dict[str, Any]:
    """How Docker is to set the interface up. Without a gateway it would add one of its own (docker_gwbridge), unless told not to."""
    routes = [
        {"Destination": prefix, "RouteType": 1 if hop is None else 0, "NextHop": hop or ""}
        for prefix, hop in network.options.routes
        if _has(endpoint, family(prefix))
    ]
    return {
        "InterfaceName": {"SrcName": endpoint.inner, "DstPrefix": network.options.interface},
        "Gateway": (network.gateway(4) or "") if endpoint.ipv4 else "",
        "GatewayIPv6": (network.gateway(6) or "") if endpoint.ipv6 else "",
        "StaticRoutes": routes,
        "DisableGatewayService": True,
    }


def info(network: Network, endpoint: Endpoint) -> dict[str, Any]:
    """EndpointOperInfo: what a curious person may want to know."""
    ports = [f"{port.host_ip or '*'}:{port.host_port}/{port.protocol} -> {port.container_port}" for port in endpoint.ports]
    return {"Value": {"netwright.bridge": network.bridge, "netwright.port": endpoint.port, "netwright.ports": ports}}


def choices(request: PortRequest, network: Network, endpoint: Endpoint) -> Iterator[PortMapping]:
    """The mappings that would do, in order. Raises InvalidValue where none would."""
    host_ip = request.host_ip or endpoint.listen or network.options.listen
    if host_ip is not None and ipaddress.ip_address(host_ip).is_loopback:
        raise InvalidValue(
            f"the driver netwright cannot publish on {host_ip}: the kernel routes nothing from a loopback address to another machine",
            hint="publish on an address of the host's, or leave the address out, and say by -o netwright.from who may use the port",
        )
    if host_ip is not None and not _has(endpoint, family(host_ip)):
        raise InvalidValue(f"a port cannot be published on {host_ip}: the container has no IPv{family(host_ip)} address on this network")
    if not request.container_port:
        raise InvalidValue("a port mapping has no port of the container")
    first, last = request.host_ports if request.host_ports[0] else (FIRST_FREE_PORT, LAST_FREE_PORT)
    return (
        PortMapping(protocol=request.protocol, host_ip=host_ip, host_port=port, container_port=request.container_port)
        for port in range(first, last + 1)
    )


def families(mapping: PortMapping, endpoint: Endpoint) -> tuple[int, ...]:
    """The IP families in which a mapping leads to the container."""
    of_address = (4, 6) if mapping.host_ip is None else (family(mapping.host_ip),)
    return tuple(version for version in of_address if _has(endpoint, version))


def publishes(records: Records) -> tuple[Publish, ...]:
    """What the table of published ports is made of."""
    return tuple(
        publish
        for endpoint in sorted(records.endpoints.values(), key=lambda e: e.id)
        for publish in endpoint_publishes(network_of(records, endpoint.network), endpoint)
    )


def endpoint_publishes(network: Network, endpoint: Endpoint) -> Iterator[Publish]:
    """One for each port and family."""
    sources = endpoint.sources if endpoint.sources is not None else network.options.sources
    for mapping in endpoint.ports:
        for version in families(mapping, endpoint):
            cidr = endpoint.ipv4 if version == 4 else endpoint.ipv6
            assert cidr is not None
            allowed = None if sources is None else tuple(prefix for prefix in sources if family(prefix) == version)
            if allowed == ():
                continue
            yield Publish(
                protocol=mapping.protocol,
                ports=(mapping.host_port, mapping.host_port),
                target=ip_of(cidr),
                target_ports=(mapping.container_port, mapping.container_port),
                address=None if mapping.host_ip in _ANY else mapping.host_ip,
                sources=allowed,
                preserve=network.options.preserve if endpoint.preserve is None else endpoint.preserve,
                target_subnet=network.subnet_of(ip_of(cidr)),
            )


def _has(endpoint: Endpoint, version: int) -> bool:
    return (endpoint.ipv4 if version == 4 else endpoint.ipv6) is not None


def _mac(request: EndpointRequest) -> str:
    """From the address, so that a neighbour who remembers one knows the other: locally administered, `N` for Netwright."""
    if request.ipv4 is not None:
        tail = ipaddress.ip_address(ip_of(request.ipv4)).packed
    elif request.ipv6 is not None:
        tail = ipaddress.ip_address(ip_of(request.ipv6)).packed[-4:]
    else:
        tail = bytes.fromhex(request.id[:8])
    return ":".join(f"{octet:02x}" for octet in b"\x02\x4e" + tail)
