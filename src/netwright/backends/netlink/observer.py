"""Reading namespaces: links, addresses, routes and rules, by dumps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from netwright.backends.netlink.channel import Channel
from netwright.backends.netlink.lower import find_lower
from netwright.backends.netlink.sockets import CHUNK, Sockets
from netwright.backends.netlink.twins import Place, ask_numbers, find_twins
from netwright.kinds import observed_class
from netwright.model.link import Link, LinkKey, Observation
from netwright.model.netns import NetnsRef
from netwright.model.route import Address, Route, Rule
from netwright.model.state import Namespace
from netwright.rtnl import address, link, route, rule
from netwright.rtnl.constants import RTM_NEWADDR, RTM_NEWLINK, RTM_NEWROUTE, RTM_NEWRULE
from netwright.rtnl.link import LinkMessage

_LOOPBACK = "lo"


def observe(sockets: Sockets, namespaces: Iterable[NetnsRef]) -> dict[NetnsRef, Namespace]:
    """What is in each of them; one that is not there is absent. Raises KernelError."""
    links: dict[NetnsRef, list[LinkMessage]] = {}
    rest: dict[NetnsRef, tuple[frozenset[Address], frozenset[Route], frozenset[Rule]]] = {}
    wanted = list(namespaces)
    for start in range(0, len(wanted), CHUNK):
        for netns, channel in sockets.open(wanted[start : start + CHUNK]).items():
            found = links[netns] = channel.dump(link.dump(), RTM_NEWLINK, link.decode)
            rest[netns] = _read(channel, {one.ifindex: one.name for one in found})
    others = _others(sockets, links)
    return {netns: _namespace(netns, found, rest[netns], others) for netns, found in links.items()}


def _read(channel: Channel, names: Mapping[int, str]) -> tuple[frozenset[Address], frozenset[Route], frozenset[Rule]]:
    addresses = channel.dump(address.dump(), RTM_NEWADDR, lambda data, start, end: address.decode(data, start, end, names))
    routes = channel.dump(route.dump(), RTM_NEWROUTE, lambda data, start, end: route.decode(data, start, end, names))
    rules = channel.dump(rule.dump(), RTM_NEWRULE, lambda data, start, end: rule.decode(data[start:end]))
    return (
        frozenset(one for one in addresses if one is not None),
        frozenset(one for several in routes for one in several),
        frozenset(one for one in rules if one is not None),
    )


def _others(sockets: Sockets, links: Mapping[NetnsRef, Sequence[LinkMessage]]) -> dict[Place, LinkKey]:
    """What IFLA_LINK means: a twin, or the link beneath."""

    def numbers(netns: NetnsRef, others: Sequence[NetnsRef]) -> dict[NetnsRef, int]:
        return ask_numbers(sockets.get(netns), others)

    paired = {netns: [one for one in found if observed_class(one.kind, one.hardware).paired] for netns, found in links.items()}
    stacked = {netns: upper for netns, found in links.items() if (upper := [one for one in found if _is_stacked(one)])}
    return find_twins(paired, numbers) | find_lower(links, stacked, numbers)


def _is_stacked(found: LinkMessage) -> bool:
    return observed_class(found.kind, found.hardware).stacked


def _namespace(
    netns: NetnsRef,
    found: Sequence[LinkMessage],
    rest: tuple[frozenset[Address], frozenset[Route], frozenset[Rule]],
    others: Mapping[Place, LinkKey],
) -> Namespace:
    names = {one.ifindex: one.name for one in found}
    links = {one.name: _link(one, names, others.get((netns, one.ifindex))) for one in found}
    loopback = links.get(_LOOPBACK)
    addresses, routes, rules = rest
    return Namespace(
        ref=netns,
        owner=None if loopback is None else loopback.owner,
        links=links,
        seen={one.name: _observation(one) for one in found},
        addresses=addresses,
        routes=routes,
        rules=rules,
    )


def _link(found: LinkMessage, names: Mapping[int, str], other: LinkKey | None) -> Link:
    cls = observed_class(found.kind, found.hardware)
    return cls(
        name=found.name,
        alias=found.alias,
        up=found.up,
        mtu=found.mtu,
        mac=found.mac,
        master=names.get(found.master_index, ""),
        **cls.read_info_data(found.data, other),
    )


def _observation(found: LinkMessage) -> Observation:
    return Observation(
        index=found.ifindex,
        permanent_mac=found.permanent_mac,
        bus=found.bus,
        device=found.device,
        kind=found.kind,
        txqlen=found.txqlen,
        group=found.group,
        addrgenmode=found.addrgenmode,
    )
