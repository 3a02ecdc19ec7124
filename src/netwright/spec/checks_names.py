"""Names: references to nothing, and two things of one name."""

from __future__ import annotations

from netwright.model.names import bridge_name, port_name, shim_name
from netwright.spec.findings import Findings
from netwright.spec.places import Path, path_text
from netwright.spec.schema_containers import LabelSelector
from netwright.spec.suggest import did_you_mean
from netwright.spec.topology import Site, Topology


def check_names(topology: Topology, findings: Findings) -> None:
    _reserved(topology, findings)
    for site in topology.sites():
        _references(site, topology, findings)
    _publish_targets(topology, findings)
    _containers(topology, findings)
    _host_links(topology, findings)


def _reserved(topology: Topology, findings: Findings) -> None:
    for section, names in (("networks", topology.nets), ("namespaces", topology.namespaces), ("containers", topology.containers)):
        if "host" in names:
            findings.add((section, "host"), "host is the namespace Netwright runs in, and cannot be the name of anything else", at_key=True)
    for name, site in topology.containers.items():
        if name in topology.namespaces:
            other = findings.where(topology.namespaces[name].path)
            findings.add(
                site.path,
                f"a namespace is called {name} too{other}; targets name both in the same way",
                "call one of them otherwise",
                at_key=True,
            )
    for site, name, _ in topology.interfaces():
        if name == "lo":
            findings.add(
                site.interface_path(name), "lo is the loopback interface: every namespace has it, and it is always up", at_key=True
            )


def _references(site: Site, topology: Topology, findings: Findings) -> None:
    for name, interface in site.interfaces.items():
        path = site.interface_path(name)
        if interface.network is not None and interface.network not in topology.nets:
            _no_network((*path, "network"), interface.network, list(topology.nets), findings)
        if interface.peer is not None and topology.site(interface.peer.place) is None:
            other, kind = interface.peer.place, "namespace" if interface.peer.container is None else "container"
            findings.add(
                (*path, "peer", kind),
                f"there is no {kind} {other} in this file",
                did_you_mean(other, topology.site_names(), "namespaces and containers"),
                on=(("namespaces", other), ("containers", other)),
            )
    if not site.closed:
        return
    for index, route in enumerate(site.routes):
        if route.dev is not None:
            _interface(site, (*site.path, "routes", index, "dev"), route.dev, findings)
    if site.namespace is None:
        return
    for index, name in enumerate(site.namespace.masquerade):
        _interface(site, (*site.path, "masquerade", index), name, findings)
    for index, publish in enumerate(site.namespace.publish):
        if publish.listen.interface is not None:
            _interface(site, (*site.path, "publish", index, "listen"), publish.listen.interface, findings)
    for key in site.namespace.sysctls:
        steps = key.split(".")
        if (
            len(steps) == 5
            and steps[1] in ("ipv4", "ipv6", "mpls")
            and steps[2] in ("conf", "neigh")
            and steps[3] not in ("all", "default")
        ):
            _interface(site, (*site.path, "sysctls", key), steps[3].replace("/", "."), findings, at_key=True)


def _no_network(path: Path, name: str, names: list[str], findings: Findings, *, at_key: bool = False) -> None:
    findings.add(
        path, f"there is no network {name} in this file", did_you_mean(name, names, "networks"), on=(("networks", name),), at_key=at_key
    )


def _interface(site: Site, path: Path, name: str, findings: Findings, *, at_key: bool = False) -> None:
    names = site.names()
    if name not in names:
        shown = [known for known in names if known != "lo"]
        findings.add(
            path,
            f"{site.name} has no interface {name}",
            did_you_mean(name, shown, "interfaces"),
            on=(site.interface_path(name),),
            at_key=at_key,
        )


