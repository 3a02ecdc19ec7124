"""A memory that takes no more: before a run it is refused, after it all goes back, and both are said as they are."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from memory_host import a_host, an_engine, visible

from netwright.backends.store import SqliteStore
from netwright.engine.engine import Engine
from netwright.engine.outcome import Silent
from netwright.errors import ApplyFailed, BackendError
from netwright.model.loan import Loan
from netwright.ports import Journal
from netwright.spec.load import parse

EDGE = "version: 1\nname: edge\nnamespaces: {gate: {interfaces: {wan: {nic: eth1, addresses: [203.0.113.5/24]}}}}\n"
WIDER = EDGE + "networks: {lan: {bridge: br7, subnets: [10.5.0.0/24]}}\n"


class Full(SqliteStore):
    """Takes so many writes and no more."""

    room = 0

    def begin(self, journal: Journal, loans: Sequence[Loan]) -> None:
        self._fill()
        super().begin(journal, loans)

    def commit(self, *arguments: Any, **more: Any) -> None:
        self._fill()
        super().commit(*arguments, **more)

    def _fill(self) -> None:
        self.room -= 1
        if self.room < 0:
            raise BackendError("The disk is full.", hint="make room")


@pytest.mark.parametrize("committed", [False, True])
def test_what_cannot_be_begun_touches_nothing(committed: bool, tmp_path: Path) -> None:
    world = a_host()
    if committed:
        with an_engine(world, tmp_path) as engine:
            engine.apply(parse(EDGE, "edge.yaml"))
    before = visible(world)
    with Engine(world, Full(str(tmp_path)), Silent()) as engine:
        with pytest.raises(BackendError) as refused:
            engine.apply(parse(WIDER, "edge.yaml"))
        assert (str(refused.value), refused.value.hint) == ("The disk is full.", "make room")
        assert dict(engine._store.journals()) == {}
    assert visible(world) == before


def test_what_cannot_be_committed_goes_back_though_that_cannot_be_written_down_either(tmp_path: Path) -> None:
    world = a_host()
    before = visible(world)
    store = Full(str(tmp_path))
    store.room = 1
    with Engine(world, store, Silent()) as engine:
        with pytest.raises(ApplyFailed) as failed:
            engine.apply(parse(WIDER, "edge.yaml"))
        assert str(failed.value) == (
            "The disk is full.\nThe host is as before: the stack edge is not there.\nThat could not be written down: The disk is full."
        )
        assert failed.value.rolled_back
        assert failed.value.hint == "make room; then run: netwright recover"
        assert visible(world) == before
        assert [status.unfinished for status in engine.status()] == [True]
        store.room = 99
        assert engine.recover() == ("edge",)
        assert engine.status() == ()
    assert visible(world) == before
