"""Targets of published ports: which address a name has, as the publishing namespace reaches it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from netwright.errors import Problem
from netwright.model.address import family, ip_of, network_of
from netwright.model.docker import DRIVER, Container
from netwright.model.netns import HOST, NetnsKind, NetnsRef, named
from netwright.resolve.docker_addresses import docker_addresses
from netwright.resolve.endpoint import Endpoint
from netwright.resolve.facts import Facts, matches, netns_of
from netwright.resolve.network import Network
from netwright.resolve.shared import borrowed_network
from netwright.spec.document import Document, Path, path_text
from netwright.spec.values import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A target as the publisher reaches it. `interface` None: not one that we know."""

    address: str
    netns: NetnsRef | None = None
    interface: str | None = None
    subnet: str | None = None
    via: str | None = None
    """The publisher's own address on the network that both are on."""


class Targets:
    """Looks them up for one stack. What is not there yet is said to be waited for."""

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

    def reach(self, netns: NetnsRef, target: Target, path: Path) -> list[Reached]:
        """The target's address in each family that it has; empty (and said to be waiting) while it is not there."""
        found = self._reach(netns, target, path)
        for network in dict.fromkeys(key for one in found if (key := self._behind_own_nic(netns, one.address, one.netns)) is not None):
            wire, joined = self._networks[network].wire, self._networks[network].spec.external
            parent = wire.parent if wire is not None else ""
            self._problems.append(
                self._document.problem(
                    path,
                    f"the host does not reach {target.name or target.address}, which stands on {parent}, its own NIC",
                    "put it on a bridge network as well" if joined else f"say host_access: true at networks.{network}",
                )
            )
        return [one for one in found if self._behind_own_nic(netns, one.address, one.netns) is None]

    def _behind_own_nic(self, netns: NetnsRef, address: str, target: NetnsRef | None) -> str | None:
        """The network through which the host would have to send to what stands on its own NIC, and cannot; None: there is none."""
        if netns != HOST or target in (HOST, None):
            return None
        away = (key for key, network in self._networks.items() if network.wire is not None and network.shim is None)
        return next((key for key in away if any(address in subnet.pool for subnet in self._networks[key].subnets)), None)

    def _reach(self, netns: NetnsRef, target: Target, path: Path) -> list[Reached]:
        if target.address is not None:
            return [self._known_address(netns, target.address)]
        name = target.name or ""
        if name in self._document.spec.containers:
            return self._reach_container(netns, name, path)
        other = HOST if name == "host" else named(name)
        found = [reached for version in (4, 6) if (reached := self._reach_namespace(netns, other, version)) is not None]
        if not found:
            self._waiting.append(f"{path_text(path)} waits for {name} to have an address")
        # A family in which the two share no network is left out where they share one in the other.
        return [reached for reached in found if reached.via or reached.netns == HOST] or found

    def through(self, netns: NetnsRef, address: str) -> str | None:
        """The interface of `netns` on whose subnet an address is: by the file, else as it is now; None: none that is known."""
        by_file: list[tuple[str, str]] = [
            (cidr, endpoint.interface) for endpoint in self._by_netns.get(netns, ()) for cidr in endpoint.addresses
        ]
        if netns == HOST:
            by_file += [
                (f"{subnet.gateway}/{subnet.length}", network.bridge)
                for network in self._networks.values()
                if network.ours and network.bridge is not None
                for subnet in network.subnets
                if subnet.gateway is not None
            ]
        there = self._facts.observed.namespaces.get(netns)
        now = [(known.cidr, known.dev) for known in there.addresses] if there is not None else []
        return _nearest(by_file, address) or _nearest(now, address)

    def connected(self, netns: NetnsRef, version: int, preferred: str) -> list[tuple[str, str]]:
        """The subnets that a target is on itself, and through which interface: by the file, and a container's as they are.

        Where several are on one subnet, the `preferred` one, else the first by name.
        """
        endpoints = [endpoint for endpoint in self._by_netns.get(netns, ()) if endpoint.spec.up]
        found = {(network_of(cidr), endpoint.interface) for endpoint in endpoints for cidr in endpoint.addresses}
        there = self._facts.observed.namespaces.get(netns) if netns.kind is NetnsKind.CONTAINER else None
        if there is not None:
            up = {name for name, link in there.links.items() if link.up and not link.innate}
            found |= {(network_of(address.cidr), address.dev) for address in there.addresses if address.dev in up}
        through: dict[str, str] = {}
        for subnet, dev in sorted(found, key=lambda pair: (pair[0], pair[1] != preferred, pair[1])):
            if family(subnet) == version and not subnet.startswith("fe80:"):
                through.setdefault(subnet, dev)
        return list(through.items())

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
                if gateway and network.wire is None and any(e.network is network for e in self._by_netns.get(netns, ())):
                    return Reached(address=gateway, netns=HOST, interface=network.bridge)
        candidates.sort(key=lambda e: self._behind_own_nic(netns, e.address(version) or "", other) is not None)
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
            self._waiting.append(f"{path_text(path)} waits for the container {key}: {self._facts.docker.why}")
            return []
        running = [c for c in matches(key, spec, self._facts.docker) if c.running]
        if not running:
            self._waiting.append(f"{path_text(path)} waits for the container {key} to run")
            return []
        if len(running) > 1:
            names = ", ".join(c.name for c in running)
            self._problems.append(
                self._document.problem(path, f"{key} is {len(running)} containers ({names}); a port goes to one", "name one of them")
            )
            return []
        if (whose := borrowed_network(running[0], self._facts.docker)) is not None:
            words = f"{running[0].name} has no network of its own: it uses {whose}"
            hint = "its ports are open there already" if running[0].host_network else "publish to that one"
            self._problems.append(self._document.problem(path, words, hint))
            return []
        found = [r for version in (4, 6) if (r := self._container_address(netns, key, running[0], version)) is not None]
        if not found:
            self._waiting.append(f"{path_text(path)} waits for the container {key} to have an address that {netns} can reach")
        return found

    def _container_address(self, netns: NetnsRef, key: str, container: Container, version: int) -> Reached | None:
        attached = docker_addresses(self._document.spec.containers[key], container, self._networks)
        addresses = [own[version] for own in attached.values() if version in own]
        ours = [a for e in self._by_netns.get(netns_of(container), ()) if (a := e.address(version))]
        shared = [a for a in (*addresses, *ours) if self._own_address(netns, a)]
        # From the host every container can be reached; from a namespace, one on a network that it is on too.
        there = netns_of(container)
        reachable = sorted((*addresses, *ours), key=lambda a: self._behind_own_nic(netns, a, there) is not None)
        pick = next(iter(shared or (reachable if netns == HOST else ())), None)
        if pick is None:
            return None
        subnet, via = self._subnet_between(netns, pick), self._own_address(netns, pick)
        if netns == HOST and via is None:
            subnet, via = self._by_docker(container, pick)
        return Reached(address=pick, netns=there, interface=self._device_with(there, pick), subnet=subnet, via=via)

    def _by_docker(self, container: Container, address: str) -> tuple[str | None, str | None]:
        """The subnet and the host's own address on a bridge of Docker's that the file does not speak of; None where the host has none there."""
        attachment = next((one for one in container.attachments.values() if address in (one.ipv4, one.ipv6)), None)
        network = self._facts.docker.networks.get(attachment.network) if attachment is not None else None
        if attachment is None or network is None or network.driver not in ("bridge", DRIVER):
            return None, None
        gateway = attachment.gateway4 if family(address) == 4 else attachment.gateway6
        ip = ipaddress.ip_address(address)
        subnet = next((one.subnet for one in network.subnets if ip in ipaddress.ip_network(one.subnet)), None)
        return (subnet, gateway) if subnet and gateway else (None, None)

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
                for subnet in network.subnets if network.wire is None else ():
                    if subnet.gateway is not None and address in subnet.pool:
                        return f"{subnet.gateway}/{subnet.length}"
        return None


def _nearest(own: Iterable[tuple[str, str]], address: str) -> str | None:
    """Of several interfaces the one with the longest prefix that an address is in."""
    ip = ipaddress.ip_address(address)
    subnets = [(ipaddress.ip_interface(cidr).network, dev) for cidr, dev in own]
    near = [(subnet.prefixlen, dev) for subnet, dev in subnets if subnet.version == ip.version and ip in subnet]
    return max(near)[1] if near else None
