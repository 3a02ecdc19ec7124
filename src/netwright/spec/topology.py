"""A spec as its checks look at it: every place that has interfaces, every network with its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from netwright.spec.fields import AUTO
from netwright.spec.places import Path
from netwright.spec.schema import ContainerSpec, InterfaceSpec, NamespaceSpec, RouteSpec, Spec
from netwright.spec.schema_networks import NetworkSpec
from netwright.spec.subnets import Subnet, gateways, subnet


@dataclass(slots=True)
class Site:
    """A namespace, the host or a container."""

    name: str
    path: Path
    namespace: NamespaceSpec | None
    container: ContainerSpec | None
    closed: bool
    """All its interfaces are in the file."""
    incoming: dict[str, Path] = field(default_factory=dict)
    """Interfaces that another site's `peer` makes here, and that are not described here → the path of that interface."""

    @property
    def is_host(self) -> bool:
        return self.path == ("host",)

    @property
    def interfaces(self) -> dict[str, InterfaceSpec]:
        part = self.namespace or self.container
        return part.interfaces if part else {}

    @property
    def routes(self) -> list[RouteSpec]:
        part = self.namespace or self.container
        return part.routes if part else []

    def names(self) -> list[str]:
        """Interfaces it is known to have."""
        return [*self.interfaces, *self.incoming, "lo"]

    def interface_path(self, name: str) -> Path:
        return (*self.path, "interfaces", name)


@dataclass(slots=True)
class Net:
    """A network."""

    name: str
    path: Path
    spec: NetworkSpec
    subnets: list[Subnet]
    gateways: dict[str, str | None]
    """Subnet → address."""

    @property
    def bridged(self) -> bool:
        """What is on it is plugged into a bridge of the host."""
        return self.spec.driver == "bridge"

    @property
    def stacked(self) -> bool:
        """What is on it stands on a NIC of the host."""
        return self.spec.driver in ("macvlan", "ipvlan")

    @property
    def docker(self) -> bool:
        return self.spec.managed_by == "docker"

    @property
    def known(self) -> bool:
        """All its subnets are in the file: none means that it has none."""
        return not self.spec.open_families and (bool(self.subnets) or not (self.docker or self.spec.external))

    def families(self) -> set[int]:
        """4, 6, both or none; of a network that is not known, both."""
        known = {one.family for one in self.subnets} | set(self.spec.open_families)
        return known if self.known or known else {4, 6}

    def subnet_path(self, index: int) -> Path:
        """Where one of `subnets` stands in the file."""
        stated = [place for place, text in enumerate(self.spec.subnets) if text not in AUTO]
        return (*self.path, "subnets", stated[index])


class Topology:
    """All of a spec."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.nets: dict[str, Net] = {}
        for name, network in spec.networks.items():
            network = network or NetworkSpec()  # noqa: PLW2901 (`name:` with nothing after it)
            prefixes = [subnet(prefix) for prefix in network.prefixes]
            self.nets[name] = Net(name, ("networks", name), network, prefixes, gateways(network))
        self.namespaces: dict[str, Site] = {}
        for name, part in spec.namespaces.items():
            part = part or NamespaceSpec()  # noqa: PLW2901
            self.namespaces[name] = Site(name, ("namespaces", name), part, None, closed=not part.external)
        self.host = Site("host", ("host",), spec.host or NamespaceSpec(), None, closed=False)
        self.containers: dict[str, Site] = {
            name: Site(name, ("containers", name), None, part or ContainerSpec(), closed=False) for name, part in spec.containers.items()
        }
        for site, name, interface in self.interfaces():
            peer = interface.peer
            other = self.site(peer.place) if peer else None
            if peer and other and peer.interface not in other.interfaces:
                other.incoming.setdefault(peer.interface, site.interface_path(name))

    def sites(self) -> Iterator[Site]:
        """In the order in which a name is looked up."""
        yield from self.namespaces.values()
        yield self.host
        yield from self.containers.values()

    def site(self, name: str) -> Site | None:
        """A namespace, the host or a container by its name."""
        if name == "host":
            return self.host
        return self.namespaces.get(name) or self.containers.get(name)

    def site_names(self) -> list[str]:
        return [*self.namespaces, *self.containers, "host"]

    def interfaces(self) -> Iterator[tuple[Site, str, InterfaceSpec]]:
        for site in self.sites():
            for name, interface in site.interfaces.items():
                yield site, name, interface
