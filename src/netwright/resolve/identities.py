"""Who is meant by a policy's names, as addresses: of containers wherever they are at the moment, of namespaces, networks and the host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netwright.firewall.policies import Proxied
from netwright.model.address import DEFAULT4, DEFAULT6, ip_of, parse_prefix
from netwright.model.docker import Container
from netwright.model.netns import HOST, NetnsRef, named
from netwright.resolve.endpoint import Endpoint
from netwright.resolve.facts import Facts, matches, netns_of
from netwright.resolve.internet import internet
from netwright.resolve.network import Network
from netwright.spec.document import Document
from netwright.spec.policy_values import HOST_NAME, INTERNET, Peer
from netwright.spec.schema import InterfaceSpec


class Identities:
    """Of one stack. `missing` are the containers that are asked for and not there."""

    def __init__(self, document: Document, endpoints: Iterable[Endpoint], networks: dict[str, Network], facts: Facts) -> None:
        self._document = document
        self._networks = networks
        self._facts = facts
        self._by_netns: dict[NetnsRef, list[Endpoint]] = {}
        for endpoint in endpoints:
            self._by_netns.setdefault(endpoint.netns, []).append(endpoint)

    def prefixes(self, peer: Peer) -> tuple[str, ...]:
        """A peer's addresses, of both IP versions, each as a prefix; empty as long as it has none."""
        if peer.prefix is not None:
            return (peer.prefix,)
        name = peer.name or ""
        if name == INTERNET:
            return internet(frozenset(self.subnets()))
        if name == HOST_NAME:
            return self.of_netns(HOST)
        if name in self._document.spec.containers:
            return _whole(address for one in self.containers(name) for address in self._container(name, one))
        if name in self._networks:
            return tuple(subnet.prefix for subnet in self._networks[name].subnets)
        return self.of_netns(named(name))

    def of_netns(self, ref: NetnsRef, *, only: Iterable[str] | None = None) -> tuple[str, ...]:
        """The addresses that the file gives a namespace (on the host with those of the gateways); `only`: of these interfaces."""
        own = [e for e in self._by_netns.get(ref, ()) if only is None or e.interface in only]
        found: list[str] = [ip_of(cidr) for endpoint in own for cidr in endpoint.addresses]
        if ref == HOST:
            found += [subnet.gateway for network in self._networks.values() for subnet in network.subnets if subnet.gateway]
        elif any(endpoint.spec.external for endpoint in own) and (there := self._facts.observed.namespaces.get(ref)) is not None:
            found += [ip_of(address.cidr) for address in there.addresses if address.dev != "lo" and not address.cidr.startswith("fe80:")]
        return _whole(found)

    def containers(self, name: str) -> tuple[Container, ...]:
        """Those that an entry of `containers:` means, running or not."""
        return matches(name, self._document.spec.containers[name], self._facts.docker)

    def proxied(self, peers: Iterable[Peer]) -> Iterator[Proxied]:
        """The ports that Docker publishes for containers among `peers`, as its proxy listens on them."""
        names = [peer.name for peer in peers if peer.name in self._document.spec.containers]
        for name in names:
            for one in self.containers(name or "") if name else ():
                for binding in one.bindings:
                    address = {"": DEFAULT4, "0.0.0.0": DEFAULT4, "::": DEFAULT6}.get(binding.host_ip)  # noqa: S104 - read, not bound
                    yield Proxied(address=address or parse_prefix(binding.host_ip), protocol=binding.protocol, port=binding.host_port)

    def subnets(self) -> Iterator[str]:
        """Of the file's networks."""
        return (subnet.prefix for network in self._networks.values() for subnet in network.subnets)

    def passes_by(self, interface: InterfaceSpec) -> bool:
        """Whether what comes and goes there passes the host nowhere."""
        network = self._networks.get(interface.network) if interface.network is not None else None
        return network is None or network.spec.driver != "bridge"

    def past_the_host(self, container: Container) -> Iterator[tuple[str, str]]:
        """Docker networks that a container is on, with their drivers, whose packets do not pass the host."""
        for name in container.attachments:
            network = self._facts.docker.networks.get(name)
            if network is not None and network.driver in ("macvlan", "ipvlan", "overlay"):
                yield name, network.driver

    def bridges(self) -> tuple[str, ...]:
        """Of the file's networks, and of those that its containers are on."""
        found = {network.bridge for network in self._networks.values() if network.bridge}
        for name in self._document.spec.containers:
            for container in self.containers(name):
                there = (self._facts.docker.networks.get(network) for network in container.attachments)
                found |= {network.bridge for network in there if network is not None and network.bridge}
        return tuple(sorted(found))

    def bridged(self) -> tuple[str, ...]:
        """The subnets on these bridges."""
        found = {subnet.prefix for network in self._networks.values() if network.bridge for subnet in network.subnets}
        for name in self._document.spec.containers:
            for container in self.containers(name):
                there = (self._facts.docker.networks.get(network) for network in container.attachments)
                found |= {config.subnet for network in there if network is not None and network.bridge for config in network.subnets}
        return tuple(sorted(found))

    def members(self) -> tuple[str, ...]:
        """Every address and subnet of the stack."""
        names = [*self._document.spec.containers, *self._document.spec.namespaces]
        return (*self.subnets(), *self.of_netns(HOST), *(prefix for name in names for prefix in self.prefixes(Peer(name=name))))

    def _container(self, name: str, container: Container) -> Iterator[str]:
        """Where it is, and where the file puts it: an address that it states counts before the container has it."""
        if container.host_network:
            return
        spec = self._document.spec.containers[name]
        stated = {
            network.docker_name: wish.address
            for key, wish in (spec.networks if spec else {}).items()
            if wish and wish.address and (network := self._networks.get(key)) is not None
        }
        for attachment in container.attachments.values():
            yield from (address for address in (attachment.ipv4, attachment.ipv6) if address)
        for addresses in stated.values():
            yield from addresses
        for endpoint in self._by_netns.get(netns_of(container), ()):
            yield from (ip_of(cidr) for cidr in endpoint.addresses)


def _whole(addresses: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(parse_prefix(address) for address in addresses))
