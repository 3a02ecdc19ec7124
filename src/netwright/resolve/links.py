"""Endpoints and networks → links: bridges, veth pairs, what stands on NICs, borrowed NICs, loopbacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from netwright.errors import Problem
from netwright.kinds.bridge import Bridge
from netwright.kinds.ipvlan import Ipvlan
from netwright.kinds.loopback import Loopback
from netwright.kinds.macvlan import Macvlan
from netwright.kinds.veth import Veth
from netwright.model.link import Link, LinkKey
from netwright.model.names import OWNER_PREFIX, port_name, short_hash
from netwright.model.netns import HOST, NetnsKind, NetnsRef
from netwright.resolve.endpoint import Endpoint, Holder
from netwright.resolve.facts import Facts
from netwright.resolve.network import Network, Wire
from netwright.resolve.nic import resolve_nic
from netwright.resolve.peers import PeerEnds
from netwright.spec.document import Document

Links = dict[NetnsRef, dict[str, Link]]


def resolve_links(
    document: Document,
    holding: Iterable[Holder],
    networks: Mapping[str, Network],
    endpoints: Iterable[Endpoint],
    facts: Facts,
    problems: list[Problem],
    waiting: list[str],
    mtus: Mapping[str, int],
) -> Links:
    """Every link of the stack by namespace and name. `mtus`: network → its MTU, where that is managed."""
    ends = PeerEnds(document, facts, problems, waiting)
    mark = OWNER_PREFIX + document.spec.name
    links: Links = {}
    for holder in holding:
        own = links.setdefault(holder.netns, {})
        if holder.owned:
            own["lo"] = Loopback(name="lo", alias=mark, up=True)
    host = links.setdefault(HOST, {})
    for network in networks.values():
        if network.ours and network.bridge is not None:
            host[network.bridge] = _bridge(network, mark, mtus.get(network.key))
    for endpoint in endpoints:
        if endpoint.spec.external:
            continue
        if endpoint.network is not None and endpoint.network.wire is not None:
            parent = endpoint.network.wire.parent
            # The size of what the file makes or configures itself may change in the same run: the kernel follows that downwards.
            ours = parent in host or (document.spec.host is not None and parent in document.spec.host.interfaces)
            size = None if ours else (facts.host.links[parent].mtu if parent in facts.host.links else None)
            stack = document.spec.name
            links[endpoint.netns][endpoint.interface] = _on_wire(endpoint, endpoint.network, endpoint.network.wire, mark, stack, size)
        elif endpoint.network is not None:
            _plug_in(endpoint, endpoint.network, mark, document.spec.name, links, mtus)
        elif endpoint.spec.peer is not None:
            if (other := ends.other(endpoint)) is not None:
                _pair(endpoint, other, mark, links)
        elif (nic := resolve_nic(document, endpoint, facts, problems)) is not None:
            links[endpoint.netns][nic.name] = nic
    return links


def _bridge(network: Network, mark: str, mtu: int | None) -> Bridge:
    spec = network.spec
    return Bridge(
        name=network.bridge or "",
        alias=mark,
        up=True,
        mtu=mtu,
        stp=spec.stp,
        forward_delay_seconds=spec.forward_delay_seconds,
        ageing_seconds=spec.ageing_seconds,
        multicast_snooping=spec.multicast_snooping,
        learns_from_own_groups=False if spec.antispoof else None,
    )


def _plug_in(endpoint: Endpoint, network: Network, mark: str, stack: str, links: Links, mtus: Mapping[str, int]) -> None:
    spec = endpoint.spec
    port = spec.port or port_name(stack, endpoint.holder.name, endpoint.interface)
    mtu = spec.mtu or mtus.get(network.key)
    links[HOST][port] = Veth(
        name=port, alias=mark, up=True, mtu=mtu, master=network.bridge, peer=LinkKey(endpoint.netns, endpoint.interface)
    )
    links[endpoint.netns][endpoint.interface] = Veth(
        name=endpoint.interface,
        alias=mark,
        up=spec.up,
        mtu=mtu,
        mac=spec.mac or lasting_mac(stack, endpoint.netns, endpoint.interface, named=network.spec.antispoof),
        peer=LinkKey(HOST, port),
    )


def _on_wire(endpoint: Endpoint, network: Network, wire: Wire, mark: str, stack: str, size: int | None) -> Link:
    """As large as its parent (`size`) where nothing is said: the kernel never makes it larger by itself."""
    spec = endpoint.spec
    mtu = spec.mtu or network.spec.mtu or size
    lower = LinkKey(HOST, wire.parent)
    if wire.driver == "ipvlan":
        return Ipvlan(name=endpoint.interface, alias=mark, up=spec.up, mtu=mtu, lower=lower, mode=wire.mode, flag=wire.flag)
    mac = spec.mac or lasting_mac(stack, endpoint.netns, endpoint.interface)
    return Macvlan(name=endpoint.interface, alias=mark, up=spec.up, mtu=mtu, mac=mac, lower=lower, mode=wire.mode)


def lasting_mac(stack: str, netns: NetnsRef, interface: str, *, named: bool = False) -> str | None:
    """Of an interface that is put into a container anew whenever it starts: with another MAC address its neighbours would not
    find it until they have forgotten the first. Locally administered (IEEE 802, 8.4). None: the kernel's choice.

    `named`: also for a namespace of ours, where it must be known beforehand.
    """
    if netns.kind is not NetnsKind.CONTAINER and not (named and netns.kind is NetnsKind.NAMED):
        return None
    digits = short_hash(f"{stack}/{netns.key}/{interface}", 10)
    return "02:" + ":".join(digits[at : at + 2] for at in range(0, 10, 2))


def _pair(endpoint: Endpoint, other: NetnsRef, mark: str, links: Links) -> None:
    spec = endpoint.spec
    assert spec.peer is not None
    mine = LinkKey(endpoint.netns, endpoint.interface)
    near = Veth(name=endpoint.interface, alias=mark, up=spec.up, mtu=spec.mtu, mac=spec.mac, peer=LinkKey(other, spec.peer.interface))
    links[endpoint.netns][endpoint.interface] = near
    across = links.setdefault(other, {})
    written = across.get(spec.peer.interface)
    if written is None:
        across[spec.peer.interface] = Veth(name=spec.peer.interface, alias=mark, up=True, mtu=spec.mtu, peer=mine)
    elif written.mtu is None and spec.mtu is not None:
        across[spec.peer.interface] = replace(written, mtu=spec.mtu)
