"""When to look at which stack: notices that come together are one, and who fights us is answered ever later. Pure; the caller has the clock.

Times are seconds of any clock that does not go back.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

QUIET = 0.005
"""Without a further notice for so long, one is acted on…"""
LONGEST = 0.05
"""…and after so long in any case."""

FIGHTS = ((5, 10.0), (30, 600.0))
"""So many equal repairs in so many seconds are a fight. A person who flushes a ruleset three times is none."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 300.0
"""Seconds between repairs in a fight: doubled each time."""
CALM = 60.0
"""A fight is over when the repair has held for twice the pause, and so much longer."""
LONGEST_RETRY = 60.0
"""Seconds between attempts that fail: from one, doubled each time."""
MOST_REASONS = 5


@dataclass(slots=True)
class _Stack:
    first: float | None = None
    """When the first of the notices came that nobody has acted on; None: there are none."""
    last: float = 0.0
    not_before: float = 0.0
    held_until: float = 0.0
    reasons: dict[str, None] = field(default_factory=dict)
    more_reasons: int = 0
    repairs: dict[tuple[str, ...], deque[float]] = field(default_factory=dict)
    pause: float = 0.0
    """Of the fight; 0: there is none."""
    held_since: float = 0.0
    failures: int = 0


class Schedule:
    """What is due. A stack is known from its first `wake` on, until `forget`."""

    def __init__(self) -> None:
        self._stacks: dict[str, _Stack] = {}

    def wake(self, stack: str, reason: str, now: float) -> None:
        """Something has happened that concerns it."""
        one = self._stacks.setdefault(stack, _Stack())
        if one.first is None:
            one.first = now
        one.last = now
        if reason in one.reasons:
            return
        if len(one.reasons) < MOST_REASONS:
            one.reasons[reason] = None
        else:
            one.more_reasons += 1

    def hold(self, stack: str, until: float) -> None:
        """What it needs is away for a moment: nothing is due before `until`, unless somebody hurries."""
        self._stacks.setdefault(stack, _Stack()).held_until = until

    def hurry(self, stack: str) -> None:
        """What it failed or was held for may be gone: the next attempt need not wait. A fight's pause stays."""
        one = self._stacks.get(stack)
        if one is None:
            return
        one.held_until = 0.0
        if one.failures:
            one.failures = 0
            one.not_before = 0.0

    def forget(self, stack: str) -> None:
        """There is no such stack any more, or it is another one now."""
        self._stacks.pop(stack, None)

    def next(self) -> float | None:
        """When something is due; None: nothing is."""
        return min((due for one in self._stacks.values() if (due := _due(one)) is not None), default=None)

    def due(self, now: float) -> tuple[str, ...]:
        """The stacks to look at now, longest waiting first."""
        found = [(due, name) for name, one in self._stacks.items() if (due := _due(one)) is not None and due <= now]
        return tuple(name for _, name in sorted(found))

    def take(self, stack: str) -> tuple[str, ...]:
        """Its reasons; what happens from now on is a new one."""
        one = self._stacks.setdefault(stack, _Stack())
        reasons = (*one.reasons, *((f"and {one.more_reasons} more",) if one.more_reasons else ()))
        one.first, one.reasons, one.more_reasons = None, {}, 0
        return reasons

    def stirred(self, stack: str) -> bool:
        """Whether something has happened since it was taken."""
        one = self._stacks.get(stack)
        return one is not None and one.first is not None

    def kept(self, stack: str) -> None:
        """There was nothing to repair."""
        self._stacks.setdefault(stack, _Stack()).failures = 0

    def repaired(self, stack: str, what: tuple[str, ...], now: float) -> float | None:
        """`what` was done. In a fight: how long the next repair waits, in seconds."""
        one = self._stacks.setdefault(stack, _Stack())
        one.failures = 0
        times = one.repairs.setdefault(what, deque())
        if one.pause and now - one.held_since > 2 * one.pause + CALM:
            one.pause = 0.0
            one.repairs = {what: (times := deque())}
        one.held_since = now
        times.append(now)
        while now - times[0] > FIGHTS[-1][1]:
            times.popleft()
        if one.pause:
            one.pause = min(one.pause * 2, LONGEST_PAUSE)
        elif any(sum(now - time <= seconds for time in times) >= count for count, seconds in FIGHTS):
            one.pause = FIRST_PAUSE
        for other in [key for key, kept in one.repairs.items() if now - kept[-1] > FIGHTS[-1][1]]:
            del one.repairs[other]
        if not one.pause:
            return None
        one.not_before = now + one.pause
        return one.pause

    def failed(self, stack: str, now: float) -> float:
        """It could not be put right; in how many seconds it is tried again."""
        one = self._stacks.setdefault(stack, _Stack())
        one.failures += 1
        pause = min(2.0 ** (one.failures - 1), LONGEST_RETRY)
        one.not_before = max(one.not_before, now + pause)
        if one.first is None:
            one.first = now
        return pause


def _due(one: _Stack) -> float | None:
    if one.first is None:
        return None
    return max(one.not_before, one.held_until, min(one.first + LONGEST, one.last + QUIET))
