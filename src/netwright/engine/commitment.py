"""What a run that reached its end writes down: the file, what it leased and borrowed, and what it saw."""

from __future__ import annotations

import time
from collections.abc import Mapping

from netwright.engine.target import Draw
from netwright.model.deed import Deed
from netwright.ports import Commit, Store
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
) -> None:
    """Write down that the stack is as `document` says (None: that it is gone). `lenient`: what was left out keeps its address.

    `deed`: what goes into the log if anything has changed.
    """
    kept = None
    if document is not None:
        digest = deed.after
        before = store.commits().get(stack)
        if before is not None and before.digest == digest and not changed:
            return
        # What is kept as it was committed is not committed anew.
        now = before.committed_at if lenient and before is not None and before.digest == digest else time.time()
        kept = Commit(stack=stack, spec=document.text, source=document.source, committed_at=now, digest=digest)
    # What is left out for now keeps its address.
    leases = {**store.leases(stack), **drawn.leases} if lenient else drawn.leases
    # Nothing is to be told of what was not there and is not there.
    settle(store, stack, kept, drawn, leases, deed if changed or deed.before != deed.after else None)


def settle(store: Store, stack: str, commit: Commit | None, drawn: Draw, leases: Mapping[str, str], deed: Deed | None) -> None:
    """Write down `commit` with what was seen and borrowed on the way, and pass loans on to the stacks that now hold them."""
    commits = store.commits()
    for heir, inherited in drawn.inherited.items():
        # What was there before the first of them is what is there again after the last: theirs is the older loan.
        known = {loan.identity: loan for loan in (*store.loans(heir).get(heir, ()), *inherited)}
        store.commit(
            heir,
            commits[heir],
            leases=store.leases(heir),
            loans=tuple(known.values()),
            fingerprints=store.fingerprints(heir),
        )
    store.commit(
        stack,
        commit,
        leases=leases,
        loans=drawn.loans_after(store.loans(stack).get(stack, ())),
        fingerprints=drawn.fingerprints_after(drawn.observed),
        deed=deed,
    )
