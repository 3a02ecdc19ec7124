"""Many at the same time, and changes that nobody confirms: with real commands, a real daemon, and a real Docker Engine where there is one."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from torture.figures import Effort, Figure
from torture.race_crowds import CROWDS, STRANGERS, a_stranger_changes_the_same
from torture.race_pairs import PAIRS, orders, race
from torture.race_publishes import CONTESTS
from torture.race_trials import CASES, confirmed_as_the_time_is_over, the_apply_is_killed
from torture.racing import clear

Try = tuple[str, Callable[[], None]]
"""What is tried, and what raises where the promise does not hold."""

PUBLISHES = 50
PAUSES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3)
"""Seconds between two commands that come as they come: so they meet at different places."""
KILLS = tuple(0.1 + number * 0.03 for number in range(30))
"""Seconds after its start at which an apply is killed; it takes about half a second."""
CONFIRMS = (0.5, 0.7, 0.8, 0.9, 1.0, 1.2)
"""Seconds after a change that is to be confirmed in one."""


def run(effort: Effort) -> Iterator[Figure]:
    yield _figure("two commands, one lock: as one of the two orders", _pairs(effort, (None,), with_daemon=False))
    yield _figure("two commands as they come: the same", _pairs(effort, PAUSES, with_daemon=False))
    yield _figure("two commands beside the daemon: the same, and it rests", _pairs(effort, PAUSES[1::2], with_daemon=True))
    for name, contest in CONTESTS.items():
        tries = [(f"round {number}", partial(contest, PUBLISHES, typed=PUBLISHES // 2)) for number in range(effort.rounds)]
        yield _figure(f"{PUBLISHES} who publish at once: {name}", tries)
    yield _figure("crowds", _times(effort.rounds, CROWDS.items()))
    strangers = ((name, partial(a_stranger_changes_the_same, name, 4)) for name in STRANGERS)
    yield _figure("somebody else changes the same", _times(effort.rounds, strangers))
    yield _figure("--confirm, and what may end or fail meanwhile", _times(effort.rounds, CASES.items()))
    kills = KILLS[:: max(effort.every // 2, 1)]
    yield _figure("--confirm, the apply is killed", [(f"after {pause:.2f} s", partial(the_apply_is_killed, pause)) for pause in kills])
    confirms = [(f"after {pause} s", partial(confirmed_as_the_time_is_over, pause)) for pause in CONFIRMS]
    yield _figure("--confirm, and confirmed as the time is over", _times(max(effort.rounds // 3, 1), confirms))
    yield _with_docker(effort)


def _with_docker(effort: Effort) -> Figure:
    sys.path.append(str(Path(__file__).parents[1] / "docker"))
    from docker_engines import ENGINES
    from docker_host import DockerHost

    from torture.race_docker import RACES

    if ENGINES[0].missing:
        return Figure(what="beside a Docker Engine", tried=0, seconds=0.0, note=ENGINES[0].missing)
    engine = DockerHost(ENGINES[0])
    try:
        engine.start()
        engine.load_image()
        races = [(name, partial(each, engine)) for name, each in RACES.items()]
        return _figure("beside a Docker Engine", _times(max(effort.rounds // 3, 1), races))
    finally:
        engine.remove()


def _pairs(effort: Effort, pauses: Iterable[float | None], *, with_daemon: bool) -> Iterator[Try]:
    for pair in PAIRS:
        expected = orders(pair)
        for number in range(max(effort.rounds // 3, 1)):
            for pause in pauses if effort.rounds > 1 else list(pauses)[:1]:
                words = f"{pair.what}, " + ("one lock" if pause is None else f"{pause} s apart") + f", round {number}"
                yield words, partial(race, pair, expected, pause=pause, with_daemon=with_daemon)


def _times(count: int, tries: Iterable[Try]) -> Iterator[Try]:
    for name, what in list(tries):
        for number in range(count):
            yield f"{name}, round {number}", what


def _figure(what: str, tries: Iterable[Try]) -> Figure:
    began, count, longest = time.monotonic(), 0, 0.0
    broken = []
    for name, one in tries:
        count += 1
        started = time.monotonic()
        try:
            one()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told, and the next one is tried
            where = traceback.extract_tb(error.__traceback__)[-1]
            broken.append(f"{name}: {type(error).__name__}: {error} ({Path(where.filename).name}, line {where.lineno})")
            clear()
        longest = max(longest, time.monotonic() - started)
    return Figure(what=what, tried=count, broken=tuple(broken), seconds=time.monotonic() - began, note=f"the longest {longest:.1f} s")
