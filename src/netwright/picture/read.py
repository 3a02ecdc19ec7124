"""A document → its picture. From the file alone, or with what was observed of the host."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import replace

from netwright.model.address import DEFAULT4, DEFAULT6, family
from netwright.model.docker import DockerState
from netwright.model.netns import HOST, NetnsRef, named
from netwright.model.netns import container as container_ref
from netwright.model.state import State
from netwright.picture.values import ALLOCATED, Box, Interface, Network, Picture, Publish
from netwright.resolve.chosen_subnets import known_subnets
from netwright.resolve.endpoint import lease_key
from netwright.resolve.facts import Facts, matches
from netwright.resolve.network import Network as ResolvedNetwork
from netwright.resolve.network import resolve_networks
from netwright.spec.document import Document
from netwright.spec.schema import ContainerNetworkSpec, ContainerSpec, InterfaceSpec, NamespaceSpec, PeerSpec, RouteSpec
from netwright.spec.schema_containers import LabelSelector
from netwright.spec.values import Target

DEFAULTS = frozenset({"default", DEFAULT4, DEFAULT6})


def from_document(document: Document, addresses: Mapping[str, str] | None = None) -> Picture:
    """The picture of a file; no host is touched.

    `addresses` are leases, by the key that `resolve.endpoint.lease_key` makes; what is neither stated nor leased
    is shown as allocated.
    """
    return read(document, State(), addresses or {})


def read(document: Document, observed: State, addresses: Mapping[str, str]) -> Picture:
    """The same, with Docker's answers where `observed` has them: which containers an entry means, what Docker made."""
    reader = _Reader(document, observed, addresses)
    boxes = [reader.namespace(name, named(name), spec or NamespaceSpec()) for name, spec in document.spec.namespaces.items()]
    host = reader.host()
    if host.interfaces or host.routes or host.publishes:
        boxes.insert(0, host)
    for key, container in document.spec.containers.items():
        boxes.extend(reader.containers(key, container or ContainerSpec()))
    return Picture(title=document.spec.name, networks=reader.drawn_networks(), boxes=_with_far_ends(boxes))


