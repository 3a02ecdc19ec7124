"""Routes: next hops that can be reached, and one way to everywhere."""

from __future__ import annotations

from dataclasses import dataclass, field

from netwright.model.address import family, ip_of
from netwright.spec.findings import Findings
from netwright.spec.places import Path, path_text
from netwright.spec.schema import RouteSpec
from netwright.spec.subnets import Subnet, number, subnet
from netwright.spec.topology import Site, Topology

_LINK_LOCAL = subnet("fe80::/10")


def check_routes(topology: Topology, findings: Findings) -> None:
    for site in topology.sites():
        seen: dict[tuple[int, str, int | None], Path] = {}
        reach = _reach(site, topology)
        for index, route in enumerate(site.routes):
            path = (*site.path, "routes", index)
            _families(path, route, findings)
            _next_hop(site, path, route, reach, topology, findings)
            _source(site, path, route, reach, topology, findings)
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


@dataclass(slots=True)
class _Reach:
    """What a site is attached to: looked up once for all of its routes."""

    attached: list[tuple[str, Subnet]] = field(default_factory=list)
    """Interface, and a subnet that it is in."""
    held: dict[str, Path] = field(default_factory=dict)
    """Address → where it is stated."""
    known: bool = True
    """False: some subnets are only known when the file is applied."""


def _reach(site: Site, topology: Topology) -> _Reach:
    reach = _Reach()
    for name, interface in site.interfaces.items():
        path = site.interface_path(name)
        reach.attached.extend((name, subnet(cidr)) for cidr in interface.addresses)
        reach.held.update({ip_of(cidr): (*path, "addresses", index) for index, cidr in enumerate(interface.addresses)})
        reach.held.update({ip: (*path, "address", index) for index, ip in enumerate(interface.address or ())})
        if interface.network is not None:
            net = topology.nets.get(interface.network)
            reach.known = reach.known and net is not None and net.known
            reach.attached.extend((name, one) for one in (net.subnets if net else ()))
    return reach


def _depends(site: Site, topology: Topology) -> list[Path]:
    nets = {interface.network for interface in site.interfaces.values() if interface.network is not None}
    return [(*site.path, "interfaces"), *((*topology.nets[name].path, "subnets") for name in nets if name in topology.nets)]


def _next_hop(site: Site, path: Path, route: RouteSpec, reach: _Reach, topology: Topology, findings: Findings) -> None:
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
    if not site.closed or not reach.known:
        return
    near = [one for name, one in reach.attached if one.has(version, value) and route.dev in (None, name)]
    if not near:
        where = f"through {route.dev}" if route.dev is not None else f"from {site.name}"
        known = dict.fromkeys(one.text for name, one in reach.attached if one.family == version and route.dev in (None, name))
        findings.add(
            here,
            f"{route.via} cannot be reached {where}: "
            + (f"it is in none of {', '.join(known)}" if known else f"it has no IPv{version} address"),
            "say onlink: true if the next hop is on the link all the same" if route.dev is not None else None,
            on=(*_depends(site, topology), (*path, "dev")),
        )
    elif (what := near[0].reserved(value)) in ("network address", "broadcast address"):
        findings.add(here, f"{route.via} is the {what} of {near[0].text}, and cannot be a next hop")
    elif (there := reach.held.get(route.via)) is not None:
        findings.add(here, f"{route.via} is an address of {site.name} itself{findings.where(there)}", on=(there,))


def _source(site: Site, path: Path, route: RouteSpec, reach: _Reach, topology: Topology, findings: Findings) -> None:
    """An address in a subnet of a network may be one that is allocated when the file is applied."""
    if route.source is None or not site.closed or not reach.known or route.source in reach.held:
        return
    where = number(route.source)
    nets = [topology.nets[interface.network] for interface in site.interfaces.values() if interface.network in topology.nets]
    if not any(one.has(*where) for net in nets for one in net.subnets):
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
