"""One host, several stacks, and what belongs to none of them: it is changed by turns, and in the end as it was before the first."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from netwright.backends.fake import FakeWorld
from netwright.errors import ApplyFailed, Refused
from netwright.model.link import Link, Observation
from netwright.model.netns import HOST, named
from netwright.model.route import Address, Route
from netwright.spec.load import parse

sys.path.insert(0, str(Path(__file__).parent))

from memory_host import CutOff, Mortal, a_host, an_engine, visible

TTL = "net.ipv4.ip_default_ttl"


def with_sysctl(world: FakeWorld, key: str, value: str) -> FakeWorld:
    host = world.namespaces[HOST]
    world.namespaces[HOST] = replace(host, sysctls={**host.sysctls, key: value})
    return world


def wants_ttl(stack: str, value: int) -> str:
    return f"version: 1\nname: {stack}\nhost: {{sysctls: {{{TTL}: {value}}}}}\n"


@pytest.mark.parametrize("order", [("one", "two"), ("two", "one")])
def test_a_sysctl_that_two_stacks_have_set_otherwise_is_in_the_end_as_before_the_first(order: tuple[str, str], tmp_path: Path) -> None:
    world = with_sysctl(a_host(), TTL, "64")
    with an_engine(world, tmp_path) as engine:
        engine.apply(parse(wants_ttl("one", 65), "one.yaml"))
        engine.apply(parse(wants_ttl("two", 66), "two.yaml"))
        for stack in order:
            engine.destroy(stack)
    assert world.namespaces[HOST].sysctls[TTL] == "64"


def test_a_crash_while_a_loan_goes_over_to_another_stack_loses_nothing(tmp_path: Path) -> None:
    world = Mortal(with_sysctl(a_host(), TTL, "64"), -1)
    with an_engine(world, tmp_path) as engine:
        engine.apply(parse(wants_ttl("one", 65) + "namespaces: {a: {}}\n", "one.yaml"))
        engine.apply(parse(wants_ttl("two", 65), "two.yaml"))
    world.at = len(world.executed)
    with an_engine(world, tmp_path) as engine, pytest.raises(CutOff):
        engine.destroy("one")
    world.at = -1
    with an_engine(world, tmp_path) as engine:
        engine.destroy("one")
        assert world.namespaces[HOST].sysctls[TTL] == "65"
        engine.destroy("two")
        assert world.namespaces[HOST].sysctls[TTL] == "64"


def test_a_sysctl_of_a_link_of_the_stack_is_no_loan(tmp_path: Path) -> None:
    world = a_host()
    before = visible(world)
    text = """\
