"""What a change aims at: a document, or nothing; and everything that must be known to get there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_interface

from netwright.engine.survey import look_closer, look_first
from netwright.engine.tolerance import NOTHING, Tolerance
from netwright.errors import NetwrightError, Problem, Refused, SpecError
from netwright.model.address import ip_of
from netwright.model.loan import ConnectionLoan, DetachmentLoan, Loan, NicLoan, SysctlLoan
from netwright.model.netns import HOST
from netwright.model.operation import Plan
from netwright.model.state import Claims, Desired, State
from netwright.planning.planner import plan
from netwright.ports import Commit, Journal, Store, World
from netwright.resolve.facts import Facts
from netwright.resolve.resolver import Resolved, resolve
from netwright.resolve.taken import moved_nics, publishes, taken, taken_by_driver, taken_parents
from netwright.resolve.transition import inherit, loans_held, retires, transition
from netwright.spec.document import Document
from netwright.spec.load import parse
from netwright.spec.schema_networks import NetworkSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A plan towards a target, with what it was made from."""

    plan: Plan
    observed: State
    desired: Desired
    """With its transition: what is given back and withdrawn."""
    target: Desired
    """Without it: what the stack shall be."""
    leases: dict[str, str]
    inherited: dict[str, tuple[SysctlLoan, ...]]
    """Sysctl loans that go over to other stacks, which want the value that this one wants no more."""
    spared: tuple[str, ...] = ()
    """What the host does not allow (any more), and is left out."""

    def loans_after(self, loans: tuple[Loan, ...]) -> tuple[Loan, ...]:
        """What stays borrowed when the target is reached."""
        return (*loans_held(self.target, loans), *(loan for loan in loans if isinstance(loan, DetachmentLoan) and self._is_away(loan)))

    def _is_away(self, loan: DetachmentLoan) -> bool:
        """The container could not be put back: Docker is not there, say."""
        docker, network = self.observed.docker, loan.attachment.network
        if docker is None or not docker.reachable:
            return True
        there = docker.containers.get(loan.container)
        return there is not None and network not in there.attachments and network in docker.networks

    def fingerprints_after(self, observed: State) -> dict[str, str]:
        """What our tables look like in the kernel's own words, now that they were just loaded."""
        return {
            table.digest: table.listing
            for namespace in observed.namespaces.values()
            for table in (namespace.table, namespace.policies, namespace.antispoof)
            if table is not None and table.listing is not None
        }

    def journal(self, document: Document | None, cut_off: Journal | None, *, started_at: float) -> Journal:
        """What is begun; on top of what another run had begun, if it was cut off and could not be brought back."""
        left = cut_off if document is None and cut_off is not None else None
        return Journal(
            stack=self.desired.stack,
            spec=document.text if document else left.spec if left else None,
            source=document.source if document else left.source if left else "",
            started_at=started_at,
            claims=self.plan.claims.and_also(cut_off.claims) if cut_off else self.plan.claims,
            leases=left.leases if left else self.leases,
        )


def draw(
    world: World,
    store: Store,
    stack: str,
    document: Document | None,
    *,
    journal: Journal | None = None,
    trust: dict[str, str] | None = None,
    leases: Mapping[str, str] | None = None,
    tolerance: Tolerance = NOTHING,
    replace_networks: bool = False,
) -> Draw:
    """Observe, resolve, plan. `document` None: towards nothing. `journal`: an unfinished run whose traces count as ours.

    `trust`: fingerprints to believe instead of the remembered ones. `leases`: addresses that the document had given out, where
    those of the last commit are not its own. `tolerance`: of what the host does not allow; what is left out is
    told in `spared`. `replace_networks`: Docker networks may be made anew though others' containers are on them. Raises SpecError for problems that have a place in the file, Refused for conflicts with the host; nothing
    was touched.
    """
    commits = store.commits()
    commit = commits.get(stack)
    committed = _remembered(commit, document) if commit else None
    unfinished = _remembered(journal, document) if journal else None
    loans = store.loans(stack).get(stack, ())
    # Where nothing is remembered of what was made, its marks tell: they are looked for everywhere.
    lost = (commit is not None and committed is None) or (journal is not None and journal.spec is not None and unfinished is None)
    everywhere = lost or (document is None and committed is None)
    look = partial(
        look_first,
        world,
        [d for d in (document, committed, unfinished) if d is not None],
        also={loan.netns for loan in loans if isinstance(loan, NicLoan | SysctlLoan)} | (set(journal.claims.netns) if journal else set()),
        docker=any(isinstance(loan, ConnectionLoan | DetachmentLoan) for loan in loans),
    )
    first = look(everywhere=everywhere)
    if not everywhere and commit is None and journal is None and _carries_marks(first, stack):
        # Made by a run whose memory is lost: there may be more than this file speaks of.
        first = look(everywhere=True)
    known = store.leases(stack)
    claims = journal.claims if journal else Claims()
    facts = Facts(observed=first, leases=known, loans=loans, begun_networks=claims.docker_networks)
    begun = journal.leases if journal is not None and document is not None and unfinished is document else {}

    resolved = _nothing(stack)
    if document is not None:
        mine = replace(facts, leases={**known, **(leases or {}), **begun})
        resolved = resolve(document, mine)
        if not resolved.leases.items() <= mine.leases.items() and (others := _neighbours(store, document, commits, facts)):
            resolved = resolve(document, replace(mine, elsewhere=_addresses(others), elsewhere_subnets=_subnets(others)))
    if not tolerance.news and document is not None:
        if stack in store.reserved:
            raise Refused(f"The stack {stack} is Netwright's own: Docker's networks of the driver netwright.", hint="choose another name")
        problems = (*resolved.problems, *_taken(document, resolved.desired, commits, store))
        if problems and tolerance and committed is not None:
            standing = resolve(committed, facts)
            problems = tolerance.remaining(problems, (*standing.problems, *_taken(committed, standing.desired, commits, store)))
        if problems:
            raise SpecError(document.source, problems)
        if resolved.refused:
            raise Refused("\n".join(resolved.refused))
    before = []
    if committed is not None:
        before.append(resolved.desired if committed is document else resolve(committed, facts).desired)
    if unfinished is not None and journal is not None:
        before.append(resolve(unfinished, replace(facts, leases=journal.leases)).desired)
    others = _others(store, stack, commits, facts) if retires(before, resolved.desired, loans) else {}
    desired = transition(
        resolved.desired,
        before=before,
        facts=facts,
        claims=claims,
        fingerprints=store.fingerprints(stack) if trust is None else trust,
        others=others,
    )
    observed = look_closer(world, first, desired)
    given_up = [loan for loan in loans if loan not in loans_held(resolved.desired, loans)]
    made = plan(desired, observed, lenient=tolerance.news, replace_networks=replace_networks)
    source = document.source if document is not None else ""
    return Draw(
        plan=made,
        observed=observed,
        desired=desired,
        target=resolved.desired,
        leases=resolved.leases,
        inherited=inherit(given_up, others),
        spared=(*(p.text(source).partition("\n")[0] for p in resolved.problems), *made.waiting[len(desired.waiting) :])
        if tolerance
        else (),
    )


