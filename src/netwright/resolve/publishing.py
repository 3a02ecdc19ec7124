"""Published ports: from names to addresses, family by family.

`source: preserve` needs the target's replies to come back through the publishing namespace. They are sent there by policy
rules in the target's namespace, one for each published port: "what leaves from this address and port looks into a table
whose default route is the publisher". The target's other traffic goes where it always went.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from netwright.errors import Problem
from netwright.firewall.intents import Publish, Restriction
from netwright.model.address import DEFAULT4, DEFAULT6, family, ip_of
from netwright.model.docker import Container
from netwright.model.names import short_hash
from netwright.model.netns import HOST, NetnsKind, NetnsRef, named
from netwright.model.route import Route, Rule
from netwright.resolve.endpoint import Endpoint
from netwright.resolve.facts import Facts, matches, netns_of
from netwright.resolve.network import Network
from netwright.spec.document import Document, Path
from netwright.spec.schema import NamespaceSpec, PublishSpec
from netwright.spec.values import Ports, Target

RULE_PRIORITY = 7800
"""Of the policy rules that lead replies back: before the main table's 32766."""

FIRST_TABLE = 780_000
"""Tables from here on hold the way back to a publisher; the number is derived from the stack and the publisher."""


@dataclass(slots=True)
class Published:
    """What publishing comes to: intents by publishing namespace, and the way back by the target's."""

    publishes: dict[NetnsRef, list[Publish]] = field(default_factory=dict)
    restrictions: list[Restriction] = field(default_factory=list)
    routes: dict[NetnsRef, set[Route]] = field(default_factory=dict)
    rules: dict[NetnsRef, set[Rule]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A target as the publisher reaches it. `interface` None: not one that we know."""

    address: str
    netns: NetnsRef | None = None
    interface: str | None = None
    subnet: str | None = None
    via: str | None = None
    """The publisher's own address on the network that both are on."""


class Publishing:
    """Resolves the publishes of one stack."""

    def __init__(
        self,
        document: Document,
        endpoints: list[Endpoint],
        networks: dict[str, Network],
        facts: Facts,
        problems: list[Problem],
        waiting: list[str],
    ) -> None:
        self._document = document
        self._networks = networks
        self._facts = facts
        self._problems = problems
        self._waiting = waiting
        self._by_netns: dict[NetnsRef, list[Endpoint]] = {}
        for endpoint in endpoints:
            self._by_netns.setdefault(endpoint.netns, []).append(endpoint)
        self.result = Published()

    def resolve(self) -> Published:
        """All of the file's publishes."""
        spec = self._document.spec
        for name, maybe in spec.namespaces.items():
            for index, publish in enumerate((maybe or NamespaceSpec()).publish):
                self._publish(named(name), publish, ("namespaces", name, "publish", index))
        for index, publish in enumerate(spec.host.publish if spec.host else ()):
            if not self._left_to_docker(publish, None, ("host", "publish", index)):
                self._publish(HOST, publish, ("host", "publish", index))
        for key, container in spec.containers.items():
            for index, short in enumerate(container.publish if container else ()):
                path: Path = ("containers", key, "publish", index)
                target = Target(short.to or short.listen.ports, name=key)
                publish = PublishSpec.model_construct(listen=short.listen, from_=short.from_, to=target, source=short.source)
                if not self._left_to_docker(publish, key, path):
                    self._publish(HOST, publish, path)
        return self.result

    def _publish(self, netns: NetnsRef, publish: PublishSpec, path: Path) -> None:
        reached = self._reach(netns, publish.to, path)
        listen = publish.listen
        served = False
        for target in reached:
            version = family(target.address)
            sources = None if publish.from_ is None else tuple(p for p in publish.from_ if family(p) == version)
            if (listen.address and family(listen.address) != version) or sources == ():
                continue
            served = True
            self.result.publishes.setdefault(netns, []).append(
                Publish(
                    protocol=listen.protocol,
                    ports=(listen.ports.first, listen.ports.last),
                    target=target.address,
                    target_ports=(publish.to.ports.first, publish.to.ports.last),
                    interface=listen.interface,
                    address=listen.address,
                    sources=sources,
                    preserve=publish.source == "preserve",
                    target_subnet=target.subnet,
                )
            )
            if publish.source == "preserve":
                self._way_back(netns, target, publish, sources, path)
        if reached and not served:
            have = " and ".join(sorted({f"IPv{family(t.address)}" for t in reached}))
            self._problems.append(
                self._document.problem(path, f"{publish.to} has {have} only, and nobody who may use this port can reach that")
            )

    def _reach(self, netns: NetnsRef, target: Target, path: Path) -> list[Reached]:
        """The target's address in each family that it has; empty (and said to be waiting) while it is not there."""
        if target.address is not None:
            return [self._known_address(netns, target.address)]
        name = target.name or ""
        if name in self._document.spec.containers:
            return self._reach_container(netns, name, path)
        other = HOST if name == "host" else named(name)
        found = [reached for version in (4, 6) if (reached := self._reach_namespace(netns, other, version)) is not None]
        if not found:
            self._waiting.append(f"{_words(path)} waits for {name} to have an address")
        return found

    def _known_address(self, netns: NetnsRef, address: str) -> Reached:
        for endpoints in self._by_netns.values():
            for endpoint in endpoints:
                if any(ip_of(a) == address for a in endpoint.addresses):
                    return self._towards(netns, endpoint, address)
        return Reached(address=address, subnet=self._subnet_between(netns, address), via=self._own_address(netns, address))

    def _reach_namespace(self, netns: NetnsRef, other: NetnsRef, version: int) -> Reached | None:
        """On a network that both are on, if there is one; else at any address it has."""
        candidates = [e for e in self._by_netns.get(other, ()) if e.address(version)]
        if other == HOST:
            for network in self._networks.values():
                gateway = network.gateway(version)
                if gateway and any(e.network is network for e in self._by_netns.get(netns, ())):
                    return Reached(address=gateway, netns=HOST, interface=network.bridge)
        shared = [e for e in candidates if self._own_address(netns, e.address(version) or "")]
        best = next(iter(shared or candidates), None)
        return self._towards(netns, best, best.address(version) or "") if best else None

    def _towards(self, netns: NetnsRef, endpoint: Endpoint, address: str) -> Reached:
        return Reached(
            address=address,
            netns=endpoint.netns,
            interface=endpoint.interface,
            subnet=self._subnet_between(netns, address),
            via=self._own_address(netns, address),
        )

    def _reach_container(self, netns: NetnsRef, key: str, path: Path) -> list[Reached]:
        spec = self._document.spec.containers[key]
        if not self._facts.docker.reachable:
            self._waiting.append(f"{_words(path)} waits for the container {key}: {self._facts.docker.why}")
            return []
        running = [c for c in matches(key, spec, self._facts.docker) if c.running]
        if not running:
            self._waiting.append(f"{_words(path)} waits for the container {key} to run")
            return []
        if len(running) > 1:
            names = ", ".join(c.name for c in running)
            self._problems.append(
                self._document.problem(path, f"{key} is {len(running)} containers ({names}); a port goes to one", "name one of them")
            )
            return []
        found = [r for version in (4, 6) if (r := self._container_address(netns, key, running[0], version)) is not None]
        if not found:
            self._waiting.append(f"{_words(path)} waits for the container {key} to have an address that {netns} can reach")
        return found

    def _container_address(self, netns: NetnsRef, key: str, container: Container, version: int) -> Reached | None:
        addresses = self._on_docker_networks(key, container, version)
        ours = [a for e in self._by_netns.get(netns_of(container), ()) if (a := e.address(version))]
        shared = [a for a in (*addresses, *ours) if self._own_address(netns, a)]
        # From the host every container can be reached; from a namespace, one on a network that it is on too.
        pick = next(iter(shared or ((*addresses, *ours) if netns == HOST else ())), None)
        if pick is None:
            return None
        return Reached(
            address=pick,
            netns=netns_of(container),
            interface=self._device_with(netns_of(container), pick),
            subnet=self._subnet_between(netns, pick),
            via=self._own_address(netns, pick),
        )

    def _on_docker_networks(self, key: str, container: Container, version: int) -> list[str]:
        """Its addresses as they will be: one that the file states counts before the container is connected."""
        addresses = {name: x.ipv4 if version == 4 else x.ipv6 for name, x in container.attachments.items()}
        spec = self._document.spec.containers[key]
        for name, wish in (spec.networks if spec else {}).items():
            network = self._networks.get(name)
            stated = next((a for a in (wish.address if wish else None) or () if family(a) == version), None)
            if network is not None and network.docker_name is not None and stated is not None:
                addresses[network.docker_name] = stated
        return [address for address in addresses.values() if address]

    def _device_with(self, netns: NetnsRef, address: str) -> str | None:
        there = self._facts.observed.namespaces.get(netns)
        return next((a.dev for a in there.addresses if ip_of(a.cidr) == address), None) if there else None

    def _own_address(self, netns: NetnsRef, address: str) -> str | None:
        """The address of `netns` in the subnet that `address` is in."""
        cidr = self._own_cidr(netns, address)
        return ip_of(cidr) if cidr else None

    def _subnet_between(self, netns: NetnsRef, address: str) -> str | None:
        cidr = self._own_cidr(netns, address)
        return str(ipaddress.ip_interface(cidr).network) if cidr else None

    def _own_cidr(self, netns: NetnsRef, address: str) -> str | None:
        if not address:
            return None
        ip = ipaddress.ip_address(address)
        for endpoint in self._by_netns.get(netns, ()):
            for cidr in endpoint.addresses:
                if family(cidr) == ip.version and ip in ipaddress.ip_interface(cidr).network:
                    return cidr
        if netns == HOST:
            for network in self._networks.values():
                for subnet in network.subnets:
                    if subnet.gateway is not None and address in subnet.pool:
                        return f"{subnet.gateway}/{subnet.length}"
        return None

    def _way_back(self, netns: NetnsRef, target: Reached, publish: PublishSpec, sources: tuple[str, ...] | None, path: Path) -> None:
        if target.netns is not None and target.netns.kind is NetnsKind.CONTAINER and target.via and target.interface is None:
            # Docker names the interface when it connects the container: the next round knows it.
            self._waiting.append(f"{_words(path)}: the way back waits for {publish.to.name} to be on the network")
            return
        if target.netns is None or target.via is None or target.interface is None:
            self._problems.append(
                self._document.problem(
                    (*path, "source"),
                    f"source: preserve needs {publish.to.name or publish.to.address} on a network that this namespace is on too: "
                    "its replies must find back",
                    "put both on one network, or leave out source: preserve",
                )
            )
            return
        if target.netns in (netns, HOST):
            return
        version = family(target.address)
        table = FIRST_TABLE + int(short_hash(f"{self._document.spec.name}/{netns.key}/{version}", 4), 16)
        self.result.routes.setdefault(target.netns, set()).add(
            Route(to=DEFAULT4 if version == 4 else DEFAULT6, via=target.via, dev=target.interface, table=table)
        )
        rules = self.result.rules.setdefault(target.netns, set())
        for source in sources or (None,):
            rules.add(
                Rule(
                    family=version,
                    priority=RULE_PRIORITY,
                    table=table,
                    from_=f"{target.address}/{32 if version == 4 else 128}",
                    to=source,
                    ip_protocol=publish.listen.protocol,
                    source_ports=(publish.to.ports.first, publish.to.ports.last),
                )
            )

    def _left_to_docker(self, publish: PublishSpec, key: str | None, path: Path) -> bool:
        """Docker publishes this port itself: then its DNAT stays, and at most we shut others out."""
        for container in self._facts.docker.containers.values():
            for binding in container.bindings:
                listen = publish.listen
                if binding.protocol != listen.protocol or not listen.ports.overlaps(Ports(binding.host_port, binding.host_port)):
                    continue
                spec = self._document.spec.containers.get(key or publish.to.name or "")
                if container not in matches(key or publish.to.name or "", spec, self._facts.docker):
                    self._problems.append(
                        self._document.problem(
                            path, f"Docker publishes port {binding.host_port}/{binding.protocol} already, for {container.name}"
                        )
                    )
                    return True
                if publish.from_ is not None:
                    self.result.restrictions.append(
                        Restriction(
                            protocol=listen.protocol,
                            ports=(listen.ports.first, listen.ports.last),
                            sources=tuple(publish.from_),
                            address=listen.address,
                        )
                    )
                return True
        return False


def _words(path: Path) -> str:
    return ".".join(str(step) for step in path)