version: 1
name: lab
networks: {lan: {bridge: br7, subnets: [10.5.0.0/24]}}
host: {sysctls: {net.ipv4.conf.br7.rp_filter: 2}}
"""
    with an_engine(world, tmp_path) as engine:
        engine.apply(parse(text, "lab.yaml"))
        engine.apply(parse(text.replace("rp_filter: 2", "rp_filter: 1"), "lab.yaml"))
        assert world.namespaces[HOST].sysctls["net.ipv4.conf.br7.rp_filter"] == "1"
        engine.destroy("lab")
    assert visible(world) == before


def test_a_sysctl_of_an_interface_that_is_gone_needs_not_be_given_back(tmp_path: Path) -> None:
    world = a_host()
    text = "version: 1\nname: lab\nhost: {sysctls: {net.ipv4.conf.eth1.forwarding: 1, net.ipv4.conf.eth1.rp_filter: 2}}\n"
    with an_engine(world, tmp_path) as engine:
        engine.apply(parse(text, "lab.yaml"))
        host = world.namespaces[HOST]
        world.namespaces[HOST] = replace(host, links={"lo": host.links["lo"]}, addresses=frozenset(), routes=frozenset())
        engine.destroy("lab")
        assert engine.status() == ()


def test_a_sysctl_of_a_namespace_of_somebody_else_that_is_gone_needs_not_be_given_back(tmp_path: Path) -> None:
    world = a_host()
    theirs = replace(world.namespaces[HOST], ref=named("theirs"), links={"lo": world.namespaces[HOST].links["lo"]})
    world.namespaces[named("theirs")] = replace(theirs, addresses=frozenset(), routes=frozenset())
    text = "version: 1\nname: lab\nnamespaces: {theirs: {external: true, forward: true}}\n"
    with an_engine(world, tmp_path) as engine:
        engine.apply(parse(text, "lab.yaml"))
        del world.namespaces[named("theirs")]
        engine.destroy("lab")
        assert engine.status() == ()


ROUTED = "version: 1\nname: {}\nhost: {{routes: [{{to: 203.0.113.0/24, via: 192.0.2.1, dev: eth1}}]}}\n"


@pytest.mark.parametrize("first", ["one", "two"])
def test_a_route_that_two_stacks_want_goes_with_the_last(first: str, tmp_path: Path) -> None:
    world = a_host()
    shared = Route(to="203.0.113.0/24", via="192.0.2.1", dev="eth1")
    with an_engine(world, tmp_path) as engine:
        for stack in ("one", "two"):
            engine.apply(parse(ROUTED.format(stack), f"{stack}.yaml"))
        engine.destroy(first)
        assert shared in world.namespaces[HOST].routes
        last = "two" if first == "one" else "one"
        assert engine.apply(parse(ROUTED.format(last), f"{last}.yaml")).plan.operations == ()
        engine.destroy(last)
    assert shared not in world.namespaces[HOST].routes


BORROWS = "version: 1\nname: edge\nnamespaces: {gate: {interfaces: {wan: {nic: eth1, addresses: [203.0.113.5/24]}}}}\n"


def test_a_nic_that_was_replaced_is_another_loan(tmp_path: Path) -> None:
    world = a_host()
    with an_engine(world, tmp_path) as engine:
        engine.apply(parse(BORROWS, "edge.yaml"))
        gate, host = world.namespaces[named("gate")], world.namespaces[HOST]
        world.namespaces[named("gate")] = replace(gate, links={"lo": gate.links["lo"]}, addresses=frozenset(), routes=frozenset())
        new = Link(name="eth1", alias="the new one", up=True, mtu=9000, mac="02:00:00:00:00:55", master="")
        its = Address(dev="eth1", cidr="192.0.2.8/24")
        world.namespaces[HOST] = replace(
            host, links={**host.links, "eth1": new}, seen={**host.seen, "eth1": Observation(index=9)}, addresses=frozenset({its})
        )
        before = visible(world)[HOST]
        engine.apply(parse(BORROWS, "edge.yaml"))
        assert world.namespaces[named("gate")].links["wan"].mac == "02:00:00:00:00:55"
        assert engine.apply(parse(BORROWS, "edge.yaml")).plan.operations == ()
        engine.destroy("edge")
    assert visible(world)[HOST] == before


def test_a_nic_that_was_replaced_by_the_way_out_is_not_taken(tmp_path: Path) -> None:
    world = a_host()
    with an_engine(world, tmp_path) as engine:
        engine.apply(parse(BORROWS, "edge.yaml"))
        gate, host = world.namespaces[named("gate")], world.namespaces[HOST]
        world.namespaces[named("gate")] = replace(gate, links={"lo": gate.links["lo"]}, addresses=frozenset(), routes=frozenset())
        new = Link(name="eth1", alias="", up=True, mtu=9000, mac="02:00:00:00:00:55", master="")
        world.namespaces[HOST] = replace(
            host,
            links={**host.links, "eth1": new},
            seen={**host.seen, "eth1": Observation(index=9)},
            routes=frozenset({Route(to="0.0.0.0/0", via="192.0.2.1", dev="eth1", protocol=3)}),
        )
        with pytest.raises(Refused, match=r"default route via 192.0.2.1 through eth1 would be gone"):
            engine.apply(parse(BORROWS, "edge.yaml"))


def test_a_nic_that_somebody_renamed_inside_comes_home_under_its_name(tmp_path: Path) -> None:
    world = a_host()
    before = visible(world)
    with an_engine(world, tmp_path) as engine:
        engine.apply(parse(BORROWS, "edge.yaml"))
        gate = world.namespaces[named("gate")]
        links = {"lo": gate.links["lo"], "mine": replace(gate.links["wan"], name="mine")}
        world.namespaces[named("gate")] = replace(gate, links=links, seen={**gate.seen, "mine": gate.seen["wan"]}, addresses=frozenset())
        engine.destroy("edge")
    assert visible(world) == before


def test_a_nic_that_is_renamed_at_home_is_given_back_without_what_it_was_given(tmp_path: Path) -> None:
    world = a_host()
    before = visible(world)
    text = "version: 1\nname: edge\nhost: {interfaces: {wan: {nic: eth1, addresses: [203.0.113.5/24]}}}\n"
    with an_engine(world, tmp_path) as engine:
        engine.apply(parse(text, "edge.yaml"))
        assert "wan" in world.namespaces[HOST].links
        assert engine.apply(parse(text, "edge.yaml")).plan.operations == ()
        engine.destroy("edge")
    assert visible(world) == before


def test_a_nic_whose_name_is_taken_at_home_is_not_lost(tmp_path: Path) -> None:
    world = Mortal(a_host(), -1)
    before = visible(world)
    with an_engine(world, tmp_path) as engine:
        engine.apply(parse(BORROWS, "edge.yaml"))
        host = world.namespaces[HOST]
        squatter = Link(name="eth1", alias="", up=True, mtu=1500, mac="02:00:00:00:00:56", master="")
        world.namespaces[HOST] = replace(host, links={**host.links, "eth1": squatter}, seen={**host.seen, "eth1": Observation(index=9)})
        world.fail_at = len(world.executed) + 1
        with pytest.raises((ApplyFailed, Exception), match="eth1"):
            engine.destroy("edge")
        assert "wan" in world.namespaces[named("gate")].links
        host = world.namespaces[HOST]
        world.namespaces[HOST] = replace(host, links={n: x for n, x in host.links.items() if n != "eth1"})
        world.fail_at = None
        engine.destroy("edge")
    assert visible(world) == before


def forget_everything(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


def without_its_settings(world: FakeWorld) -> dict[str, str | None]:
    """The host's links and whose they say they are."""
    return {name: link.alias for name, link in world.namespaces[HOST].links.items()}


