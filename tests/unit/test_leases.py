"""An address that was given out stays with whom it was given to, and is given to nobody else."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from netwright.model.docker import Container, DockerState
from netwright.model.netns import HOST, named
from netwright.spec.load import parse

sys.path.insert(0, str(Path(__file__).parent))

from memory_host import a_host, an_engine
from scene import host, resolved, state

from netwright.backends.fake import FakeWorld

LAN = "version: 1\nname: lab\nnetworks: {lan: {bridge: br7, subnets: [10.5.0.0/24]}}\nnamespaces:\n"
ENDPOINT = "  {name}: {{interfaces: {{eth0: {{network: lan}}}}}}\n"


def lab(*names: str) -> str:
    return LAN + "".join(ENDPOINT.format(name=name) for name in names)


def addresses_of(world: FakeWorld, *names: str) -> list[str]:
    return [a.cidr for name in names for a in world.namespaces[named(name)].addresses]


def test_an_endpoint_keeps_its_address_when_what_was_not_confirmed_is_rolled_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = a_host()
    with an_engine(world, tmp_path) as engine:
        engine.apply(parse(lab("a", "b"), "lab.yaml"))
        engine.apply(parse(lab("b"), "lab.yaml"))
        assert addresses_of(world, "b") == ["10.5.0.3/24"]
        engine.apply(parse(lab("c"), "lab.yaml"), confirm_seconds=5)
        assert addresses_of(world, "c") == ["10.5.0.2/24"]
        later, since_boot = time.time() + 10, time.clock_gettime(time.CLOCK_BOOTTIME) + 10
        monkeypatch.setattr(time, "time", lambda: later)
        monkeypatch.setattr(time, "clock_gettime", lambda _clock: since_boot)
        assert engine.expire_trials() == ("lab",)
        assert addresses_of(world, "b") == ["10.5.0.3/24"]


CONTAINERS = """\
version: 1
name: lab
networks: {lan: {bridge: br7, subnets: [10.5.0.0/24]}}
containers:
  web: {interfaces: {eth7: {network: lan}}}
namespaces:
  later: {interfaces: {eth0: {network: lan}}}
"""
KEY = "lan/container/web/eth7/10.5.0.0/24"


@pytest.mark.parametrize(
    "docker",
    [
        DockerState(containers={"web": Container(name="web", id="ab" * 32, pid=0)}),
        DockerState(),
        DockerState(reachable=False, why="there is no Docker here"),
    ],
    ids=["stopped", "removed", "no engine"],
)
def test_a_container_that_does_not_run_keeps_its_address(docker: DockerState) -> None:
    out = resolved(CONTAINERS, state(host(), docker=docker), leases={KEY: "10.5.0.2"})
    assert out.leases == {KEY: "10.5.0.2", "lan/named/later/eth0/10.5.0.0/24": "10.5.0.3"}


def test_an_interface_of_a_container_that_left_the_file_keeps_none() -> None:
    without = CONTAINERS.replace("{interfaces: {eth7: {network: lan}}}", "{}")
    assert resolved(without, state(host()), leases={KEY: "10.5.0.2"}).leases == {"lan/named/later/eth0/10.5.0.0/24": "10.5.0.2"}


JOINED = """\
version: 1
name: guest
networks: {lan: {external: true, bridge: br7, subnets: [10.5.0.0/24], gateway: 10.5.0.1}}
namespaces: {visitor: {interfaces: {eth0: {network: lan}}}}
"""


def test_two_stacks_on_one_bridge_never_give_out_one_address(tmp_path: Path) -> None:
    world = a_host()
    stated = lab("a") + "  s: {interfaces: {eth0: {network: lan, address: 10.5.0.3}}}\n"
    with an_engine(world, tmp_path) as engine:
        engine.apply(parse(stated, "lab.yaml"))
        engine.apply(parse(JOINED, "guest.yaml"))
        assert addresses_of(world, "visitor") == ["10.5.0.4/24"]
        engine.apply(parse(stated + ENDPOINT.format(name="z"), "lab.yaml"))
        assert addresses_of(world, "z") == ["10.5.0.5/24"]
        assert engine.apply(parse(JOINED, "guest.yaml")).plan.operations == ()
        engine.destroy("guest")
        engine.destroy("lab")
    assert replace(world.namespaces[HOST], seen={}, foreign={}) == replace(a_host().namespaces[HOST], seen={}, foreign={})
