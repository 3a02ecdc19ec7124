"""Addresses: each in its subnet, a host's, and nobody else's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from netwright.model.address import ip_of
from netwright.spec.checks_networks import MIN_MTU6, special
from netwright.spec.findings import Findings
from netwright.spec.places import Path, path_text
from netwright.spec.schema import InterfaceSpec
from netwright.spec.subnets import Subnet, number, subnet
from netwright.spec.topology import Net, Site, Topology


@dataclass(slots=True)
class _Use:
    """Who has which address on a network, and how many still want one."""

    taken: dict[tuple[int, int], tuple[str, Path]] = field(default_factory=dict)
    members: int = 0
    unstated: dict[str, int] = field(default_factory=dict)


def check_addresses(topology: Topology, findings: Findings) -> None:
    uses = {name: _Use() for name in topology.nets}
    for name, net in topology.nets.items():
        for gateway in net.gateways.values():
            if gateway is not None:
                uses[name].taken[number(gateway)] = "the gateway", (*net.path, "gateway")
        for key, address in net.spec.aux_addresses.items():
            _aux_address((*net.path, "aux_addresses", key), key, address, net, uses[name], findings)
    for site in topology.sites():
        own: dict[tuple[int, int], Path] = {}
        for name, interface in site.interfaces.items():
            _interface(site, name, interface, topology, uses, own, findings)
        if site.namespace is not None:
            for index, server in enumerate(site.namespace.nameservers):
                _nameserver((*site.path, "nameservers", index), index, server, findings)
    for site in topology.containers.values():
        for name, attachment in (site.container.networks if site.container else {}).items():
            joined = topology.nets.get(name)
            if joined is not None:
                stated = [(ip, ("address", index)) for index, ip in enumerate((attachment.address if attachment else None) or ())]
                _on_network(site.name, (*site.path, "networks", name), stated, (), joined, uses[name], findings)
    for name, use in uses.items():
        _room(topology.nets[name], use, findings)


def _aux_address(path: Path, key: str, address: str, net: Net, use: _Use, findings: Findings) -> None:
    home = next((one for one in net.subnets if one.has(*number(address))), None)
    if home is None:
        where = (
            f"in none of the network's subnets: {', '.join(one.text for one in net.subnets)}"
            if net.subnets
            else "in no subnet: there are none"
        )
        findings.add(path, f"{address} is {where}", on=((*net.path, "subnets"),))
    elif (first := use.taken.get(number(address))) is not None:
        findings.add(path, f"{address} is {first[0]} already{findings.where(first[1])}", on=(first[1],))
    else:
        use.taken[number(address)] = key, path


def _interface(
    site: Site,
    name: str,
    interface: InterfaceSpec,
    topology: Topology,
    uses: dict[str, _Use],
    own: dict[tuple[int, int], Path],
    findings: Findings,
) -> None:
    path = site.interface_path(name)
    net = topology.nets.get(interface.network) if interface.network is not None else None
    stated = [(ip, ("address", index)) for index, ip in enumerate(interface.address or ())]
    extra = [(cidr, ("addresses", index)) for index, cidr in enumerate(interface.addresses)]
    for cidr, where in extra:
        _host_part(ip_of(cidr), subnet(cidr), (*path, *where), findings)
    for ip, where in (*stated, *((ip_of(cidr), where) for cidr, where in extra)):
        here = (*path, *where)
        first = own.setdefault(number(ip), here)
        if first != here:
            findings.add(here, f"{ip} is in {site.name} already: {path_text(first)}{findings.where(first)}", on=(first,))
    if net is not None:
        _on_network(f"{site.name}'s {name}", path, stated, extra, net, uses[net.name], findings, allocates=not interface.external)
    six = any(number(ip_of(cidr))[0] == 6 for cidr in interface.addresses) or (
        net is not None and any(one.family == 6 for one in net.subnets)
    )
    if interface.mtu is not None and interface.mtu < MIN_MTU6 and six:
        findings.add(
            (*path, "mtu"),
            f"IPv6 needs an MTU of at least {MIN_MTU6}, and this interface has an IPv6 address",
            on=((*net.path, "subnets"),) if net else (),
        )


def _host_part(ip: str, home: Subnet, path: Path, findings: Findings, hint: str | None = None) -> bool:
    """Whether an address can be a host's in its subnet; what it is instead is said."""
    family, value = number(ip)
    what = special(Subnet(ip, family, value, value))
    if what is not None:
        findings.add(path, f"{ip} cannot be an interface's address: it is one of the {what}")
    elif (reserved := home.reserved(value)) is not None:
        findings.add(path, f"{ip} is the {reserved} of {home.text}, and cannot be an interface's", hint)
    return what is None and home.reserved(value) is None


