"""Notices in, repairs out.

A notice only says when to look. What is wrong is what a plan of the committed file finds, and its being empty is what keeps the daemon's
own changes from making it look for ever.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path

from netwright.api import Engine
from netwright.engine.outcome import Outcome
from netwright.errors import BackendError, Busy, NetwrightError
from netwright.frontends.daemon.diary import Diary
from netwright.frontends.daemon.workshop import Workshop
from netwright.keeping.interest import Interest, clause, concerns, displaces, follows, interest_of
from netwright.keeping.schedule import Schedule
from netwright.keeping.suspects import suspects
from netwright.model.event import What
from netwright.model.notice import Kind, Notice
from netwright.planning.sentence import sentence
from netwright.ports import Listener, Log
from netwright.wiring import open_listener, open_store

EVERY = 60.0
"""Seconds between two looks at everything: for what nobody tells (iptables-legacy, files below /etc/netns, most sysctls)."""
GRACE = 30.0
"""Seconds for an engine that was there to come back, before what needs it is looked at without it."""
BUSY = 0.2
"""Seconds before a look is tried again while another Netwright is at work; its end is noticed, too."""
PATIENCE = 10.0
"""Seconds before it is tried again to take back what was not confirmed in time."""
WAKEFUL = 1.0
"""Seconds between two looks at the clock while something is to be taken back."""
REMEMBERED = 50
"""Notices of a stack that are kept for the question who did it."""

Told = Callable[[str], None]


class Keeper:
    """Keeps every committed stack true until `run` is cancelled."""

    def __init__(self, workshop: Workshop, log: Log, state_folder: str, told: Told) -> None:
        self._workshop = workshop
        self._diary = Diary(log, told)
        self._folder = state_folder
        self._schedule = Schedule()
        self._interests: dict[str, Interest] = {}
        self._digests: dict[str, str] = {}
        self._deadline: float | None = None
        """By `_counted`: then something is to be taken back, which was not confirmed or was cut short."""
        self._postponed = 0.0
        """By `_counted`: the last attempt to take something back has failed, and is not made again before."""
        self._recent: dict[str, deque[Notice]] = {}
        self._displaced: set[str] = set()
        """Stacks whose links or namespaces may be others than those that are known."""
        self._excused: set[str] = set()
        """Stacks that failed while something happened to them: that may have been all that was wrong."""
        self._stirred = asyncio.Event()
        self._stale = True
        """Commits may have changed."""
        self._docker: bool | None = None
        self._next_look = time.monotonic() + EVERY
        self._next_read = math.inf
        self._listener: Listener | None = None

    async def run(self, ready: Callable[[], None]) -> None:
        """`ready` is called when every stack has been looked at once."""
        loop = asyncio.get_running_loop()

        def hear(notices: Sequence[Notice]) -> None:
            # A notice that comes as the loop ends is for nobody.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._hear, notices)

        self._listener = open_listener(hear, folder=self._folder)
        self._diary.add(What.STARTED)
        try:
            await self._take_back()
            await self._turn("the daemon has started")
            ready()
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stirred.wait(), self._pause())
                self._stirred.clear()
                await self._turn("it was committed")
        finally:
            await asyncio.to_thread(self._listener.close)
            self._diary.add(What.STOPPED)

    def look_again(self, reason: str) -> None:
        """At everything, soon."""
        now = time.monotonic()
        for stack in self._digests:
            # Whoever asks may have seen to what was in the way: no fight and no failure is remembered.
            self._schedule.forget(stack)
            self._schedule.wake(stack, reason, now)
        self._postponed = 0.0
        self._stale = True
        self._stirred.set()

    def _hear(self, notices: Sequence[Notice]) -> None:
        now = time.monotonic()
        for notice in notices:
            if notice.kind is Kind.STATE:
                self._stale = True
            if notice.kind is Kind.ENGINE:
                self._hear_engine(there=not notice.gone, now=now)
            for stack, interest in self._interests.items():
                if concerns(interest, notice):
                    self._schedule.wake(stack, clause(notice), now)
                    self._recent.setdefault(stack, deque(maxlen=REMEMBERED)).append(notice)
                    if displaces(notice):
                        self._displaced.add(stack)
        self._stirred.set()

    def _hear_engine(self, *, there: bool, now: float) -> None:
        if there != self._docker:
            words = "The Docker Engine is there." if there else "The Docker Engine is away."
            self._diary.add(What.DOCKER, message=words)
        for stack, interest in self._interests.items():
            if there:
                self._schedule.hurry(stack)
            elif self._docker and interest.docker:
                self._schedule.hold(stack, now + GRACE)
        self._docker = there

    def _pause(self) -> float:
        """Seconds until something is due."""
        due = min(self._schedule.next() or self._next_look, self._next_look, self._next_read) - time.monotonic()
        if self._deadline is not None:
            # What is waited with stands still while the machine sleeps.
            due = min(due, self._deadline - _counted(), WAKEFUL)
        return max(due, 0.0)

    async def _turn(self, reason: str) -> None:
        """Do all that is due."""
        gone = False
        if self._stale or time.monotonic() >= self._next_read:
            self._stale = False
            gone = await self._refresh(reason)
        if self._deadline is not None and _counted() >= self._deadline:
            await self._take_back()
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + EVERY
            self._stale = True
            for stack in self._digests:
                self._schedule.wake(stack, "the look of every minute", now)
        touched = [stack for stack in self._schedule.due(now) if await self._keep(stack)]
        touched += [stack for stack in self._digests if stack not in self._interests and stack not in touched]
        if touched or gone:
            await self._learn(touched)

    async def _refresh(self, reason: str) -> bool:
        """Which stacks there are, and what has changed about them. True: some are gone."""
        digests, deadline, busy = await asyncio.to_thread(self._read)
        # That a process has died while it was at work is told a moment before its lock is free.
        self._next_read = time.monotonic() + WAKEFUL if busy else math.inf
        self._deadline = None if deadline is None else max(deadline, self._postponed)
        now = time.monotonic()
        gone = self._digests.keys() - digests.keys()
        for stack in gone:
            self._interests.pop(stack, None)
            self._recent.pop(stack, None)
            self._diary.forget(stack)
            self._schedule.forget(stack)
        for stack, digest in digests.items():
            if self._digests.get(stack) != digest:
                self._schedule.forget(stack)
                self._interests.pop(stack, None)
                self._schedule.wake(stack, reason, now - 1.0)
        self._digests = digests
        return bool(gone)

    def _read(self) -> tuple[dict[str, str], float | None, bool]:
        with closing(open_store(self._folder)) as store:
            deadlines = [_counted() + trial.deadline - time.time() for trial in store.trials().values()]
            busy = bool(store.journals()) and store.holder() is not None
            if not busy and store.journals():
                # Nobody is at work on what was begun. (Asked once more: whoever was may have come to its end meanwhile.)
                deadlines.append(0.0)
            return {stack: commit.digest for stack, commit in store.commits().items()}, min(deadlines, default=None), busy

    async def _keep(self, stack: str) -> bool:
        """Look at one stack and put right what is wrong. True: it may be another now."""
        reasons = self._schedule.take(stack)
        displaced = stack in self._displaced
        self._displaced.discard(stack)
        began = time.monotonic()
        try:
            outcome = await self._workshop.change(lambda engine: engine.keep(stack, wait=False))
        except Busy:
            for reason in reasons:
                self._schedule.wake(stack, reason, time.monotonic() + BUSY)
            return displaced
        except NetwrightError as error:
            if self._schedule.stirred(stack) and stack not in self._excused:
                self._excused.add(stack)
                for reason in reasons:
                    self._schedule.wake(stack, reason, time.monotonic())
            else:
                self._failed(stack, reasons, error)
            return displaced
        except Exception as error:  # noqa: BLE001 - a mistake of ours about one stack is no reason to leave all others alone
            self._failed(stack, reasons, BackendError(f"This should not happen: {type(error).__name__}: {error}"))
            return displaced
        if outcome is None:
            return False
        self._excused.discard(stack)
        self._diary.stands(What.FAILED, stack, ())
        if outcome.plan:
            self._repaired(stack, reasons, outcome, time.monotonic() - began)
        else:
            self._schedule.kept(stack)
            self._recent.pop(stack, None)
        self._diary.stands(What.WARNED, stack, outcome.plan.warnings)
        waits = self._diary.stands(What.WAITING, stack, outcome.plan.waiting)
        return waits or displaced or bool(outcome.plan)

    def _repaired(self, stack: str, reasons: tuple[str, ...], outcome: Outcome, seconds: float) -> None:
        # What had to be done twice, since somebody undid it meanwhile, is told once.
        done = tuple(dict.fromkeys(sentence(operation) for operation in outcome.plan.operations))
        noticed = self._recent.pop(stack, ())
        pause = None
        if follows(noticed):
            self._schedule.kept(stack)
        else:
            pause = self._schedule.repaired(stack, done, time.monotonic())
        who = suspects(outcome.plan.operations, noticed, _running()) if pause is not None else ()
        self._diary.add(What.REPAIRED, stack, why=reasons, done=done, seconds=seconds)
        if pause is not None:
            words = "The same repair was needed again and again."
            self._diary.add(What.FIGHT, stack, message=words, suspects=who, again_in=pause)

    def _failed(self, stack: str, reasons: tuple[str, ...], error: NetwrightError) -> None:
        pause = self._schedule.failed(stack, time.monotonic())
        self._diary.stands(What.FAILED, stack, (str(error),), why=reasons, again_in=pause)

    async def _take_back(self) -> None:
        """What a crash cut short, and what was not confirmed in time."""
        self._deadline = None
        self._stale = True
        try:
            done = await self._workshop.change(Engine.take_back)
        except NetwrightError as error:
            troubles = [str(error)]
        else:
            for what, stacks in ((What.RECOVERED, done.recovered), (What.EXPIRED, done.expired)):
                for stack in stacks:
                    self._diary.add(what, stack)
            troubles = [str(failure) for failure in done.failures]
        if troubles:
            self._postponed = _counted() + PATIENCE
        self._diary.stands(What.FAILED, "", tuple(troubles), again_in=PATIENCE)

    async def _learn(self, stacks: Sequence[str]) -> None:
        """What these care about, and where that is now. A stack that cannot be looked at keeps what is known of it."""
        assert self._listener is not None
        try:
            seen = await self._workshop.look(lambda engine: [one for stack in stacks for one in engine.status(stack, lenient=True)])
            for status in seen:
                if status.trouble is None or status.name not in self._interests:
                    self._interests[status.name] = interest_of(status)
            places = {ref for interest in self._interests.values() for ref in interest.namespaces}
            docker = any(interest.docker for interest in self._interests.values())
            new = await asyncio.to_thread(self._listener.follow, places, docker=docker)
        except NetwrightError as error:
            self._diary.say(f"Cannot listen: {error}")
            return
        if not docker:
            self._docker = None
        for stack, interest in self._interests.items():
            if new & interest.namespaces:
                # Between the look and this moment nobody has heard them.
                self._schedule.wake(stack, "it is listened to from now on", time.monotonic())


def _counted() -> float:
    """Seconds since the machine was booted: a clock that nobody sets, and that goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _running() -> list[str]:
    """The names of all processes (proc(5): comm)."""
    names = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                names.append((entry / "comm").read_text(encoding="utf-8", errors="replace").rstrip("\n").replace("\n", "?"))
    return names