def _publish_targets(topology: Topology, findings: Findings) -> None:
    for site in topology.sites():
        if site.namespace is None:
            continue
        for index, publish in enumerate(site.namespace.publish):
            name = publish.to.name
            if name is not None and topology.site(name) is None:
                findings.add(
                    (*site.path, "publish", index, "to"),
                    f"there is no container and no namespace {name} in this file",
                    did_you_mean(name, topology.site_names(), "namespaces and containers"),
                    on=(("namespaces", name), ("containers", name)),
                )


def _containers(topology: Topology, findings: Findings) -> None:
    seen: dict[str, Path] = {}
    for name, site in topology.containers.items():
        part = site.container
        if part is None:
            continue
        for network in part.networks:
            if network not in topology.nets:
                _no_network((*site.path, "networks", network), network, list(topology.nets), findings, at_key=True)
            elif not topology.nets[network].docker:
                findings.add(
                    (*site.path, "networks", network),
                    f"{network} is not a network of Docker's, so Docker cannot connect a container to it",
                    f"say managed_by: docker in networks.{network}, or put the container on it under interfaces:",
                    on=(("networks", network, "managed_by"),),
                    at_key=True,
                )
        if isinstance(part.docker, LabelSelector):
            for network, attachment in part.networks.items():
                if attachment is not None and attachment.address:
                    findings.add(
                        (*site.path, "networks", network, "address"),
                        "one address cannot be had by every container with a label",
                        "leave it out: Docker gives each its own",
                        on=((*site.path, "docker"),),
                    )
        own = str(part.docker or name)
        if own in seen:
            findings.add(
                site.path,
                f"this is the same container as {path_text(seen[own])}{findings.where(seen[own])}: {own}",
                at_key=True,
                on=(seen[own],),
            )
        seen.setdefault(own, site.path)


def _host_links(topology: Topology, findings: Findings) -> None:
    """Bridges, their ports, and what the file puts into the host share the host's one space of names."""
    stack = topology.spec.name
    taken: dict[str, tuple[str, Path]] = {}

    def take(name: str, what: str, path: Path, *, at_key: bool, key: str) -> None:
        if name not in taken:
            taken[name] = what, path
            return
        other, there = taken[name]
        hint = f"give it another name with {key}:" if key else None
        findings.add(
            path, f"{what} would be called {name} on the host, as {other} is{findings.where(there)}", hint, at_key=at_key, on=(there,)
        )

    for name, net in topology.nets.items():
        if net.spec.bridge is not None:
            take(net.spec.bridge, f"the bridge of {name}", (*net.path, "bridge"), at_key=False, key="")
            if net.spec.bridge == "lo":
                findings.add((*net.path, "bridge"), "lo is the loopback interface's name")
    for name in topology.host.interfaces:
        take(name, "this interface", topology.host.interface_path(name), at_key=True, key="")
    for name, path in topology.host.incoming.items():
        take(name, f"the peer of {path_text(path)}", (*path, "peer", "interface"), at_key=False, key="")
    for site, name, interface in topology.interfaces():
        if interface.port is not None:
            path = site.interface_path(name)
            take(interface.port, f"the bridge's end of {path_text(path)}", (*path, "port"), at_key=False, key="")
            if interface.port == "lo":
                findings.add((*path, "port"), "lo is the loopback interface's name")
    for name, net in topology.nets.items():
        if net.spec.host_access:
            take(shim_name(stack, name), f"the host's own interface on {name}", (*net.path, "host_access"), at_key=True, key="")
        if net.bridged and net.spec.bridge is None and not net.spec.external:
            take(bridge_name(stack, name), f"the bridge of {name}", net.path, at_key=True, key="bridge")
    for site, name, interface in topology.interfaces():
        if interface.network is not None and interface.port is None and not interface.external and _plugged(topology, interface.network):
            path = site.interface_path(name)
            take(port_name(stack, site.name, name), f"the bridge's end of {path_text(path)}", path, at_key=True, key="port")


def _plugged(topology: Topology, network: str) -> bool:
    return network not in topology.nets or topology.nets[network].bridged
