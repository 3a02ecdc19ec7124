"""Sysctls, our table, our rules in foreign chains, and files: desired against observed."""

from __future__ import annotations

from collections.abc import Mapping

from netwright.firewall.admission import narrowed
from netwright.model.address import ip_of
from netwright.model.firewall import ForeignRules, Table
from netwright.model.link import LinkKey
from netwright.model.loan import FOLLOWS, SysctlLoan
from netwright.model.netns import HOST, NetnsRef
from netwright.model.operation import (
    ChangeElements,
    DeleteTable,
    FlushConntrack,
    RemoveFile,
    ReplaceTable,
    SetForeignRules,
    SetSysctl,
    WriteFile,
)
from netwright.model.state import Desired, Namespace, State
from netwright.model.sysctl import ADVERTISEMENTS, birth_key, interface_of
from netwright.planning.draft import Draft, Step
from netwright.planning.links import LinkPlan
from netwright.planning.sentence import place

_FORWARDING = ("ip_forward", "forwarding", "route_localnet")
"""Keys that let packets through: turned on when the rules stand, and off before they go."""
_BRIDGES = "net.bridge."
"""br_netfilter's: policies within a bridge rest on them."""

_ABSENT = "in the file, not in the packet filter"
_OTHER = "what is published or masqueraded has changed"

BIRTH = {"net.ipv6.conf.default.disable_ipv6": "0", "net.ipv4.ip_forward": "0", "net.ipv6.conf.all.forwarding": "0"}
"""What a new namespace has of the sysctls that we set unasked; so they can be undone in one of ours."""


def plan_sysctls(
    desired: Desired,
    wanted: Namespace,
    there: Namespace | None,
    earlier: Namespace,
    links: LinkPlan,
    draft: Draft,
    born: Mapping[str, str],
) -> tuple[dict[str, str], list[SetSysctl]]:
    """Those to write as the namespace is made, and those to write when its links are there.

    `born`: what a new namespace has: one of ours goes back to that where nothing is wanted any more.
    """
    ref = wanted.ref
    values = dict(wanted.sysctls)
    if there is not None and not wanted.shared:
        back = {key: wanted.sysctls.get(birth_key(key), born.get(birth_key(key))) for key in abandoned(wanted, earlier)}
        values = {
            **{key: BIRTH[key] for key in earlier.sysctls if key in BIRTH},
            **{key: value for key, value in back.items() if value is not None},
            **values,
        }
    at_birth: dict[str, str] = {}
    operations: list[SetSysctl] = []
    turned: set[str] = set()
    for key, value in sorted(values.items(), key=lambda entry: entry[0] in FOLLOWS):
        interface = interface_of(key)
        turned_on = Step.FORWARD_FIRST if draft.forward_first and ref == HOST and interface is None else Step.FORWARD
        new_link = interface is not None and LinkKey(ref, interface) in links.fresh
        if new_link and key.endswith(".disable_ipv6") and value == _born_without_ipv6(wanted, there):
            continue
        if key in links.born_with.get(ref, ()):
            continue
        if (
            interface is not None
            and not new_link
            and (there is None or LinkKey(ref, interface) in links.doomed or interface not in there.links)
        ):
            # It has no interface, or goes with it.
            continue
        have = there.sysctls.get(key) if there is not None and not new_link else None
        if have is None and not new_link and key.endswith(ADVERTISEMENTS):
            # A kernel without IPv6 takes none.
            continue
        leader = FOLLOWS.get(key)
        if have is not None and " ".join(have.split()) == " ".join(value.split()) and leader not in turned:
            continue
        if there is None and interface is None:
            # Forwarding before there is anything to forward is harmless in a namespace that is empty.
            at_birth[key] = value
            continue
        if there is not None and have is None and interface is None:
            lacking = "; policies within a bridge need it: modprobe br_netfilter" if key.startswith(_BRIDGES) else ""
            draft.refused.append(f"the kernel has no sysctl {key} in {place(ref)}{lacking}")
            continue
        operation = SetSysctl(netns=ref, key=key, value=value, why=f"it is {have}" if have is not None else "in the file")
        turned.add(key)
        if wanted.shared and there is not None:
            _borrow(key, there, desired, draft)
        if key.endswith(ADVERTISEMENTS) and not new_link:
            # Forwarding that is turned on without it drops the routes that were learnt from them.
            draft.add(Step.FORWARD_FIRST, operation)
        elif key.startswith(_BRIDGES):
            draft.add(Step.GUARD if value != "0" else Step.RELEASE, operation)
        elif key.endswith(_FORWARDING):
            draft.add(turned_on if value != "0" else Step.CLOSE, operation)
        elif leader in turned:
            # The kernel has just set it with its leader.
            draft.add(turned_on if values[leader] != "0" else Step.CLOSE, operation)
        else:
            operations.append(operation)
    return at_birth, operations


