"""What was changed on this host, or was to be: the entries of the log that `netwright log` shows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from netwright.model.caller import Caller


class Act(Enum):
    """What was asked for."""

    APPLY = "apply"
    DESTROY = "destroy"
    REVISE = "revise"
    """A command has rewritten the committed file: publish, unpublish."""
    REPAIR = "repair"
    """The daemon, by itself."""
    RECOVER = "recover"
    """A run was cut short; its stack goes back to what was committed."""
    EXPIRE = "expire"
    """Nobody confirmed in time."""
    CONFIRM = "confirm"


class Result(Enum):
    """How it ended."""

    DONE = "done"
    REFUSED = "refused"
    """Nothing was touched."""
    ROLLED_BACK = "rolled back"
    BETWEEN = "between two states"
    """It failed, and so did going back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    at: float
    """Seconds since the epoch, at its end."""
    act: Act
    stack: str
    result: Result
    caller: Caller | None = None
    """None: it is not known."""
    done: tuple[str, ...] = ()
    """What was done, or had been begun and was taken back: a sentence each, the first of them."""
    more: int = 0
    """How many there were beyond those."""
    message: str = ""
    """Why it was refused, or failed."""
    before: str = ""
    """SHA-256 of the committed file before; empty: there was none."""
    after: str = ""
    """And after it."""
