"""A run that sends a NIC from one place to another, or home, is cut off at any operation: in the end the host is as it was."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from memory_host import CutOff, Mortal, a_host, an_engine, visible

from netwright.engine.engine import Engine
from netwright.model.netns import HOST
from netwright.spec.load import parse

PLACES = {
    "moved": "namespaces: {gate: {interfaces: {wan: {nic: eth1, addresses: [203.0.113.5/24]}}}}",
    "moved elsewhere": "namespaces: {door: {interfaces: {wan: {nic: eth1, addresses: [203.0.113.5/24]}}}}",
    "in place": "host: {interfaces: {eth1: {nic: eth1, addresses: [203.0.113.5/24]}}}",
    "renamed in place": "host: {interfaces: {lan: {nic: eth1, addresses: [203.0.113.5/24]}}}",
}


def go(engine: Engine, place: str | None) -> None:
    """The NIC to one of the places; None: home."""
    if place is None:
        engine.destroy("edge")
    else:
        engine.apply(parse(f"version: 1\nname: edge\n{PLACES[place]}\n", "edge.yaml"))


@pytest.mark.parametrize("first", PLACES)
@pytest.mark.parametrize("to", [*PLACES, None])
@pytest.mark.parametrize("then", [Engine.recover, lambda engine: engine.destroy("edge")], ids=["recovered", "destroyed"])
def test_the_nic_is_back_with_all_that_it_had(first: str, to: str | None, then: Callable[[Engine], object], tmp_path: Path) -> None:
    at, over = 0, False
    while not over:
        world = Mortal(a_host(), -1)
        before = visible(world)[HOST]
        with an_engine(world, tmp_path / str(at)) as engine:
            go(engine, first)
        world.at = len(world.executed) + at
        with an_engine(world, tmp_path / str(at)) as engine, suppress(CutOff):
            go(engine, to)
            over = True
        world.at = -1
        with an_engine(world, tmp_path / str(at)) as engine:
            then(engine)
            go(engine, None)
        assert visible(world) == {HOST: before}, f"operation {at}"
        at += 1