def _carries_marks(observed: State, stack: str) -> bool:
    return any(
        there.owner == stack or any(stack in (link.owner, link.borrower) for link in there.links.values())
        for there in observed.namespaces.values()
    )


def _nothing(stack: str) -> Resolved:
    return Resolved(desired=Desired(stack=stack, state=State()), leases={}, problems=(), refused=())


def _remembered(record: Commit | Journal, document: Document | None) -> Document | None:
    """The file that was committed or begun. One that this Netwright does not accept any more is as good as none: the marks on
    what it made still tell what is ours.
    """
    if record.spec is None:
        return None
    if document is not None and record.spec == document.text:
        return document
    try:
        return parse(record.spec, record.source)
    except NetwrightError:
        return None


def _neighbours(store: Store, document: Document, commits: Mapping[str, Commit], facts: Facts) -> dict[str, Desired]:
    """The other stacks, where one of them, or this one, joins a network that another makes, or where subnets are chosen here."""
    networks = [network or NetworkSpec() for network in document.spec.networks.values()]
    concerns = any(network.external or network.open_families or not network.subnets for network in networks)
    return _others(store, document.spec.name, {n: c for n, c in commits.items() if concerns or "external" in c.spec}, facts)


def _addresses(others: Mapping[str, Desired]) -> frozenset[str]:
    return frozenset(
        ip_of(address.cidr)
        for desired in others.values()
        for namespace in desired.state.namespaces.values()
        for address in namespace.addresses
    )


def _subnets(others: Mapping[str, Desired]) -> dict[str, str]:
    """Those on the host, and Docker's; subnet → stack."""
    return {
        prefix: stack
        for stack, desired in others.items()
        for prefix in (
            *(str(ip_interface(a.cidr).network) for ref, place in desired.state.namespaces.items() if ref == HOST for a in place.addresses),
            *(config.subnet for network in desired.docker_networks.values() for config in network.subnets),
        )
    }


def _taken(document: Document, desired: Desired, commits: Mapping[str, Commit], store: Store) -> list[Problem]:
    """Its published ports that another stack, or Docker's driver netwright, publishes; and NICs that another stack stands on."""
    ports, nics = publishes(document.text), bool(moved_nics(desired))
    if not ports and not nics:
        return []
    asked = [
        c for name, c in commits.items() if name != document.spec.name and ((ports and publishes(c.spec)) or (nics and "parent" in c.spec))
    ]
    others = [other for other in (_remembered(commit, None) for commit in asked) if other is not None]
    found = [*taken(document, others), *taken_parents(document, desired, others)]
    return [*found, *taken_by_driver(document, store.claims())] if ports else found


def _others(store: Store, stack: str, commits: Mapping[str, Commit], facts: Facts) -> dict[str, Desired]:
    """What the other stacks want of this host."""
    found = {}
    for name, commit in commits.items():
        document = _remembered(commit, None) if name != stack else None
        if document is not None:
            found[name] = resolve(document, replace(facts, leases=store.leases(name), loans=store.loans(name).get(name, ()))).desired
    return found
