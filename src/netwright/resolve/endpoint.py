"""Endpoints: every interface that the file puts somewhere, with the addresses it gets."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from netwright.errors import InvalidValue, Problem
from netwright.model.address import Cidr, Ip, family, ip_of
from netwright.model.names import shim_name
from netwright.model.netns import HOST, NetnsRef, container, named
from netwright.resolve.facts import Facts, matches, netns_of
from netwright.resolve.network import Network, Subnet
from netwright.resolve.shared import borrowed_network
from netwright.spec.document import Document, Path, path_text
from netwright.spec.schema import ContainerSpec, InterfaceSpec, NamespaceSpec, RouteSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who has interfaces: a namespace, the host, or one running container. `owned`: the stack makes its namespace."""

    name: str
    netns: NetnsRef
    path: Path
    owned: bool
    interfaces: Mapping[str, InterfaceSpec]
    routes: tuple[RouteSpec, ...]
    spec: NamespaceSpec | None
    """None for a container."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One interface of a holder. `network` None: a NIC, or a veth without a bridge."""

    holder: Holder
    interface: str
    spec: InterfaceSpec
    network: Network | None
    addresses: tuple[Cidr, ...]
    """Stated and given out."""

    @property
    def netns(self) -> NetnsRef:
        return self.holder.netns

    @property
    def is_shim(self) -> bool:
        """The host's own interface on a network that stands on one of its NICs (`host_access`)."""
        return self.netns == HOST and self.network is not None and self.interface == self.network.shim

    @property
    def path(self) -> Path:
        if self.is_shim and self.network is not None:
            return ("networks", self.network.key, "host_access")
        return (*self.holder.path, "interfaces", self.interface)

    def address(self, version: int) -> Ip | None:
        """Its first address of a family."""
        return next((ip_of(a) for a in self.addresses if family(a) == version), None)


def holders(document: Document, facts: Facts, problems: list[Problem], waiting: list[str]) -> list[Holder]:
    """All of them, in the file's order: namespaces, the host, containers that run."""
    found = []
    for name, maybe in document.spec.namespaces.items():
        spec = maybe or NamespaceSpec()
        found.append(_namespace(name, named(name), ("namespaces", name), spec, owned=not spec.external))
    host = document.spec.host or NamespaceSpec()
    shims = {
        shim_name(document.spec.name, key): InterfaceSpec(network=key)
        for key, network in document.spec.networks.items()
        if network is not None and network.host_access
    }
    if shims:
        host = host.model_copy(update={"interfaces": {**host.interfaces, **shims}})
    found.append(_namespace("host", HOST, ("host",), host, owned=False))
    for key, entry in document.spec.containers.items():
        if entry is None or not (entry.interfaces or entry.routes):
            continue
        running = [c for c in matches(key, entry, facts.docker) if c.running]
        if not running:
            why = "" if facts.docker.reachable else f": {facts.docker.why}"
            waiting.append(f"containers.{key}: its interfaces wait for the container to run{why}")
        for one in running:
            if (whose := borrowed_network(one, facts.docker)) is not None:
                words = f"{one.name} has no network of its own, to put interfaces or routes into: it uses {whose}"
                problems.append(document.problem(("containers", key), words, "start it with a network of its own, or say it of that one"))
        found.extend(
            Holder(
                name=one.name,
                netns=netns_of(one),
                path=("containers", key),
                owned=False,
                interfaces=entry.interfaces,
                routes=tuple(entry.routes),
                spec=None,
            )
            for one in running
            if borrowed_network(one, facts.docker) is None
        )
    return found


def _namespace(name: str, netns: NetnsRef, path: Path, spec: NamespaceSpec, *, owned: bool) -> Holder:
    return Holder(name=name, netns=netns, path=path, owned=owned, interfaces=spec.interfaces, routes=tuple(spec.routes), spec=spec)


def lease_key(network: str, netns: NetnsRef, interface: str, subnet: str) -> str:
    """What a lease is remembered by."""
    return f"{network}/{netns.key}/{interface}/{subnet}"


