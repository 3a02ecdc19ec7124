"""NICs: finding the one that is meant, and what giving it back takes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from netwright.errors import Problem
from netwright.kinds.nic import Nic
from netwright.model.link import Link, LinkKey, Observation
from netwright.model.loan import NicLoan
from netwright.model.names import LOAN_PREFIX
from netwright.model.netns import HOST
from netwright.model.route import Address, Route
from netwright.model.state import Desired
from netwright.resolve.endpoint import Endpoint
from netwright.resolve.facts import Facts
from netwright.spec.document import Document
from netwright.spec.schema import NicSelector


def resolve_nic(document: Document, endpoint: Endpoint, facts: Facts, problems: list[Problem]) -> Nic | None:
    """The NIC an interface asks for, where it is now. Adds a problem and gives None if it may not be taken."""
    selector = endpoint.spec.nic
    assert selector is not None
    path = (*endpoint.path, "nic")
    loan, current = _lent(selector, endpoint, document.spec.name, facts)
    home = LinkKey(loan.home, loan.name) if loan else None
    if current is None and _stands_there(endpoint, document.spec.name, facts):
        current = LinkKey(endpoint.netns, endpoint.interface)
        home = LinkKey(HOST, selector if isinstance(selector, str) else endpoint.interface)
    if current is None:
        current = _find_at_home(selector, facts)
    if current is None:
        problems.append(document.problem(path, f"there is no NIC {_words(selector)} on the host", _nearby(facts)))
        return None
    if (
        current.netns == HOST
        and loan is None
        and (reason := _unfit(current.name, document.spec.name, facts, moves=endpoint.netns != HOST)) is not None
    ):
        problems.append(document.problem(path, *reason))
        return None
    return Nic(
        name=endpoint.interface,
        current=current,
        home=home or current,
        alias=f"{LOAN_PREFIX}{document.spec.name}",
        up=endpoint.spec.up,
        # What the file does not say (any more) is as it was before.
        mtu=endpoint.spec.mtu or (loan.mtu if loan else None),
        mac=endpoint.spec.mac or (loan.mac if loan else None),
    )


def _lent(selector: str | NicSelector, endpoint: Endpoint, stack: str, facts: Facts) -> tuple[NicLoan | None, LinkKey | None]:
    """The loan of the NIC that is meant, and where that is now: where the endpoint wants it, or where it was lent to before."""
    for loan in sorted(facts.nic_loans, key=lambda x: (x.netns, x.new_name) != (endpoint.netns, endpoint.interface)):
        current = whereabouts(loan, stack, facts)
        if current is not None and _selected(selector, loan, facts.observed.namespaces[current.netns].seen.get(current.name)):
            return loan, current
    return None, None


def _stands_there(endpoint: Endpoint, stack: str, facts: Facts) -> bool:
    """Whether a NIC that carries the stack's mark is where the endpoint wants one, and how it came there is forgotten."""
    place = LinkKey(endpoint.netns, endpoint.interface)
    there = facts.observed.namespaces.get(place.netns)
    link = there.links.get(place.name) if there is not None and place.netns != HOST else None
    if link is None or link.borrower != stack:
        return False
    return place not in {whereabouts(loan, stack, facts) for loan in facts.nic_loans}


def whereabouts(loan: NicLoan, stack: str, facts: Facts) -> LinkKey | None:
    """Where a borrowed NIC is now: where the stack put it, or back on the host if its namespace died; None: it is gone."""
    there = facts.observed.namespaces.get(loan.netns)
    if (
        there is not None
        and (link := there.links.get(loan.new_name)) is not None
        and link.borrower == stack
        and _may_be_the_one(there.seen, loan, link)
    ):
        rivals = [x for x in facts.nic_loans if (x.netns, x.new_name) == (loan.netns, loan.new_name) and x.name != loan.name]
        # Of two that were lent to one place the first may have gone home already.
        if not rivals or _is_the_one_in(there.seen, loan, link) or all(_is_at_home(x, facts) for x in rivals):
            return LinkKey(there.ref, loan.new_name)
    for name, link in facts.host.links.items():
        if link.borrower == stack and _is_the_one(facts, name, link, loan):
            return LinkKey(HOST, name)
    if there is not None:
        for name, link in there.links.items():
            # Somebody has given it another name there.
            if link.borrower == stack and _is_the_one_in(there.seen, loan, link):
                return LinkKey(there.ref, name)
    at_home = facts.host.links.get(loan.name)
    # A run may have been cut off after it wrote down the loan and before it moved the NIC, or between the move and the mark.
    if at_home is not None and _is_the_one(facts, loan.name, at_home, loan):
        return LinkKey(HOST, loan.name)
    if there is not None and (link := there.links.get(loan.new_name)) is not None and _is_the_one_in(there.seen, loan, link):
        return LinkKey(there.ref, loan.new_name)
    return None


def _is_at_home(loan: NicLoan, facts: Facts) -> bool:
    link = facts.host.links.get(loan.name)
    return link is not None and link.borrower is None and _is_the_one(facts, loan.name, link, loan)


