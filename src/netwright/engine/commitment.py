"""What a run that reached its end writes down: the file, what it leased and borrowed, and what it saw."""

from __future__ import annotations

import time
from collections.abc import Mapping

from netwright.engine.target import Draw
from netwright.model.deed import Deed
from netwright.model.loan import ConnectionLoan
from netwright.model.state import Claims
from netwright.ports import Commit, Journal, Store
from netwright.spec.document import Document


def commit(
    store: Store,
    stack: str,
    document: Document | None,
    drawn: Draw,
    deed: Deed,
    *,
    changed: bool,
    lenient: bool,
    cut_off: Journal | None = None,
) -> None:
    """Write down that the stack is as `document` says (None: that it is gone). `lenient`: what was left out keeps its address.

    `deed`: what goes into the log if anything has changed. `cut_off`: an unfinished run of the stack's that goes with it.
    """
    kept = None
    before = store.commits().get(stack)
    if document is not None:
        digest = deed.after
        if before is not None and before.digest == digest and not changed:
            return
        # What is kept as it was committed is not committed anew.
        now = before.committed_at if lenient and before is not None and before.digest == digest else time.time()
        kept = Commit(stack=stack, spec=document.text, source=document.source, committed_at=now, digest=digest)
    # What is left out for now keeps its address.
    leases = {**store.leases(stack), **drawn.leases} if lenient else drawn.leases
    # Nothing is to be told of what was not there and is not there.
    told = deed if changed or deed.before != deed.after else None
    settle(store, stack, kept, drawn, leases, told, left=_left(drawn, store.leases(stack), cut_off or before))


def _left(drawn: Draw, leases: Mapping[str, str], record: Commit | Journal | None) -> Journal | None:
    """What is still to be removed, as an unfinished run of the file that it was made by."""
    if not drawn.plan.left or record is None:
        return None
    earlier = drawn.desired.earlier.docker
    names = drawn.desired.claims.docker_networks | (earlier.networks.keys() if earlier is not None else set())
    return Journal(
        stack=record.stack,
        spec=record.spec,
        source=record.source,
        started_at=time.time(),
        claims=Claims(docker_networks=frozenset(names)),
        leases=record.leases if isinstance(record, Journal) else leases,
    )


def settle(
    store: Store,
    stack: str,
    commit: Commit | None,
    drawn: Draw,
    leases: Mapping[str, str],
    deed: Deed | None,
    *,
    left: Journal | None = None,
) -> None:
    """Write down `commit` with what was seen and borrowed on the way, and pass loans on to the stacks that now hold them."""
    commits, journals = store.commits(), store.journals()
    for heir, inherited in drawn.inherited.items():
        # What was there before the first of them is what is there again after the last: theirs is the older loan.
        theirs = {loan.identity: loan for loan in (*store.loans(heir).get(heir, ()), *inherited)}
        store.commit(
            heir,
            commits[heir],
            leases=store.leases(heir),
            loans=tuple(theirs.values()),
            fingerprints=store.fingerprints(heir),
            # What was cut off of it stays so.
            left=journals.get(heir),
        )
    known = store.loans(stack).get(stack, ())
    loans = drawn.loans_after(known)
    if left is not None:
        # By these it is known which containers the stack has connected, and are still to be disconnected.
        loans = (*loans, *(loan for loan in known if isinstance(loan, ConnectionLoan) and loan not in loans))
    store.commit(
        stack,
        commit,
        leases=leases,
        loans=loans,
        fingerprints=drawn.fingerprints_after(drawn.observed),
        deed=deed,
        left=left,
    )
