"""Published ports: one taker for each, targets that can be reached, sources that exist."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network

from netwright.model.address import family, ip_of, is_loopback
from netwright.spec.findings import Findings
from netwright.spec.places import Path, path_text
from netwright.spec.subnets import number
from netwright.spec.topology import Site, Topology
from netwright.spec.values import Listen, Ports

_LOOPBACK = {4: ip_network("127.0.0.0/8"), 6: ip_network("::1/128")}
MOST_PORTS = 500_000
"""Of a file: each takes about 800 bytes while it is planned, and 8 µs."""
_ANY = ("0.0.0.0", "::")  # noqa: S104 (compared with, not bound to)
_FORWARD = {4: ("net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding"), 6: ("net.ipv6.conf.all.forwarding",)}


@dataclass(frozen=True, slots=True)
class _Published:
    """A publish of either form."""

    path: Path
    site: Site
    listen: Listen
    sources: list[str] | None
    to_ports: Ports | None
    target: Site | None
    address: str | None
    preserve: bool

    @property
    def families(self) -> set[int]:
        """The families in which it can be meant."""
        for address in (self.listen.address, self.address):
            if address is not None:
                return {family(address)}
        return {4, 6}


def check_publish(topology: Topology, findings: Findings) -> None:
    published = _all(topology)
    for one in published:
        _ranges(one, findings)
        _sources(one, topology, findings)
        _preserve(one, topology, findings)
        _loopback(one, findings)
        _target(one, topology, findings)
    _number(published, findings)
    _conflicts(published, findings)
    _forward(topology, findings)


def _all(topology: Topology) -> list[_Published]:
    found = []
    for site in topology.sites():
        for index, publish in enumerate(site.namespace.publish if site.namespace else ()):
            target = topology.site(publish.to.name) if publish.to.name is not None else None
            path = (*site.path, "publish", index)
            found.append(_Published(path, site, publish.listen, publish.from_, publish.to.ports, target, publish.to.address, publish.source == "preserve"))  # fmt: skip
    for site in topology.containers.values():
        for index, short in enumerate(site.container.publish if site.container else ()):
            path = (*site.path, "publish", index)
            found.append(_Published(path, topology.host, short.listen, short.from_, short.to, site, None, short.source == "preserve"))
    return found


def _number(published: list[_Published], findings: Findings) -> None:
    count = 0
    for one in published:
        count += len(one.listen.ports)
        if count > MOST_PORTS:
            findings.add(
                one.path,
                f"the file publishes more than {MOST_PORTS:,} ports",
                "each is an entry in the kernel: publish those that are served, and leave the rest out of the ranges",
            )
            return


def _ranges(one: _Published, findings: Findings) -> None:
    outer, inner = one.listen.ports, one.to_ports
    if inner is not None and len(inner) not in (1, len(outer)):
        findings.add(
            (*one.path, "to"),
            f"{_ports(outer)} cannot map to {_ports(inner)}: a range maps to a range of the same size, or to one port",
            f"write {inner.first}-{inner.first + len(outer) - 1}" if len(outer) > 1 and inner.first + len(outer) - 1 <= 65535 else None,
        )


def _ports(ports: Ports) -> str:
    return f"{len(ports)} ports ({ports})" if len(ports) > 1 else f"one port ({ports})"


def _sources(one: _Published, topology: Topology, findings: Findings) -> None:
    path = (*one.path, "from")
    if one.sources is None:
        return
    if not one.sources:
        findings.add(path, "an empty list lets nobody in", "leave out from: to let everyone in, or leave out the whole publish")
    versions, why = _reachable_families(one, topology)
    for index, source in enumerate(one.sources):
        if family(source) not in versions:
            findings.add(
                (*path, index),
                f"nobody in {source} can use it: {why}",
                on=(one.target.path,) if one.target else (),
            )


def _reachable_families(one: _Published, topology: Topology) -> tuple[set[int], str]:
    if one.listen.address is not None:
        version = family(one.listen.address)
        return {version}, f"it listens on an IPv{version} address"
    if one.address is not None:
        version = family(one.address)
        return {version}, f"the target has an IPv{version} address"
    versions = _site_families(one.target, topology) if one.target else {4, 6}
    if one.target is None or not versions:
        return {4, 6}, ""
    return versions, f"{one.target.name} has only IPv{min(versions)} addresses"


def _site_families(site: Site, topology: Topology) -> set[int]:
    """The families of a target's addresses; both where they are not all in the file."""
    if not site.closed:
        return {4, 6}
    found: set[int] = set()
    for interface in site.interfaces.values():
        found |= {family(cidr) for cidr in interface.addresses}
        if interface.network is not None:
            net = topology.nets.get(interface.network)
            found |= net.families() if net else {4, 6}
    return found


