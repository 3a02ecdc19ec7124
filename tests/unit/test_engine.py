"""The engine over a host in memory: all or nothing, whichever operation fails."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from netwright.backends.fake import FakeWorld
from netwright.backends.store import SqliteStore
from netwright.engine.engine import Engine
from netwright.engine.outcome import Silent
from netwright.errors import ApplyFailed, Interrupted, Refused, SpecError
from netwright.kinds.loopback import Loopback
from netwright.model.link import Link, Observation
from netwright.model.netns import HOST, named
from netwright.model.operation import AddAddress, AddRoute, AnyOperation
from netwright.model.route import Address, Route
from netwright.model.state import Namespace, State
from netwright.ports import Scope
from netwright.spec.load import parse

ARTICLE = """\
version: 1
name: article
networks:
  custom: {bridge: docker1, subnets: [172.30.0.0/16]}
namespaces:
  web: {interfaces: {eth0: {network: custom, address: 172.30.0.10}}}
  my_netns:
    interfaces:
      eth1: {nic: eth1, addresses: [10.0.0.1/8]}
      uplink: {network: custom, address: 172.30.0.2}
    publish:
      - {listen: "eth1:1234/tcp", from: [10.0.0.0/16], to: "web:1234"}
"""

EDITED = ARTICLE.replace("172.30.0.10", "172.30.0.77").replace("1234/tcp", "4321/tcp")


def a_host() -> FakeWorld:
    nic = Link(name="eth1", alias="the uplink", up=True, mtu=1400, mac="02:00:00:00:00:99", master="")
    lo = Loopback(name="lo", alias="", up=True, mtu=65536, mac="00:00:00:00:00:00", master="")
    host = Namespace(
        ref=HOST,
        links={"lo": lo, "eth1": nic},
        seen={"lo": Observation(index=1), "eth1": Observation(index=7, txqlen=900)},
        addresses=frozenset({Address(dev="eth1", cidr="192.0.2.7/24", broadcast="192.0.2.255", label="eth1")}),
        routes=frozenset({Route(to="198.51.100.0/24", via="192.0.2.1", dev="eth1", protocol=4, metric=5)}),
    )
    return FakeWorld(host, loopback=lambda: replace(lo, up=False))


def an_engine(world: FakeWorld, folder: Path) -> Engine:
    return Engine(world, SqliteStore(str(folder)), Silent())


def test_a_second_apply_is_empty(tmp_path: Path) -> None:
    world = a_host()
    with an_engine(world, tmp_path) as engine:
        assert engine.apply(parse(ARTICLE, "article.yaml")).plan
        assert engine.apply(parse(ARTICLE, "article.yaml")).plan.operations == ()


def test_destroy_leaves_the_host_as_it_was(tmp_path: Path) -> None:
    world, before = a_host(), a_host().namespaces
    with an_engine(world, tmp_path) as engine:
        engine.apply(parse(ARTICLE, "article.yaml"))
        assert world.namespaces[named("my_netns")].links["eth1"].alias == "netwright-loan:article"
        done = engine.destroy("article").plan.operations
        assert [one.why for one in done if isinstance(one, AddAddress | AddRoute)] == ["given back as it was"] * 2
        assert _visible(world) == {ref: _seen(namespace) for ref, namespace in before.items()}
        assert engine.status() == ()
        assert engine.destroy("article").plan.operations == ()


def _seen(namespace: Namespace) -> Namespace:
    return replace(namespace, seen={}, foreign={})


def _visible(world: FakeWorld) -> dict[object, Namespace]:
    return {ref: _seen(namespace) for ref, namespace in world.namespaces.items()}


def _operations(text: str, folder: Path) -> int:
    with an_engine(a_host(), folder) as engine:
        return len(engine.plan(parse(text, "article.yaml")).operations)


def test_whichever_operation_fails_the_host_is_as_before(tmp_path: Path) -> None:
    count = _operations(ARTICLE, tmp_path / "count")
    assert count > 15
    for number in range(count):
        world = a_host()
        before = _visible(world)
        with an_engine(world, tmp_path / str(number)) as engine:
            world.fail_at = number
            with pytest.raises(ApplyFailed, match=r"made to fail: Cannot allocate memory\nThe host is as before") as failure:
                engine.apply(parse(ARTICLE, "article.yaml"))
            assert failure.value.rolled_back
            assert _visible(world) == before
            assert engine.apply(parse(ARTICLE, "article.yaml")).plan
            assert engine.apply(parse(ARTICLE, "article.yaml")).plan.operations == ()


def test_a_failed_edit_goes_back_to_what_was_committed(tmp_path: Path) -> None:
    for number in range(4):
        world = a_host()
        with an_engine(world, tmp_path / str(number)) as engine:
            engine.apply(parse(ARTICLE, "article.yaml"))
            committed = _visible(world)
            world.fail_at = len(world.executed) + number
            with suppress(ApplyFailed):
                engine.apply(parse(EDITED, "article.yaml"))
            assert _visible(world) == committed
            assert engine.status()[0].drift is not None
            assert engine.status()[0].drift.operations == ()


class CutOff(BaseException):
    """Stands for a kill: nothing runs after it."""


class Mortal(FakeWorld):
    """Dies at an operation, as a killed process does."""

    def __init__(self, living: FakeWorld, at: int) -> None:
        super().__init__(living.namespaces[HOST], loopback=living._loopback)
        self._at_operation = at

    def _do(self, operation: AnyOperation) -> None:
        if len(self.executed) == self._at_operation:
            raise CutOff
        super()._do(operation)


def test_after_a_kill_at_any_operation_the_next_run_brings_the_host_back(tmp_path: Path) -> None:
    count = _operations(ARTICLE, tmp_path / "count")
    for number in range(count):
        world = Mortal(a_host(), number)
        before = _visible(world)
        with an_engine(world, tmp_path / str(number)) as engine, pytest.raises(CutOff):
            engine.apply(parse(ARTICLE, "article.yaml"))
        world._at_operation = -1
        with an_engine(world, tmp_path / str(number)) as engine:
            assert engine.status("article")[0].unfinished
            assert engine.recover() == ("article",)
            assert _visible(world) == before
            assert engine.recover() == ()


def test_ctrl_c_rolls_back(tmp_path: Path) -> None:
    class Interrupting(Mortal):
        def _do(self, operation: AnyOperation) -> None:
            try:
                super()._do(operation)
            except CutOff:
                self._at_operation = -1
                raise KeyboardInterrupt from None

    world = Interrupting(a_host(), 9)
    before = _visible(world)
    with an_engine(world, tmp_path) as engine, pytest.raises(Interrupted, match=r"^Interrupted\. The host is as before"):
        engine.apply(parse(ARTICLE, "article.yaml"))
    assert _visible(world) == before


def test_ctrl_c_before_the_first_change_says_that_nothing_was_touched(tmp_path: Path) -> None:
    class Looking(Mortal):
        def observe(self, scope: Scope) -> State:
            raise KeyboardInterrupt

    with an_engine(Looking(a_host(), -1), tmp_path) as engine:
        with pytest.raises(Interrupted, match=r"^Interrupted\. Nothing was touched\.$"):
            engine.apply(parse(ARTICLE, "article.yaml"))
        assert engine.status() == ()


def test_a_name_that_is_taken_is_an_error_before_anything_is_touched(tmp_path: Path) -> None:
    world = a_host()
    world.namespaces[named("web")] = Namespace(ref=named("web"), sysctls={"net.ipv6.conf.default.disable_ipv6": "1"})
    bridge = Link(name="docker1", alias="", up=True, mtu=1500, mac="02:00:00:00:00:98", master="")
    host = world.namespaces[HOST]
    world.namespaces[HOST] = replace(host, links={**host.links, "docker1": bridge})
    before = _visible(world)
    with an_engine(world, tmp_path) as engine, pytest.raises(Refused) as refusal:
        engine.apply(parse(ARTICLE, "article.yaml"))
    assert str(refusal.value) == (
        "the namespace web exists already, and is not Netwright's; external: true joins it as it is\n"
        "the host already has an interface docker1, and it is not Netwright's"
    )
    assert _visible(world) == before


def test_a_nic_that_is_not_there_is_told_with_its_place(tmp_path: Path) -> None:
    with an_engine(a_host(), tmp_path) as engine, pytest.raises(SpecError) as refusal:
        engine.apply(parse(ARTICLE.replace("nic: eth1", "nic: eth9"), "article.yaml"))
    assert str(refusal.value) == (
        "article.yaml:9:19: namespaces.my_netns.interfaces.eth1.nic: there is no NIC eth9 on the host\n    hint: there are: eth1"
    )


def test_two_stacks_that_need_one_sysctl_give_it_back_when_the_last_goes(tmp_path: Path) -> None:
    world = a_host()
    one = "version: 1\nname: one\nnetworks: {a: {subnets: [10.1.0.0/24]}}\n"
    two = "version: 1\nname: two\nnetworks: {b: {subnets: [10.2.0.0/24]}}\n"
    with an_engine(world, tmp_path) as engine:
        engine.apply(parse(one, "one.yaml"))
        engine.apply(parse(two, "two.yaml"))
        engine.destroy("one")
        assert world.namespaces[HOST].sysctls["net.ipv4.ip_forward"] == "1"
        engine.destroy("two")
        assert world.namespaces[HOST].sysctls["net.ipv4.ip_forward"] == "0"