def resolve_endpoints(
    document: Document,
    holding: list[Holder],
    networks: Mapping[str, Network],
    facts: Facts,
    problems: list[Problem],
    waiting: list[str],
) -> tuple[list[Endpoint], dict[str, str]]:
    """Every endpoint with its addresses, and the leases as they are now.

    Stated addresses first, then leases that can be kept, then new ones: so nobody is given what another has asked for.
    """
    wanted = [(holder, name, spec) for holder in holding for name, spec in holder.interfaces.items()]
    _take_stated(document, wanted, networks)
    leases: dict[str, str] = {}
    for holder, name, spec in wanted:
        for network, subnet in _unstated(spec, networks):
            key = lease_key(network.key, holder.netns, name, subnet.prefix)
            kept = facts.leases.get(key)
            if kept is not None and subnet.pool.free(kept):
                subnet.pool.take(kept)
                leases[key] = kept
    leases |= _of_those_that_wait(document, wanted, networks, facts)
    for network in networks.values():
        for address in facts.elsewhere:
            _take(network, address)
    endpoints = []
    for holder, name, spec in wanted:
        attached = networks.get(spec.network) if spec.network else None
        path = (*holder.path, "interfaces", name)
        if attached is not None and not spec.external and _unknown_yet(attached):
            whose = f"Docker to make the network {attached.docker_name}" if attached.docker_name else f"the network {attached.key}"
            waiting.append(f"{path_text(path)} waits for {whose}")
            continue
        addresses = list(spec.addresses)
        for subnet in attached.subnets if attached else ():
            stated = [a for a in spec.address or () if a in subnet.pool]
            if not stated and (spec.external or _addressless(spec, subnet)):
                continue
            try:
                ips = stated or [
                    leases.get(key := lease_key(spec.network or "", holder.netns, name, subnet.prefix))
                    or leases.setdefault(key, subnet.pool.allocate())
                ]
            except InvalidValue as error:
                problems.append(document.problem(path, str(error), error.hint))
                continue
            # The host reaches its own wire through its NIC: through the shim only those whom a route says.
            whole = holder.netns == HOST and attached is not None and name == attached.shim
            length = (32 if family(subnet.prefix) == 4 else 128) if whole else subnet.length
            addresses.extend(f"{ip}/{length}" for ip in ips)
        endpoints.append(Endpoint(holder=holder, interface=name, spec=spec, network=attached, addresses=tuple(Cidr(a) for a in addresses)))
    return endpoints, leases


def _of_those_that_wait(
    document: Document, wanted: list[tuple[Holder, str, InterfaceSpec]], networks: Mapping[str, Network], facts: Facts
) -> dict[str, str]:
    """The leases of containers that do not run: they keep their addresses for when they do."""
    here = {holder.netns for holder, _, _ in wanted}
    kept = {}
    for key, entry in document.spec.containers.items():
        for name, spec in entry.interfaces.items() if entry else ():
            for network, subnet in _unstated(spec, networks):
                for netns in _absent(key, entry, here, facts):
                    lease = facts.leases.get(place := lease_key(network.key, netns, name, subnet.prefix))
                    if lease is not None and subnet.pool.free(lease):
                        subnet.pool.take(lease)
                        kept[place] = lease
    return kept


def _absent(key: str, spec: ContainerSpec | None, here: set[NetnsRef], facts: Facts) -> list[NetnsRef]:
    """The containers that are meant and do not run; of one that is not there now its name is known, if the file says it."""
    found = [container(one.name) for one in matches(key, spec, facts.docker)]
    wanted = spec.docker if spec is not None and spec.docker is not None else key
    if not found and isinstance(wanted, str):
        found = [container(wanted)]
    return [ref for ref in found if ref not in here]


def _unknown_yet(network: Network) -> bool:
    """Docker says what its bridge is called, and which addresses there are."""
    return not network.known or (network.docker_name is not None and not network.subnets)


def _take_stated(document: Document, wanted: list[tuple[Holder, str, InterfaceSpec]], networks: Mapping[str, Network]) -> None:
    for _, _, spec in wanted:
        network = networks.get(spec.network) if spec.network else None
        if network is not None:
            for address in (*(spec.address or ()), *(ip_of(a) for a in spec.addresses)):
                _take(network, address)
    for entry in document.spec.containers.values():
        for key, attachment in (entry.networks if entry else {}).items():
            if key in networks:
                for address in (attachment.address if attachment else None) or ():
                    _take(networks[key], address)


def _take(network: Network, address: str) -> None:
    for subnet in network.subnets:
        if address in subnet.pool:
            subnet.pool.take(address)


def _unstated(spec: InterfaceSpec, networks: Mapping[str, Network]) -> Iterator[tuple[Network, Subnet]]:
    network = networks.get(spec.network) if spec.network else None
    if network is None or spec.external:
        return
    for subnet in network.subnets:
        if not any(a in subnet.pool for a in spec.address or ()) and not _addressless(spec, subnet):
            yield network, subnet


def _addressless(spec: InterfaceSpec, subnet: Subnet) -> bool:
    """An address written with its prefix length in this subnet is as good as one that is reserved."""
    return any(ipaddress.ip_address(ip_of(a)) in subnet.pool.subnet for a in spec.addresses)
