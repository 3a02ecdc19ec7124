"""What is somebody else's: only where there can be something of somebody else's."""

from __future__ import annotations

from netwright.spec.findings import Findings
from netwright.spec.places import path_text
from netwright.spec.topology import Site, Topology


def check_external(topology: Topology, findings: Findings) -> None:
    """External interfaces and routes, and both ends of external veths."""
    for site in topology.sites():
        why, hint = _nobody_elses(site)
        for name, interface in site.interfaces.items():
            path = site.interface_path(name)
            if interface.external and why:
                findings.add((*path, "external"), why, hint, on=((*site.path, "external"),))
            other = topology.site(interface.peer.place) if interface.peer else None
            if interface.peer is None or other is None:
                continue
            there = other.interface_path(interface.peer.interface)
            described = other.interfaces.get(interface.peer.interface)
            if described is not None and interface.external and not described.external:
                findings.add(
                    path,
                    f"its other end, {path_text(there)}, is not external{findings.where(there)}: a veth is somebody else's or it is not",
                    "say external: true at both ends, or at neither",
                    on=(there,),
                )
        for index, route in enumerate(site.routes):
            if route.external and why:
                findings.add((*site.path, "routes", index, "external"), why, hint, on=((*site.path, "external"),))


def _nobody_elses(site: Site) -> tuple[str | None, str | None]:
    """Why nothing there is described as somebody else's; None: it may be."""
    if site.container is not None:
        return "what a container has without Netwright is Docker's affair", "leave it out"
    if site.namespace is not None and not site.is_host and not site.namespace.external:
        return f"Netwright makes {site.name}, and all that is in it", f"say external: true of {site.name} itself, or leave it out here"
    return None, None
