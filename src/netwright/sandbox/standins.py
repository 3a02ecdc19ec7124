"""A file that needs Docker and NICs → one that needs neither, for a host that has nothing.

Docker's networks become Netwright's, containers become namespaces of their names, NICs become veths whose other end is
in a namespace `outside-NIC`. The result is text again, read by the one parser there is: what the sandbox builds is a
file that a person could have written.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from netwright.errors import Problem, Refused, SpecError
from netwright.model.address import parse_cidr
from netwright.model.names import port_name
from netwright.sandbox.outside import AT_ONCE, OutsideNic, outside_name
from netwright.spec.document import Document, Path
from netwright.spec.load import parse
from netwright.spec.schema import ContainerSpec, InterfaceSpec, NamespaceSpec, NicSelector
from netwright.spec.schema_containers import LabelSelector
from netwright.spec.schema_networks import NetworkSpec

DEFAULT_NETWORK = "bridge"
"""What Docker calls the network of a container that names none."""

_BRIDGE_OPTION = "com.docker.network.bridge.name"
_SPARE = ipaddress.ip_network("198.18.0.0/15")
"""Set aside for tests by RFC 2544: subnets of networks whose own subnet only Docker or the host would know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandboxed:
    """What stands in for a document."""

    document: Document
    nics: tuple[OutsideNic, ...] = ()
    """To be made before the document is applied."""
    containers: tuple[str, ...] = ()
    """Namespaces that stand in for containers."""
    notes: tuple[str, ...] = ()
    """What differs from the real thing, a sentence each."""


@dataclass(slots=True)
class _Work:
    document: Document
    nics: dict[str, OutsideNic] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def stand_in(document: Document, *, outside: Mapping[str, Sequence[str]] | None = None) -> Sandboxed:
    """The document for a throw-away host. `outside` gives addresses to the other ends of NICs, by the NIC's name.

    Raises SpecError where a stand-in's name is taken, at its place in the original; Refused where `outside` names no NIC of the
    file; InvalidValue for a malformed address.
    """
    spec = document.spec
    work = _Work(document)
    data = spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    networks = {key: _network(key, network, work) for key, network in spec.networks.items()}
    host = _namespace(("host",), spec.host, work)
    namespaces = {key: _namespace(("namespaces", key), namespace, work) for key, namespace in spec.namespaces.items()}
    for key, maybe in spec.containers.items():
        container = maybe or ContainerSpec()
        if key in namespaces:
            hint = "call one of them otherwise: in a sandbox the container is a namespace of its name"
            work.problems.append(document.problem(("containers", key), f"a namespace is called {key} too", hint))
            continue
        namespaces[key] = _container(key, container, networks, work)
        for number, publish in enumerate(data["containers"][key].get("publish", ()) if maybe else ()):
            ports = publish.pop("to", None) or str(container.publish[number].listen.ports)
            host.setdefault("publish", []).append({**publish, "to": f"{key}:{ports}"})
    for path, name in _named_on_host(document, networks, host):
        _outside(path, name, None, work)
    for nic in work.nics.values():
        if nic.netns.name in namespaces:
            path = ("namespaces" if nic.netns.name in spec.namespaces else "containers", nic.netns.name)
            what = f"in a sandbox {nic.netns.name} is the world beyond the NIC {nic.name}"
            work.problems.append(document.problem(path, what, "call this one otherwise"))
    for name, addresses in (outside or {}).items():
        if name not in work.nics:
            raise Refused(f"The file has no NIC {name}.", hint=f"its NICs: {', '.join(work.nics) or 'none'}")
        work.nics[name] = replace(work.nics[name], addresses=tuple(parse_cidr(address) for address in addresses))
    if work.problems:
        raise SpecError(document.source, work.problems)
    if _speaks_ipv6(document):
        for part in (host, *namespaces.values()):
            part["sysctls"] = {**AT_ONCE, **part.get("sysctls", {})}
    data |= {"networks": networks, "namespaces": namespaces, "host": host}
    kept = {key: value for key, value in data.items() if value not in ({}, None) and key != "containers"}
    text = yaml.safe_dump(kept, sort_keys=False, allow_unicode=True)
    return Sandboxed(
        document=parse(text, f"{document.source} (in a sandbox)"),
        nics=tuple(work.nics.values()),
        containers=tuple(spec.containers),
        notes=tuple(work.notes),
    )


