"""Endpoints → addresses, routes and the sysctls that forwarding takes."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping

from netwright.model.address import DEFAULT4, DEFAULT6, family
from netwright.model.netns import HOST, NetnsRef
from netwright.model.route import NODAD, Address, Route
from netwright.resolve.endpoint import Endpoint, Holder
from netwright.resolve.network import Network
from netwright.spec.schema import RouteSpec

FORWARD = {4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding"}
NO_IPV6 = "net.ipv6.conf.default.disable_ipv6"


def resolve_addresses(endpoints: Iterable[Endpoint], networks: Mapping[str, Network]) -> dict[NetnsRef, set[Address]]:
    """Every interface's addresses, and each gateway's on its bridge."""
    addresses: dict[NetnsRef, set[Address]] = {HOST: set()}
    for network in networks.values():
        if network.ours and network.bridge is not None:
            for subnet in network.subnets:
                if subnet.gateway is not None:
                    addresses[HOST].add(_address(network.bridge, f"{subnet.gateway}/{subnet.length}", ours=True))
    for endpoint in endpoints:
        if endpoint.spec.external:
            continue
        own = addresses.setdefault(endpoint.netns, set())
        for cidr in endpoint.addresses:
            own.add(_address(endpoint.interface, cidr, ours=endpoint.spec.nic is None))
    return addresses


def _address(dev: str, cidr: str, *, ours: bool) -> Address:
    """On a link of ours an IPv6 address is used at once: nobody else has it, so there is nothing to wait for (RFC 4862, 5.4)."""
    return Address(dev=dev, cidr=cidr, flags=NODAD if ours and family(cidr) == 6 else 0)


def resolve_routes(holding: Iterable[Holder], endpoints: Iterable[Endpoint]) -> dict[NetnsRef, set[Route]]:
    """What the file states, and a default route through the first network that has a gateway, per family."""
    by_netns: dict[NetnsRef, list[Endpoint]] = {}
    for endpoint in endpoints:
        by_netns.setdefault(endpoint.netns, []).append(endpoint)
    routes = {}
    for holder in holding:
        own = by_netns.get(holder.netns, [])
        theirs = {stated_route(route, own) for route in holder.routes if route.external}
        found = theirs | {stated_route(route, own) for route in holder.routes}
        for version, default in ((4, DEFAULT4), (6, DEFAULT6)):
            if not any(route.to == default and route.kind == "unicast" for route in found):
                found.update(_default(holder, own, version, default))
        routes[holder.netns] = found - theirs
    return routes


def stated_route(spec: RouteSpec, endpoints: list[Endpoint]) -> Route:
    """A route of the file; `endpoints` are those of its namespace."""
    version = family(spec.via or spec.source or (DEFAULT4 if spec.to == "default" else spec.to))
    to = (DEFAULT6 if version == 6 else DEFAULT4) if spec.to == "default" else spec.to
    return Route(
        to=to,
        via=spec.via,
        dev=spec.dev or (_device_towards(spec.via, endpoints) if spec.via else None),
        source=spec.source,
        metric=spec.metric,
        mtu=spec.mtu,
        onlink=spec.onlink,
        kind=spec.kind,
    )


def _device_towards(via: str, endpoints: list[Endpoint]) -> str | None:
    """The interface whose subnet has the next hop: the longest prefix wins, as in the kernel."""
    hop = ipaddress.ip_address(via)
    best: tuple[int, str] | None = None
    for endpoint in endpoints:
        for cidr in endpoint.addresses:
            network = ipaddress.ip_interface(cidr).network
            if hop.version == network.version and hop in network and (best is None or network.prefixlen > best[0]):
                best = (network.prefixlen, endpoint.interface)
    return best[1] if best else None


def _default(holder: Holder, endpoints: list[Endpoint], version: int, default: str) -> list[Route]:
    """Neither the host nor a container is given one unasked: they have their own."""
    asks = holder.netns != HOST and holder.spec is not None
    first: Route | None = None
    for endpoint in endpoints:
        network, wish = endpoint.network, endpoint.spec.default_route
        if network is None or endpoint.spec.external or wish is False or network.spec.internal or endpoint.address(version) is None:
            continue
        if not endpoint.spec.up:
            # The kernel takes no route through what is down.
            continue
        gateway = network.gateway(version)
        if gateway is None or not (asks or wish):
            continue
        route = Route(to=default, via=gateway, dev=endpoint.interface)
        if wish:
            return [route]
        first = first or route
    return [first] if first else []


def forwarding(
    holder: Holder, own_families: frozenset[int], *, gateway_families: frozenset[int], publishes: frozenset[int]
) -> dict[str, str]:
    """The forwarding sysctls that the file needs in a namespace."""
    spec = holder.spec
    needed = set(publishes) | set(gateway_families)
    if spec is not None:
        if spec.masquerade or spec.forward:
            needed |= own_families or {4}
        if spec.forward is False:
            needed = set()
    return {FORWARD[version]: "1" for version in sorted(needed)}
