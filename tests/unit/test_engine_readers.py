"""Who looks while another changes what is looked at sees one thing or the other, or is told that it is being changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from memory_host import Told, a_host, an_engine

from netwright.backends.fake import FakeWorld
from netwright.backends.store import SqliteStore
from netwright.engine.engine import Engine
from netwright.engine.outcome import Silent
from netwright.errors import BackendError
from netwright.model.state import State
from netwright.planning.sentence import sentence
from netwright.ports import Scope
from netwright.spec.load import parse

LAB = "version: 1\nname: lab\nnetworks: {lan: {subnets: [10.6.0.0/24]}}\nnamespaces: {a: {interfaces: {eth0: {network: lan}}}}\n"
WIDER = LAB.replace("a: {", "b: {interfaces: {eth0: {network: lan}}}, a: {")


class Watched:
    """A World; before each look at it something else happens."""

    def __init__(self, world: FakeWorld, happens: Callable[[], None]) -> None:
        self._world = world
        self._happens = happens
        self.execute = world.execute
        self.close = world.close

    def observe(self, scope: Scope) -> State:
        self._happens()
        return self._world.observe(scope)


def beside(world: FakeWorld, folder: Path, times: int, told: Told | None = None) -> Engine:
    """An engine that looks at the host while another applies the two files in turn, so many times."""
    left = iter(range(times))

    def happens() -> None:
        if (number := next(left, None)) is not None:
            with an_engine(world, folder) as other:
                other.apply(parse((WIDER, LAB)[number % 2], "lab.yaml"))

    return Engine(Watched(world, happens), SqliteStore(str(folder)), told or Silent())


def applied(folder: Path) -> FakeWorld:
    world = a_host()
    with an_engine(world, folder) as engine:
        engine.apply(parse(LAB, "lab.yaml"))
    return world


def test_a_status_that_an_apply_came_between_is_that_of_what_was_applied(tmp_path: Path) -> None:
    world = applied(tmp_path)
    with beside(world, tmp_path, 1) as looking:
        (status,) = looking.status()
        assert status.drift is not None
        assert ([sentence(operation) for operation in status.drift.operations], status.spec_text, status.changing) == ([], WIDER, None)


def test_a_plan_that_an_apply_came_between_is_towards_what_is_there_by_then(tmp_path: Path) -> None:
    world = applied(tmp_path)
    with beside(world, tmp_path, 1) as looking:
        assert looking.plan(parse(WIDER, "lab.yaml")).operations == ()


def test_what_goes_away_while_it_is_looked_at_is_no_failure(tmp_path: Path) -> None:
    world = applied(tmp_path)
    broken = iter([True])

    def happens() -> None:
        if next(broken, False):
            with an_engine(world, tmp_path) as other:
                other.apply(parse(WIDER, "lab.yaml"))
            raise BackendError("No such device")

    with Engine(Watched(world, happens), SqliteStore(str(tmp_path)), Silent()) as looking:
        assert looking.plan(parse(WIDER, "lab.yaml")).operations == ()


def test_what_fails_though_nobody_is_at_work_is_told(tmp_path: Path) -> None:
    def fails() -> None:
        raise BackendError("out of memory")

    engine = Engine(Watched(applied(tmp_path), fails), SqliteStore(str(tmp_path)), Silent())
    with engine as looking, pytest.raises(BackendError, match="out of memory"):
        looking.plan(parse(WIDER, "lab.yaml"))


def test_where_it_never_comes_to_rest_it_is_said_that_it_is_being_changed(tmp_path: Path) -> None:
    world, told = applied(tmp_path), Told()
    with beside(world, tmp_path, 1000, told) as looking:
        (status,) = looking.status()
        assert (status.changing, status.unfinished) == ("another process", False)
        looking.plan(parse(LAB, "lab.yaml"))
        assert told.notes == ["Others are changing lab at this moment: the plan is of a glimpse."]
