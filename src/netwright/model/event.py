"""What the daemon did and why: the entries of its log."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

LATEST = 253_402_214_400.0
"""Seconds since 1970: the end of the year 9999."""


class What(Enum):
    """The sorts of events."""

    STARTED = "started"
    """The daemon is at work."""
    STOPPED = "stopped"
    REPAIRED = "repaired"
    """The host was not as the stack's file says; now it is."""
    RECOVERED = "recovered"
    """A run that was cut short was taken back."""
    EXPIRED = "expired"
    """A change that nobody confirmed in time was taken back."""
    FAILED = "failed"
    """It could not be put right; it is tried again."""
    WAITING = "waiting"
    """A part of the stack waits for something."""
    WARNED = "warned"
    """A part of the stack is as its file says, and may not work as its writer thinks."""
    FIGHT = "fight"
    """Something undoes the same repair again and again: it is repaired less often."""
    DOCKER = "docker"
    """The Docker Engine came or went."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    at: float
    """Seconds since the epoch."""
    what: What
    stack: str = ""
    """Empty: it is about no stack."""
    why: tuple[str, ...] = ()
    """What was noticed, a clause each."""
    done: tuple[str, ...] = ()
    """What was done, a sentence each."""
    message: str = ""
    """What went wrong, or what it is about."""
    suspects: tuple[str, ...] = ()
    """Who may be undoing it."""
    seconds: float | None = None
    """How long the repair took."""
    again_in: float | None = None
    """Seconds until the next attempt."""


def event_document(event: Event) -> dict[str, Any]:
    """As JSON: what stands in the log, and what `netwright events --json` prints."""
    return {**asdict(event), "what": event.what.value, "why": list(event.why), "done": list(event.done), "suspects": list(event.suspects)}


def read_event(document: dict[str, Any]) -> Event:
    """The inverse of `event_document`; keys that are not known are passed over. Raises KeyError, ValueError, TypeError."""
    return Event(
        at=_number(document["at"]),
        what=What(document["what"]),
        stack=str(document.get("stack", "")),
        why=tuple(map(str, document.get("why", ()))),
        done=tuple(map(str, document.get("done", ()))),
        message=str(document.get("message", "")),
        suspects=tuple(map(str, document.get("suspects", ()))),
        seconds=_number(seconds) if (seconds := document.get("seconds")) is not None else None,
        again_in=_number(again_in) if (again_in := document.get("again_in")) is not None else None,
    )


def _number(value: Any) -> float:
    """One that can be said: a time that there is a date for. Raises ValueError, TypeError."""
    number = float(value)
    if not 0 <= number < LATEST:
        raise ValueError(f"{number} is no time")
    return number
