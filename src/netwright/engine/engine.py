"""The engine: observe → plan → execute → verify → commit. All or nothing.

Rolling back is another plan, towards the last committed spec or towards nothing. What a run is about to make and to borrow is
written down before its first operation; so after a crash the next run (or `recover`) knows what to take back.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import NoReturn, Self

from netwright.engine.commitment import commit, settle
from netwright.engine.failure import hint_for, reason_of
from netwright.engine.interruption import sigterm_interrupts, undisturbed
from netwright.engine.outcome import Outcome, Progress, Revision, StackStatus
from netwright.engine.rewriting import Change, revision, rewritten
from netwright.engine.standing import standing
from netwright.engine.target import Draw, draw
from netwright.errors import ApplyFailed, Interrupted, NetwrightError
from netwright.model.operation import ConnectContainer, CreateDockerNetwork, Plan
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
            recovered = self._tidy()
            return self._still_to_be_confirmed(
                document.spec.name, self._change(document.spec.name, document, recovered=recovered, confirm_seconds=confirm_seconds)
            )

    def revise(self, change: Change, *, wait: bool = True) -> Revision:
        """Apply a stack's committed file as `change` rewrites it; what others commit at the same time comes before or after. Raises as `apply`."""
        with self._store.lock(wait=wait, waiting=self._progress.note):
            recovered = self._tidy()
            revised = rewritten(self._world, self._store, change)
            outcome = self._change(revised.stack, revised.document, recovered=recovered, confirm_seconds=None)
            return revision(revised, outcome.plan, self._still_to_be_confirmed(revised.stack, outcome))

    def foresee(self, change: Change) -> Revision:
        """What `revise` would do. Touches nothing. Raises as `plan`."""
        self._progress.phase("observing")
        revised = rewritten(self._world, self._store, change)
        journal = self._store.journals().get(revised.stack)
        return revision(revised, draw(self._world, self._store, revised.stack, revised.document, journal=journal).plan, None)

    def keep(self, stack: str, *, wait: bool = True) -> Outcome | None:
        """Make the host match what was committed last, as far as it allows that now; None: there is no such stack (any more).

        What has to wait for something else (an engine that is down, a name that somebody has taken) is in the plan's `waiting`.
        Raises as `apply`.
        """
        with self._store.lock(wait=wait, waiting=self._progress.note):
            recovered = self._tidy()
            committed = self._store.commits().get(stack)
            if committed is None:
                return None
            return self._change(stack, parse(committed.spec, committed.source), recovered=recovered, confirm_seconds=None, lenient=True)

    def destroy(self, stack: str, *, wait: bool = True) -> Outcome:
        """Remove all that the stack owns and give back what it borrowed. Nothing there is a success. Raises as `apply`.

        A run on it that was cut off needs no recovery first: what it left goes with the rest.
        """
        with self._store.lock(wait=wait, waiting=self._progress.note):
            recovered = self._tidy(but=stack)
            return self._change(stack, None, recovered=recovered, confirm_seconds=None)

    def recover(self, *, wait: bool = True) -> tuple[str, ...]:
        """Bring every stack that a crash left unfinished back to its last committed state; their names.

        What the host does not allow any more is left out, and told. Raises ApplyFailed when all have been tried.
        """
        with self._store.lock(wait=wait, waiting=self._progress.note):
            recovered, failures = self._recover()
            if failures:
                raise ApplyFailed("\n".join(map(str, failures)), rolled_back=False, hint=failures[0].hint)
            return recovered

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
            expired, failures = self._expire()
            if failures:
                raise failures[0]
            return expired

    def status(self, stack: str | None = None, *, lenient: bool = False) -> tuple[StackStatus, ...]:
        """Every committed stack (or one), with its drift; `lenient`: without what the host does not allow now. Touches nothing."""
        return standing(self._world, self._store, stack, lenient=lenient)

    def _change(
        self,
        stack: str,
        document: Document | None,
        *,
        recovered: tuple[str, ...],
        confirm_seconds: float | None,
        leases: Mapping[str, str] | None = None,
        lenient: bool = False,
    ) -> Outcome:
        started = time.monotonic()
        previous = self._store.commits().get(stack)
        cut_off = self._store.journals().get(stack)
        self._progress.phase("observing")
        drawn = draw(self._world, self._store, stack, document, journal=cut_off, leases=leases, lenient=lenient)
        if not drawn.plan:
            commit(self._store, stack, document, drawn, changed=cut_off is not None, lenient=lenient)
            return Outcome(plan=drawn.plan, seconds=time.monotonic() - started, recovered=recovered)
        journal = drawn.journal(document, cut_off, started_at=time.time())
        deadline = None
        try:
            with sigterm_interrupts():
                drawn, done = self._reach(stack, document, drawn, journal, lenient=lenient)
                with undisturbed():
                    # Before the commit: a crash between the two goes back to what was committed.
                    deadline = self._set_trial(stack, previous, confirm_seconds) if confirm_seconds is not None else None
                    commit(self._store, stack, document, drawn, changed=True, lenient=lenient)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - whatever happened, the host goes back first
            self._roll_back(stack, previous, error, journal)
        return Outcome(plan=done, seconds=time.monotonic() - started, recovered=recovered, confirm_before=deadline)

    def _reach(self, stack: str, document: Document | None, drawn: Draw, journal: Journal, *, lenient: bool) -> tuple[Draw, Plan]:
        """Execute and verify: plan again, and expect nothing. Gives what was seen at the end, and all that was done.

        What Docker decides is known only when it has done it (the address that a container got): then there is a next round.
        Raises OperationFailed, ApplyFailed, BackendError.
        """
        done = replace(drawn.plan, operations=())
        for _ in range(ROUNDS):
            onward = document is not None and journal.spec == document.text
            # On the way back the journal stays as it is: by it what was begun is found, after a crash on that way too.
            journal = replace(
                journal,
                claims=journal.claims.and_also(drawn.plan.claims),
                leases={**journal.leases, **drawn.leases} if onward else journal.leases,
            )
            self._store.begin(journal, drawn.plan.loans)
            self._progress.planned(drawn.plan)
            self._progress.phase("applying")
            self._world.execute(drawn.plan.operations, self._progress.done)
            done = replace(drawn.plan, operations=(*done.operations, *drawn.plan.operations))
            self._progress.phase("verifying")
            drawn = draw(self._world, self._store, stack, document, journal=journal, trust={}, lenient=lenient)
            if not drawn.plan:
                return drawn, replace(done, waiting=drawn.plan.waiting, warnings=drawn.plan.warnings)
            if not any(isinstance(operation, ConnectContainer | CreateDockerNetwork) for operation in done.operations):
                break
        left = drawn.plan.operations
        what = "; ".join(sentence(operation) for operation in left[:3]) + (f" and {len(left) - 3} more" if len(left) > 3 else "")
        raise ApplyFailed(
            f"everything was done, and still the host is not as it should be: {what}",
            rolled_back=False,
            hint="something else may be changing the same objects",
        )

    def _roll_back(self, stack: str, previous: Commit | None, error: BaseException, journal: Journal) -> NoReturn:
        """Back to what was committed. Raises ApplyFailed, or Interrupted where the user asked for it."""
        reason = reason_of(error)
        try:
            with undisturbed():
                self._progress.phase("rolling back")
                self._world.close()
                self._restore(stack, previous, self._store.journals().get(stack, journal))
        except (Exception, KeyboardInterrupt) as failure:  # noqa: BLE001 - told to the user with the first error
            raise ApplyFailed(
                f"{reason}\nRolling back failed as well: {reason_of(failure)}\nThe host is between two states; what was begun is written down.",
                rolled_back=False,
                hint=hint_for(failure, stack),
            ) from error
        state = f"The host is as before: the stack {stack} " + ("as it was last applied." if previous else "is not there.")
        if isinstance(error, KeyboardInterrupt):
            raise Interrupted(f"Interrupted. {state}") from None
        cause = error.cause if isinstance(error, OperationFailed) else error
        raise ApplyFailed(f"{reason}\n{state}", rolled_back=True, hint=getattr(cause, "hint", None)) from error

    def _restore(self, stack: str, previous: Commit | None, journal: Journal) -> None:
        document = parse(previous.spec, previous.source) if previous else None
        drawn = draw(self._world, self._store, stack, document, journal=journal, lenient=True)
        if drawn.plan:
            drawn, _ = self._reach(stack, document, drawn, journal, lenient=True)
        for left_out in drawn.spared:
            self._progress.note(f"Could not be brought back: {left_out}")
        # What waits, or is left out for now, keeps its address.
        settle(self._store, stack, previous, drawn, {**self._store.leases(stack), **drawn.leases})
        trial = self._store.trials().get(stack)
        if trial is not None and previous is not None and trial.spec == previous.spec:
            # The run that was to be confirmed is the one that was taken back.
            self._store.set_trial(stack, None)

    def _tidy(self, but: str | None = None) -> tuple[str, ...]:
        """Before a change: bring back what was cut off, and what was not confirmed in time. What fails is told, and hinders nobody else."""
        recovered, failures = self._recover(but)
        _, unconfirmed = self._expire()
        for failure in (*failures, *unconfirmed):
            self._progress.note(str(failure))
        return recovered

    def _recover(self, but: str | None = None) -> tuple[tuple[str, ...], list[ApplyFailed]]:
        """The stacks that were brought back, and why others were not. `but`: a stack to leave as it is."""
        names = []
        failures = []
        for stack, journal in self._store.journals().items():
            if stack == but:
                continue
            self._progress.note(f"An earlier run on the stack {stack} was cut off; bringing the host back to what was committed.")
            try:
                with undisturbed():
                    self._restore(stack, self._store.commits().get(stack), journal)
            except (NetwrightError, OperationFailed) as error:
                told = f"The stack {stack} could not be brought back: {reason_of(error)}"
                failures.append(ApplyFailed(told, rolled_back=False, hint=hint_for(error, stack)))
            else:
                names.append(stack)
        return tuple(names), failures

    def _still_to_be_confirmed(self, stack: str, outcome: Outcome) -> Outcome:
        """Also what an earlier apply has left to be confirmed: it would be rolled back together with this one."""
        trial = self._store.trials().get(stack)
        return replace(outcome, confirm_before=trial.deadline) if trial else outcome

    def _set_trial(self, stack: str, previous: Commit | None, seconds: float) -> float:
        deadline = time.time() + seconds
        pending = self._store.trials().get(stack)
        if pending is not None:
            self._store.set_trial(stack, replace(pending, deadline=deadline))
            return deadline
        spec, source = (previous.spec, previous.source) if previous else (None, "")
        self._store.set_trial(stack, Trial(stack=stack, spec=spec, source=source, leases=self._store.leases(stack), deadline=deadline))
        return deadline

    def _expire(self) -> tuple[tuple[str, ...], list[NetwrightError]]:
        """The stacks that went back to what they were before an apply that nobody confirmed, and why others did not."""
        expired = []
        failures = []
        for stack, trial in self._store.trials().items():
            if trial.deadline > time.time():
                continue
            self._progress.note(f"The stack {stack} was not confirmed in time; going back to what it was before.")
            try:
                document = parse(trial.spec, trial.source) if trial.spec is not None else None
                self._change(stack, document, recovered=(), confirm_seconds=None, leases=trial.leases, lenient=True)
            except NetwrightError as error:
                failures.append(error)
            else:
                self._store.set_trial(stack, None)
                expired.append(stack)
        return tuple(expired), failures
