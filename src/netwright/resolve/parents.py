"""The NICs that macvlan and ipvlan networks stand on: whether they are there, and can carry them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from netwright.errors import Problem
from netwright.kinds.ipvlan import Ipvlan
from netwright.kinds.macvlan import Macvlan
from netwright.model.link import Link
from netwright.model.netns import HOST
from netwright.resolve.endpoint import Endpoint
from netwright.resolve.facts import Facts
from netwright.resolve.links import Links
from netwright.resolve.network import Network, Wire
from netwright.spec.document import Document, Path


def check_parents(document: Document, networks: Mapping[str, Network], links: Links, facts: Facts) -> Iterator[Problem]:
    """What is wrong with them on this host."""
    for key, network in networks.items():
        wire = network.wire
        if wire is None or network.spec.external:
            continue
        path = ("networks", key, "parent")
        parent = facts.host.links.get(wire.parent)
        if parent is None:
            comes_back = any(loan.home == HOST and loan.name == wire.parent for loan in facts.nic_loans)
            made = comes_back or wire.parent in links.get(HOST, {}) or _is_vlan_for_docker(network, wire, facts)
            if not made:
                yield document.problem(path, f"there is no interface {wire.parent} on the host", _nearby(facts))
        elif isinstance(parent, Macvlan | Ipvlan):
            lower = parent.beneath()
            yield document.problem(
                path, f"{wire.parent} stands on another interface itself", f"say parent: {lower.name}" if lower is not None else None
            )
        elif parent.master:
            yield document.problem(
                path, f"{wire.parent} is a port of {parent.master}, which takes all that comes in there", f"say parent: {parent.master}"
            )
        else:
            yield from _mtu(document, path, network, wire, parent, links)


def sleeping_parents(networks: Mapping[str, Network], endpoints: list[Endpoint], links: Links, facts: Facts) -> Iterator[str]:
    """Sentences: parents that are down, so that nothing on their networks reaches the wire."""
    for key, network in networks.items():
        wire = network.wire
        parent = facts.host.links.get(wire.parent) if wire is not None else None
        wanted = links.get(HOST, {}).get(wire.parent) if wire is not None else None
        if wire is None or parent is None or parent.up or (wanted is not None and wanted.up):
            continue
        if any(endpoint.network is network for endpoint in endpoints) or network.docker_name is not None:
            yield f"networks.{key}: its parent {wire.parent} is down, and nothing on the network reaches anybody: ip link set {wire.parent} up"


def _mtu(document: Document, path: Path, network: Network, wire: Wire, parent: Link, links: Links) -> Iterator[Problem]:
    """No interface may carry more than the one it stands on (drivers/net/macvlan.c: macvlan_change_mtu)."""
    mtu = network.spec.mtu
    wanted = links.get(HOST, {}).get(wire.parent)
    most = (wanted.mtu if wanted is not None else None) or parent.mtu
    if mtu is not None and most is not None and mtu > most:
        yield document.problem((*path[:-1], "mtu"), f"{mtu} is more than {wire.parent} carries: {most}", f"at most {most}")


def _is_vlan_for_docker(network: Network, wire: Wire, facts: Facts) -> bool:
    """Docker makes `eth0.10` on eth0 by itself."""
    below, dot, tag = wire.parent.rpartition(".")
    return network.docker_name is not None and bool(dot) and tag.isdecimal() and below in facts.host.links


def _nearby(facts: Facts) -> str | None:
    names = sorted(name for name, link in facts.host.links.items() if name != "lo" and not link.owner and not link.kind)
    return f"there are: {', '.join(names[:12])}" if names else None