def _dump(part: Any) -> dict[str, Any]:
    dumped: dict[str, Any] = part.model_dump(mode="json", by_alias=True, exclude_unset=True) if part is not None else {}
    return dumped


def _network(key: str, spec: NetworkSpec | None, work: _Work) -> dict[str, Any]:
    network = _dump(spec)
    options = network.pop("options", {})
    network.pop("labels", None)
    bridge = options.get(_BRIDGE_OPTION)
    if spec is not None and spec.external and spec.managed_by == "netwright":
        bridge = network.pop("name", None)
    network.pop("name", None)
    if bridge is not None:
        network.setdefault("bridge", bridge)
    if network.get("driver") not in (None, "macvlan", "ipvlan"):
        work.notes.append(f"networks.{key}: a bridge stands in for Docker's {network.pop('driver')}")
    for docker_only in ("attachable", "encrypted", "ingress"):
        network.pop(docker_only, None)
    if network.get("driver") and not network.get("parent"):
        work.notes.append(f"networks.{key}: only Docker knows its parent; here it is a bridge")
        network.pop("driver")
    elsewhere = network.pop("external", False) or network.pop("managed_by", None) == "docker"
    network.pop("managed_by", None)
    if elsewhere and not network.get("subnets"):
        network["subnets"], taken = _guessed_subnets(key, work)
        if taken:
            network.setdefault("gateway", "none")
        work.notes.append(f"networks.{key}: its subnet is not in the file; here it is {', '.join(network['subnets'])}")
    return network


def _guessed_subnets(key: str, work: _Work) -> tuple[list[str], bool]:
    """Networks that hold every address which the file states on this one, and whether the gateway's is among them; else a spare one."""
    spec = work.document.spec
    stated = [address for _, interface in _interfaces(work.document) if interface.network == key for address in interface.address or ()]
    for container in spec.containers.values():
        attachment = container.networks.get(key) if container else None
        stated += (attachment.address if attachment else None) or []
    subnets: list[str] = []
    taken = False
    for length, version in ((24, 4), (64, 6)):
        addresses = [ip for text in stated if (ip := ipaddress.ip_address(text)).version == version]
        if not addresses:
            continue
        around = ipaddress.ip_network(f"{addresses[0]}/{length}", strict=False)
        while not all(address in around for address in addresses):
            around = around.supernet()
        subnets.append(str(around))
        taken = taken or around.network_address + 1 in addresses
    return subnets or [_spare(list(spec.networks).index(key), work)], taken


def _spare(number: int, work: _Work) -> str:
    used = [ipaddress.ip_network(s) for network in work.document.spec.networks.values() if network for s in network.prefixes]
    spare = [s for s in _SPARE.subnets(new_prefix=24) if not any(s.version == u.version and s.overlaps(u) for u in used)]
    return str(spare[number % len(spare)])


def _namespace(path: tuple[str, ...], spec: NamespaceSpec | None, work: _Work) -> dict[str, Any]:
    namespace = _dump(spec)
    namespace.pop("external", None)
    # There is no Docker there to be protected from.
    namespace.pop("protect", None)
    for route in namespace.get("routes", ()):
        route.pop("external", None)
    for name, interface in (spec.interfaces if spec else {}).items():
        own = namespace["interfaces"][name]
        _stand_peer_in(own)
        if own.pop("external", False) and not (interface.network or interface.peer):
            # Whatever it is there: here it is a NIC, and may have to be called otherwise while it is on the host.
            own["nic"] = name if path == ("host",) else port_name(work.document.spec.name, path[-1], name)
            _outside((*path, "interfaces", name), own["nic"], None, work)
        _stand_nic_in(path, name, interface, own, work)
    return namespace


def _container(key: str, spec: ContainerSpec, networks: dict[str, Any], work: _Work) -> dict[str, Any]:
    if isinstance(spec.docker, LabelSelector):
        work.notes.append(f"containers.{key}: one namespace stands in for every container with the {spec.docker}")
    interfaces: dict[str, Any] = {}
    free = (name for number in range(10_000) if (name := f"eth{number}") not in spec.interfaces)
    joined = dict(spec.networks) or dict.fromkeys(_networks_used(key, spec, networks, work))
    for network, attachment in joined.items():
        interfaces[next(free)] = {"network": network} | _dump(attachment)
    dumped = _dump(spec)
    for name, interface in spec.interfaces.items():
        _stand_nic_in(("containers", key), name, interface, dumped["interfaces"][name], work)
        _stand_peer_in(dumped["interfaces"][name])
    namespace = {"interfaces": interfaces | dumped.get("interfaces", {})}
    if spec.routes:
        namespace["routes"] = dumped["routes"]
    return namespace


