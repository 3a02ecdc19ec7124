"""Networks as the rest of the resolver needs them: a bridge, subnets, gateways, and a pool for each subnet."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from netwright.errors import Problem
from netwright.ipam.pool import Pool
from netwright.model.address import family, ip_of
from netwright.model.docker import DockerNetwork
from netwright.model.names import bridge_name, shim_name
from netwright.resolve.docker_range import chosen_ranges
from netwright.resolve.facts import Facts
from netwright.spec.document import Document
from netwright.spec.schema_networks import NetworkSpec
from netwright.spec.subnets import first_host

_NULL = {"none": "null"}
"""What Docker calls the driver of its network `none`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet:
    """One subnet of a network. `gateway` None: nobody's address is the way out."""

    prefix: str
    length: int
    gateway: str | None
    pool: Pool
    docker_range: str | None = None
    """The part of it that Docker gives addresses from, where that is not all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """What the interfaces of a macvlan or ipvlan network stand on, and how."""

    driver: str
    """macvlan | ipvlan."""
    parent: str
    """An interface of the host."""
    mode: str
    flag: str | None = None
    """An ipvlan's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """`bridge` None and `wire` None: neither is known yet (Docker has not made it), or not there (then a problem was told)."""

    key: str
    spec: NetworkSpec
    bridge: str | None
    subnets: tuple[Subnet, ...]
    docker_name: str | None = None
    """Its name in Docker, where Docker has it."""
    wire: Wire | None = None
    shim: str | None = None
    """The host's own interface on a network that stands on a NIC, where the host shall have one."""

    @property
    def ours(self) -> bool:
        """Its bridge is made by us."""
        return self.spec.managed_by == "netwright" and self.spec.driver == "bridge" and not self.spec.external

    @property
    def known(self) -> bool:
        """Interfaces can be put on it."""
        return self.bridge is not None or self.wire is not None

    def gateway(self, version: int) -> str | None:
        """The way out for one family."""
        for subnet in self.subnets:
            if subnet.gateway is not None and family(subnet.gateway) == version:
                return subnet.gateway
        return None


def resolve_networks(document: Document, facts: Facts, problems: list[Problem]) -> dict[str, Network]:
    """Every network of the file by its key."""
    networks = {}
    for key, maybe in document.spec.networks.items():
        spec = maybe or NetworkSpec()
        if spec.managed_by == "docker":
            networks[key] = _docker_network(document, key, spec, facts, problems)
        elif spec.driver != "bridge":
            networks[key] = _stacked_network(document, key, spec, facts)
        else:
            networks[key] = _bridge_network(document, key, spec, facts, problems)
    return networks


def _bridge_network(document: Document, key: str, spec: NetworkSpec, facts: Facts, problems: list[Problem]) -> Network:
    bridge = spec.bridge or (spec.name if spec.external and spec.name else bridge_name(document.spec.name, key))
    if spec.external and bridge not in facts.host.links:
        problems.append(
            document.problem(
                ("networks", key), f"there is no bridge {bridge} on the host", "say bridge: NAME of one that exists, or leave out external:"
            )
        )
        return Network(key=key, spec=spec, bridge=None, subnets=_subnets(spec))
    return Network(key=key, spec=spec, bridge=bridge, subnets=_subnets(spec))


def _stacked_network(document: Document, key: str, spec: NetworkSpec, facts: Facts) -> Network:
    subnets = _subnets(spec)
    shim = shim_name(document.spec.name, key) if spec.host_access else None
    _spare_the_host(subnets, shim, facts)
    return Network(key=key, spec=spec, bridge=None, subnets=subnets, wire=_wire(spec), shim=shim)


def _wire(spec: NetworkSpec) -> Wire | None:
    if spec.parent is None:
        return None
    if spec.driver == "ipvlan":
        return Wire(driver="ipvlan", parent=spec.parent, mode=spec.mode or "l2", flag=spec.flag or "bridge")
    return Wire(driver="macvlan", parent=spec.parent, mode=spec.mode or "bridge")


def _wire_of(there: DockerNetwork | None) -> Wire | None:
    """As Docker has made it; without a parent it stands on a link that Docker hides."""
    if there is None or not there.options.get("parent"):
        return None
    parent = there.options["parent"]
    if there.driver == "macvlan":
        return Wire(driver="macvlan", parent=parent, mode=there.options.get("macvlan_mode") or "bridge")
    if there.driver == "ipvlan":
        mode, flag = there.options.get("ipvlan_mode") or "l2", there.options.get("ipvlan_flag") or "bridge"
        return Wire(driver="ipvlan", parent=parent, mode=mode, flag=flag)
    return None