class _Reader:
    """One reading of one document."""

    def __init__(self, document: Document, observed: State, addresses: Mapping[str, str]) -> None:
        self.spec = document.spec
        facts = Facts(observed=observed)
        self.docker: DockerState = facts.docker
        # What is wrong with a network is told by those who plan; here it is drawn as far as it is known.
        self.networks = resolve_networks(known_subnets(document, facts), facts, [])
        self.leases = addresses

    def drawn_networks(self) -> tuple[Network, ...]:
        return tuple(_network(network) for network in self.networks.values())

    def host(self) -> Box:
        spec = self.spec.host or NamespaceSpec()
        box = self.namespace("host", HOST, spec)
        published = [
            Publish(
                listen=str(publish.listen),
                sources=tuple(publish.from_ or ()),
                to=f"{key}:{publish.to or publish.listen.ports}",
                target=self._box_named(key),
                preserve=publish.source == "preserve",
            )
            for key, container in self.spec.containers.items()
            for publish in (container.publish if container else ())
        ]
        return replace(box, kind="host", publishes=(*box.publishes, *published))

    def namespace(self, name: str, ref: NetnsRef, spec: NamespaceSpec) -> Box:
        return Box(
            key=ref.key,
            name=name,
            kind="namespace",
            interfaces=tuple(self._interface(ref, key, each, key in spec.masquerade) for key, each in spec.interfaces.items()),
            routes=self._routes(spec.routes, spec.interfaces, gives_default=ref != HOST),
            publishes=tuple(
                Publish(
                    listen=str(each.listen),
                    sources=tuple(each.from_ or ()),
                    to=str(each.to),
                    target=self._target(each.to),
                    preserve=each.source == "preserve",
                )
                for each in spec.publish
            ),
            note="external" if spec.external else "",
        )

    def containers(self, key: str, spec: ContainerSpec) -> list[Box]:
        """One box; for a label, one for each container that carries it."""
        found = [container.name for container in matches(key, spec, self.docker)]
        if not found:
            found = [spec.docker if isinstance(spec.docker, str) else key]
        note = str(spec.docker) if isinstance(spec.docker, LabelSelector) else ""
        boxes = []
        for name in found:
            ref = container_ref(name)
            joined = [
                Interface(name=network, network=network, addresses=self._attached(network, each)) for network, each in spec.networks.items()
            ]
            put_in = [self._interface(ref, interface, each, False) for interface, each in spec.interfaces.items()]
            boxes.append(
                Box(
                    key=ref.key,
                    name=name,
                    kind="container",
                    interfaces=(*joined, *put_in),
                    routes=self._routes(spec.routes, {}, gives_default=False),
                    note=note,
                )
            )
        return boxes

    def _interface(self, ref: NetnsRef, name: str, spec: InterfaceSpec, masquerade: bool) -> Interface:
        nic = (
            spec.nic if isinstance(spec.nic, str) or spec.nic is None else f"mac {spec.nic.mac}" if spec.nic.mac else f"pci {spec.nic.pci}"
        )
        peer = (self._place_key(spec.peer), spec.peer.interface) if spec.peer else None
        return Interface(
            name=name,
            addresses=(*spec.addresses, *self._on_network(ref, name, spec)),
            network=spec.network,
            nic=nic,
            peer=peer,
            masquerade=masquerade,
            up=spec.up,
        )

    def _on_network(self, ref: NetnsRef, name: str, spec: InterfaceSpec) -> list[str]:
        network = self.networks.get(spec.network or "")
        if network is None:
            return []
        found = []
        for subnet in network.subnets:
            within = ipaddress.ip_network(subnet.prefix)
            stated = [one for one in spec.address or () if ipaddress.ip_address(one) in within]
            if not stated and (spec.external or any(ipaddress.ip_interface(one).ip in within for one in spec.addresses)):
                continue
            lease = self.leases.get(lease_key(network.key, ref, name, subnet.prefix))
            chosen = stated or ([lease] if lease else [])
            found += [f"{one}/{subnet.length}" for one in chosen] or [f"{ALLOCATED} in {subnet.prefix}"]
        return _allocated(found)

    def _attached(self, key: str, spec: ContainerNetworkSpec | None) -> tuple[str, ...]:
        network = self.networks.get(key)
        if network is None:
            return ()
        found = []
        for subnet in network.subnets:
            within = ipaddress.ip_network(subnet.prefix)
            stated = [one for one in (spec.address if spec else None) or () if ipaddress.ip_address(one) in within]
            found += [f"{one}/{subnet.length}" for one in stated] or [f"{ALLOCATED} in {subnet.prefix}"]
        return tuple(_allocated(found))

    def _routes(self, routes: list[RouteSpec], interfaces: Mapping[str, InterfaceSpec], *, gives_default: bool) -> tuple[str, ...]:
        stated = [route for route in routes if route.to in DEFAULTS]
        found = {(6 if route.to == DEFAULT6 else family(route.via or "")): _route(route) for route in stated}
        for version in (4, 6):
            candidates = [
                (each, gateway)
                for each in interfaces.values()
                if (network := self.networks.get(each.network or "")) and not network.spec.internal
                if not each.external and each.default_route is not False and (gives_default or each.default_route)
                if (gateway := network.gateway(version))
            ]
            wished = [gateway for each, gateway in candidates if each.default_route]
            if version not in found and candidates:
                found[version] = f"default via {(wished or [candidates[0][1]])[0]}"
        return tuple(found[version] for version in sorted(found))

    def _target(self, target: Target) -> str | None:
        return self._box_named(target.name) if target.name else None

    def _box_named(self, name: str) -> str | None:
        if name in self.spec.containers:
            return self.containers(name, self.spec.containers[name] or ContainerSpec())[0].key
        return self._namespace_key(name) if name == "host" or name in self.spec.namespaces else None

    def _place_key(self, peer: PeerSpec) -> str:
        if peer.container is None:
            return self._namespace_key(peer.place)
        spec = self.spec.containers.get(peer.container)
        wanted = spec.docker if spec is not None and isinstance(spec.docker, str) else peer.container
        return container_ref(wanted).key

    def _namespace_key(self, name: str) -> str:
        return HOST.key if name == "host" else named(name).key


def _allocated(addresses: list[str]) -> list[str]:
    """Where all of them are yet to be chosen, one word says it."""
    return [ALLOCATED] if addresses and all(one.startswith(ALLOCATED) for one in addresses) else addresses


def _route(route: RouteSpec) -> str:
    if route.kind != "unicast":
        return f"default {route.kind}"
    return " ".join(["default", *(("via", route.via) if route.via else ()), *(("dev", route.dev) if route.dev else ())])


def _network(network: ResolvedNetwork) -> Network:
    spec = network.spec
    wire = network.wire
    stands_on = f"{wire.driver} on {wire.parent}" if wire is not None else spec.driver if spec.driver != "bridge" else ""
    traits = ["NAT"] if spec.masquerade and not stands_on and not spec.internal and not spec.external else []
    return Network(
        key=network.key,
        bridge=network.bridge or network.spec.bridge,
        subnets=tuple(subnet.prefix for subnet in network.subnets),
        gateways=tuple(subnet.gateway for subnet in network.subnets if subnet.gateway),
        stands_on=stands_on,
        manager="Docker" if spec.managed_by == "docker" else "Netwright",
        traits=(*traits, *(("internal",) if spec.internal else ()), *(("external",) if spec.external else ())),
    )


def _with_far_ends(boxes: list[Box]) -> tuple[Box, ...]:
    """A veth without a bridge may be written on one side only: the other side has it too."""
    by_key = {box.key: box for box in boxes}
    for box in boxes:
        for interface in box.interfaces:
            if interface.peer is None:
                continue
            key, name = interface.peer
            far = by_key.get(key) or Box(key=key, name=key, kind="host" if key == HOST.key else "namespace")
            known = {each.name: each for each in far.interfaces}
            known.setdefault(name, Interface(name=name, peer=(box.key, interface.name)))
            by_key[key] = replace(far, interfaces=tuple(known.values()))
    return tuple(by_key.values())
