"""Drivers: what each takes, who makes it, and what can be on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from netwright.spec.findings import Findings, listing
from netwright.spec.places import Path
from netwright.spec.schema import NicSelector
from netwright.spec.topology import Net, Topology

MODES: Mapping[str, tuple[str, ...]] = {"macvlan": ("bridge", "private", "vepa", "passthru"), "ipvlan": ("l2", "l3", "l3s")}
"""Driver → its modes, the one that is meant where none is stated first."""
_ON_A_WIRE = ("macvlan", "ipvlan")
_TAKEN_BY: Mapping[str, tuple[str, ...]] = {
    "parent": _ON_A_WIRE,
    "mode": _ON_A_WIRE,
    "flag": ("ipvlan",),
    "host_access": _ON_A_WIRE,
    "attachable": ("overlay",),
    "encrypted": ("overlay",),
    "ingress": ("overlay",),
    "bridge": ("bridge",),
    "isolated": ("bridge",),
    "antispoof": ("bridge",),
    "masquerade": ("bridge",),
    "stp": ("bridge",),
    "ageing_seconds": ("bridge",),
    "forward_delay_seconds": ("bridge",),
    "multicast_snooping": ("bridge",),
}
"""Key → the drivers that know it."""
_OF_DOCKERS_OWN = frozenset({"managed_by", "driver", "name", "external"})


def check_drivers(topology: Topology, findings: Findings) -> None:
    for net in topology.nets.values():
        if net.spec.driver in ("host", "none"):
            _dockers_own(net, findings)
            continue
        _keys(net, findings)
        _manager(net, findings)
        if net.stacked:
            _wire(net, findings)
    _parents(topology, findings)
    _members(topology, findings)


def _dockers_own(net: Net, findings: Findings) -> None:
    """`host` and `none`: there is one of each, from the beginning, and nothing about it can be chosen."""
    spec, driver = net.spec, net.spec.driver
    if not net.docker:
        findings.add((*net.path, "driver"), f"the network {driver} is Docker's", "say managed_by: docker and external: true")
        return
    if not spec.external:
        findings.add((*net.path, "driver"), f"Docker has one network of the driver {driver}, and makes no other", "say external: true")
    if (spec.name or net.name) != driver:
        findings.add((*net.path, "driver"), f"Docker's network of this driver is called {driver}", f"say name: {driver}")
    for key in sorted(spec.model_fields_set - _OF_DOCKERS_OWN):
        findings.add((*net.path, key), f"Docker's network {driver} has no {key}", "leave it out")


def _keys(net: Net, findings: Findings) -> None:
    spec = net.spec
    driver = (*net.path, "driver")
    for key, drivers in _TAKEN_BY.items():
        if key in spec.model_fields_set and getattr(spec, key) is not None and spec.driver not in drivers:
            findings.add(
                (*net.path, key), f"a network of the driver {spec.driver} has no {key}", f"it is for {listing(drivers)}", on=(driver,)
            )
    modes = MODES.get(spec.driver, ())
    if spec.mode is not None and modes and spec.mode not in modes:
        findings.add(
            (*net.path, "mode"), f"{spec.mode} is no mode of {spec.driver}", f"its modes are {listing(modes, 'and')}", on=(driver,)
        )


def _manager(net: Net, findings: Findings) -> None:
    spec = net.spec
    driver, manager = (*net.path, "driver"), (*net.path, "managed_by")
    if spec.driver == "overlay" and not net.docker:
        findings.add(driver, "overlay is Docker's alone", "say managed_by: docker, on a host that is in a swarm", on=(manager,))
    if net.docker and not net.bridged and not spec.external and "none" in (spec.gateway or ()):
        findings.add(
            (*net.path, "gateway"),
            f"Docker gives every network of the driver {spec.driver} a gateway",
            "internal: true keeps the default route away from its containers",
            on=(driver, manager),
        )
    if net.stacked and net.docker and spec.mtu is not None and not spec.external:
        findings.add(
            (*net.path, "mtu"),
            "Docker gives these interfaces their parent's MTU",
            "leave it out, or change the parent's",
            on=(driver, manager),
        )
    if spec.driver == "overlay" and spec.aux_addresses:
        findings.add((*net.path, "aux_addresses"), "a swarm keeps no addresses back", "leave them out of ip_range: instead", on=(driver,))
    if net.stacked and not net.docker and spec.internal:
        findings.add(
            (*net.path, "internal"),
            "whatever is on the wire is reached: there is no inside",
            "gateway: none leaves out the default route",
            on=(driver, manager),
        )
    if net.stacked and not net.docker and spec.external:
        findings.add(
            (*net.path, "external"),
            f"a {spec.driver} network that is not Docker's is nothing that could be there already",
            "leave it out: several stacks may have one on the same parent",
            on=(driver, manager),
        )


def _wire(net: Net, findings: Findings) -> None:
    """macvlan and ipvlan."""
    spec = net.spec
    driver = (*net.path, "driver")
    if spec.external:
        for key in ("parent", "mode", "flag"):
            if getattr(spec, key) is not None:
                findings.add((*net.path, key), "Docker knows this of a network that exists", "leave it out, or external:", on=(driver,))
        return
    if spec.parent is None:
        findings.add(net.path, f"a network of the driver {spec.driver} needs parent:, the NIC it stands on", at_key=True, on=(driver,))
    elif spec.parent == "lo":
        findings.add((*net.path, "parent"), "nothing can stand on lo, the loopback interface", "name a NIC of the host")
    if not spec.host_access:
        return
    access = (*net.path, "host_access")
    if not net.subnets:
        findings.add(access, "without subnets the host gets no address on the network", "state subnets: too", on=((*net.path, "subnets"),))
    if spec.driver == "macvlan" and spec.mode not in (None, "bridge"):
        findings.add(access, f"in the mode {spec.mode} the host does not reach the others", "say mode: bridge", on=((*net.path, "mode"),))
    if spec.driver == "ipvlan" and spec.flag not in (None, "bridge"):
        findings.add(access, f"with the flag {spec.flag} the host does not reach the others", "leave out flag:", on=((*net.path, "flag"),))


def _parents(topology: Topology, findings: Findings) -> None:
    """What two networks on one NIC, or a network and an interface, cannot both have."""
    first: dict[str, Net] = {}
    for net in _on_parents(topology):
        other = first.setdefault(net.spec.parent or "", net)
        there = (*other.path, "parent")
        if other is net:
            continue
        where = f"{other.name}{findings.where(there)}"
        if other.spec.driver != net.spec.driver:
            findings.add(
                (*net.path, "parent"),
                f"{net.spec.parent} carries {where}, which is {other.spec.driver}: a NIC carries one sort",
                "name another parent, or the same driver",
                on=(there,),
            )
        elif net.spec.driver == "ipvlan" and _ipvlan(net) != _ipvlan(other):
            findings.add(
                (*net.path, "parent"),
                f"all ipvlans on {net.spec.parent} have one mode and flag: {where} has {' '.join(_ipvlan(other))}, this one {' '.join(_ipvlan(net))}",
                on=(there,),
            )
        elif "passthru" in (net.spec.mode, other.spec.mode):
            findings.add(
                (*net.path, "parent"), f"{net.spec.parent} carries {where}: beside one in the mode passthru nothing can be", on=(there,)
            )
    for site, name, interface in topology.interfaces():
        nic = interface.nic
        if nic is None or isinstance(nic, NicSelector) or site.is_host or nic not in first:
            continue
        path: Path = (*site.interface_path(name), "nic")
        findings.add(
            path,
            f"{nic} is the parent of {first[nic].name}{findings.where((*first[nic].path, 'parent'))}, and has to stay on the host",
            f"put this interface on the network instead: network: {first[nic].name}",
            on=((*first[nic].path, "parent"),),
        )


def _on_parents(topology: Topology) -> Iterator[Net]:
    return (net for net in topology.nets.values() if net.stacked and net.spec.parent is not None)


def _ipvlan(net: Net) -> tuple[str, str]:
    return net.spec.mode or MODES["ipvlan"][0], net.spec.flag or "bridge"


def _members(topology: Topology, findings: Findings) -> None:
    """What is on a network, and cannot be."""
    through: dict[str, Path] = {}
    for site, name, interface in topology.interfaces():
        net = topology.nets.get(interface.network) if interface.network is not None else None
        if net is None:
            continue
        path = site.interface_path(name)
        driver = (*net.path, "driver")
        if not net.bridged and not net.stacked:
            findings.add(
                (*path, "network"),
                f"{net.name} is one of Docker's {net.spec.driver} networks, which only Docker puts anybody on",
                "for a container, write it under its networks:",
                on=(driver,),
            )
            continue
        if net.stacked and interface.port is not None:
            findings.add((*path, "port"), f"{net.name} has no bridge, so this has no end there", "leave it out", on=(driver,))
        if net.spec.driver == "ipvlan" and interface.mac is not None:
            findings.add((*path, "mac"), "an ipvlan has its parent's MAC address", "leave it out, or say driver: macvlan", on=(driver,))
        if net.spec.mode == "passthru" and through.setdefault(net.name, path) != path:
            findings.add(
                (*path, "network"), f"{net.name} is in the mode passthru, and has an interface already{findings.where(through[net.name])}"
            )
    for site in topology.containers.values():
        for key, attachment in (site.container.networks if site.container else {}).items():
            net = topology.nets.get(key)
            if net is None or (net.bridged or net.stacked):
                continue
            path = (*site.path, "networks", key)
            if net.spec.driver == "overlay" and not (net.spec.attachable or net.spec.external):
                findings.add(path, f"{key} is for services only", f"say attachable: true at networks.{key}", at_key=True, on=(net.path,))
            elif net.spec.driver != "overlay" and attachment is not None and attachment.address:
                findings.add((*path, "address"), f"Docker's network {net.spec.driver} gives no addresses", "leave it out")
