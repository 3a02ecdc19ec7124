"""Namespaces, links, addresses and routes in memory, by the kernel's rules: what it refuses, with which errno, and what it forgets."""

from __future__ import annotations

import errno
import ipaddress
import os
from collections.abc import Callable
from dataclasses import replace
from itertools import count

from netwright.errors import KernelError
from netwright.model.address import family, network_of
from netwright.model.link import Link, LinkKey, Observation
from netwright.model.netns import HOST, NetnsRef
from netwright.model.operation import ChangeLink, CreateLink, CreateNetns, MoveLink
from netwright.model.route import Address, Route
from netwright.model.state import Namespace
from netwright.model.sysctl import birth_key, interface_of, of_interface

BORN = {"net.ipv4.ip_forward": "0", "net.ipv6.conf.all.forwarding": "0", "net.ipv6.conf.default.disable_ipv6": "0"}


def fail(code: int, what: str) -> KernelError:
    """The kernel's refusal."""
    return KernelError(code, f"{what}: {os.strerror(code)}")


class FakeNetwork:
    """`loopback` makes the lo of a new namespace. Every method raises KernelError where the kernel refuses."""

    def __init__(self, host: Namespace, loopback: Callable[[], Link]) -> None:
        self._loopback = loopback
        self.namespaces: dict[NetnsRef, Namespace] = {HOST: replace(host, sysctls={**BORN, **host.sysctls})}
        self._moments = count(1)
        self._added: dict[tuple[NetnsRef, tuple[str, str, str | None]], int] = {}
        """When an address was added: the first of those in one subnet is the primary one."""

    def netns(self, ref: NetnsRef) -> Namespace:
        """ENOENT where it is not there."""
        if ref not in self.namespaces:
            raise fail(errno.ENOENT, f"entering {ref}")
        return self.namespaces[ref]

    def link(self, ref: NetnsRef, name: str) -> Link:
        """ENODEV where it is not there."""
        link = self.netns(ref).links.get(name)
        if link is None:
            raise fail(errno.ENODEV, f"{name} in {ref}")
        return link

    def create_netns(self, operation: CreateNetns) -> None:
        ref = operation.netns
        if ref in self.namespaces:
            raise fail(errno.EEXIST, str(ref))
        self.namespaces[ref] = Namespace(ref=ref, sysctls={**BORN, **operation.sysctls})
        self._put(ref, self._loopback())

    def delete_netns(self, ref: NetnsRef) -> None:
        for name in [*self.namespaces[ref].links] if ref in self.namespaces else ():
            self.delete_link(LinkKey(ref, name))
        self.namespaces.pop(ref, None)

    def create_link(self, operation: CreateLink) -> None:
        ref, link, twin, across = operation.netns, operation.link, operation.twin, operation.twin_netns
        self._free(ref, link.name)
        if (lower := link.beneath()) is not None:
            mtu = link.mtu or self.link(lower.netns, lower.name).mtu
            link = replace(link, alias="", up=False, master="", mtu=mtu)
        if link.master:
            self.link(ref, link.master)
        if twin is not None and across is not None:
            self._free(across, twin.name)
            self._put(across, replace(_born(twin), alias="", up=False, master=""))
        self._put(ref, _born(link))
        there = self.netns(ref)
        self.namespaces[ref] = replace(there, sysctls={**there.sysctls, **operation.sysctls})

    def change_link(self, operation: ChangeLink) -> None:
        ref, link, fields = operation.netns, operation.link, operation.fields
        have = self.link(ref, link.name)
        if "master" in fields and link.master:
            self.link(ref, link.master)
        self._put(ref, replace(have, **{name: getattr(link, name) for name in fields}))
        if have.up and not self.link(ref, link.name).up:
            there = self.netns(ref)
            kept = frozenset(a for a in there.addresses if a.dev != link.name or family(a.cidr) == 4)
            self.namespaces[ref] = replace(there, addresses=kept, routes=frozenset(r for r in there.routes if r.dev != link.name))

    def delete_link(self, key: LinkKey) -> None:
        """With its twin. What is gone is gone."""
        namespace = self.namespaces.get(key.netns)
        link = namespace.links.get(key.name) if namespace is not None else None
        if link is None:
            return
        twin = link.twin()
        self._drop(key)
        for above in self._above(key):
            self._drop(above)
        if twin is not None and twin.netns in self.namespaces:
            self._drop(twin)

    def move_link(self, operation: MoveLink) -> None:
        """Elsewhere a link arrives bare; where only its name changes it keeps its master and its IPv4 addresses."""
        old, new = LinkKey(operation.source, operation.name), LinkKey(operation.target, operation.new_name)
        moved, seen = self.link(old.netns, old.name), self.netns(old.netns).seen[old.name]
        stays = old.netns == new.netns
        if old != new:
            self._free(new.netns, new.name)
        kept = [a for a in self.netns(old.netns).addresses if stays and a.dev == old.name and family(a.cidr) == 4]
        above = self._above(old)
        own = {of_interface(key, new.name): value for key, value in self.netns(old.netns).sysctls.items() if interface_of(key) == old.name}
        self._drop(old)
        for upper in above:
            self._put(upper.netns, replace(self.link(upper.netns, upper.name), lower=new))  # type: ignore[call-arg]
        self._put(new.netns, replace(moved, name=new.name, alias=operation.alias, up=False, master=moved.master if stays else ""), seen)
        there = self.netns(new.netns)
        sysctls = {**there.sysctls, **(own if stays else {})}
        self.namespaces[new.netns] = replace(there, addresses=there.addresses | {replace(a, dev=new.name) for a in kept}, sysctls=sysctls)
        twin = moved.twin()
        far = self.namespaces[twin.netns].links.get(twin.name) if twin is not None and twin.netns in self.namespaces else None
        if twin is not None and far is not None:
            self._put(twin.netns, replace(far, peer=new))  # type: ignore[call-arg]

    def add_address(self, ref: NetnsRef, address: Address) -> None:
        self.link(ref, address.dev)
        there = self.netns(ref)
        if not any(a.key == address.key for a in there.addresses):
            self._added[ref, address.key] = next(self._moments)
        self.namespaces[ref] = replace(there, addresses=frozenset(a for a in there.addresses if a.key != address.key) | {address})

    def remove_address(self, ref: NetnsRef, address: Address) -> None:
        """With the primary address the others of its subnet go; with what it was reached by, a next hop's routes."""
        there = self.namespaces.get(ref)
        if there is None or not any(a.key == address.key for a in there.addresses):
            return
        subnet = [
            a for a in there.addresses if (a.dev, network_of(a.cidr)) == (address.dev, network_of(address.cidr)) and family(a.cidr) == 4
        ]
        first = min(subnet, key=lambda a: self._added.get((ref, a.key), 0), default=address)
        gone = {a.key for a in subnet} if first.key == address.key else {address.key}
        kept = frozenset(a for a in there.addresses if a.key not in gone)
        bare = not any(a.dev == address.dev and family(a.cidr) == 4 for a in kept) and family(address.cidr) == 4
        routes = frozenset(r for r in there.routes if not (bare and r.dev == address.dev and family(r.to) == 4))
        self.namespaces[ref] = replace(there, addresses=kept, routes=routes)

    def add_route(self, ref: NetnsRef, route: Route) -> None:
        there = self.netns(ref)
        dev = self.link(ref, route.dev) if route.dev is not None else None
        if any((r.to, r.table, r.key[4]) == (route.to, route.table, route.key[4]) for r in there.routes):
            raise fail(errno.EEXIST, f"route to {route.to} in {ref}")
        if dev is not None and not dev.up and route.via is None:
            raise fail(errno.ENETDOWN, f"{dev.name} in {ref}")
        if route.via is not None and not route.onlink:
            ways = [x for x in there.links.values() if x.up and dev in (None, x) and _reached(there, route.via, x.name)]
            if not ways:
                raise fail(errno.EHOSTUNREACH if family(route.to) == 6 else errno.ENETUNREACH, f"next hop {route.via} in {ref}")
            dev = ways[0]
        self.namespaces[ref] = replace(there, routes=there.routes | {replace(route, dev=dev.name if dev is not None else None)})

    def sysctl(self, ref: NetnsRef, key: str) -> str | None:
        """What was written; else, of an interface that is there, what it was born with."""
        there, interface = self.netns(ref), interface_of(key)
        if interface is None:
            return there.sysctls.get(key)
        if interface not in there.links:
            return None
        return there.sysctls.get(key, there.sysctls.get(birth_key(key), "0"))

    def own_sysctls(self, ref: NetnsRef, links: frozenset[str]) -> dict[str, str]:
        """The sysctls of these links that were written, and what a new one has of them."""
        there = self.netns(ref).sysctls
        own = {key: value for key, value in there.items() if interface_of(key) in links}
        return {**{birth_key(key): there.get(birth_key(key), "0") for key in own}, **own}

    def set_sysctl(self, ref: NetnsRef, key: str, value: str) -> None:
        there, interface = self.netns(ref), interface_of(key)
        if interface is not None and interface not in there.links:
            raise fail(errno.ENOENT, f"{key} in {ref}")
        self.namespaces[ref] = replace(there, sysctls={**there.sysctls, key: value})

    def _above(self, key: LinkKey) -> list[LinkKey]:
        """The links that stand on it."""
        return [LinkKey(ref, name) for ref, there in self.namespaces.items() for name, link in there.links.items() if link.beneath() == key]

    def _free(self, ref: NetnsRef, name: str) -> None:
        if name in self.netns(ref).links:
            raise fail(errno.EEXIST, f"{name} in {ref}")

    def _put(self, ref: NetnsRef, link: Link, seen: Observation | None = None) -> None:
        there = self.netns(ref)
        known = seen or there.seen.get(link.name) or Observation(index=100 + len(there.seen))
        self.namespaces[ref] = replace(there, links={**there.links, link.name: link}, seen={**there.seen, link.name: known})

    def _drop(self, key: LinkKey) -> None:
        there = self.namespaces[key.netns]
        self.namespaces[key.netns] = replace(
            there,
            links={n: replace(x, master="") if x.master == key.name else x for n, x in there.links.items() if n != key.name},
            seen={name: observation for name, observation in there.seen.items() if name != key.name},
            addresses=frozenset(a for a in there.addresses if a.dev != key.name),
            routes=frozenset(r for r in there.routes if r.dev != key.name),
            sysctls={name: value for name, value in there.sysctls.items() if interface_of(name) != key.name},
        )


def _born(link: Link) -> Link:
    """What a link has that nothing was said of."""
    said = {"alias": link.alias or "", "up": bool(link.up), "mtu": link.mtu or 1500, "master": link.master or ""}
    return replace(link, **{**said, "mac": link.mac or "02:00:00:00:00:aa"})  # type: ignore[arg-type]


def _reached(there: Namespace, via: str, dev: str) -> bool:
    """Through an address of the link, or a route that leads there without another next hop."""
    hop = ipaddress.ip_address(via)
    prefixes = [network_of(a.cidr) for a in there.addresses if a.dev == dev] + [
        r.to for r in there.routes if r.dev == dev and r.via is None
    ]
    networks = (ipaddress.ip_network(prefix) for prefix in prefixes)
    return any(hop.version == network.version and hop in network for network in networks)
