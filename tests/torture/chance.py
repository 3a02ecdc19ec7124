"""Files, edits, strangers and crashes at random: a state machine on the real kernel, on a fresh host for each example."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import FlakyFailure
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from own_host import away, enter
from torture.figures import Effort, Figure
from torture.wild.containers import Harbour
from torture.wild.machine import Wild

if TYPE_CHECKING:
    from docker_host import DockerHost

EXAMPLES = 30
BESIDE_DOCKER = 10
STEPS = 25
AT_ONCE = 10
"""Examples that a search goes on from: after a failure the next one begins elsewhere."""


def tried(machine: type[RuleBasedStateMachine], *, examples: int, steps: int, derandomized: bool = False, shrinks: bool = True) -> None:
    """Play on so many hosts. Raises what the first failing example raises, when it is as small as it gets."""
    settled = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=derandomized,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        phases=[Phase.generate, *([Phase.shrink] if shrinks else [])],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=settled)


def run(effort: Effort) -> Iterator[Figure]:
    """Every round is thirty examples of up to 25 steps, and ten beside a Docker Engine."""
    yield _figure("files, edits, strangers and crashes: steps on random hosts", Wild, effort.rounds * EXAMPLES)
    with _harbour() as docker:
        if docker is not None:
            Harbour.docker = docker
            yield _figure("containers that are started, killed, renamed: steps beside Docker", Harbour, effort.rounds * BESIDE_DOCKER)


def _figure(what: str, machine: type[Wild | Harbour], examples: int) -> Figure:
    began, broken = time.monotonic(), []
    machine.counted.clear()
    for _ in range(examples // AT_ONCE):
        try:
            tried(machine, examples=AT_ONCE, steps=STEPS)
        except FlakyFailure as error:
            broken.append("once, and not again: " + "\n".join(map(str, error.exceptions)))
        except Exception as error:  # noqa: BLE001 - told as a figure
            broken.append(str(error))
    seconds = time.monotonic() - began
    return Figure(what=what, tried=machine.counted["steps"], broken=tuple(broken), seconds=seconds, note=told(machine.counted))


@contextmanager
def _harbour() -> Iterator[DockerHost | None]:
    """The installed engine, on a host of its own on which the thread is meanwhile; None: there is none."""
    sys.path.append(str(Path(__file__).parents[1] / "docker"))
    from docker_engines import ENGINES
    from docker_host import DockerHost

    if ENGINES[0].missing:
        yield None
        return
    docker = DockerHost(ENGINES[0])
    try:
        docker.start()
        docker.load_image()
        os.environ["NETWRIGHT_DOCKER"] = docker.url
        with away():
            enter(docker.host)
            yield docker
    finally:
        os.environ.pop("NETWRIGHT_DOCKER", None)
        docker.remove()


def told(counted: Counter[str]) -> str:
    """How often what was done: `150 examples, 512 applies`."""
    return ", ".join(f"{number} {what}" for what, number in counted.most_common() if what != "steps")
