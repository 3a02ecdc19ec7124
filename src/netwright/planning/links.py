"""Links, desired against observed. Nothing here knows a kind: links answer for themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from graphlib import TopologicalSorter

from netwright.model.link import Link, LinkKey, managed_fields
from netwright.model.names import LOAN_PREFIX
from netwright.model.netns import NetnsRef
from netwright.model.operation import ChangeLink, CreateLink, DeleteLink, MoveLink, SetSysctl
from netwright.model.state import Desired, Namespace, State
from netwright.model.sysctl import ADVERTISEMENTS, interface_of, of_interface
from netwright.planning.conflicts import is_ours, moving
from netwright.planning.draft import Draft, Step
from netwright.planning.lending import address_generation, new_loan, passed_on
from netwright.planning.sentence import place

_BORN_WITH = frozenset({"name", "mac", "mtu", "peer"})
"""What a twin has from its birth; the rest is set afterwards."""
_SET_AFTERWARDS = frozenset({"alias", "master", "up"})
"""What a link that stands on another one has not from its birth: the message goes to that one's namespace."""


@dataclass(slots=True)
class LinkPlan:
    """What the rest of the planner must know: which links are new or gone (their addresses and routes are, too)."""

    fresh: set[LinkKey] = field(default_factory=set)
    doomed: set[LinkKey] = field(default_factory=set)
    falling: set[LinkKey] = field(default_factory=set)
    """Those that are taken down: with that the kernel drops their IPv6 addresses, and the routes through them."""
    renamed: dict[LinkKey, str] = field(default_factory=dict)
    """NICs that only get another name, where they are: they keep their IPv4 addresses."""
    left: set[NetnsRef] = field(default_factory=set)
    """Where borrowed NICs are that go to another borrower's place."""
    moves: dict[LinkKey, MoveLink] = field(default_factory=dict)
    """Those of borrowed NICs, by where they start."""
    configure: dict[NetnsRef, list[ChangeLink]] = field(default_factory=dict)
    born_with: dict[NetnsRef, set[str]] = field(default_factory=dict)
    """Sysctls that links are made with."""


def plan_links(desired: Desired, observed: State, doomed_netns: frozenset[NetnsRef], dying: frozenset[LinkKey], draft: Draft) -> LinkPlan:
    """Puts creations, deletions and moves into the draft; changes come back, to be grouped by namespace.

    `dying`: links of others that go in the same plan (the bridge of a Docker network); their ports are ports no more.
    """
    result = LinkPlan(doomed=set(dying))
    leaving = moving(desired)
    _doom(desired, observed, doomed_netns, leaving, draft, result)
    result.doomed.update(leaving)
    for ref, namespace in desired.state.namespaces.items():
        there = observed.namespaces.get(ref)
        missing: dict[str, Link] = {}
        earlier = desired.earlier.namespaces.get(ref, Namespace(ref=ref)).links
        for link in namespace.links.values():
            have = there.links.get(link.name) if there else None
            key = LinkKey(ref, link.name)
            if link.innate:
                _change(result, ref, link, have if key not in result.doomed else None, "in the file")
            elif link.borrowed:
                _borrow(desired, observed, ref, link, draft, result)
            elif have is None or key in result.doomed:
                missing[link.name] = link
            else:
                before = earlier.get(link.name)
                _change(result, ref, link.unlike(before), _freed(have, ref, result), "not as in the file", before)
        result.fresh.update(LinkKey(ref, name) for name in missing)
        draft.claimed_links.update(LinkKey(ref, name) for name in missing)
    _move(result.moves, Step.BORROW if result.fresh.isdisjoint(result.moves) else Step.VACATE, draft)
    _create(desired, draft, result)
    return result


def _doom(
    desired: Desired, observed: State, doomed_netns: frozenset[NetnsRef], leaving: frozenset[LinkKey], draft: Draft, result: LinkPlan
) -> None:
    """Which links must go: ours that nobody wants, and those that cannot become what is wanted. A twin goes with its twin."""
    reasons: dict[LinkKey, str] = {}
    for ref in sorted(observed.namespaces, key=lambda ref: ref.key):
        wanted = desired.state.namespaces.get(ref, Namespace(ref=ref)).links
        for name, have in observed.namespaces[ref].links.items():
            key = LinkKey(ref, name)
            # A borrowed NIC is nobody's to delete, whatever mark it carries: where it is wanted, or on its way.
            if have.innate or key in leaving:
                continue
            want = wanted.get(name) if ref not in doomed_netns else None
            if want is None or (want.borrowed and want.origin() != key):
                if is_ours(have, key, desired):
                    reasons[key] = "in the file no more"
            elif not want.borrowed and (why := _incompatible(want, have)):
                reasons[key] = why
    for key in reasons:
        twin = observed.namespaces[key.netns].links[key.name].twin()
        if twin is not None:
            result.doomed.add(twin)
    _topple(observed, reasons, result, desired)
    result.doomed.update(reasons)
    deleted: set[LinkKey] = set()
    # What stands on another link goes before that: afterwards it would be gone.
    for key, why in sorted(reasons.items(), key=lambda item: observed.namespaces[item[0].netns].links[item[0].name].beneath() is None):
        twin = observed.namespaces[key.netns].links[key.name].twin()
        if twin in deleted or (key.netns in doomed_netns and _dies_elsewhere(twin, reasons, doomed_netns)):
            continue
        deleted.add(key)
        draft.add(Step.DELETE_LINKS, DeleteLink(netns=key.netns, name=key.name, why=why))


