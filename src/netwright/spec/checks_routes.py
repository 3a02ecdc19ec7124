"""Routes: next hops that can be reached, and one way to everywhere."""

from __future__ import annotations

from netwright.model.address import family
from netwright.spec.findings import Findings
from netwright.spec.places import Path, path_text
from netwright.spec.schema import InterfaceSpec, RouteSpec
from netwright.spec.subnets import Subnet, number, subnet
from netwright.spec.topology import Site, Topology

_LINK_LOCAL = subnet("fe80::/10")


def check_routes(topology: Topology, findings: Findings) -> None:
    for site in topology.sites():
        seen: dict[tuple[int, str, int | None], Path] = {}
        for index, route in enumerate(site.routes):
            path = (*site.path, "routes", index)
            _families(path, route, findings)
            _next_hop(site, path, route, topology, findings)
            _source(site, path, route, topology, findings)
            version = route_family(route)
            to = "default" if route.to in ("0.0.0.0/0", "::/0") else route.to
            first = seen.setdefault((version, to, route.metric), path)
            if first != path:
                what = f"a default route for IPv{version}" if to == "default" else f"a route to {to}"
                findings.add(
                    path,
                    f"{site.name} has {what} already: {path_text(first)}{findings.where(first)}",
                    "give one of them another metric:",
                    on=(first,),
                )
        _default_routes(site, topology, findings)


def route_family(route: RouteSpec) -> int:
    """4 or 6; of `to: default` through a device alone, 4, as ip-route(8) has it."""
    return family(route.via or route.source or route.to)


def _families(path: Path, route: RouteSpec, findings: Findings) -> None:
    to = None if route.to == "default" else family(route.to)
    version = to or (family(route.via) if route.via else None)
    for key, address in (("via", route.via), ("source", route.source)):
        if address is not None and version is not None and family(address) != version:
            findings.add((*path, key), f"{address} is an IPv{family(address)} address, and the route is an IPv{version} one")


def _attached(site: Site, topology: Topology) -> list[tuple[str, Subnet]] | None:
    """Interface → each subnet that it is in. None: some are only known when the file is applied."""
    found: list[tuple[str, Subnet]] = []
    for name, interface in site.interfaces.items():
        found.extend((name, subnet(cidr)) for cidr in interface.addresses)
        if interface.network is not None:
            net = topology.nets.get(interface.network)
            if net is None or not net.known:
                return None
            found.extend((name, one) for one in net.subnets)
    return found


def _depends(site: Site, topology: Topology) -> list[Path]:
    nets = {interface.network for interface in site.interfaces.values() if interface.network is not None}
    return [(*site.path, "interfaces"), *((*topology.nets[name].path, "subnets") for name in nets if name in topology.nets)]


def _next_hop(site: Site, path: Path, route: RouteSpec, topology: Topology, findings: Findings) -> None:
    if route.via is None or route.onlink:
        return
    version, value = number(route.via)
    here = (*path, "via")
    if _LINK_LOCAL.has(version, value):
        if route.dev is None:
            findings.add(
                here,
                f"{route.via} is a link-local address, which says nothing of the link",
                "name the interface with dev:",
                on=((*path, "dev"),),
            )
        return
    attached = _attached(site, topology)
    if not site.closed or attached is None:
        return
    near = [one for name, one in attached if one.has(version, value) and route.dev in (None, name)]
    if not near:
        where = f"through {route.dev}" if route.dev is not None else f"from {site.name}"
        known = [one.text for name, one in attached if one.family == version and route.dev in (None, name)]
        subnets = f"it is in {', '.join(dict.fromkeys(known))}" if known else f"no IPv{version} address is there"
        findings.add(
            here,
            f"{route.via} cannot be reached {where}: {subnets}",
            "say onlink: true if the next hop is on the link all the same" if route.dev is not None else None,
            on=(*_depends(site, topology), (*path, "dev")),
        )
    elif near and (what := near[0].reserved(value)) in ("network address", "broadcast address"):
        findings.add(here, f"{route.via} is the {what} of {near[0].text}, and cannot be a next hop")
    for name, interface in site.interfaces.items():
        own = _holds(interface, route.via)
        if own is not None:
            there = (*site.interface_path(name), *own)
            findings.add(here, f"{route.via} is an address of {site.name} itself{findings.where(there)}", on=(there,))


def _holds(interface: InterfaceSpec, ip: str) -> tuple[str, int] | None:
    if ip in (interface.address or ()):
        return "address", (interface.address or []).index(ip)
    return next((("addresses", index) for index, cidr in enumerate(interface.addresses) if cidr.partition("/")[0] == ip), None)


def _source(site: Site, path: Path, route: RouteSpec, topology: Topology, findings: Findings) -> None:
    """Only where every address of the namespace is stated."""
    if route.source is None or not site.closed:
        return
    for interface in site.interfaces.values():
        if _holds(interface, route.source) is not None:
            return
        net = topology.nets.get(interface.network) if interface.network is not None else None
        if interface.network is not None and (net is None or not net.known or any(one.has(*number(route.source)) for one in net.subnets)):
            return
    findings.add((*path, "source"), f"{site.name} does not have the address {route.source}", on=_depends(site, topology))


def _default_routes(site: Site, topology: Topology, findings: Findings) -> None:
    """`default_route: true` twice, beside a stated one, or where there is no gateway."""
    owner: dict[int, Path] = {}
    for index, route in enumerate(site.routes):
        if route.to in ("default", "0.0.0.0/0", "::/0") and route.kind == "unicast":
            owner.setdefault(route_family(route), (*site.path, "routes", index))
    for name, interface in site.interfaces.items():
        net = topology.nets.get(interface.network) if interface.network is not None else None
        if net is None or interface.default_route is not True:
            continue
        path = (*site.interface_path(name), "default_route")
        needs = ((*net.path, "gateway"), (*net.path, "subnets"))
        if net.spec.internal:
            findings.add(path, f"{net.name} is internal, so no default route leads through it", on=((*net.path, "internal"),))
            continue
        if not net.known or net.spec.external:
            continue
        families = {family(ip) for ip in net.gateways.values() if ip is not None}
        if not families:
            findings.add(path, f"{net.name} has no gateway, so no default route leads through it", on=needs)
        # One family's is another interface's at most once: said of the first that clashes.
        clash = next((owner[version] for version in sorted(families) if version in owner), None)
        if clash is not None and families <= owner.keys():
            findings.add(path, f"{site.name} has a default route already: {path_text(clash)}{findings.where(clash)}", on=(clash, *needs))
        for version in families:
            owner.setdefault(version, path)
