"""What the engine does when the host, the file or the memory is not what it was: nothing may stand in the way for good."""

from __future__ import annotations

import errno
import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from netwright.backends.store import SqliteStore
from netwright.engine.engine import Engine
from netwright.engine.outcome import Silent
from netwright.errors import ApplyFailed, BackendError, Interrupted, KernelError
from netwright.model.docker import DockerNetwork, DockerState
from netwright.model.link import Link
from netwright.model.netns import HOST, named
from netwright.model.operation import AnyOperation, CreateDockerNetwork, RemoveDockerNetwork
from netwright.model.route import Route
from netwright.model.state import State
from netwright.ports import Commit, Scope
from netwright.spec.load import parse

sys.path.insert(0, str(Path(__file__).parent))

from memory_host import CutOff, Mortal, Told, a_host, an_engine, visible

NIC_STACK = """\
version: 1
name: edge
networks: {lan: {bridge: br7, subnets: [10.5.0.0/24]}}
namespaces:
  gate:
    interfaces:
      eth1: {nic: eth1, addresses: [203.0.113.5/24]}
      inner: {network: lan, address: 10.5.0.2}
    routes: [{to: 198.18.0.0/15, via: 203.0.113.1}]
"""
MORE = NIC_STACK + "  more: {interfaces: {eth0: {network: lan, address: 10.5.0.9}}}\n"
OTHER = "version: 1\nname: other\nnetworks: {wan: {bridge: br8, subnets: [10.6.0.0/24]}}\n"


def cut_off(text: str, at: int, folder: Path, world: Mortal) -> None:
    """An apply that dies at an operation; afterwards the world lives again."""
    world.at = len(world.executed) + at
    with an_engine(world, folder) as engine, pytest.raises(CutOff):
        engine.apply(parse(text, "edge.yaml"))
    world.at = -1


def take_away(world: Mortal, name: str) -> None:
    """A NIC is pulled out, wherever it is."""
    for ref, namespace in world.namespaces.items():
        if name in namespace.links:
            world.namespaces[ref] = replace(
                namespace,
                links={n: x for n, x in namespace.links.items() if n != name},
                addresses=frozenset(a for a in namespace.addresses if a.dev != name),
                routes=frozenset(r for r in namespace.routes if r.dev != name),
            )


def test_a_recovery_without_the_nic_brings_back_all_the_rest_and_says_so(tmp_path: Path) -> None:
    world, told = Mortal(a_host(), -1), Told()
    with an_engine(world, tmp_path) as engine:
        engine.apply(parse(NIC_STACK, "edge.yaml"))
    cut_off(MORE, 3, tmp_path, world)
    take_away(world, "eth1")
    with an_engine(world, tmp_path, told) as engine:
        assert engine.recover() == ("edge",)
        assert named("more") not in world.namespaces
        assert {a.cidr for a in world.namespaces[named("gate")].addresses} == {"10.5.0.2/24"}
        (status,) = engine.status("edge")
        assert not status.unfinished
        assert status.spec_text == NIC_STACK
    assert told.notes[1:] == [
        "Could not be brought back: edge.yaml:7:19: namespaces.gate.interfaces.eth1.nic: there is no NIC eth1 on the host"
    ]


def test_a_recovery_goes_round_what_somebody_else_has_made_meanwhile(tmp_path: Path) -> None:
    world, told = Mortal(a_host(), -1), Told()
    with an_engine(world, tmp_path) as engine:
        engine.apply(parse(NIC_STACK, "edge.yaml"))
    cut_off(MORE, 3, tmp_path, world)
    host = world.namespaces[HOST]
    theirs = Link(name="br7", alias="the office", up=True, mtu=1500, mac="02:00:00:00:00:98", master="")
    world.namespaces[HOST] = replace(host, links={**host.links, "br7": theirs}, addresses=frozenset())
    with an_engine(world, tmp_path, told) as engine:
        assert engine.recover() == ("edge",)
        assert world.namespaces[HOST].links["br7"] == theirs
        assert not any(a.dev == "br7" for a in world.namespaces[HOST].addresses)
        assert named("more") not in world.namespaces
    assert told.notes[1:] == ["Could not be brought back: the host already has an interface br7, and it is not Netwright's"]


