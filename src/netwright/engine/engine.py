"""The engine: observe → plan → execute → verify → commit. All or nothing.

Rolling back is another plan, towards the last committed spec or towards nothing. What a run is about to make and to borrow is
written down before its first operation; so after a crash the next run (or `recover`) knows what to take back.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Self

from netwright.engine.failure import Unsettled, hint_for, left_behind, reason_of
from netwright.engine.guard import lockout_reasons
from netwright.engine.interruption import undisturbed
from netwright.engine.outcome import Outcome, Progress, Revision, StackStatus, TakenBack
from netwright.engine.recording import digest_of, failed_deed, told_before
from netwright.engine.rewriting import Change, revision, rewritten, tolerance_of
from netwright.engine.runs import Runs
from netwright.engine.standing import in_one_piece, standing
from netwright.engine.target import Draw, draw
from netwright.engine.tolerance import EVERYTHING
from netwright.errors import ApplyFailed, NetwrightError
from netwright.model.caller import Caller
from netwright.model.deed import Act, Deed, Result
from netwright.model.operation import Plan
from netwright.ports import OperationFailed, Store, World
from netwright.spec.document import Document
from netwright.spec.load import parse


class Engine:
    """Changes one host. A context manager: sockets and the database are closed at its end. `caller`: who asks."""

    def __init__(self, world: World, store: Store, progress: Progress, caller: Caller | None = None) -> None:
        self._caller = caller
        self._runs = Runs(world, store, progress, caller)
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

    def plan(self, document: Document, *, replace_networks: bool = False) -> Plan:
        """What `apply` would do. Touches nothing. Raises SpecError, Refused, BackendError."""
        stack = document.spec.name
        self._progress.phase("observing")

        def look() -> Draw:
            journal = self._store.journals().get(stack)
            return draw(self._world, self._store, stack, document, journal=journal, replace_networks=replace_networks)

        drawn, changed = in_one_piece(self._store, look)
        if changed:
            self._progress.note(f"Others are changing {', '.join(sorted(changed))} at this moment: the plan is of a glimpse.")
        for reason in lockout_reasons(self._caller, document, drawn, self._store.commits().get(stack)):
            self._progress.note(f"apply will refuse this without --allow-lockout: {reason}")
        return drawn.plan

    def apply(
        self,
        document: Document,
        *,
        wait: bool = True,
        confirm_seconds: float | None = None,
        allow_lockout: bool = False,
        replace_networks: bool = False,
    ) -> Outcome:
        """Make the host match, or leave it as it was. `allow_lockout`: also where that cuts the caller's session or the default route.
        `replace_networks`: Docker networks may be made anew though others' containers are on them; these are put back as they were.

        Raises SpecError, Refused, Busy (nothing was touched), ApplyFailed or Interrupted (the message says what the state is).
        """
        with self._store.lock(wait=wait, waiting=self._progress.note):
            recovered, stack = self._tidy(), document.spec.name
            outcome = self._runs.change(
                stack,
                document,
                Act.APPLY,
                recovered=recovered,
                confirm_seconds=confirm_seconds,
                guarded=not allow_lockout,
                replace_networks=replace_networks,
            )
            return self._still_to_be_confirmed(stack, outcome)

    def revise(self, change: Change, *, wait: bool = True, allow_lockout: bool = False) -> Revision:
        """Apply a stack's committed file as `change` rewrites it; what others commit at the same time comes before or after. Raises as `apply`."""
        with self._store.lock(wait=wait, waiting=self._progress.note):
            recovered = self._tidy()
            revised = rewritten(self._world, self._store, change)
            outcome = self._runs.change(
                revised.stack,
                revised.document,
                Act.REVISE,
                recovered=recovered,
                confirm_seconds=None,
                tolerance=tolerance_of(revised),
                guarded=not allow_lockout,
            )
            return revision(revised, outcome.plan, self._still_to_be_confirmed(revised.stack, outcome))

    def foresee(self, change: Change) -> Revision:
        """What `revise` would do. Touches nothing. Raises as `plan`."""
        self._progress.phase("observing")
        revised = rewritten(self._world, self._store, change)
        journal = self._store.journals().get(revised.stack)
        drawn = draw(
            self._world,
            self._store,
            revised.stack,
            revised.document,
            journal=journal,
            tolerance=tolerance_of(revised),
        )
        return revision(revised, drawn.plan, None)

    def keep(self, stack: str, *, wait: bool = True) -> Outcome | None:
        """Make the host match what was committed last, as far as it allows that now; None: there is no such stack (any more).

        What has to wait for something else (an engine that is down, a name that somebody has taken) is in the plan's `waiting`.
        Other stacks are left alone: what was cut short or not confirmed is for `recover` and `expire_trials`. Raises as `apply`.
        """
        with self._store.lock(wait=wait, waiting=self._progress.note):
            committed = self._store.commits().get(stack)
            if committed is None:
                return None
            document = parse(committed.spec, committed.source)
            return self._runs.change(stack, document, Act.REPAIR, recovered=(), confirm_seconds=None, tolerance=EVERYTHING)

    def destroy(self, stack: str, *, wait: bool = True, allow_lockout: bool = False) -> Outcome:
        """Remove all that the stack owns and give back what it borrowed. Nothing there is a success. Raises as `apply`.

        A run on it that was cut off needs no recovery first: what it left goes with the rest.
        """
        with self._store.lock(wait=wait, waiting=self._progress.note):
            recovered = self._tidy(but=stack)
            return self._runs.change(stack, None, Act.DESTROY, recovered=recovered, confirm_seconds=None, guarded=not allow_lockout)

    def recover(self, *, wait: bool = True) -> tuple[str, ...]:
        """Bring every stack that a crash left unfinished back to its last committed state; their names.

        What the host does not allow any more is left out, and told. Raises ApplyFailed when all have been tried.
        """
        with self._store.lock(wait=wait, waiting=self._progress.note):
            recovered, failures = self._recover()
            if failures:
                raise ApplyFailed("\n".join(map(str, failures)), rolled_back=False, hint=failures[0].hint)
            return recovered

    def take_back(self, *, wait: bool = True, early: str | None = None) -> TakenBack:
        """`recover` and `expire_trials`; what fails of one is no reason to leave another as it is. Raises Busy, BackendError.

        `early`: a stack that is not to be confirmed any more, though there is time left.
        """
        with self._store.lock(wait=wait, waiting=self._progress.note):
            recovered, cut_off = self._recover()
            expired, unconfirmed = self._expire(early)
            return TakenBack(recovered=recovered, expired=expired, failures=(*cut_off, *unconfirmed))

    def confirm(self, stack: str) -> bool:
        """Keep what `apply --confirm` has made. False: there was nothing to confirm."""
        with self._store.lock(wait=True, waiting=self._progress.note):
            trial = self._store.trials().get(stack)
            if trial is None:
                return False
            commit = self._store.commits().get(stack)
            digest = commit.digest if commit is not None else ""
            before = "" if trial.spec is None else digest_of(trial.spec)
            deed = Deed(at=time.time(), act=Act.CONFIRM, stack=stack, result=Result.DONE, caller=self._caller, before=before, after=digest)
            self._store.set_trial(stack, None, deed)
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

    def deeds(self, stack: str | None = None) -> Sequence[Deed]:
        """The log: who changed what, and when; of one stack or of all, oldest first."""
        return self._store.deeds(stack)

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
                    self._runs.restore(stack, self._store.commits().get(stack), journal, recovering=True)
            except (NetwrightError, OperationFailed) as error:
                self._record_failure(stack, reason_of(error))
                back = isinstance(error, Unsettled)
                what = "was brought back, but that could not be written down" if back else "could not be brought back"
                told = f"The stack {stack} {what}: {reason_of(error)}"
                failures.append(ApplyFailed(told, rolled_back=back, hint=hint_for(error, stack)))
            else:
                names.append(stack)
        return tuple(names), failures

    def _record_failure(self, stack: str, reason: str) -> None:
        before = self._store.commits().get(stack)
        deed = failed_deed(Act.RECOVER, stack, self._caller, before, Result.BETWEEN, reason)
        if not told_before(self._store, deed):
            with suppress(NetwrightError):
                self._store.record(deed)

    def _still_to_be_confirmed(self, stack: str, outcome: Outcome) -> Outcome:
        """Also what an earlier apply has left to be confirmed: it would be rolled back together with this one."""
        try:
            trial = self._store.trials().get(stack)
        except NetwrightError:
            # All is done and committed; of a trial, `status` tells as well.
            return outcome
        return replace(outcome, confirm_before=trial.deadline) if trial else outcome

    def _expire(self, early: str | None = None) -> tuple[tuple[str, ...], list[NetwrightError]]:
        """The stacks that went back to what they were before an apply that nobody confirmed, and why others did not."""
        expired = []
        failures = []
        for stack, trial in self._store.trials().items():
            if trial.deadline > time.time() and stack != early:
                continue
            self._progress.note(f"The stack {stack} was not confirmed in time; going back to what it was before.")
            try:
                document = parse(trial.spec, trial.source) if trial.spec is not None else None
                outcome = self._runs.change(
                    stack,
                    document,
                    Act.EXPIRE,
                    recovered=(),
                    confirm_seconds=None,
                    leases=trial.leases,
                    tolerance=EVERYTHING,
                    replace_networks=True,
                )
            except NetwrightError as error:
                failures.append(error)
            else:
                self._store.set_trial(stack, None)
                expired.append(stack)
                if outcome.plan.left:
                    left = left_behind(outcome.plan)
                    failures.append(
                        ApplyFailed(f"The stack {stack} is taken back, and this is left: {left}", rolled_back=False, hint=left.hint)
                    )
        return tuple(expired), failures
