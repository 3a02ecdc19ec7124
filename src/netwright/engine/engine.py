"""The engine: observe → plan → execute → verify → commit. All or nothing.

Rolling back is another plan, towards the last committed spec or towards nothing. What a run is about to make and to borrow is
written down before its first operation; so after a crash the next run (or `recover`) knows what to take back.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from types import TracebackType
from typing import Self

from netwright.engine.interruption import sigterm_interrupts, undisturbed
from netwright.engine.outcome import Outcome, Progress, StackStatus
from netwright.engine.target import Draw, draw
from netwright.errors import ApplyFailed, Interrupted, NetwrightError
from netwright.model.operation import ConnectContainer, CreateDockerNetwork, Plan
from netwright.model.state import State
from netwright.planning.sentence import sentence
from netwright.ports import Commit, Journal, OperationFailed, Store, Trial, World
from netwright.spec.document import Document
from netwright.spec.load import parse

ROUNDS = 3
"""How often an apply may find that Docker's answers ask for more."""


class Engine:
    """Changes one host. A context manager: sockets and the database are closed at its end."""

    def __init__(self, world: World, store: Store, progress: Progress) -> None:
        self._world = world
        self._store = store
        self._progress = progress

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give back sockets, handles and the database."""
        self._world.close()
        self._store.close()

    def plan(self, document: Document) -> Plan:
        """What `apply` would do. Touches nothing. Raises SpecError, Refused, BackendError."""
        stack = document.spec.name
        self._progress.phase("observing")
        return draw(self._world, self._store, stack, document, journal=self._store.journals().get(stack)).plan

    def apply(self, document: Document, *, wait: bool = True, confirm_seconds: float | None = None) -> Outcome:
        """Make the host match, or leave it as it was.

        Raises SpecError, Refused, Busy (nothing was touched), ApplyFailed or Interrupted (the message says what the state is).
        """
        with self._store.lock(wait=wait, waiting=self._progress.note):
            recovered = self._recover()
            return self._change(document.spec.name, document, recovered=recovered, confirm_seconds=confirm_seconds)

    def destroy(self, stack: str, *, wait: bool = True) -> Outcome:
        """Remove all that the stack owns and give back what it borrowed. Nothing there is a success. Raises as `apply`."""
        with self._store.lock(wait=wait, waiting=self._progress.note):
            recovered = self._recover()
            return self._change(stack, None, recovered=recovered, confirm_seconds=None)

    def recover(self, *, wait: bool = True) -> tuple[str, ...]:
        """Bring every stack that a crash left unfinished back to its last committed state; their names. Raises ApplyFailed."""
        with self._store.lock(wait=wait, waiting=self._progress.note):
            return self._recover()

    def confirm(self, stack: str) -> bool:
        """Keep what `apply --confirm` has made. False: there was nothing to confirm."""
        with self._store.lock(wait=True, waiting=self._progress.note):
            trial = self._store.trials().get(stack)
            if trial is None:
                return False
            self._store.set_trial(stack, None)
            return True

    def expire_trials(self) -> tuple[str, ...]:
        """Roll back what was not confirmed in time; the stacks' names."""
        with self._store.lock(wait=True, waiting=self._progress.note):
            return self._expire()

    def status(self, stack: str | None = None) -> tuple[StackStatus, ...]:
        """Every committed stack (or one), with its drift. Touches nothing."""
        commits = self._store.commits()
        journals = self._store.journals()
        trials = self._store.trials()
        names = [name for name in sorted({*commits, *journals}) if stack in (None, name)]
        return tuple(self._status(name, commits.get(name), journals.get(name), trials.get(name)) for name in names)

    def _status(self, name: str, commit: Commit | None, journal: Journal | None, trial: Trial | None) -> StackStatus:
        drawn: Draw | None = None
        trouble: str | None = None
        try:
            document = parse(commit.spec, commit.source) if commit else None
            drawn = draw(self._world, self._store, name, document, journal=journal)
        except NetwrightError as error:
            trouble = str(error)
        return StackStatus(
            name=name,
            source=commit.source if commit else journal.source if journal else "",
            committed_at=commit.committed_at if commit else 0.0,
            spec_text=commit.spec if commit else "",
            drift=drawn.plan if drawn else None,
            trouble=trouble,
            observed=drawn.observed if drawn else State(),
            desired=drawn.target.state if drawn else State(),
            unfinished=journal is not None,
            confirm_before=trial.deadline if trial else None,
        )

    def _change(self, stack: str, document: Document | None, *, recovered: tuple[str, ...], confirm_seconds: float | None) -> Outcome:
        started = time.monotonic()
        previous = self._store.commits().get(stack)
        self._progress.phase("observing")
        drawn = draw(self._world, self._store, stack, document)
        done = drawn.plan
        if drawn.plan:
            journal = self._journal(stack, document, drawn)
            try:
                with sigterm_interrupts():
                    drawn, done = self._reach(stack, document, drawn, journal)
            except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - whatever happened, the host goes back first
                self._roll_back(stack, previous, error, journal)
        # Before the commit: a crash between the two goes back to what was committed, and then there is nothing to confirm.
        deadline = self._set_trial(stack, previous, confirm_seconds) if confirm_seconds is not None and done else None
        self._commit(stack, document, drawn, changed=bool(done))
        if document is None:
            self._store.set_trial(stack, None)
        return Outcome(plan=done, seconds=time.monotonic() - started, recovered=recovered, confirm_before=deadline)

    def _journal(self, stack: str, document: Document | None, drawn: Draw) -> Journal:
        return Journal(
            stack=stack,
            spec=document.text if document else None,
            source=document.source if document else "",
            started_at=time.time(),
            claims=drawn.plan.claims,
            leases=drawn.leases,
        )

    def _reach(self, stack: str, document: Document | None, drawn: Draw, journal: Journal) -> tuple[Draw, Plan]:
        """Execute and verify: plan again, and expect nothing. Gives what was seen at the end, and all that was done.

        What Docker decides is known only when it has done it (the address that a container got): then there is a next round.
        Raises OperationFailed, ApplyFailed, BackendError.
        """
        done = replace(drawn.plan, operations=())
        for _ in range(ROUNDS):
            journal = replace(journal, claims=journal.claims.and_also(drawn.plan.claims), leases=drawn.leases)
            self._store.begin(journal, drawn.plan.loans)
            self._progress.planned(drawn.plan)
            self._progress.phase("applying")
            self._world.execute(drawn.plan.operations, self._progress.done)
            done = replace(drawn.plan, operations=(*done.operations, *drawn.plan.operations))
            self._progress.phase("verifying")
            drawn = draw(self._world, self._store, stack, document, journal=journal, trust={})
            if not drawn.plan:
                return drawn, replace(done, waiting=drawn.plan.waiting)
            if not any(isinstance(operation, ConnectContainer | CreateDockerNetwork) for operation in done.operations):
                break
        left = drawn.plan.operations
        what = "; ".join(sentence(operation) for operation in left[:3]) + (f" and {len(left) - 3} more" if len(left) > 3 else "")
        raise ApplyFailed(
            f"everything was done, and still the host is not as it should be: {what}",
            rolled_back=False,
            hint="something else may be changing the same objects",
        )

    def _commit(self, stack: str, document: Document | None, drawn: Draw, *, changed: bool) -> None:
        commits = self._store.commits()
        for heir, inherited in drawn.inherited.items():
            self._store.commit(
                heir,
                commits[heir],
                leases=self._store.leases(heir),
                loans=(*self._store.loans(heir).get(heir, ()), *inherited),
                fingerprints=self._store.fingerprints(heir),
            )
        commit = None
        if document is not None:
            digest = hashlib.sha256(document.text.encode()).hexdigest()
            before = commits.get(stack)
            if before is not None and before.digest == digest and not changed:
                return
            commit = Commit(stack=stack, spec=document.text, source=document.source, committed_at=time.time(), digest=digest)
        self._settle(stack, commit, drawn)

    def _settle(self, stack: str, commit: Commit | None, drawn: Draw) -> None:
        self._store.commit(
            stack,
            commit,
            leases=drawn.leases,
            loans=drawn.loans_after(self._store.loans(stack).get(stack, ())),
            fingerprints=drawn.fingerprints_after(drawn.observed),
        )

    def _roll_back(self, stack: str, previous: Commit | None, error: BaseException, journal: Journal) -> None:
        """Back to what was committed. Always raises: ApplyFailed, or Interrupted where the user asked for it."""
        reason = _reason(error)
        self._progress.phase("rolling back")
        try:
            with undisturbed():
                self._world.close()
                self._restore(stack, previous, journal)
        except (Exception, KeyboardInterrupt) as failure:  # noqa: BLE001 - told to the user with the first error
            raise ApplyFailed(
                f"{reason}\nRolling back failed as well: {_reason(failure)}\nThe host is between two states; what was begun is written down.",
                rolled_back=False,
                hint="when the cause is gone, run: netwright recover",
            ) from error
        state = f"The host is as before: the stack {stack} " + ("as it was last applied." if previous else "is not there.")
        if isinstance(error, KeyboardInterrupt):
            raise Interrupted(f"Interrupted. {state}") from None
        raise ApplyFailed(f"{reason}\n{state}", rolled_back=True, hint=getattr(error, "hint", None)) from error

    def _restore(self, stack: str, previous: Commit | None, journal: Journal) -> None:
        document = parse(previous.spec, previous.source) if previous else None
        drawn = draw(self._world, self._store, stack, document, journal=journal)
        if drawn.plan:
            drawn, _ = self._reach(stack, document, drawn, journal)
        self._settle(stack, previous, drawn)

    def _recover(self) -> tuple[str, ...]:
        names = []
        for stack, journal in self._store.journals().items():
            self._progress.note(f"An earlier run on the stack {stack} was cut off; bringing the host back to what was committed.")
            previous = self._store.commits().get(stack)
            try:
                with undisturbed():
                    self._restore(stack, previous, journal)
            except NetwrightError as error:
                raise ApplyFailed(
                    f"the stack {stack} could not be brought back: {error}",
                    rolled_back=False,
                    hint=error.hint or "when the cause is gone, run: netwright recover",
                ) from error
            names.append(stack)
        self._expire()
        return tuple(names)

    def _set_trial(self, stack: str, previous: Commit | None, seconds: float) -> float:
        deadline = time.time() + seconds
        pending = self._store.trials().get(stack)
        spec, source = (pending.spec, pending.source) if pending else (previous.spec, previous.source) if previous else (None, "")
        self._store.set_trial(stack, Trial(stack=stack, spec=spec, source=source, deadline=deadline))
        return deadline

    def _expire(self) -> tuple[str, ...]:
        expired = []
        for stack, trial in self._store.trials().items():
            if trial.deadline > time.time():
                continue
            self._progress.note(f"The stack {stack} was not confirmed in time; going back to what it was before.")
            document = parse(trial.spec, trial.source) if trial.spec is not None else None
            self._change(stack, document, recovered=(), confirm_seconds=None)
            self._store.set_trial(stack, None)
            expired.append(stack)
        return tuple(expired)


def _reason(error: BaseException) -> str:
    if isinstance(error, OperationFailed):
        return f"Failed to {sentence(error.operation)}: {error.cause}"
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return str(error) or type(error).__name__