@pytest.mark.parametrize("again", [True, False], ids=["applied again", "destroyed at once"])
def test_a_nic_whose_loan_was_forgotten_comes_home_without_its_mark(again: bool, tmp_path: Path) -> None:
    world = a_host()
    with an_engine(world, tmp_path) as engine:
        engine.apply(parse(BORROWS.replace("wan", "eth1"), "edge.yaml"))
    forget_everything(tmp_path)
    with an_engine(world, tmp_path) as engine:
        if again:
            engine.apply(parse(BORROWS.replace("wan", "eth1"), "edge.yaml"))
            assert engine.apply(parse(BORROWS.replace("wan", "eth1"), "edge.yaml")).plan.operations == ()
        engine.destroy("edge")
        assert without_its_settings(world) == {"lo": "", "eth1": ""}
        assert engine.destroy("edge").plan.operations == ()


def test_a_nic_that_is_at_home_with_a_mark_that_nobody_remembers_can_be_borrowed(tmp_path: Path) -> None:
    world = a_host()
    host = world.namespaces[HOST]
    marked = replace(host.links["eth1"], alias="netwright-loan:edge")
    world.namespaces[HOST] = replace(host, links={**host.links, "eth1": marked})
    with an_engine(world, tmp_path) as engine:
        engine.apply(parse(BORROWS, "edge.yaml"))
        engine.destroy("edge")
    assert without_its_settings(world) == {"lo": "", "eth1": ""}
    assert {a.cidr for a in world.namespaces[HOST].addresses} == {"192.0.2.7/24"}
