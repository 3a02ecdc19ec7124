"""From what a stack has to what it shall have: what is given back, and what is nobody's any more.

A rollback, a destroy and a recovery are the same as an apply: a plan towards another target (the last committed spec, or
nothing). What the stack may have left behind on its way is in `earlier`; what it borrowed and needs no more goes home.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from netwright.kinds.nic import Nic
from netwright.model.docker import DockerNetwork, DockerState
from netwright.model.link import LinkKey
from netwright.model.loan import FOLLOWS, ConnectionLoan, DetachmentLoan, Loan, NicLoan, SysctlLoan, nic_loans
from netwright.model.netns import HOST, NetnsRef
from netwright.model.state import Claims, Desired, Namespace, State
from netwright.resolve.facts import Facts
from netwright.resolve.nic import Return, give_back, stray, whereabouts


def transition(
    target: Desired,
    *,
    before: Iterable[Desired],
    facts: Facts,
    claims: Claims,
    fingerprints: Mapping[str, str],
    others: Mapping[str, Desired] | None = None,
) -> Desired:
    """`target` with everything that must be undone on the way to it.

    `before`: what was committed, and what an unfinished run wanted. `others`: what other stacks want: it stays as it is.
    """
    before = tuple(before)
    theirs = _shared(others or {})
    earlier: dict[NetnsRef, Namespace] = {}
    networks: dict[str, DockerNetwork] = {}
    files: dict[NetnsRef, Mapping[str, str]] = {}
    for desired in before:
        for ref, namespace in desired.state.namespaces.items():
            earlier[ref] = _merged(earlier[ref], namespace) if ref in earlier else namespace
        networks.update(desired.docker_networks)
        files.update(desired.state.files)
    earlier = {ref: _less(namespace, theirs[ref]) if ref in theirs else namespace for ref, namespace in earlier.items()}
    namespaces = dict(target.state.namespaces)
    gone: dict[str, None] = {}
    for loan in facts.nic_loans:
        if loan.home in earlier:
            earlier[loan.home] = _less_addresses(_under_both_names(earlier[loan.home], loan), loan)
        if not _borrowed(loan, target):
            back = give_back(loan, target.stack, facts)
            home = namespaces.get(loan.home, Namespace(ref=loan.home))
            if back is not None:
                namespaces[loan.home] = _with_nic(home, back)
            elif not any(_is_home(other, loan) and whereabouts(other, target.stack, facts) for other in facts.nic_loans):
                gone[f"the NIC {loan.name}, which was borrowed, is there no more: it cannot be given back"] = None
        elif (nic := _comes_home(loan, target)) is not None:
            # It stays borrowed where it was before: what it had there comes back with it.
            home = namespaces[loan.home]
            back = Return(nic=replace(nic, master=loan.master or None), addresses=loan.addresses, routes=loan.routes)
            namespaces[loan.home] = _with_nic(home, back)
    for nic in stray(target, facts, before):
        home = namespaces.get(HOST, Namespace(ref=HOST))
        namespaces[HOST] = _with_nic(home, Return(nic=nic, addresses=(), routes=()))
    for sysctl in facts.sysctl_loans:
        there = facts.observed.namespaces.get(sysctl.netns)
        if there is None:
            # It went with its sysctls.
            continue
        place = namespaces.get(there.ref, Namespace(ref=there.ref))
        own, others_own = (desired.get(there.ref, Namespace(ref=there.ref)).sysctls for desired in (target.state.namespaces, theirs))
        keys = {sysctl.key, FOLLOWS.get(sysctl.key)}
        if keys.isdisjoint(own) and (keys.isdisjoint(others_own) or sysctl.key in others_own):
            value = others_own.get(sysctl.key, sysctl.value)
            namespaces[there.ref] = replace(place, sysctls={**place.sysctls, sysctl.key: value})
    return replace(
        target,
        state=replace(target.state, namespaces=namespaces),
        waiting=(*target.waiting, *gone),
        earlier=State(namespaces=earlier, files=files, docker=DockerState(networks=networks)),
        earlier_attachments=facts.connections,
        detached=facts.detached,
        claims=claims,
        # Of a NIC that is gone another one of its name is not lent yet.
        nic_loans=tuple(loan for loan in facts.nic_loans if whereabouts(loan, target.stack, facts) is not None),
        sysctl_loans=facts.sysctl_loans,
        fingerprints=fingerprints,
    )


def retires(before: Iterable[Desired], target: Desired, loans: Iterable[Loan]) -> bool:
    """Whether something goes, in a namespace that others use too, which another stack may want."""
    if any(isinstance(loan, SysctlLoan) and not _held(target, loan) for loan in loans):
        return True
    return any(
        not (namespace.routes <= stays.routes and namespace.rules <= stays.rules)
        for desired in before
        for ref, namespace in desired.state.namespaces.items()
        if namespace.shared
        for stays in (target.state.namespaces.get(ref, Namespace(ref=ref)),)
    )


def loans_held(target: Desired, loans: Iterable[Loan]) -> tuple[Loan, ...]:
    """The loans that are still out once `target` (before its transition) is reached."""
    loans = tuple(loans)
    alive = nic_loans(loans)
    return tuple(loan for loan in loans if _held(target, loan) and (loan in alive or not isinstance(loan, NicLoan)))


def _held(target: Desired, loan: Loan) -> bool:
    match loan:
        case NicLoan():
            return _still_wanted(loan, target)
        case SysctlLoan():
            wanted = target.state.namespaces.get(loan.netns, Namespace(ref=loan.netns)).sysctls
            return loan.key in wanted or FOLLOWS.get(loan.key) in wanted
        case ConnectionLoan():
            return loan.network in target.attachments.get(loan.container, {})
        case DetachmentLoan():
            return False


def inherit(given_up: Iterable[Loan], others: Mapping[str, Desired]) -> dict[str, tuple[SysctlLoan, ...]]:
    """Sysctl loans go over to another stack where one wants the sysctl set that the borrower wants no more.

    Not one that was taken on top of what that other had set: then it is as before when it is as the other wants it.
    """
    heirs: dict[str, tuple[SysctlLoan, ...]] = {}
    for loan in given_up:
        if not isinstance(loan, SysctlLoan):
            continue
        heir = next((name for name, desired in others.items() if _held(desired, loan) and _sysctl(desired, loan) != loan.value), None)
        if heir is not None:
            heirs[heir] = (*heirs.get(heir, ()), loan)
    return heirs


def _sysctl(desired: Desired, loan: SysctlLoan) -> str | None:
    return desired.state.namespaces.get(loan.netns, Namespace(ref=loan.netns)).sysctls.get(loan.key)


def _shared(others: Mapping[str, Desired]) -> dict[NetnsRef, Namespace]:
    """What the other stacks want together in namespaces that none of them owns."""
    theirs: dict[NetnsRef, Namespace] = {}
    for desired in others.values():
        for ref, namespace in desired.state.namespaces.items():
            if namespace.shared:
                theirs[ref] = _merged(theirs[ref], namespace) if ref in theirs else namespace
    return theirs


def _less(namespace: Namespace, theirs: Namespace) -> Namespace:
    return replace(namespace, routes=namespace.routes - theirs.routes, rules=namespace.rules - theirs.rules)


def _under_both_names(namespace: Namespace, loan: NicLoan) -> Namespace:
    """A NIC that is renamed takes its addresses with it: a run may be cut off after that."""
    if loan.netns != loan.home or loan.new_name == loan.name:
        return namespace
    renamed = {replace(address, dev=loan.name) for address in namespace.addresses if address.dev == loan.new_name}
    return replace(namespace, addresses=namespace.addresses | renamed)


def _less_addresses(namespace: Namespace, loan: NicLoan) -> Namespace:
    """What a NIC had before it was borrowed is not ours to remove, though the file said it, too."""
    theirs = {address.key for address in loan.addresses}
    return replace(namespace, addresses=frozenset(address for address in namespace.addresses if address.key not in theirs))


def _is_home(one: NicLoan, two: NicLoan) -> bool:
    return (one.home, one.name) == (two.home, two.name)


def _still_wanted(loan: NicLoan, target: Desired) -> bool:
    """This NIC, in this place."""
    place = target.state.namespaces.get(loan.netns)
    link = place.links.get(loan.new_name) if place else None
    return link is not None and link.belongs() == LinkKey(loan.home, loan.name)


def _borrowed(loan: NicLoan, target: Desired) -> bool:
    """This NIC, in this place or another."""
    home = LinkKey(loan.home, loan.name)
    return any(link.belongs() == home for place in target.state.namespaces.values() for link in place.links.values() if link.borrowed)


def _comes_home(loan: NicLoan, target: Desired) -> Nic | None:
    home = LinkKey(loan.home, loan.name)
    place = target.state.namespaces.get(loan.home)
    link = place.links.get(loan.name) if place else None
    return link if isinstance(link, Nic) and link.belongs() == home and link.origin() != home else None


def _with_nic(home: Namespace, back: Return) -> Namespace:
    return replace(
        home,
        links={**home.links, back.nic.name: back.nic},
        addresses=home.addresses | frozenset(back.addresses),
        routes=home.routes | frozenset(back.routes),
    )


def _merged(one: Namespace, two: Namespace) -> Namespace:
    return replace(
        two,
        owner=one.owner or two.owner,
        links={**one.links, **two.links},
        addresses=one.addresses | two.addresses,
        routes=one.routes | two.routes,
        rules=one.rules | two.rules,
        sysctls={**one.sysctls, **two.sysctls},
        table=one.table or two.table,
        policies=one.policies or two.policies,
        antispoof=one.antispoof or two.antispoof,
        foreign={**one.foreign, **two.foreign},
    )
