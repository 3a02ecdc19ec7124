"""Addresses, routes and policy rules of one namespace, desired against observed."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import replace

from netwright.model.address import DEFAULT4, DEFAULT6, family, network_of
from netwright.model.link import LinkKey
from netwright.model.netns import NetnsKind, NetnsRef
from netwright.model.operation import AddAddress, AddRoute, AddRule, AnyOperation, RemoveAddress, RemoveRoute, RemoveRule
from netwright.model.route import PROTOCOL, Address, Route
from netwright.model.state import Namespace
from netwright.planning import ip_commands
from netwright.planning.draft import Draft, Step
from netwright.planning.links import LinkPlan
from netwright.planning.sentence import place


def plan_addressing(wanted: Namespace, there: Namespace | None, earlier: Namespace, links: LinkPlan, draft: Draft) -> list[AnyOperation]:
    """The operations that configure the namespace, in order; what is withdrawn beforehand goes into the draft.

    New addresses come before old ones go: with an interface's last address the kernel drops the routes through it.
    """
    ref = wanted.ref
    observed = there or Namespace(ref=ref)
    alive = [a for a in observed.addresses if not _gone(LinkKey(ref, a.dev), links)] + _renamed(ref, observed, links)
    have = {address.key: address for address in alive}
    unwanted = _withdrawn(wanted, [*earlier.addresses, *_renamed(ref, earlier, links)], have)
    operations: list[AnyOperation] = []
    added = sorted((a for a in wanted.addresses if a.key not in have), key=_address_order)
    operations += [AddAddress(netns=ref, address=a, why=_reason(wanted, a.dev, "in the file, not on the interface")) for a in added]
    for address in sorted((a for a in wanted.addresses if a.key in have and _drops(ref, a, links)), key=_address_order):
        # Removed first: where the kernel was told to keep them (net.ipv6.conf.*.keep_addr_on_down) it is still there.
        operations += [
            RemoveAddress(netns=ref, address=address, why="goes as its interface goes down"),
            AddAddress(netns=ref, address=address, why="goes as its interface goes down"),
        ]
    operations += [RemoveAddress(netns=ref, address=a, why="in the file no more") for a in unwanted]
    if unwanted:
        # With a primary address the kernel drops the others of its subnet: put them back, also those just added.
        operations += [
            AddAddress(netns=ref, address=a, why=f"goes when {u.cidr} goes")
            for u in unwanted
            for a in sorted(wanted.addresses, key=_address_order)
            if a.dev == u.dev and family(a.cidr) == 4 and network_of(a.cidr) == network_of(u.cidr)
        ]
    shaken = {(address.dev, family(address.cidr)) for address in unwanted}
    return operations + _routes(wanted, observed, earlier, links, shaken, draft) + _rules(wanted, observed, earlier)


def _reason(wanted: Namespace, dev: str | None, otherwise: str) -> str:
    """Why something is put on an interface: what a lent NIC had at home is in no file."""
    link = wanted.links.get(dev) if dev is not None else None
    returned = link is not None and link.origin() is not None and link.borrower is None
    return "given back as it was" if returned else otherwise


def _gone(key: LinkKey, links: LinkPlan) -> bool:
    return key in links.fresh or key in links.doomed


def _drops(ref: NetnsRef, address: Address, links: LinkPlan) -> bool:
    return family(address.cidr) == 6 and LinkKey(ref, address.dev) in links.falling


def _address_order(address: Address) -> tuple[str, int, bytes, str, str]:
    return (address.dev, family(address.cidr), ipaddress.ip_interface(address.cidr).ip.packed, address.cidr, address.peer or "")


def _renamed(ref: NetnsRef, namespace: Namespace, links: LinkPlan) -> list[Address]:
    """The addresses that a link keeps under its new name (the kernel renames IPv4's labels with it)."""
    names = {key.name: new for key, new in links.renamed.items() if key.netns == ref}
    return [replace(a, dev=names[a.dev]) for a in namespace.addresses if a.dev in names and family(a.cidr) == 4] if names else []


def _withdrawn(wanted: Namespace, earlier: Iterable[Address], have: dict[tuple[str, str, str | None], Address]) -> list[Address]:
    keep = {address.key for address in wanted.addresses}
    gone = {a.key: have[a.key] for a in earlier if a.key in have and a.key not in keep}
    return sorted(gone.values(), key=_address_order)


def _routes(
    wanted: Namespace, observed: Namespace, earlier: Namespace, links: LinkPlan, shaken: set[tuple[str, int]], draft: Draft
) -> list[AnyOperation]:
    ref = wanted.ref
    destinations = {route.to for route in wanted.routes}
    # A host may have a hundred thousand routes that are none of our business.
    near = (r for r in observed.routes if r.protocol == PROTOCOL or r.to in destinations)
    alive = sorted((r for r in near if r.dev is None or not _gone(LinkKey(ref, r.dev), links)), key=_route_order)
    there = _Routes(alive)
    # Through what stands on a NIC for the stack's sake leads nobody else's route.
    shims = {name for name, link in observed.links.items() if link.owner == draft.stack and link.beneath() is not None}
    ours = _ours(wanted, earlier, shims)
    operations: list[AnyOperation] = []
    kept: set[Route] = set()
    for route in sorted(wanted.routes, key=_route_order):
        have = there.same(route)
        if have is None:
            rival = there.rival(route, wanted)
            if rival is not None and not ours(rival):
                way_out = (
                    f"if nobody needs it, take it away: {ip_commands.route(ref, 'delete', rival)}"
                    if wanted.owner is not None
                    else "with a metric of its own, the file's can stand beside it"
                )
                draft.refused.append(
                    f"{place(ref)} already has {_to(route)} via {rival.via or rival.dev}, which is not Netwright's; {way_out}"
                )
                continue
            operations.append(AddRoute(netns=ref, route=route, why=_reason(wanted, route.dev, "in the file, not in the table")))
            continue
        kept.add(have)
        changed = _changed(route, have)
        if changed and have.protocol == route.protocol:
            operations += [
                RemoveRoute(netns=ref, route=have, why=f"its {changed} is not as in the file"),
                AddRoute(netns=ref, route=route, why=f"its {changed} is not as in the file"),
            ]
        elif (have.dev, family(have.to)) in shaken:
            # The kernel may have dropped it together with the address that was removed.
            operations += [
                RemoveRoute(netns=ref, route=have, why="goes when an address goes"),
                AddRoute(netns=ref, route=have, why="goes when an address goes"),
            ]
    unwanted = [r for r in alive if r not in kept and ours(r)]
    draft.add(
        Step.WITHDRAW,
        *(RemoveRoute(netns=ref, route=r, why="in the file no more") for r in sorted(unwanted, key=_route_order, reverse=True)),
    )
    return operations


def _to(route: Route) -> str:
    return "a default route" if route.to in (DEFAULT4, DEFAULT6) else f"a route to {route.to}"


def _route_order(route: Route) -> tuple[bool, str, str, int, str, int, str]:
    # What is reached directly comes first: a next hop must be reachable when its route is added.
    return (route.via is not None, route.to, route.via or "", route.table, route.dev or "", route.metric or 0, route.kind)


def _anywhere(route: Route) -> object:
    """What makes it this route, whichever interface it leads through."""
    return replace(route, dev=None).key


class _Routes:
    """Observed routes, to be found by what is wanted."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._exact: dict[object, Route] = {}
        self._loose: dict[object, Route] = {}
        self._at: dict[tuple[str, int, int], list[Route]] = {}
        for route in routes:
            self._exact.setdefault(route.key, route)
            self._loose.setdefault(_anywhere(route), route)
            self._at.setdefault(_place(route), []).append(route)

    def same(self, want: Route) -> Route | None:
        """An interface that the file does not name is the kernel's choice."""
        return self._exact.get(want.key) if want.dev is not None else self._loose.get(want.key)

    def rival(self, want: Route, wanted: Namespace) -> Route | None:
        """A route that stands where this one shall: the kernel keeps one for each destination, metric and table."""
        beside = [w for w in wanted.routes if _place(w) == _place(want)] if _place(want) in self._at else []
        return next((r for r in self._at.get(_place(want), ()) if all(self.same(w) != r for w in beside)), None)


def _place(route: Route) -> tuple[str, int, int]:
    return (route.to, route.table, route.metric or (1024 if family(route.to) == 6 else 0))


def _ours(wanted: Namespace, earlier: Namespace, shims: set[str]) -> Callable[[Route], bool]:
    """In a namespace that we made every route with our protocol number is ours, and through `shims`; elsewhere only what we are known to
    have put there.
    """
    if wanted.ref.kind is NetnsKind.NAMED and (wanted.owner or earlier.owner) is not None:
        return lambda route: route.protocol == PROTOCOL
    exact = {route.key for route in earlier.routes if route.dev is not None}
    loose = {route.key for route in earlier.routes if route.dev is None}
    return lambda route: route.protocol == PROTOCOL and (route.dev in shims or route.key in exact or _anywhere(route) in loose)


def _changed(want: Route, have: Route) -> str | None:
    """The first thing that is not as wanted. The kernel adds none of these to a route of ours by itself, but for its scope."""
    ours = want.protocol == PROTOCOL
    for name in ("source", "mtu", "scope"):
        value = getattr(want, name)
        if value != getattr(have, name) and (value is not None or (ours and name != "scope")):
            return name
    return "onlink" if want.onlink != have.onlink and (want.onlink or ours) else None


def _rules(wanted: Namespace, observed: Namespace, earlier: Namespace) -> list[AnyOperation]:
    ref = wanted.ref
    ours_whole = ref.kind is NetnsKind.NAMED and (wanted.owner or earlier.owner) is not None
    unwanted = [r for r in observed.rules if r.protocol == PROTOCOL and r not in wanted.rules and (ours_whole or r in earlier.rules)]
    missing = wanted.rules - observed.rules
    return [
        *(RemoveRule(netns=ref, rule=r, why="in the file no more") for r in sorted(unwanted, key=repr)),
        *(AddRule(netns=ref, rule=r, why="leads replies back to the publisher") for r in sorted(missing, key=repr)),
    ]