def _networks_used(key: str, spec: ContainerSpec, networks: dict[str, Any], work: _Work) -> Iterator[str]:
    """The networks of a container that states none: those on which the publishes to it come, else Docker's own default."""
    document = work.document
    publishing = [
        namespace
        for namespace in document.spec.namespaces.values()
        if namespace is not None and any(publish.to.name == key for publish in namespace.publish)
    ]
    used = [i.network for namespace in publishing for i in namespace.interfaces.values() if i.network is not None]
    dockers = [
        name for name in used if (network := document.spec.networks.get(name)) and (network.managed_by == "docker" or network.external)
    ]
    reached = dockers or used
    if not reached and not spec.interfaces:
        if DEFAULT_NETWORK not in networks:
            networks[DEFAULT_NETWORK] = {"subnets": [_spare(len(networks), work)]}
        work.notes.append(f"containers.{key}: no network is stated; here it is on one that plays Docker's own, {DEFAULT_NETWORK}")
        reached = [DEFAULT_NETWORK]
    yield from dict.fromkeys(reached)


def _stand_peer_in(interface: dict[str, Any]) -> None:
    peer = interface.get("peer", {})
    if "container" in peer:
        peer["namespace"] = peer.pop("container")


def _stand_nic_in(path: Path, name: str, spec: InterfaceSpec, interface: dict[str, Any], work: _Work) -> None:
    if spec.nic is None:
        return
    where = (*path, "interfaces", name, "nic")
    if isinstance(spec.nic, str):
        _outside(where, spec.nic, None, work)
    elif spec.nic.mac is not None:
        _outside(where, nic_name(spec.nic), spec.nic.mac, work)
    else:
        _outside(where, nic_name(spec.nic), None, work)
        interface["nic"] = nic_name(spec.nic)


def nic_name(selector: NicSelector) -> str:
    """What a NIC is called that the file knows by its MAC or PCI address: 15 bytes, the most there may be."""
    if selector.mac is not None:
        return f"nic{selector.mac.replace(':', '')}"
    return f"pci{(selector.pci or '').replace(':', '-')}"


def _outside(path: Path, name: str, mac: str | None, work: _Work) -> None:
    if name in work.nics:
        return
    if name == "lo":
        work.problems.append(work.document.problem(path, "lo is every namespace's own; it is no NIC", "name a NIC"))
        return
    work.nics[name] = OutsideNic(name=name, mac=mac)
    work.notes.append(f"the NIC {name} is a veth; its other end, {name} too, is in the namespace {outside_name(name)}")


def _named_on_host(document: Document, networks: dict[str, Any], host: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Interfaces that `host` speaks of and nothing in the file makes: NICs of the host that it leaves where they are."""
    spec = document.spec
    made = {"lo", *host.get("interfaces", {}), *(network.get("bridge") for network in networks.values())}
    made |= {i.peer.interface for _, i in _interfaces(document) if i.peer is not None and i.peer.namespace == "host"}
    spoken: list[tuple[Path, str | None]] = [
        (("networks", key, "parent"), network.parent) for key, network in spec.networks.items() if network is not None
    ]
    if spec.host is not None:
        spoken += [(("host", "publish", n, "listen"), p.listen.interface) for n, p in enumerate(spec.host.publish)]
        spoken += [(("host", "masquerade", n), name) for n, name in enumerate(spec.host.masquerade)]
        spoken += [(("host", "routes", n, "dev"), route.dev) for n, route in enumerate(spec.host.routes)]
    for key, container in spec.containers.items():
        publishes = container.publish if container else []
        spoken += [(("containers", key, "publish", n, "listen"), p.listen.interface) for n, p in enumerate(publishes)]
    yield from ((path, name) for path, name in spoken if name is not None and name not in made)


def _speaks_ipv6(document: Document) -> bool:
    networks = [prefix for network in document.spec.networks.values() if network for prefix in network.subnets]
    return "auto6" in networks or any(":" in text for text in (*networks, *(a for _, i in _interfaces(document) for a in i.addresses)))


def _interfaces(document: Document) -> Iterator[tuple[str, InterfaceSpec]]:
    spec = document.spec
    for holder in (*spec.namespaces.values(), spec.host, *spec.containers.values()):
        yield from (holder.interfaces if holder else {}).items()