def _topple(observed: State, reasons: dict[LinkKey, str], result: LinkPlan, desired: Desired) -> None:
    """What stands on a link that goes is gone with it; ours shall be made anew."""
    falling = result.doomed | reasons.keys()
    for ref in sorted(observed.namespaces, key=lambda ref: ref.key) if falling else ():
        for name, have in observed.namespaces[ref].links.items():
            key = LinkKey(ref, name)
            if have.beneath() in falling and key not in reasons and is_ours(have, key, desired):
                reasons[key] = "what it stands on goes"


def _dies_elsewhere(twin: LinkKey | None, reasons: dict[LinkKey, str], doomed_netns: frozenset[NetnsRef]) -> bool:
    """Its twin is deleted in a namespace that stays: one deletion is enough."""
    return twin is not None and twin in reasons and twin.netns not in doomed_netns


def _incompatible(want: Link, have: Link) -> str | None:
    if type(want) is not type(have):
        return f"it is a {have.kind or 'plain link'}, and shall be a {want.kind}"
    fixed = want.fixed(have)
    return f"{', '.join(sorted(fixed))} cannot change on a living link" if fixed else None


def _freed(have: Link, ref: NetnsRef, result: LinkPlan) -> Link:
    """A port whose bridge is deleted is a port no more."""
    return replace(have, master="") if have.master and LinkKey(ref, have.master) in result.doomed else have


def _change(result: LinkPlan, ref: NetnsRef, link: Link, have: Link | None, why: str, earlier: Link | None = None) -> None:
    fields = link.changes(have, earlier) if have is not None else _stated(link)
    if fields:
        if "up" in fields and not link.up and have is not None:
            result.falling.add(LinkKey(ref, link.name))
        before = have if have is not None and not link.innate else None
        result.configure.setdefault(ref, []).append(ChangeLink(netns=ref, link=link, fields=fields, before=before, why=_why(fields, why)))


def _why(fields: frozenset[str], why: str) -> str:
    return "the mark that says whose it is" if fields == {"alias"} else why


def _stated(link: Link) -> frozenset[str]:
    return frozenset(name for name in managed_fields(type(link)) if getattr(link, name) is not None)


def _borrow(desired: Desired, observed: State, ref: NetnsRef, link: Link, draft: Draft, result: LinkPlan) -> None:
    origin = link.origin()
    assert origin is not None
    source = observed.namespaces.get(origin.netns)
    have = source.links.get(origin.name) if source else None
    if source is None or have is None:
        draft.refused.append(f"the NIC {origin.name} is not in {place(origin.netns)} any more")
        return
    key = LinkKey(ref, link.name)
    lent = next((x for x in desired.nic_loans if LinkKey(x.home, x.name) == link.belongs()), None)
    at_home = lent is not None and LinkKey(lent.home, lent.name) == key
    returning = link.borrower is None
    if lent is None and not returning:
        draft.loans.append(new_loan(key, origin, link.belongs() or origin, source, have, desired.sysctl_loans))
    elif lent is not None and not returning:
        loan = passed_on(lent, key, origin, source, desired.sysctl_loans)
        known = any((x.netns, x.new_name, x.home, x.name) == (ref, link.name, lent.home, lent.name) for x in desired.nic_loans)
        if not known or loan.sysctls != lent.sysctls:
            draft.loans.append(loan)
    restored = _restore(desired, key, origin, link, have, draft)
    stays = returning and origin.netns == ref
    if origin != key:
        move = MoveLink(
            source=origin.netns,
            name=origin.name,
            target=ref,
            new_name=link.name,
            # Until they are restored it is known by its mark that they are not.
            alias=f"{LOAN_PREFIX}{desired.stack}" if restored or stays else link.alias or "",
            address_generation=address_generation(lent) if at_home and lent else None,
            txqlen=lent.txqlen if at_home and lent else None,
            group=lent.group if at_home and lent else None,
            why="borrowed until the stack is destroyed" if not returning else "given back as it was",
        )
        if origin.netns == ref:
            result.renamed[origin] = link.name
        if returning:
            draft.add(Step.RETURN, move)
        else:
            result.moves[origin] = move
            result.left.add(origin.netns)
        result.fresh.add(key)
        result.doomed.add(origin)
        have = replace(have, up=False, master="", alias=move.alias)
    if stays and have.alias != link.alias:
        fields = frozenset({"alias"})
        draft.add(Step.UNMARK, ChangeLink(netns=ref, link=link, fields=fields, before=have, why=_why(fields, "")))
        have = replace(have, alias=link.alias)
    _change(result, ref, link, have, "given back as it was" if returning else "in the file")


