"""A run: observe → plan → execute → verify → commit; and back, where it does not get there."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import NoReturn

from netwright.engine.commitment import commit, settle
from netwright.engine.failure import Unsettled, hint_for, left_behind, reason_of
from netwright.engine.guard import refuse_lockout
from netwright.engine.interruption import sigterm_interrupts, undisturbed
from netwright.engine.outcome import Outcome, Progress
from netwright.engine.recording import deed_of, failed_deed, told_before
from netwright.engine.target import Draw, draw
from netwright.engine.tolerance import EVERYTHING, NOTHING, Tolerance
from netwright.errors import ApplyFailed, Interrupted, NetwrightError, Refused, SpecError
from netwright.model.caller import Caller
from netwright.model.deed import Act, Result
from netwright.model.operation import AnyOperation, ConnectContainer, CreateDockerNetwork, Plan
from netwright.planning.sentence import sentence
from netwright.ports import Commit, Journal, OperationFailed, Store, Trial, World
from netwright.spec.document import Document
from netwright.spec.load import parse

ROUNDS = 3
"""How often an apply may find that Docker's answers ask for more."""


class Runs:
    """Those of one engine, each with the store's lock held."""

    def __init__(self, world: World, store: Store, progress: Progress, caller: Caller | None) -> None:
        self._world = world
        self._store = store
        self._progress = progress
        self._caller = caller

    def change(
        self,
        stack: str,
        document: Document | None,
        act: Act,
        *,
        recovered: tuple[str, ...],
        confirm_seconds: float | None,
        leases: Mapping[str, str] | None = None,
        tolerance: Tolerance = NOTHING,
        guarded: bool = False,
        replace_networks: bool = False,
    ) -> Outcome:
        """`act`: what it is called in the log. `guarded`: refuse what cuts the caller off."""
        started = time.monotonic()
        previous = self._store.commits().get(stack)
        cut_off = self._store.journals().get(stack)
        self._progress.phase("observing")
        try:
            drawn = draw(
                self._world,
                self._store,
                stack,
                document,
                journal=cut_off,
                leases=leases,
                tolerance=tolerance,
                replace_networks=replace_networks,
            )
            if tolerance and not tolerance.news:
                for left_out in drawn.spared:
                    self._progress.note(f"Left out, as it was: {left_out}")
            if guarded and drawn.plan:
                refuse_lockout(self._caller, document, drawn, previous)
        except (Refused, SpecError) as error:
            # What the daemon cannot repair it tries again and again: that is told by its events.
            if act is not Act.REPAIR:
                with suppress(NetwrightError):
                    self._store.record(failed_deed(act, stack, self._caller, previous, Result.REFUSED, str(error)))
            raise
        except KeyboardInterrupt:
            raise Interrupted("Interrupted. Nothing was touched.") from None
        if not drawn.plan:
            deed = deed_of(act, stack, self._caller, previous, document)
            commit(self._store, stack, document, drawn, deed, changed=cut_off is not None, lenient=bool(tolerance), cut_off=cut_off)
            return Outcome(plan=drawn.plan, seconds=time.monotonic() - started, recovered=recovered)
        journal = drawn.journal(document, cut_off, started_at=time.time())
        deadline = None
        intended = drawn.plan.operations
        # What cannot be written down here has not been begun: nothing was touched.
        with undisturbed():
            self._begin(journal, drawn.plan)
        try:
            with sigterm_interrupts():
                drawn, done = self._reach(stack, document, drawn, journal, tolerance=tolerance, patient=tolerance.news)
                with undisturbed():
                    # Before the commit: a crash between the two goes back to what was committed.
                    deadline = self._set_trial(stack, previous, confirm_seconds) if confirm_seconds is not None else None
                    deed = deed_of(act, stack, self._caller, previous, document, done.operations)
                    commit(self._store, stack, document, drawn, deed, changed=True, lenient=bool(tolerance), cut_off=cut_off)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - whatever happened, the host goes back first
            with self._told(act, stack, previous, intended):
                self._roll_back(stack, previous, error, journal)
        return Outcome(plan=done, seconds=time.monotonic() - started, recovered=recovered, confirm_before=deadline)

    @contextmanager
    def _told(self, act: Act, stack: str, previous: Commit | None, intended: Sequence[AnyOperation]) -> Iterator[None]:
        """Write down how a rollback ended. A log that cannot be written is no reason to hide that."""
        try:
            yield
        except (ApplyFailed, Interrupted) as error:
            result = Result.BETWEEN if isinstance(error, ApplyFailed) and not error.rolled_back else Result.ROLLED_BACK
            deed = failed_deed(act, stack, self._caller, previous, result, str(error), intended)
            with undisturbed(), suppress(NetwrightError):
                if not told_before(self._store, deed):
                    self._store.record(deed)
            raise

    def _reach(
        self,
        stack: str,
        document: Document | None,
        drawn: Draw,
        journal: Journal,
        *,
        tolerance: Tolerance,
        patient: bool = False,
        back: bool = False,
    ) -> tuple[Draw, Plan]:
        """Execute and verify: plan again, and expect nothing. Gives what was seen at the end, and all that was done.

        What Docker decides is known only when it has done it (the address that a container got): then there is a next round.
        `patient`: also where something fails, or is undone by somebody else at the same time: what is being put back is not taken back.
        `back`: to what was committed, from what is written down as begun. Raises OperationFailed, ApplyFailed, BackendError.
        """
        done = replace(drawn.plan, operations=())
        for further in reversed(range(ROUNDS)):
            onward = document is not None and journal.spec == document.text
            # On the way back the journal stays as it is: by it what was begun is found, after a crash on that way too.
            journal = replace(
                journal,
                claims=journal.claims.and_also(drawn.plan.claims),
                leases={**journal.leases, **drawn.leases} if onward else journal.leases,
            )
            try:
                self._begin(journal, drawn.plan)
            except NetwrightError:
                # On the way back (the disk is full, say) what was begun is written down already, and to stay between two states is worse.
                if not back:
                    raise
            self._progress.planned(drawn.plan)
            self._progress.phase("applying")
            look = partial(draw, self._world, self._store, stack, document, journal=journal, trust={}, tolerance=tolerance)
            done = replace(drawn.plan, operations=(*done.operations, *drawn.plan.operations))
            try:
                self._world.execute(drawn.plan.operations, self._progress.done)
                self._progress.phase("verifying")
                drawn = look()
            except (OperationFailed, NetwrightError):
                if not patient or not further:
                    raise
                self._world.close()
                drawn = look()
            if not drawn.plan:
                return drawn, replace(done, waiting=drawn.plan.waiting, warnings=drawn.plan.warnings, left=drawn.plan.left)
            if not patient and not any(isinstance(operation, ConnectContainer | CreateDockerNetwork) for operation in done.operations):
                break
        left = drawn.plan.operations
        what = "; ".join(sentence(operation) for operation in left[:3]) + (f" and {len(left) - 3} more" if len(left) > 3 else "")
        raise ApplyFailed(
            f"everything was done, and still the host is not as it should be: {what}",
            rolled_back=False,
            hint="something else may be changing the same objects",
        )

    def _begin(self, journal: Journal, plan: Plan) -> None:
        """Write down what is about to be done, unless it is written down already: a disk that is full stands in the way of no rollback."""
        known = self._store.loans(journal.stack).get(journal.stack, ())
        if self._store.journals().get(journal.stack) != journal or not all(loan in known for loan in plan.loans):
            self._store.begin(journal, plan.loans)

    def _roll_back(self, stack: str, previous: Commit | None, error: BaseException, journal: Journal) -> NoReturn:
        """Back to what was committed. Raises ApplyFailed, or Interrupted where the user asked for it."""
        reason = reason_of(error)
        cause = error.cause if isinstance(error, OperationFailed) else error
        state, hint = f"The host is as before: the stack {stack} " + ("as it was last applied." if previous else "is not there."), None
        try:
            with undisturbed():
                self._progress.phase("rolling back")
                self._world.close()
                self.restore(stack, previous, self._store.journals().get(stack, journal))
        except Unsettled as failure:
            state, hint = f"{state}\nThat could not be written down: {failure}", hint_for(failure, stack)
        except (Exception, KeyboardInterrupt) as failure:  # noqa: BLE001 - told to the user with the first error
            raise ApplyFailed(
                f"{reason}\nRolling back failed as well: {reason_of(failure)}\nThe host is between two states; what was begun is written down.",
                rolled_back=False,
                hint=hint_for(failure, stack),
            ) from error
        if isinstance(error, KeyboardInterrupt):
            raise Interrupted(f"Interrupted. {state}", hint=hint) from None
        raise ApplyFailed(f"{reason}\n{state}", rolled_back=True, hint=hint or getattr(cause, "hint", None)) from error

    def restore(self, stack: str, previous: Commit | None, journal: Journal, *, recovering: bool = False) -> None:
        """Back to what was committed. `recovering`: from a run of somebody else's, that was cut short.

        Raises Unsettled where the host is back, and that could not be written down.
        """
        document = parse(previous.spec, previous.source) if previous else None
        drawn = draw(self._world, self._store, stack, document, journal=journal, tolerance=EVERYTHING)
        done = drawn.plan
        if drawn.plan:
            drawn, done = self._reach(stack, document, drawn, journal, tolerance=EVERYTHING, back=True)
        for left_out in drawn.spared:
            self._progress.note(f"Could not be brought back: {left_out}")
        if drawn.plan.left:
            # It stays written down what was begun.
            raise left_behind(drawn.plan)
        # What waits, or is left out for now, keeps its address.
        deed = deed_of(Act.RECOVER, stack, self._caller, previous, document, done.operations) if recovering else None
        try:
            settle(self._store, stack, previous, drawn, {**self._store.leases(stack), **drawn.leases}, deed)
            trial = self._store.trials().get(stack)
            if trial is not None and previous is not None and trial.spec == previous.spec:
                # The run that was to be confirmed is the one that was taken back.
                self._store.set_trial(stack, None)
        except NetwrightError as error:
            raise Unsettled(error) from error

    def _set_trial(self, stack: str, previous: Commit | None, seconds: float) -> float:
        deadline = time.time() + seconds
        pending = self._store.trials().get(stack)
        if pending is not None:
            self._store.set_trial(stack, replace(pending, deadline=deadline))
            return deadline
        spec, source = (previous.spec, previous.source) if previous else (None, "")
        self._store.set_trial(stack, Trial(stack=stack, spec=spec, source=source, leases=self._store.leases(stack), deadline=deadline))
        return deadline
