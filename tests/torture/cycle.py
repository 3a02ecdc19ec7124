"""A stack's life, in which each of its three changes goes wrong once before it goes well: the first apply, an edit, destroy.

After each that went wrong the host is compared with what it was before, the program's words and `netwright status` with the host;
then the same command must do, and leave nothing to do.
"""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from torture.figures import Figure
from torture.program import Ended, Fault, Program
from torture.seams import WAYS
from torture.stages import Stack
from torture.witnesses import Docker, Seen, differences, settled, witness

AS_BEFORE = re.compile(r"The host is as before|[Nn]othing was touched|^Interrupted\.$", re.MULTILINE)
BETWEEN = re.compile(r"The host is between two states; what was begun is written down\.")
UNWRITTEN = re.compile(r"The host is as before: .*\nThat could not be written down")
MAYBE = "may be between two states"
"""nftables' library has ended the process. (Its assertions end it as well, by SIGABRT.)"""
_MISREAD = re.compile(r"NFT_MSG_GETRULE.*ENOBUFS")
"""The library (1.0.6) takes rules that it could not ask for to be none: the next apply loads the table once more."""
NEVER_SAID = ("Traceback", "This should not happen")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A host with a stack on it that is tortured."""

    program: Program
    stack: Stack
    folder: Path
    """For the file."""
    docker: Docker | None = None
    disks: tuple[str, ...] = ()
    """Those that can be filled; the first has the memory."""
    environment: Mapping[str, str]
    """The program's."""

    @property
    def file(self) -> str:
        return str(self.folder / f"{self.stack.name}.yaml")

    def write(self, text: str) -> None:
        Path(self.file).write_text(text)

    def witness(self) -> Seen:
        return witness(self.docker)

    def changed_from(self, expected: Seen) -> str:
        """How the host differs, when it has settled; empty if it does not."""
        return differences(expected, settled(expected, self.docker))


class Strike(Protocol):
    """Makes a run go wrong."""

    words: str
    ends: frozenset[int]
    """The statuses that it may end with. 0: what went wrong did not matter."""
    stride: int
    """Of its places every so many-th is tried, where all are asked for."""
    engine_dies: bool
    """And with it the containers, and what stands in them: they are started again, and then there is something to put back."""

    def run(self, bench: Bench, number: int, *words: str) -> Ended:
        """At its place `number`, from 0."""

    def heal(self, bench: Bench) -> None:
        """Take away what stands in the way of the next run."""


class Seam:
    """In the process itself: a way of seams.WAYS."""

    engine_dies = False

    def __init__(self, way: str) -> None:
        self._way = way
        self.words = WAYS[way].words
        self.stride = WAYS[way].stride
        self.ends = frozenset({WAYS[way].end} | ({0} if WAYS[way].end in (1, 130) else set()))

    def run(self, bench: Bench, number: int, *words: str) -> Ended:
        return bench.program.run(*words, fault=Fault(way=self._way, number=number, disks=bench.disks))

    def heal(self, bench: Bench) -> None:
        for disk in bench.disks:
            Path(disk, "filler").unlink(missing_ok=True)


class KilledTwice:
    """SIGKILL when all is done and nothing committed, and again at an operation of the way back."""

    words = "SIGKILL between journal and commit, and at each operation of recover"
    ends = frozenset({-signal.SIGKILL})
    stride = 1
    engine_dies = False

    def run(self, bench: Bench, number: int, *words: str) -> Ended:
        ended = bench.program.run(*words, fault=Fault(way="killed-uncommitted", number=0))
        if not ended.fired:
            return ended
        again = bench.program.run("recover", fault=Fault(way="killed", number=number))
        return again if again.fired else bench.program.run(*words)

    def heal(self, bench: Bench) -> None:
        """Nothing stands in the way."""


@dataclass(slots=True)
class Tally:
    """What a figure is made of."""

    tried: int = 0
    broken: list[str] = field(default_factory=list)
    recovery_seconds: float = 0.0


def figure(bench: Bench, strike: Strike, *, stride: int = 1, offset: int = 0, places: int = 10_000) -> Figure:
    """Cycles at places offset, offset + stride, … until there are no more; `places`: at most so many."""
    began = time.monotonic()
    tally = Tally()
    number = offset
    for _ in range(places):
        if not _cycle(bench, strike, number, tally):
            break
        number += stride
    longest = f"at most {tally.recovery_seconds:.2f} s to recover" if tally.recovery_seconds else ""
    note = "; ".join(filter(None, (f"one place in {stride}" if stride > 1 else "", longest)))
    return Figure(
        what=f"{bench.stack.name}: {strike.words}",
        tried=tally.tried,
        broken=tuple(tally.broken),
        seconds=time.monotonic() - began,
        note=note,
    )


def _cycle(bench: Bench, strike: Strike, number: int, tally: Tally) -> bool:
    """Whether there was such a place in any of the three changes."""
    steps: tuple[tuple[str, str, tuple[str, ...]], ...] = (
        ("first apply", bench.stack.text, ("apply", bench.file)),
        ("edit", bench.stack.edited, ("apply", bench.file)),
        ("destroy", bench.stack.edited, ("destroy", bench.stack.name)),
    )
    clean = bench.witness()
    any_fired = False
    for step, text, words in steps:
        bench.write(text)
        before = clean if step == "first apply" else bench.witness()
        ended = strike.run(bench, number, *words)
        strike.heal(bench)
        any_fired = any_fired or ended.fired is not None
        if ended.fired is not None:
            tally.tried += 1
        committed = {"first apply": None, "edit": bench.stack.text, "destroy": bench.stack.edited}[step]
        if strike.engine_dies and ended.fired is not None:
            problems = list(_after_a_crash(bench, step, before, ended, words, committed))
        else:
            problems = list(_problems(bench, strike, step, before, ended, words, tally))
        if problems:
            where = f"{step}, place {number} ({ended.fired}), exit status {ended.status}"
            tally.broken.append(f"{where}: {' | '.join(problems)}\n    it said: {ended.words.strip()!r}")
            break
    _clear(bench, clean, tally)
    return any_fired


