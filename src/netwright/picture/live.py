"""The picture of a stack as it is: live addresses and routes, and what is missing or not as the file says."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from netwright.model.docker import Attachment, Container, DockerState
from netwright.model.link import Link
from netwright.model.netns import HOST, NetnsKind, from_key
from netwright.model.route import MAIN_TABLE, SCOPE_LINK, Route
from netwright.model.state import Namespace, State
from netwright.picture.read import DEFAULTS, read
from netwright.picture.values import Box, Interface, Network, Picture
from netwright.resolve.chosen_subnets import known_subnets
from netwright.resolve.facts import Facts
from netwright.resolve.network import Network as Resolved
from netwright.resolve.network import resolve_networks
from netwright.spec.document import Document


def from_status(document: Document, observed: State, desired: State) -> Picture:
    """The committed document against the host: `desired` is what it resolves to, `observed` what was just looked up."""
    picture = read(document, observed, {})
    facts = Facts(observed=observed)
    resolved = resolve_networks(known_subnets(document, facts), facts, [])
    boxes = tuple(_box(box, observed, desired, resolved) for box in picture.boxes)
    networks = tuple(_network(network, observed, desired, resolved[network.key].docker_name) for network in picture.networks)
    return replace(picture, boxes=boxes, networks=networks)


def _box(box: Box, observed: State, desired: State, resolved: dict[str, Resolved]) -> Box:
    ref = from_key(box.key)
    want, have = desired.namespaces.get(ref), observed.namespaces.get(ref)
    trouble, container = "", None
    if ref.kind is NetnsKind.CONTAINER:
        container = (observed.docker or DockerState()).containers.get(ref.name)
        trouble = "not there" if container is None else "" if container.running else "not running"
    elif have is None:
        trouble = "missing"
    rules = _rules(want, have)
    interfaces = tuple(
        _attachment(each, container, resolved)
        if container is not None and each.name == each.network
        else _interface(each, want, have)
        if not trouble
        else each
        for each in box.interfaces
    )
    if container is not None:
        interfaces += _unasked(box, container, resolved)
    routes = box.routes
    if have is not None and have.routes:
        live = sorted(
            (each for each in have.routes if each.to in DEFAULTS and each.table == MAIN_TABLE),
            key=lambda each: (":" in each.to, each.metric or 0),
        )
        routes = tuple(_default(each) for each in live)
    return replace(box, interfaces=interfaces, routes=routes, trouble=trouble or rules)


def _rules(want: Namespace | None, have: Namespace | None) -> str:
    if want is None or have is None:
        return ""
    for what, wanted, there in (("rules", want.table, have.table), ("policies", want.policies, have.policies)):
        if wanted is not None and there is None:
            return f"its {what} are missing"
        if wanted is not None and there is not None and (there.digest, there.elements) != (wanted.digest, wanted.elements):
            return f"its {what} differ"
    return ""


def _default(route: Route) -> str:
    return f"default {route.kind}" if route.kind != "unicast" else f"default via {route.via}" if route.via else f"default dev {route.dev}"


def _interface(interface: Interface, want: Namespace | None, have: Namespace | None) -> Interface:
    link = have.links.get(interface.name) if have is not None else None
    if have is None or link is None:
        return replace(interface, trouble="missing")
    live = {each.cidr for each in have.addresses if each.dev == interface.name and each.scope != SCOPE_LINK}
    asked = {each.cidr for each in want.addresses if each.dev == interface.name} if want is not None else set()
    wanted = want.links.get(interface.name) if want is not None else None
    lacking = sorted(asked - live)
    trouble = f"lacks {', '.join(lacking)}" if lacking else _drift(wanted, link)
    addresses = tuple(sorted(live, key=_numerically)) or interface.addresses
    return replace(interface, addresses=addresses, up=link.up is not False, trouble=trouble)


def _drift(want: Link | None, have: Link) -> str:
    different = sorted(want.differences(have)) if want is not None else []
    return f"differs: {', '.join(different)}" if different else ""


def _attachment(interface: Interface, container: Container, resolved: dict[str, Resolved]) -> Interface:
    network = resolved.get(interface.network or "")
    attachment = container.attachments.get(network.docker_name or "") if network is not None else None
    if network is None or attachment is None:
        return replace(interface, trouble="not connected")
    return replace(interface, addresses=_attached(attachment, network) or interface.addresses)


def _unasked(box: Box, container: Container, resolved: dict[str, Resolved]) -> tuple[Interface, ...]:
    """Networks of the picture that the container is on without the file's asking: Compose put it there, say."""
    known = {each.network for each in box.interfaces}
    return tuple(
        Interface(name=key, network=key, addresses=_attached(attachment, network))
        for key, network in resolved.items()
        if key not in known and (attachment := container.attachments.get(network.docker_name or "")) is not None
    )


def _attached(attachment: Attachment, network: Resolved) -> tuple[str, ...]:
    """Docker tells a container's addresses without their prefix lengths."""
    lengths = {
        address: subnet.length
        for address in (attachment.ipv4, attachment.ipv6)
        if address
        for subnet in network.subnets
        if address in subnet.pool
    }
    return tuple(f"{one}/{lengths[one]}" if one in lengths else one for one in (attachment.ipv4, attachment.ipv6) if one)


def _network(network: Network, observed: State, desired: State, docker_name: str | None) -> Network:
    have = observed.namespaces.get(HOST)
    if docker_name is not None:
        there = (observed.docker or DockerState()).networks.get(docker_name)
        return replace(network, trouble="missing" if there is None else "", bridge=(there.bridge if there else None) or network.bridge)
    if have is None or network.bridge is None:
        return network
    link = have.links.get(network.bridge)
    if link is None:
        return replace(network, trouble="missing")
    want = desired.namespaces.get(HOST)
    wanted = want.links.get(network.bridge) if want is not None else None
    return replace(network, trouble=_drift(wanted, link))


def _numerically(cidr: str) -> tuple[int, int]:
    interface = ipaddress.ip_interface(cidr)
    return (interface.version, int(interface.ip))
