"""What stands where the stack wants something of its own, and is not the stack's; and what is left to want without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from netwright.model.link import Link, LinkKey
from netwright.model.netns import NetnsKind, NetnsRef
from netwright.model.state import Desired, Namespace, State
from netwright.planning.sentence import place


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflicts:
    """A sentence for each namespace and each link that cannot be as wanted."""

    netns: Mapping[NetnsRef, str] = field(default_factory=dict)
    links: Mapping[LinkKey, str] = field(default_factory=dict)

    stuck: bool = False
    """A NIC that is to be given back cannot have its name: then what it stands in must not be touched."""

    @property
    def sentences(self) -> list[str]:
        return [*self.netns.values(), *self.links.values()]


def is_ours(link: Link, key: LinkKey, desired: Desired) -> bool:
    """It carries the stack's mark; or none at all, and an unfinished run had announced it."""
    return link.owner == desired.stack or (key in desired.claims.links and not link.alias)


def is_our_netns(there: Namespace, desired: Desired) -> bool:
    """It carries the stack's mark; or none, an unfinished run had announced it, and nobody has put anything into it that is not ours."""
    if there.owner is not None or there.ref not in desired.claims.netns:
        return there.owner == desired.stack
    return all(
        link.innate or link.borrower == desired.stack or is_ours(link, LinkKey(there.ref, name), desired)
        for name, link in there.links.items()
    )


def moving(desired: Desired) -> frozenset[LinkKey]:
    """Where NICs are now that are wanted elsewhere, or under another name."""
    return frozenset(
        origin
        for ref, namespace in desired.state.namespaces.items()
        for link in namespace.links.values()
        if (origin := link.origin()) is not None and origin != LinkKey(ref, link.name)
    )


def find_conflicts(desired: Desired, observed: State) -> Conflicts:
    """All of them, in the file's order."""
    netns: dict[NetnsRef, str] = {}
    links: dict[LinkKey, str] = {}
    leaving = moving(desired)
    stuck = False
    for ref, wanted in desired.state.namespaces.items():
        there = observed.namespaces.get(ref)
        if ref.kind is NetnsKind.NAMED and (sentence := _netns_conflict(wanted, there, desired)) is not None:
            netns[ref] = sentence
        elif there is not None:
            for name, want in wanted.links.items():
                have, key = there.links.get(name), LinkKey(ref, name)
                if have is not None and key not in leaving and (sentence := _link_conflict(key, want, have, desired)) is not None:
                    links[key] = sentence
                    stuck = stuck or (want.borrowed and want.borrower is None)
    return Conflicts(netns=netns, links=links, stuck=stuck)


def without(desired: Desired, conflicts: Conflicts) -> Desired:
    """`desired` without what conflicts, and without what cannot be without that: addresses, routes, the other end of a veth."""
    gone = set(conflicts.links)
    for ref, namespace in desired.state.namespaces.items():
        gone.update(LinkKey(ref, name) for name in namespace.links if ref in conflicts.netns)
    for ref, namespace in desired.state.namespaces.items():
        twins = ((name, link.twin()) for name, link in namespace.links.items())
        gone.update(LinkKey(ref, name) for name, twin in twins if twin is not None and (twin in gone or twin.netns in conflicts.netns))
    namespaces = {
        ref: _pruned(namespace, {key.name for key in gone if key.netns == ref})
        for ref, namespace in desired.state.namespaces.items()
        if ref not in conflicts.netns
    }
    files = {ref: content for ref, content in desired.state.files.items() if ref not in conflicts.netns}
    return replace(desired, state=replace(desired.state, namespaces=namespaces, files=files))


def _netns_conflict(wanted: Namespace, there: Namespace | None, desired: Desired) -> str | None:
    name = wanted.ref.name
    if wanted.owner is None:
        missing = there is None and bool(wanted.links or wanted.addresses or wanted.routes)
        return f"there is no namespace {name}; external: true says that somebody else makes it" if missing else None
    if there is None or is_our_netns(there, desired):
        return None
    whose = f"belongs to the stack {there.owner}" if there.owner else "is not Netwright's; external: true joins it as it is"
    return f"the namespace {name} exists already, and {whose}"


def _link_conflict(key: LinkKey, want: Link, have: Link, desired: Desired) -> str | None:
    if want.innate or want.origin() == key or is_ours(have, key, desired):
        return None
    if want.borrowed:
        return f"{place(key.netns)} already has an interface {key.name}; the NIC cannot have that name"
    if have.owner is not None:
        return f"{place(key.netns)} has an interface {key.name} of the stack {have.owner}"
    return f"{place(key.netns)} already has an interface {key.name}, and it is not Netwright's"


def _pruned(namespace: Namespace, gone: set[str]) -> Namespace:
    if not gone:
        return namespace
    return replace(
        namespace,
        # A port without its bridge is nobody's port; whose bridge stands there now is not ours to use.
        links={n: replace(x, master=None) if x.master in gone else x for n, x in namespace.links.items() if n not in gone},
        addresses=frozenset(a for a in namespace.addresses if a.dev not in gone),
        routes=frozenset(r for r in namespace.routes if r.dev not in gone),
    )