def _target(one: _Published, topology: Topology, findings: Findings) -> None:
    listen, path = one.listen, one.path
    to = (*path, "to") if one.site.namespace is not None and path[0] != "containers" else path
    if listen.address is not None and one.address is not None and family(listen.address) != family(one.address):
        findings.add(
            to,
            f"it listens on an IPv{family(listen.address)} address, and {one.address} is an IPv{family(one.address)} one: NAT cannot cross that",
        )
    if one.target is None or one.target is one.site:
        return
    versions = _site_families(one.target, topology)
    needs = ((*one.target.path, "interfaces"),)
    if not versions:
        findings.add(to, f"{one.target.name} has no address to publish to", "put it on a network", on=needs)
    elif listen.address is not None and family(listen.address) not in versions:
        findings.add(
            to,
            f"it listens on an IPv{family(listen.address)} address, and {one.target.name} has no IPv{family(listen.address)} address",
            on=needs,
        )


def _preserve(one: _Published, topology: Topology, findings: Findings) -> None:
    """Replies come back through the publishing namespace by routes at the target: it must be the stack's."""
    if not one.preserve or one.address is None:
        return
    version, value = number(one.address)
    if any(subnet.has(version, value) for net in topology.nets.values() for subnet in net.subnets):
        return
    if any(one.address == ip_of(cidr) for _, _, interface in topology.interfaces() for cidr in interface.addresses):
        return
    findings.add(
        (*one.path, "source"),
        f"preserve needs a route for the replies at the target, and {one.address} is nothing of this stack",
        "leave out source:, or name a namespace or a container of this file in to:",
        on=(("networks",), ("namespaces",), ("containers",)),
    )


def _loopback(one: _Published, findings: Findings) -> None:
    """What listens on a loopback address is for the namespace itself."""
    address = one.listen.address
    if address is None or not is_loopback(address):
        return
    if address == "::1":
        findings.add(
            (*one.path, "listen"), "::1 cannot be published on: the kernel sends nothing from it to another machine", "listen on 127.0.0.1"
        )
    elif one.preserve:
        findings.add((*one.path, "source"), f"nobody but the namespace itself uses {address}: there is no client's address to preserve")
    for index, source in enumerate(one.sources or ()):
        if not ip_network(source).overlaps(_LOOPBACK[family(source)]):
            findings.add((*one.path, "from", index), f"nobody in {source} can use it: it listens on a loopback address")


def _conflicts(published: list[_Published], findings: Findings) -> None:
    """A sweep over the ports of each namespace and protocol: only what is still open can overlap. Each is said at most once."""
    groups: dict[tuple[Path, str], list[_Published]] = {}
    for one in published:
        groups.setdefault((one.site.path, one.listen.protocol), []).append(one)
    for group in groups.values():
        order = {one.path: place for place, one in enumerate(group)}
        still: list[_Published] = []
        for one in sorted(group, key=lambda other: (other.listen.ports.first, order[other.path])):
            still = [other for other in still if other.listen.ports.last >= one.listen.ports.first]
            kept, said = [], False
            for other in still:
                if said or not _same_place(other, one):
                    kept.append(other)
                    continue
                first, second = sorted((other, one), key=lambda either: order[either.path])
                _conflict(first, second, findings)
                if second is one:
                    said = True
                    kept.append(other)
            still = kept if said else [*kept, one]


def _conflict(first: _Published, second: _Published, findings: Findings) -> None:
    low = max(first.listen.ports.first, second.listen.ports.first)
    high = min(first.listen.ports.last, second.listen.ports.last)
    what = f"port {low}/{first.listen.protocol}" if low == high else f"ports {low}-{high}/{first.listen.protocol}"
    where = findings.where(first.path)
    same = first.target is second.target and first.address == second.address and first.to_ports == second.to_ports
    findings.add(
        second.path,
        f"{what} of {second.site.name} {'is' if low == high else 'are'} published already, by {path_text(first.path)}{where}",
        "put all prefixes into one from: list" if same and first.sources is not None else None,
        on=(first.path,),
    )


def _same_place(first: _Published, second: _Published) -> bool:
    """Whether one packet can be meant by both."""
    if not first.families & second.families:
        return False
    a, b = first.listen, second.listen
    if a.interface is not None and b.interface is not None:
        return a.interface == b.interface
    if a.address is not None and b.address is not None:
        return a.address == b.address or a.address in _ANY or b.address in _ANY
    for interface, address in ((a.interface, b.address), (b.interface, a.address)):
        if interface is not None and address is not None and address not in _ANY:
            return _is_on(first.site, interface, address)
    return True


def _is_on(site: Site, interface: str, address: str) -> bool:
    spec = site.interfaces.get(interface)
    return spec is not None and (address in (spec.address or ()) or any(ip_of(cidr) == address for cidr in spec.addresses))


def _forward(topology: Topology, findings: Findings) -> None:
    for site in topology.sites():
        part = site.namespace
        if part is None:
            continue
        needs = [key for key in ("publish", "masquerade") if getattr(part, key)]
        if part.forward is False and needs:
            findings.add(
                (*site.path, "forward"),
                f"{' and '.join(needs)} need{'s' * (len(needs) == 1)} forwarding, which is turned off here",
                "leave out forward:",
            )
        for keys in _FORWARD.values():
            for key in keys:
                if part.sysctls.get(key) == "0" and (needs or part.forward):
                    why = " and ".join(f"{need}:" for need in needs) or "forward: true"
                    findings.add((*site.path, "sysctls", key), f"this turns forwarding off, and {why} of {site.name} turns it on")
