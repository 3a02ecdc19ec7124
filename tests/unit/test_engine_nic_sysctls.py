"""A NIC's own sysctls, which the kernel forgets as it moves: back with it."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from memory_host import a_host, an_engine, visible

from netwright.backends.fake import FakeWorld
from netwright.model.netns import HOST
from netwright.model.operation import ChangeLink, MoveLink, SetSysctl
from netwright.model.sysctl import interface_of
from netwright.planning.commands import commands_of
from netwright.spec.load import parse

RP_FILTER = "net.ipv4.conf.eth1.rp_filter"
AWAY = "version: 1\nname: edge\nnamespaces: {gate: {interfaces: {wan: {nic: eth1, addresses: [203.0.113.5/24]}}}}\n"
IN_PLACE = "version: 1\nname: edge\nhost: {interfaces: {eth1: {nic: eth1, addresses: [203.0.113.5/24]}}}\n"
SET_IN_PLACE = IN_PLACE.replace("}}}\n", f"}}}}, sysctls: {{{RP_FILTER}: 1}}}}\n")


def own_sysctls(world: FakeWorld) -> dict[str, str]:
    """The NIC's, at home."""
    return {key: value for key, value in world.namespaces[HOST].sysctls.items() if interface_of(key) == "eth1"}


def test_they_are_restored_before_it_goes_up_and_the_commands_say_how(tmp_path: Path) -> None:
    world = a_host()
    with an_engine(world, tmp_path) as engine:
        engine.apply(parse(AWAY, "edge.yaml"))
        done = engine.destroy("edge").plan.operations
    restored = SetSysctl(netns=HOST, key=RP_FILTER, value="2", optional=True, why="given back as it was")
    kinds = [type(operation) for operation in done]
    assert kinds.index(MoveLink) < done.index(restored) < kinds.index(ChangeLink)
    assert commands_of(restored, "edge") == [f"sysctl -q -w {RP_FILTER}=2 || true"]
    assert world.namespaces[HOST].sysctls[RP_FILTER] == "2"


def test_what_the_stack_has_set_in_place_is_not_what_it_was(tmp_path: Path) -> None:
    world = a_host()
    before = visible(world)
    with an_engine(world, tmp_path) as engine:
        engine.apply(parse(SET_IN_PLACE, "edge.yaml"))
        assert world.namespaces[HOST].sysctls[RP_FILTER] == "1"
        engine.apply(parse(AWAY, "edge.yaml"))
        assert RP_FILTER not in world.namespaces[HOST].sysctls
        engine.destroy("edge")
    assert visible(world) == before


def test_what_somebody_has_set_since_it_came_to_be_used_at_home_stays(tmp_path: Path) -> None:
    world = a_host()
    with an_engine(world, tmp_path) as engine:
        engine.apply(parse(AWAY, "edge.yaml"))
        engine.apply(parse(IN_PLACE, "edge.yaml"))
        assert own_sysctls(world) == {RP_FILTER: "2"}
        world.set_sysctl(HOST, RP_FILTER, "1")
        engine.destroy("edge")
    assert own_sysctls(world) == {RP_FILTER: "1"}


@pytest.mark.parametrize("again", [False, True], ids=["destroyed at once", "applied again"])
def test_what_somebody_has_set_since_a_reboot_stays(again: bool, tmp_path: Path) -> None:
    with an_engine(a_host(), tmp_path) as engine:
        engine.apply(parse(AWAY, "edge.yaml"))
    world = a_host()
    world.namespaces[HOST] = replace(world.namespaces[HOST], sysctls={"net.ipv4.conf.eth1.arp_ignore": "1", RP_FILTER: "1"})
    with an_engine(world, tmp_path) as engine:
        if again:
            engine.apply(parse(AWAY, "edge.yaml"))
        engine.destroy("edge")
    assert own_sysctls(world) == {"net.ipv4.conf.eth1.arp_ignore": "1", RP_FILTER: "1"}