def _on_network(
    who: str,
    path: Path,
    stated: Sequence[tuple[str, tuple[str, int]]],
    extra: Sequence[tuple[str, tuple[str, int]]],
    net: Net,
    use: _Use,
    findings: Findings,
    *,
    allocates: bool = True,
) -> None:
    use.members += 1
    subnets_path = (*net.path, "subnets")
    if stated and not net.subnets:
        if not net.spec.external:
            chosen = net.docker or net.spec.open_families
            why = (
                f"the subnets of {net.name} are not in the file: Netwright chooses them, so no address can be stated"
                if chosen
                else f"{net.name} has no subnets: it is a plain switch"
            )
            hint = f"state subnets: in {path_text(net.path)}" + (
                "" if chosen or path[-2] == "networks" else ", or use addresses:, with a prefix length"
            )
            findings.add((*path, "address"), why, hint, on=(subnets_path,))
        return
    seen: dict[str, str] = {}
    for ip, where in stated:
        here = (*path, *where)
        family, value = number(ip)
        home = next((one for one in net.subnets if one.has(family, value)), None)
        if home is None:
            findings.add(
                here, f"{ip} is in none of the subnets of {net.name}: {', '.join(one.text for one in net.subnets)}", on=(subnets_path,)
            )
            continue
        if home.text in seen:
            findings.add(here, f"{seen[home.text]} is in {home.text} as well: one address for each subnet", "put more of them under addresses:, with a prefix length", on=(subnets_path,))  # fmt: skip
        seen.setdefault(home.text, ip)
        low, high = home.hosts
        if _host_part(ip, home, here, findings, f"hosts have {home.address(low)} to {home.address(high)}"):
            _take(ip, who, here, net, use, findings)
    for cidr, where in extra:
        family, value = number(ip_of(cidr))
        home = next((one for one in net.subnets if one.has(family, value)), None)
        if home is not None:
            seen.setdefault(home.text, ip_of(cidr))
            _take(ip_of(cidr), who, (*path, *where), net, use, findings)
    for one in net.subnets:
        if allocates and one.text not in seen:
            use.unstated[one.text] = use.unstated.get(one.text, 0) + 1


def _take(ip: str, who: str, path: Path, net: Net, use: _Use, findings: Findings) -> None:
    key = number(ip)
    other = use.taken.get(key)
    if other is None:
        use.taken[key] = who, path
        return
    holder, there = other
    if there == (*net.path, "gateway"):
        hint = f"give {net.name} another gateway:, or none" if net.spec.gateway is None else None
        findings.add(path, f"{ip} is the gateway of {net.name}", hint, on=(there,))
    elif there[:2] != path[:2] or "networks" in (there[2], path[2]):  # twice in one namespace was said already
        findings.add(path, f"{ip} is taken on {net.name}, by {holder}{findings.where(there)}", on=(there,))


def _room(net: Net, use: _Use, findings: Findings) -> None:
    ranges = [subnet(text) for text in net.spec.ip_range or ()]
    for index, one in enumerate(net.subnets):
        wanted = use.unstated.get(one.text, 0)
        pool = one
        if not net.docker:
            pool = next((part for part in ranges if part.inside(one)), one)
        first, last = max(pool.first, one.hosts[0]), min(pool.last, one.hosts[1])
        used = sum(family == pool.family and first <= value <= last for family, value in use.taken)
        free = max(0, last - first + 1 - used)
        if wanted > free:
            of = f"{pool.text} of {one.text}" if pool is not one else one.text
            findings.add(
                net.subnet_path(index),
                f"{wanted:,} more address{'es' * (wanted > 1)} would have to be allocated in {of}, and {_count(free)} free",
                "take a larger subnet" if pool is one else "take a larger ip_range",
            )


def _count(free: int) -> str:
    return f"{free:,} are" if free > 1 else "1 is" if free else "none is"


def _nameserver(path: Path, index: int, ip: str, findings: Findings) -> None:
    family, value = number(ip)
    if special(Subnet(ip, family, value, value)) in ("multicast addresses", "addresses of this host on this network (RFC 1122)"):
        findings.add(path, f"{ip} cannot be a nameserver's address")
    if index == 3:
        findings.add(path, "programs ask three nameservers at most (resolv.conf(5)); this is the fourth")