def _is_the_one(facts: Facts, name: str, link: Link, loan: NicLoan) -> bool:
    return _is_the_one_in(facts.host.seen, loan, link) or (name in (loan.name, loan.new_name) and link.mac == loan.mac)


def _may_be_the_one(seen: Mapping[str, Observation], loan: NicLoan, link: Link) -> bool:
    """A mark and a name can be written by whoever may do so where the NIC was put; the address that is burnt into one cannot."""
    observation = seen.get(link.name)
    return loan.permanent_mac is None or (observation is not None and observation.permanent_mac == loan.permanent_mac)


def _is_the_one_in(seen: Mapping[str, Observation], loan: NicLoan, link: Link) -> bool:
    observation = seen.get(link.name)
    burnt_in = observation.permanent_mac if observation else None
    return burnt_in == loan.permanent_mac if loan.permanent_mac else link.mac == loan.mac


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """A NIC given back: as it was, with the addresses and routes that a move makes the kernel forget."""

    nic: Nic
    addresses: tuple[Address, ...]
    routes: tuple[Route, ...]


def give_back(loan: NicLoan, stack: str, facts: Facts) -> Return | None:
    """What the host shall have again; None if the NIC itself is gone."""
    current = whereabouts(loan, stack, facts)
    if current is None:
        return None
    nic = Nic(
        name=loan.name,
        current=current,
        home=LinkKey(loan.home, loan.name),
        alias=loan.alias,
        up=loan.up,
        mtu=loan.mtu,
        mac=loan.mac,
        master=loan.master if loan.master in facts.host.links else "",
    )
    return Return(nic=nic, addresses=loan.addresses, routes=loan.routes)


def stray(target: Desired, facts: Facts, before: Collection[Desired]) -> list[Nic]:
    """NICs that carry the stack's mark, and neither it nor its memory knows why: they go home, and lose it.

    `before`: what the stack wanted so far; from that may be known what they were called there. Marks in a namespace can be written by
    whoever may do so there (a program with CAP_NET_ADMIN), who would so have a link of theirs put into the host. So they are believed where
    the stack had a NIC; and, where nothing at all is remembered, of what no program can make: a device that has no kind.
    """
    known = {whereabouts(loan, target.stack, facts) for loan in facts.nic_loans}
    known |= {link.origin() for namespace in target.state.namespaces.values() for link in namespace.links.values()}
    homes = {
        LinkKey(ref, link.name): link.belongs()
        for desired in before
        for ref, namespace in desired.state.namespaces.items()
        for link in namespace.links.values()
        if link.borrowed
    }
    found = []
    for ref in sorted(facts.observed.namespaces, key=lambda ref: ref.key):
        there = facts.observed.namespaces[ref]
        for name, link in there.links.items():
            place = LinkKey(ref, name)
            if link.borrower != target.stack or link.innate or place in known:
                continue
            if ref == HOST or place in homes or (not before and _is_a_device(there.seen.get(name))):
                home = homes.get(place)
                called = home.name if home is not None and home.netns == HOST and home.name not in facts.host.links else name
                found.append(Nic(name=called, current=place, home=LinkKey(HOST, called), alias=""))
    return found


def _is_a_device(observation: Observation | None) -> bool:
    """Not made by a message, as what has a kind is: also one that no file here describes."""
    return observation is not None and not observation.kind


def _selected(selector: str | NicSelector, loan: NicLoan, seen: Observation | None) -> bool:
    if isinstance(selector, str):
        return selector == loan.name
    if selector.mac is not None:
        return selector.mac in (loan.mac, loan.permanent_mac)
    return seen is not None and seen.bus == "pci" and seen.device == selector.pci


def _find_at_home(selector: str | NicSelector, facts: Facts) -> LinkKey | None:
    if isinstance(selector, str):
        return LinkKey(HOST, selector) if selector in facts.host.links else None
    for name, link in facts.host.links.items():
        seen = facts.host.seen.get(name)
        if selector.mac is not None and selector.mac in (link.mac, seen.permanent_mac if seen else None) and not link.owner:
            return LinkKey(HOST, name)
        if selector.pci is not None and seen is not None and seen.bus == "pci" and seen.device == selector.pci:
            return LinkKey(HOST, name)
    return None


def _unfit(name: str, stack: str, facts: Facts, *, moves: bool) -> tuple[str, str] | None:
    """Why a NIC of the host may not be taken, and what to do; None: it may."""
    link = facts.host.links[name]
    if link.borrower not in (None, stack):
        return f"{name} is lent to the stack {link.borrower} already", f"netwright destroy {link.borrower} gives it back"
    if link.owner is not None:
        return f"{name} belongs to the stack {link.owner}", "name a NIC of the host"
    if not moves:
        return None
    if link.master:
        return f"{name} is a port of {link.master}, which is somebody else's", f"release it first: ip link set {name} nomaster"
    return None


def _words(selector: str | NicSelector) -> str:
    if isinstance(selector, str):
        return selector
    return f"with the MAC address {selector.mac}" if selector.mac else f"at the PCI address {selector.pci}"


def _nearby(facts: Facts) -> str | None:
    names = sorted(name for name, link in facts.host.links.items() if name != "lo" and not link.owner and not link.kind)
    return f"there are: {', '.join(names[:12])}" if names else None