def test_a_subnet_that_the_host_routes_elsewhere_now_does_not_stop_a_rollback(tmp_path: Path) -> None:
    world = Mortal(a_host(), -1)
    with an_engine(world, tmp_path) as engine:
        engine.apply(parse(NIC_STACK, "edge.yaml"))
        committed = visible(world)
        host = world.namespaces[HOST]
        vpn = Route(to="10.5.0.128/25", dev="tun0", protocol=4)
        tun0 = Link(name="tun0", alias="", up=True, mtu=1500, mac="02:00:00:00:00:97", master="")
        world.fail_at = len(world.executed) + 5

        def dial(operation: AnyOperation) -> None:
            host = world.namespaces[HOST]
            if "tun0" not in host.links:
                world.namespaces[HOST] = replace(host, links={**host.links, "tun0": tun0}, routes=host.routes | {vpn})

        world.before = dial
        with pytest.raises(ApplyFailed, match="made to fail") as failure:
            engine.apply(parse(MORE, "edge.yaml"))
        assert failure.value.rolled_back
        host = world.namespaces[HOST]
        world.namespaces[HOST] = replace(
            host, links={n: x for n, x in host.links.items() if n != "tun0"}, routes=frozenset(r for r in host.routes if r != vpn)
        )
        assert visible(world) == committed


def test_destroy_needs_no_recovery_first(tmp_path: Path) -> None:
    world = Mortal(a_host(), -1)
    before = visible(world)
    with an_engine(world, tmp_path) as engine:
        engine.apply(parse(NIC_STACK, "edge.yaml"))
    cut_off(MORE, 3, tmp_path, world)
    with an_engine(world, tmp_path) as engine:
        done = engine.destroy("edge").plan.operations
        assert not [operation for operation in done if type(operation).__name__ in ("CreateLink", "CreateNetns")]
        assert visible(world) == before
        assert engine.status() == ()


def test_an_operation_that_fails_in_a_recovery_is_told_and_can_be_tried_again(tmp_path: Path) -> None:
    world = Mortal(a_host(), -1)
    before = visible(world)
    cut_off(NIC_STACK, 8, tmp_path, world)
    with an_engine(world, tmp_path) as engine:
        world.fail_at = len(world.executed)
        with pytest.raises(ApplyFailed, match=r"^The stack edge could not be brought back: Failed to .*: made to fail"):
            engine.recover()
        assert engine.status("edge")[0].unfinished
        assert engine.recover() == ("edge",)
        assert visible(world) == before


def test_a_stack_that_cannot_be_brought_back_stands_in_nobody_elses_way(tmp_path: Path) -> None:
    world, told = Mortal(a_host(), -1), Told()
    cut_off(NIC_STACK, 8, tmp_path, world)
    with an_engine(world, tmp_path, told) as engine:
        world.fail_at = len(world.executed)
        outcome = engine.apply(parse(OTHER, "other.yaml"))
        assert outcome.recovered == ()
        assert "br8" in world.namespaces[HOST].links
        assert engine.status("edge")[0].unfinished
        engine.destroy("edge")
        engine.destroy("other")
    assert any("could not be brought back" in note for note in told.notes)
    assert visible(world) == visible(a_host())


def test_a_committed_file_that_is_understood_no_more_can_be_destroyed(tmp_path: Path) -> None:
    world = Mortal(a_host(), -1)
    before = visible(world)
    with an_engine(world, tmp_path) as engine:
        engine.apply(parse(MORE, "edge.yaml"))
    forget_the_language(tmp_path)
    with an_engine(world, tmp_path) as engine:
        assert engine.status("edge")[0].trouble is not None
        engine.destroy("edge")
    assert visible(world).keys() == before.keys()
    assert visible(world)[HOST].links == before[HOST].links


def test_a_new_file_over_one_that_is_understood_no_more_leaves_nothing_of_the_old(tmp_path: Path) -> None:
    world = Mortal(a_host(), -1)
    with an_engine(world, tmp_path) as engine:
        engine.apply(parse(MORE, "edge.yaml"))
    forget_the_language(tmp_path)
    with an_engine(world, tmp_path) as engine:
        engine.apply(parse(NIC_STACK, "edge.yaml"))
        assert named("more") not in world.namespaces
        assert engine.apply(parse(NIC_STACK, "edge.yaml")).plan.operations == ()


def forget_the_language(folder: Path) -> None:
    """The committed file as another version of Netwright may have left it."""
    store = SqliteStore(str(folder))
    text = "version: 1\nname: edge\nsomething: new\n"
    old = store.commits()["edge"]
    commit = Commit(stack="edge", spec=text, source=old.source, committed_at=1.0, digest=hashlib.sha256(text.encode()).hexdigest())
    store.commit("edge", commit, leases=store.leases("edge"), loans=store.loans("edge")["edge"], fingerprints=store.fingerprints("edge"))
    store.close()


class Full(SqliteStore):
    """A database that cannot be written any more when it comes to the commit."""

    refuses: BaseException | None = None

    def commit(self, *arguments: object, **keywords: object) -> None:
        if self.refuses is not None:
            refusal, self.refuses = self.refuses, None
            raise refusal
        super().commit(*arguments, **keywords)  # type: ignore[arg-type]