def _spare_the_host(subnets: tuple[Subnet, ...], shim: str | None, facts: Facts) -> None:
    """On a wire that the host is on by itself, nobody is given one of its addresses."""
    for address in facts.host.addresses:
        for subnet in subnets:
            if address.dev != shim and (ip := ip_of(address.cidr)) in subnet.pool:
                subnet.pool.take(ip)


def _docker_network(document: Document, key: str, spec: NetworkSpec, facts: Facts, problems: list[Problem]) -> Network:
    name = spec.name or key
    there = facts.docker.networks.get(name)
    if spec.external and facts.docker.reachable and there is None:
        problems.append(
            document.problem(("networks", key), f"Docker has no network {name}", "make it first, or leave out external:, then it is made")
        )
    if (
        spec.external
        and there is not None
        and "driver" in spec.model_fields_set
        and there.driver not in (spec.driver, _NULL.get(spec.driver))
    ):
        problems.append(
            document.problem(
                ("networks", key, "driver"),
                f"Docker's network {name} has the driver {there.driver}",
                f"say driver: {there.driver}, or nothing",
            )
        )
    bridge, wire, shim = None, None, shim_name(document.spec.name, key) if spec.host_access else None
    if spec.external:
        bridge, wire = spec.bridge or (there.bridge if there else bridge_name(document.spec.name, key)), _wire_of(there)
    elif spec.driver == "bridge":
        bridge = spec.bridge or bridge_name(document.spec.name, key)
    else:
        wire = _wire(spec)
    subnets = _subnets(spec, _docker_ranges(document, key, there)) if spec.subnets or there is None else _observed_subnets(there)
    for config in there.subnets if spec.external and there is not None else ():
        # Where the file states the subnets, Docker still knows more of the network: what is set apart in it.
        for subnet in subnets:
            for address in (config.gateway, *config.reserved.values()):
                if address and address in subnet.pool:
                    subnet.pool.take(address)
    for attached in facts.docker.containers.values():
        attachment = attached.attachments.get(name)
        for address in (attachment.ipv4, attachment.ipv6) if attachment else ():
            for subnet in subnets:
                if address and address in subnet.pool:
                    subnet.pool.take(address)
    if wire is not None:
        _spare_the_host(subnets, shim, facts)
    return Network(key=key, spec=spec, bridge=bridge, subnets=subnets, docker_name=name, wire=wire, shim=shim)


def _docker_ranges(document: Document, key: str, there: DockerNetwork | None) -> dict[str, str]:
    """Subnet → the range that Docker gives addresses from, where the file does not say it: as it is, or as it will be made."""
    standing = {config.subnet: config.ip_range for config in there.subnets} if there is not None else {}
    return {prefix: part for prefix, part in {**chosen_ranges(document, key), **standing}.items() if part is not None}


def _subnets(spec: NetworkSpec, docker_ranges: Mapping[str, str] | None = None) -> tuple[Subnet, ...]:
    gateways = [] if spec.gateway is None else [None if g == "none" else g for g in spec.gateway]
    subnets = []
    for prefix in spec.subnets:
        network = ipaddress.ip_network(prefix)
        stated = [g for g in gateways if g is not None and ipaddress.ip_address(g) in network]
        nobody = None in gateways
        gateway = stated[0] if stated else None if nobody else first_host(prefix)
        ip_range = next((r for r in spec.ip_range or () if ipaddress.ip_network(r).network_address in network), None)
        # Docker gives its containers what is in ip_range; what we give to others stays outside it while there is room.
        docker = spec.managed_by == "docker"
        docker_range = (ip_range or (docker_ranges or {}).get(prefix)) if docker else None
        pool = Pool.of(prefix, ip_range=None if docker else ip_range, avoid=docker_range)
        for taken in (gateway, *spec.aux_addresses.values()):
            if taken is not None and taken in pool:
                pool.take(taken)
        subnets.append(Subnet(prefix=prefix, length=network.prefixlen, gateway=gateway, pool=pool, docker_range=docker_range))
    return tuple(subnets)


def _observed_subnets(network: DockerNetwork) -> tuple[Subnet, ...]:
    subnets = []
    for config in network.subnets:
        pool = Pool.of(config.subnet, avoid=config.ip_range)
        for address in (config.gateway, *config.reserved.values()):
            if address:
                pool.take(address)
        subnets.append(
            Subnet(
                prefix=config.subnet,
                length=ipaddress.ip_network(config.subnet).prefixlen,
                gateway=config.gateway,
                pool=pool,
                docker_range=config.ip_range,
            )
        )
    return tuple(subnets)