def _restore(desired: Desired, key: LinkKey, origin: LinkKey, link: Link, have: Link, draft: Draft) -> bool:
    """Its own sysctls, where it comes home, or came and a run was cut off before it had lost its mark; whether there are any."""
    loans = [x for x in desired.nic_loans if LinkKey(x.home, x.name) == link.belongs() and x.home == key.netns]
    cut_off = link.borrower is None and have.borrower == desired.stack and any(x.netns != x.home for x in loans)
    if not loans or (origin.netns == key.netns and not cut_off):
        return False
    # The last one was written as it left.
    for name, value in loans[-1].sysctls.items():
        why = "given back as it was"
        draft.add(Step.RESTORE, SetSysctl(netns=key.netns, key=of_interface(name, key.name), value=value, optional=True, why=why))
    return bool(loans[-1].sysctls)


def _move(moves: dict[LinkKey, MoveLink], step: Step, draft: Draft) -> None:
    """In an order in which every NIC finds its name free. Two that change places find none."""
    waiting = dict(moves)
    while waiting:
        free = [origin for origin, move in waiting.items() if LinkKey(move.target, move.new_name) not in waiting]
        if not free:
            names = " and ".join(f"{key.name} in {place(key.netns)}" for key in waiting)
            draft.refused.append(f"{names} change places: give one of them another name first, apply, and then this one")
            return
        for origin in free:
            draft.add(step, waiting.pop(origin))


def _create(desired: Desired, draft: Draft, result: LinkPlan) -> None:
    made: set[LinkKey] = set()
    for ref, link in _in_order(desired, result):
        key = LinkKey(ref, link.name)
        if key in made:
            continue
        made.add(key)
        twin_key = link.twin()
        twin = _twin(desired, twin_key)
        if twin is not None and twin_key is not None:
            made.add(twin_key)
        stacked = link.beneath() is not None
        sysctls = {} if stacked else _advertisements(desired.state.namespaces[ref], link)
        result.born_with.setdefault(ref, set()).update(sysctls)
        draft.add(
            Step.STACK_LINKS if stacked else Step.CREATE_LINKS,
            CreateLink(
                netns=ref,
                link=link,
                twin=twin,
                twin_netns=twin_key.netns if twin and twin_key else None,
                sysctls=sysctls,
                why="in the file, not on the host",
            ),
        )
        if stacked and (later := _stated(link) & _SET_AFTERWARDS):
            result.configure.setdefault(ref, []).append(ChangeLink(netns=ref, link=link, fields=later, why="it was just made"))
        if twin is not None and twin_key is not None and (later := _stated(twin) - _BORN_WITH):
            result.configure.setdefault(twin_key.netns, []).append(
                ChangeLink(netns=twin_key.netns, link=twin, fields=later, why="its other end was just made")
            )


def _advertisements(namespace: Namespace, link: Link) -> dict[str, str]:
    """What it does with router advertisements: once it has ports, their senders are heard."""
    return {key: value for key, value in namespace.sysctls.items() if key.endswith(ADVERTISEMENTS) and interface_of(key) == link.name}


def _twin(desired: Desired, key: LinkKey | None) -> Link | None:
    place = desired.state.namespaces.get(key.netns) if key else None
    return place.links.get(key.name) if place and key else None


def _in_order(desired: Desired, result: LinkPlan) -> Iterator[tuple[NetnsRef, Link]]:
    """What others need first; of a pair, the end that needs something makes both."""
    later: list[tuple[NetnsRef, Link]] = []
    for ref, namespace in desired.state.namespaces.items():
        missing = {n: x for n, x in namespace.links.items() if LinkKey(ref, n) in result.fresh and not x.borrowed}
        if not any(link.needs() for link in missing.values()):
            later.extend((ref, link) for link in missing.values())
            continue
        graph = {name: [need for need in link.needs() if need in missing] for name, link in missing.items()}
        for name in TopologicalSorter(graph).static_order():
            yield ref, missing[name]
    yield from later
