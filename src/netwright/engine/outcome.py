"""What the engine tells its callers: while it works, and when it is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from netwright.errors import ApplyFailed, NetwrightError
from netwright.model.operation import Plan
from netwright.model.state import State


class Progress(Protocol):
    """Told what happens; must not raise. A front-end shows it, a daemon logs it."""

    def phase(self, name: str) -> None:
        """`observing`, `planning`, `applying`, `verifying`, `rolling back`, `waiting for …`."""

    def planned(self, plan: Plan) -> None:
        """This plan is about to be executed."""

    def done(self, operations: int) -> None:
        """So many more of its operations are done."""

    def note(self, sentence: str) -> None:
        """Something the user should know: a recovery, a thing that waits."""


class Silent:
    """A Progress that tells nobody."""

    def phase(self, name: str) -> None: ...

    def planned(self, plan: Plan) -> None: ...

    def done(self, operations: int) -> None: ...

    def note(self, sentence: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A change that was made (or was not needed), verified and committed."""

    plan: Plan
    seconds: float
    recovered: tuple[str, ...] = ()
    """Stacks that a crashed run had left unfinished, and that were brought back first."""
    confirm_before: float | None = None
    """Seconds since the epoch; then it is rolled back unless confirmed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """The stacks that went back to what they were, and why others did not."""

    recovered: tuple[str, ...]
    """From a run that was cut short."""
    expired: tuple[str, ...]
    """From a change that nobody confirmed."""
    failures: tuple[NetwrightError, ...] = ()

    def check(self) -> None:
        """Raises ApplyFailed where there are failures."""
        if self.failures:
            raise ApplyFailed("\n".join(map(str, self.failures)), rolled_back=False, hint=self.failures[0].hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A stack's file changed by a command. `outcome` None: it was only planned."""

    stack: str
    said: str
    """What is different, in a sentence."""
    spec: str | None
    """The file's text as it is committed (or would be); None: nothing is left of the stack."""
    plan: Plan
    outcome: Outcome | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StackStatus:
    """A committed stack and how the host stands to it. `drift` is what an apply of the committed file would do."""

    name: str
    source: str
    committed_at: float
    spec_text: str
    drift: Plan | None
    """None: it could not be worked out, and `trouble` says why."""
    trouble: str | None
    observed: State
    desired: State
    unfinished: bool
    """A run was interrupted: `netwright recover` is needed."""
    neighbours: tuple[str, ...] = ()
    """The committed files of the other stacks, their texts."""
    changing: str | None = None
    """Who is changing it at this moment: what is told of it is a glimpse."""
    confirm_before: float | None = None