def _problems(bench: Bench, strike: Strike, step: str, before: Seen, ended: Ended, words: tuple[str, ...], tally: Tally) -> Iterator[str]:
    """Each promise that was not held, in a sentence."""
    if ended.status == 0:
        if _MISREAD.search(ended.fired or "") and step != "destroy":
            bench.program.run(*words)
        yield from _done(bench, step)
        return
    if ended.fired is None:
        yield "it failed by itself"
    if ended.status not in strike.ends:
        yield f"the exit status should be one of {sorted(strike.ends)}"
    yield from (f"it says {bad!r}" for bad in NEVER_SAID if bad in ended.words)
    killed = ended.status in (-signal.SIGKILL, -signal.SIGABRT) or MAYBE in ended.words
    unfinished = killed or BETWEEN.search(ended.words) is not None or UNWRITTEN.search(ended.words) is not None
    # SIGTERM ends a run that has changed nothing yet without a word.
    if not unfinished and ended.status >= 0 and not AS_BEFORE.search(ended.words):
        yield "it does not say what the state is"
    if not killed and not BETWEEN.search(ended.words) and (told := bench.changed_from(before)):
        yield f"the host is not as before: {told}"
    told_unfinished, drift = _status(bench)
    if killed and not told_unfinished and not any(_done(bench, step)):
        # It was committed before it was killed.
        return
    if not killed and told_unfinished != unfinished:
        yield f"netwright status says that the run is {'un' * told_unfinished}finished"
    if unfinished:
        recovered = bench.program.run("recover")
        tally.recovery_seconds = max(tally.recovery_seconds, recovered.seconds)
        if recovered.status != 0:
            yield f"recover fails: {recovered.words.strip()}"
        if told := bench.changed_from(before):
            yield f"after recover the host is not as before: {told}"
        told_unfinished, drift = _status(bench)
        if told_unfinished:
            yield "after recover the run is still unfinished"
    if drift:
        yield f"netwright status tells of drift: {drift}"
    again = bench.program.run(*words)
    if again.status != 0:
        yield f"the same command fails afterwards: {again.words.strip()}"
    yield from _done(bench, step)


def _after_a_crash(bench: Bench, step: str, before: Seen, ended: Ended, words: tuple[str, ...], committed: str | None) -> Iterator[str]:
    """Of the engine's: what it did not keep is put back by the next apply, and nothing that was begun in it is forgotten."""
    if ended.status == 0:
        yield "the engine is gone, and still it says that all is done"
    yield from (f"it says {bad!r}" for bad in NEVER_SAID if bad in ended.words)
    if AS_BEFORE.search(ended.words) and (told := differences(_of_docker(before), _of_docker(bench.witness()))):
        yield f"it says that the host is as before, and Docker is not: {told}"
    recovered = bench.program.run("recover")
    if recovered.status != 0:
        yield f"recover fails: {recovered.words.strip()}"
    if committed is not None:
        bench.write(committed)
        back = bench.program.run("apply", bench.file)
        if back.status != 0:
            yield f"what was committed cannot be applied: {back.words.strip()}"
        bench.write(bench.stack.edited)
    if told := bench.changed_from(before):
        yield f"with the engine back, after recover{' and apply' if committed else ''} the host is not as before: {told}"
    again = bench.program.run(*words)
    if again.status != 0:
        yield f"the same command fails afterwards: {again.words.strip()}"
    yield from _done(bench, step)


def _of_docker(seen: Seen) -> Seen:
    return {path: value for path, value in seen.items() if path.startswith("docker/networks")}


def _done(bench: Bench, step: str) -> Iterator[str]:
    """What is wrong with a change that went well."""
    if step == "destroy":
        if told := _known(bench):
            yield f"netwright status still tells of {told[:300]}"
        return
    check = bench.program.run("plan", "--check", bench.file)
    if check.status != 0:
        yield f"a second apply would do something: {check.output.strip()} {check.words.strip()}"


def _status(bench: Bench) -> tuple[bool, str]:
    """Whether a run is unfinished, and what an apply of the committed file would do."""
    ended = bench.program.run("status", "--json")
    stacks = [one for one in json.loads(ended.output or '{"stacks": []}')["stacks"] if one["name"] == bench.stack.name]
    unfinished = any(one["unfinished"] for one in stacks)
    drift = [operation for one in stacks if one["drift"] is not None for operation in one["drift"]["operations"]]
    trouble = [one["trouble"] for one in stacks if one["trouble"]]
    return unfinished, "" if unfinished else "; ".join(map(str, [*trouble, *drift]))


def _known(bench: Bench) -> str:
    ended = bench.program.run("status", "--json")
    return "" if ended.status == 0 and json.loads(ended.output)["stacks"] == [] else ended.output + ended.words


def _clear(bench: Bench, clean: Seen, tally: Tally) -> None:
    """After the last step, or a promise that was broken: nothing of the stack is left."""
    last = bench.program.run("destroy", bench.stack.name, "--allow-lockout")
    if last.status != 0:
        bench.program.run("recover")
        last = bench.program.run("destroy", bench.stack.name, "--allow-lockout")
    if last.status != 0:
        tally.broken.append(f"destroy at the end fails: {last.words.strip()}")
    elif told := bench.changed_from(clean):
        tally.broken.append(f"at the end the host is not as at the beginning: {told}")
