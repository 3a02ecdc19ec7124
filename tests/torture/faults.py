"""Every operation fails once, in each way that it can: the host is as before, the words are true, the next run does.

Three stacks on a host with a real Docker Engine, beside somebody else's objects: the article's, one with all that Docker and Netwright
share, and fifty endpoints.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "docker"))

from docker_engines import ENGINES
from docker_host import DockerHost

import own_host
from torture import stages
from torture.benches import bench
from torture.cycle import Bench, KilledTwice, Seam, Strike, figure
from torture.doorway import Mishap
from torture.engine_mishaps import EngineMishap, doorway
from torture.figures import Effort, Figure
from torture.seams import WAYS
from torture.syscalls import CALLS, Injected


def run(effort: Effort) -> Iterator[Figure]:
    """A figure for each stack and way."""
    with engine() as host:
        for stack in stages.STACKS.values():
            with bench(stack, host) as one:
                for strike in strikes(one, host):
                    yield figure(one, strike, stride=effort.every * stack.stride * strike.stride)


def strikes(one: Bench, host: DockerHost) -> Iterator[Strike]:
    """Everything that can go wrong with this stack."""
    yield from (Seam(way) for way, what in WAYS.items() if way != "killed-uncommitted" and (one.stack.in_dockers_chains or not what.docker))
    yield KilledTwice()
    if one.stack.containers:
        with mishaps(one, host) as those:
            yield from those
    yield from (Injected(call) for call in CALLS)


@contextmanager
def mishaps(bench: Bench, host: DockerHost) -> Iterator[list[EngineMishap]]:
    """All of them; afterwards nothing stands before the engine."""

    def start() -> None:
        host.start()
        host.docker("start", "theirs", *(name for name, _ in bench.stack.containers))

    with doorway(bench.folder, host.socket) as (door, url):
        yield [EngineMishap(mishap, door, url, host.kill, start) for mishap in Mishap]


@contextmanager
def engine() -> Iterator[DockerHost]:
    """A Docker Engine on a host of its own; this thread is on that host."""
    host = DockerHost(ENGINES[0])
    try:
        host.start()
        host.load_image()
        with own_host.away():
            own_host.enter(host.host)
            yield host
    finally:
        host.remove()
