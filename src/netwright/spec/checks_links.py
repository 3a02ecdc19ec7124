"""Interfaces: veths without a bridge from both of their ends, NICs, and what the host cannot have."""

from __future__ import annotations

from netwright.spec.findings import Findings
from netwright.spec.places import Path, path_text
from netwright.spec.schema import InterfaceSpec, NicSelector
from netwright.spec.topology import Site, Topology


def check_links(topology: Topology, findings: Findings) -> None:
    _peers(topology, findings)
    _nics(topology, findings)
    _host(topology, findings)


def _peers(topology: Topology, findings: Findings) -> None:
    claimed: dict[tuple[str, str], Path] = {}
    for site, name, interface in topology.interfaces():
        peer = interface.peer
        other = topology.site(peer.place) if peer else None
        if peer is None or other is None:
            continue
        path = (*site.interface_path(name), "peer")
        there = other.interface_path(peer.interface)
        if other is site and peer.interface == name:
            findings.add(path, "an interface cannot be its own peer")
            continue
        if peer.interface == "lo":
            findings.add((*path, "interface"), "lo is the loopback interface, and has no peer")
            continue
        if (other.container is not None) != (peer.container is not None):
            kind = "container" if other.container is not None else "namespace"
            findings.add(
                (*path, "container" if peer.container is not None else "namespace"),
                f"{peer.place} is a {kind}",
                f"write {kind}: {peer.place}",
                on=(other.path,),
            )
            continue
        described = other.interfaces.get(peer.interface)
        if described is not None:
            _described(site, name, path, other, peer.interface, described, findings)
            continue
        first = claimed.setdefault((peer.place, peer.interface), path)
        if first != path:
            findings.add(
                path, f"{path_text(there)} is the peer of {path_text(first[:-1])} already{findings.where(first)}", on=(first, there)
            )


def _described(site: Site, name: str, path: Path, other: Site, peer: str, described: InterfaceSpec, findings: Findings) -> None:
    there = other.interface_path(peer)
    back = described.peer
    if back is None:
        what = f"on the network {described.network}" if described.network is not None else "a NIC" if described.nic else "without a peer"
        findings.add(path, f"{path_text(there)} is {what}{findings.where(there)}, so it cannot be this one's peer", on=(there,))
    elif (back.place, back.interface) != (site.name, name):
        findings.add(
            path,
            f"{path_text(there)} says that its peer is {back.interface} of {back.place}{findings.where((*there, 'peer'))}, not this one",
            f"say there peer: {{{'namespace' if site.container is None else 'container'}: {site.name}, interface: {name}}}, or nothing",
            on=(there,),
        )


def _nics(topology: Topology, findings: Findings) -> None:
    seen: dict[str, Path] = {}
    for site, name, interface in topology.interfaces():
        if interface.nic is None:
            continue
        path = (*site.interface_path(name), "nic")
        nic = (interface.nic.mac or interface.nic.pci or "") if isinstance(interface.nic, NicSelector) else interface.nic
        if nic == "lo":
            findings.add(path, "lo is the loopback interface, and stays where it is")
        first = seen.setdefault(nic, path)
        if first != path:
            findings.add(path, f"the NIC {nic} is {path_text(first[:-1])} already{findings.where(first)}", on=(first,))


def _host(topology: Topology, findings: Findings) -> None:
    host = topology.host.namespace
    if host is None:
        return
    if host.external:
        findings.add(("host", "external"), "the host is always there already", "leave out this key")
    for key in ("nameservers", "search"):
        if getattr(host, key):
            findings.add(("host", key), "this is for namespaces; the host has its own resolv.conf", "leave out this key")
    for name, interface in host.interfaces.items():
        net = topology.nets.get(interface.network) if interface.network is not None else None
        gateway = next((ip for ip in net.gateways.values() if ip is not None), None) if net else None
        if net is not None and net.bridged and gateway is not None and not net.spec.external:
            findings.add(
                (*topology.host.interface_path(name), "network"),
                f"the host is on {net.name} already: its bridge has the address {gateway}",
                f"choose that address with networks.{net.name}.gateway, or say gateway: none there",
                on=((*net.path, "gateway"), (*net.path, "subnets")),
            )