@pytest.mark.parametrize("refusal", [BackendError("The disk is full."), KeyboardInterrupt()])
def test_what_cannot_be_committed_is_rolled_back(refusal: BaseException, tmp_path: Path) -> None:
    world = a_host()
    before = visible(world)
    store = Full(str(tmp_path))
    store.refuses = refusal
    with Engine(world, store, Silent()) as engine:
        with pytest.raises((ApplyFailed, Interrupted), match=r"The host is as before: the stack edge is not there\."):
            engine.apply(parse(NIC_STACK, "edge.yaml"))
        assert visible(world) == before
        assert engine.status() == ()


class NoRoom(SqliteStore):
    """A database on a disk that is full from the write `at` (from 0) on, until there is room again."""

    at: int | None = None

    def begin(self, *arguments: object) -> None:
        self._write()
        super().begin(*arguments)  # type: ignore[arg-type]

    def commit(self, *arguments: object, **keywords: object) -> None:
        self._write()
        super().commit(*arguments, **keywords)  # type: ignore[arg-type]

    def _write(self) -> None:
        if self.at is not None:
            self.at -= 1
            if self.at < 0:
                raise BackendError("The disk is full.", hint="make room")


def test_a_disk_that_is_full_keeps_nothing_from_going_back_and_it_is_said_that_this_is_not_written_down(tmp_path: Path) -> None:
    world = a_host()
    before = visible(world)
    store = NoRoom(str(tmp_path))
    with Engine(world, store, Silent()) as engine:
        store.at = 1
        with pytest.raises(ApplyFailed) as failure:
            engine.apply(parse(NIC_STACK, "edge.yaml"))
        assert str(failure.value) == (
            "The disk is full.\nThe host is as before: the stack edge is not there.\nThat could not be written down: The disk is full."
        )
        assert (failure.value.rolled_back, failure.value.hint) == (True, "make room; then run: netwright recover")
        assert visible(world) == before
        assert [status.unfinished for status in engine.status()] == [True]
        with pytest.raises(ApplyFailed, match="The stack edge was brought back, but that could not be written down: The disk is full"):
            engine.recover()
        store.at = None
        assert engine.recover() == ("edge",)
        assert engine.status() == ()


class DockerGoes(Mortal):
    """Has a Docker Engine that makes a network, and from an operation on does not answer any more."""

    gone = False
    networks: dict[str, DockerNetwork]

    def observe(self, scope: Scope) -> State:
        seen = super().observe(scope)
        there = DockerState(reachable=False, why="nobody answers") if self.gone else DockerState(networks=self.networks)
        return replace(seen, docker=there if scope.docker else None)

    def _do(self, operation: AnyOperation) -> None:
        if isinstance(operation, CreateDockerNetwork):
            self.networks[operation.network.name] = replace(operation.network, owner="shop")
            self.gone = True
            raise KernelError(errno.EIO, "no answer")
        if isinstance(operation, RemoveDockerNetwork):
            del self.networks[operation.name]
            return
        super()._do(operation)


def test_what_was_begun_in_an_engine_that_is_gone_is_not_called_taken_back_before_it_is(tmp_path: Path) -> None:
    world = DockerGoes(a_host(), -1)
    world.networks = {}
    text = "version: 1\nname: shop\nnetworks: {front: {managed_by: docker, subnets: [10.7.0.0/24]}}\n"
    with an_engine(world, tmp_path) as engine:
        with pytest.raises(ApplyFailed, match="removing the Docker network front needs Docker, which is away") as told:
            engine.apply(parse(text, "shop.yaml"))
        assert "The host is between two states" in str(told.value)
        assert not told.value.rolled_back
        assert engine.status()[0].unfinished
        with pytest.raises(ApplyFailed, match="removing the Docker network front needs Docker, which is away"):
            engine.recover()
        world.gone = False
        assert engine.recover() == ("shop",)
        assert (world.networks, engine.status()) == ({}, ())


def test_the_hint_of_what_failed_is_the_hint_of_the_failure(tmp_path: Path) -> None:
    world = Mortal(a_host(), -1)

    def refuse(_operation: AnyOperation) -> None:
        raise KernelError(errno.ENOMEM, "no", hint="more memory")

    world.before = refuse
    with an_engine(world, tmp_path) as engine, pytest.raises(ApplyFailed) as failure:
        engine.apply(parse(NIC_STACK, "edge.yaml"))
    assert failure.value.rolled_back
    assert failure.value.hint == "more memory"


def test_a_stack_that_is_being_changed_was_not_cut_short(tmp_path: Path) -> None:
    world = Mortal(a_host(), -1)
    told: list[tuple[bool, bool]] = []
    with an_engine(world, tmp_path) as engine, an_engine(world, tmp_path) as watching:

        def watch(_operation: AnyOperation) -> None:
            (status,) = watching.status("edge")
            told.append((status.unfinished, status.changing is not None))

        world.before = watch
        engine.apply(parse(NIC_STACK, "edge.yaml"))
        assert set(told) == {(False, True)}
        (status,) = watching.status("edge")
        assert (status.unfinished, status.changing) == (False, None)