def abandoned(wanted: Namespace, earlier: Namespace | None) -> list[str]:
    """Sysctls that a namespace of ours had set and is to have set no more. What its interfaces have of `disable_ipv6` goes with its addresses."""
    had = earlier.sysctls if earlier is not None else {}
    return sorted(key for key in had if key not in wanted.sysctls and key not in BIRTH and not key.endswith(".disable_ipv6"))


def _borrow(key: str, there: Namespace, desired: Desired, draft: Draft) -> None:
    """What a sysctl was before we set it, and those that the kernel sets with it."""
    known = {(loan.netns, loan.key) for loan in (*desired.sysctl_loans, *draft.loans) if isinstance(loan, SysctlLoan)}
    for name in (key, *(follower for follower, leader in FOLLOWS.items() if leader == key)):
        have = there.sysctls.get(name)
        if have is not None and (there.ref, name) not in known:
            draft.loans.append(SysctlLoan(netns=there.ref, key=name, value=have))


def _born_without_ipv6(wanted: Namespace, there: Namespace | None) -> str | None:
    """The `disable_ipv6` that a new interface of the namespace has by itself."""
    return (wanted if there is None else there).sysctls.get("net.ipv6.conf.default.disable_ipv6")


def plan_table(desired: Desired, wanted: Namespace, there: Namespace | None, draft: Draft) -> None:
    """Our table: replaced whole if its rules are not exactly what they should be; else what is in its sets and maps is put right."""
    want, have = wanted.table, there.table if there else None
    gone = (have.published if have else frozenset()) - (want.published if want else frozenset())
    if want is None:
        if have is not None:
            draft.add(Step.CLOSE, DeleteTable(netns=wanted.ref, name=have.name, why="nothing is published or masqueraded any more"))
    elif (why := _stale(want, have, desired)) is not None:
        draft.add(Step.OPEN, ReplaceTable(netns=wanted.ref, table=want, owner=desired.stack, why=why))
    elif have is not None and have.elements != want.elements:
        draft.add(Step.OPEN, _change_elements(wanted.ref, want, have, "addresses or ports have changed"))
    fewer = (
        narrowed(have.elements, want.elements, _addresses(wanted, there))
        if want and have and have.elements != want.elements
        else frozenset()
    )
    if gone or fewer:
        why = "published no more, or to another target: no connection lives on" if gone else "published to fewer"
        draft.add(Step.FORGET, FlushConntrack(netns=wanted.ref, published=gone, admitted=fewer, why=why))


def _addresses(wanted: Namespace, there: Namespace | None) -> dict[str, list[str]]:
    """Of each interface, those that it has and those that it shall have."""
    found: dict[str, list[str]] = {}
    for address in sorted(wanted.addresses | (there.addresses if there else frozenset()), key=lambda one: one.cidr):
        found.setdefault(address.dev, []).append(ip_of(address.cidr))
    return found


def plan_policies(desired: Desired, wanted: Namespace, there: Namespace | None, draft: Draft) -> None:
    """The table of policies, likewise: as the first that is put in place, and the last that goes."""
    want, have = wanted.policies, there.policies if there else None
    if want is None:
        if have is not None:
            draft.add(Step.RELEASE, DeleteTable(netns=wanted.ref, name=have.name, why="there are no policies any more"))
    elif (why := _stale(want, have, desired)) is not None:
        why = {_ABSENT: "the file's policies are not in force", _OTHER: "the policies have changed"}.get(why, why)
        draft.add(Step.GUARD, ReplaceTable(netns=wanted.ref, table=want, owner=desired.stack, why=why))
    elif have is not None and have.elements != want.elements:
        draft.add(Step.GUARD, _change_elements(wanted.ref, want, have, "who is meant by the policies has other addresses now"))


def plan_antispoof(desired: Desired, wanted: Namespace, there: Namespace | None, draft: Draft) -> None:
    """The table that guards ports, likewise."""
    want, have = wanted.antispoof, there.antispoof if there else None
    if want is None:
        if have is not None:
            draft.add(Step.RELEASE, DeleteTable(netns=wanted.ref, name=have.name, why="no port is guarded any more"))
    elif (why := _stale(want, have, desired)) is not None:
        draft.add(Step.GUARD, ReplaceTable(netns=wanted.ref, table=want, owner=desired.stack, why=why))
    elif have is not None and have.elements != want.elements:
        draft.add(Step.GUARD, _change_elements(wanted.ref, want, have, "somebody else is behind a port now"))


def _change_elements(ref: NetnsRef, want: Table, have: Table, why: str) -> ChangeElements:
    """Of a map's key with another value, the old entry goes and the new one comes."""
    names = sorted(want.elements)
    remove = {name: gone for name in names if (gone := have.elements.get(name, frozenset()) - want.elements[name])}
    add = {name: come for name in names if (come := want.elements[name] - have.elements.get(name, frozenset()))}
    return ChangeElements(netns=ref, table=want.name, remove=remove, add=add, why=why)


def _stale(want: Table, have: Table | None, desired: Desired) -> str | None:
    if have is None:
        return _ABSENT
    if have.digest != want.digest:
        return _OTHER
    loaded = desired.fingerprints.get(want.digest)
    if loaded is not None and have.listing is not None and loaded != have.listing:
        return "somebody has changed it"
    return None


def plan_foreign(wanted: Namespace, there: Namespace | None, draft: Draft) -> None:
    """Our marked rules in chains of others: they stand on top, once, or not at all."""
    observed = there.foreign if there else {}
    for chain in sorted({*wanted.foreign, *observed}):
        want = wanted.foreign.get(chain, ForeignRules())
        have = observed.get(chain, ForeignRules())
        if want.rules == have.rules and (have.on_top or not want.rules):
            continue
        operation = SetForeignRules(
            netns=wanted.ref,
            chain=chain,
            old=have.rules,
            new=want.rules,
            why=_why_foreign(want, have),
        )
        draft.add(Step.OPEN if want.rules else Step.CLOSE, operation)


def _why_foreign(want: ForeignRules, have: ForeignRules) -> str:
    if not want.rules:
        return "needed no more"
    if not have.rules:
        return "in the file, not in the chain"
    return "what they let through has changed" if want.rules != have.rules else "another's rule stands before them"


def plan_files(desired: Desired, observed: State, doomed: frozenset[NetnsRef], draft: Draft) -> None:
    """/etc/netns/NAME: what is ours there, also where the namespace itself is gone."""
    for ref in dict.fromkeys([*desired.state.files, *sorted(observed.files, key=lambda ref: ref.key)]):
        wanted = desired.state.files.get(ref, {}) if ref not in doomed else {}
        there = observed.files.get(ref, {})
        for name, content in wanted.items():
            have = there.get(name)
            if have != content:
                why = "so that names are found" if have is None else "not as it should be"
                draft.add(Step.NAME, WriteFile(netns=ref, name=name, content=content, why=why))
        for name in sorted(there.keys() - wanted.keys()):
            draft.add(Step.DELETE_FILES, RemoveFile(netns=ref, name=name, why="in the file no more"))
