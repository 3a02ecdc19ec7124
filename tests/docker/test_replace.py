"""Docker networks that must be made anew while containers of others are on them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from docker_host import DockerHost

import netwright
from clients import fetch
from netwright.backends.store import SqliteStore
from netwright.engine.outcome import Silent
from netwright.errors import ApplyFailed, DockerError, Refused
from netwright.model.operation import AnyOperation
from netwright.model.state import State
from netwright.planning.commands import shell_commands
from netwright.planning.sentence import sentence
from netwright.ports import OperationFailed, Scope, World
from netwright.wiring import open_world

pytestmark = pytest.mark.every_engine


@pytest.fixture
def state(tmp_path: Path) -> str:
    return str(tmp_path / "state")


@pytest.fixture
def netwrights(state: str) -> Iterator[netwright.Engine]:
    with netwright.open_engine(state_folder=state) as engine:
        yield engine


SHOP = """\
version: 1
name: shop
networks:
  front: {managed_by: docker, bridge: docker7, subnets: [172.30.0.0/16, "fd30::/64"]}
namespaces:
  gate: {interfaces: {eth0: {network: front, address: [172.30.0.2, "fd30::2"]}}}
"""
WIDER = SHOP.replace("subnets:", "mtu: 1400, subnets:")


def parse(text: str) -> netwright.Document:
    return netwright.parse(text, "shop.yaml")


def settings(engine: DockerHost, name: str) -> dict[str, Any]:
    """How a container is on the network, as Docker says it."""
    found = engine.inspect("container", name)["NetworkSettings"]["Networks"]["front"]
    own = engine.inspect("container", name)["Id"][:12]
    return {
        "address": found["IPAddress"],
        "six": found["GlobalIPv6Address"],
        "asked": (found["IPAMConfig"] or {}).get("IPv4Address"),
        "aliases": sorted(set(found["Aliases"] or ()) - {own}),
        "options": found["DriverOpts"],
        "mac": found["MacAddress"] if _keeps_mac(engine) else None,
    }


def _keeps_mac(engine: DockerHost) -> bool:
    """Engines before 25 make it from the address; those until 28 take none for a container that runs (seen with 28.5.2), and make one up."""
    minor = int(engine.docker("version", "--format", "{{.Server.APIVersion}}").split(".")[1])
    return not MADE_UP <= minor < TAKEN


MADE_UP, TAKEN = 44, 52
"""Of the API's 1.x: Docker 25, and Docker 29."""


@pytest.fixture
def served(engine: DockerHost, netwrights: netwright.Engine) -> DockerHost:
    """Three containers on the network by other hands: one with all settings, one with none, one that does not run."""
    netwrights.apply(parse(SHOP))
    engine.web("web", "--network", "front", "--ip", "172.30.0.20", "--ip6", "fd30::20", "--network-alias", "www", "--publish", "8080:80")
    engine.container("any", "--network", "front")
    engine.container("off", "--network", "front", "--ip", "172.30.0.40", "--network-alias", "late")
    engine.docker("stop", "off")
    engine.container("apart")
    return engine


def test_without_the_flag_nobody_is_disconnected_and_the_error_names_it(served: DockerHost, netwrights: netwright.Engine) -> None:
    for attempt in (netwrights.plan, netwrights.apply):
        with pytest.raises(Refused) as refused:
            attempt(parse(WIDER))
        assert str(refused.value) == (
            "the Docker network front must be made anew because it has not the option com.docker.network.driver.mtu=1400, and any, off, web "
            "are on it: with --replace they are disconnected for a moment, and connected again as before"
        )
    assert served.inspect("network", "front")["Options"] == {"com.docker.network.bridge.name": "docker7"}


def test_with_the_flag_the_network_is_made_anew_and_everybody_is_on_it_as_before(served: DockerHost, netwrights: netwright.Engine) -> None:
    before = {name: settings(served, name) for name in ("web", "any", "off")}
    plan = netwrights.plan(parse(WIDER), replace_networks=True)
    said = [sentence(operation) for operation in plan.operations]
    assert said[:3] == [f"disconnect container {name} from Docker network front" for name in ("any", "off", "web")]
    assert said[-1] == "connect container web to Docker network front as 172.30.0.20, fd30::20, also called www"
    assert shell_commands(plan)[-1] == "docker network connect --ip 172.30.0.20 --ip6 fd30::20 --alias www front web"
    netwrights.apply(parse(WIDER), replace_networks=True)
    assert netwrights.apply(parse(WIDER)).plan.operations == ()
    assert served.inspect("network", "front")["Options"]["com.docker.network.driver.mtu"] == "1400"
    after = {name: settings(served, name) for name in ("web", "any", "off")}
    assert after["web"] == before["web"]
    assert after["off"] == before["off"]
    assert (after["any"]["address"], after["any"]["six"]) == (before["any"]["address"], before["any"]["six"])
    for address in ("172.30.0.20", "fd30::20"):
        assert fetch("/run/netns/gate", address, 80) == "the page"
    host = f"/proc/{os.getpid()}/fd/{served.host}"
    assert fetch(host, "172.30.0.1", 8080) == "the page"
    served.docker("start", "off")
    assert settings(served, "off")["address"] == "172.30.0.40"
    served.docker("rm", "--force", "web", "any", "off")
    netwrights.destroy("shop")


def test_an_address_that_the_new_subnet_has_not_is_dockers_choice_and_said(served: DockerHost, netwrights: netwright.Engine) -> None:
    moved = SHOP.replace("172.30.", "172.29.")
    plan = netwrights.plan(parse(moved), replace_networks=True)
    (why,) = [operation.why for operation in plan.operations if sentence(operation).startswith("connect container web")]
    assert why.endswith("; 172.30.0.20 is in no subnet of it any more: Docker gives another address")
    netwrights.apply(parse(moved), replace_networks=True)
    assert settings(served, "web")["address"].startswith("172.29.")
    assert settings(served, "web")["six"] == "fd30::20"
    assert settings(served, "web")["aliases"] == ["www"]
    assert netwrights.apply(parse(moved)).plan.operations == ()
    served.docker("rm", "--force", "web", "any", "off")
    netwrights.destroy("shop")


def test_when_it_fails_in_the_middle_the_old_network_is_back_with_everybody_on_it(served: DockerHost, netwrights: netwright.Engine) -> None:
    before = {name: settings(served, name) for name in ("web", "any", "off")}
    network = served.inspect("network", "front")
    # Docker makes no network over the addresses of another one: it says so when the old one is gone.
    served.docker("network", "create", "--driver", "bridge", "--subnet", "172.28.0.0/16", "theirs")
    overlapping = SHOP.replace('"fd30::/64"]', '"fd30::/64"], options: {com.docker.network.bridge.host_binding_ipv4: nonsense}')
    with pytest.raises(ApplyFailed, match="The host is as before: the stack shop as it was last applied") as failed:
        netwrights.apply(parse(overlapping), replace_networks=True)
    assert failed.value.rolled_back
    after = {name: settings(served, name) for name in ("web", "any", "off")}
    assert after["web"] == before["web"]
    assert after["off"] == before["off"]
    assert after["any"]["address"] == before["any"]["address"]
    again = served.inspect("network", "front")
    assert again["Id"] != network["Id"]
    assert (again["Options"], again["Labels"], again["IPAM"]) == (network["Options"], network["Labels"], network["IPAM"])
    assert fetch("/run/netns/gate", "172.30.0.20", 80) == "the page"
    assert netwrights.apply(parse(SHOP)).plan.operations == ()
    served.docker("rm", "--force", "web", "any", "off")
    netwrights.destroy("shop")


LEAN = """\
version: 1
name: shop
networks: {front: {managed_by: docker, bridge: docker7, subnets: [172.30.0.0/16]}}
"""
LEAN_WIDER = LEAN.replace("subnets:", "mtu: 1400, subnets:")


@pytest.fixture
def alone(engine: DockerHost, netwrights: netwright.Engine) -> DockerHost:
    """One container on the network, by another hand."""
    netwrights.apply(parse(LEAN))
    engine.container("web", "--network", "front", "--ip", "172.30.0.20", "--network-alias", "www")
    return engine


def test_whichever_operation_fails_the_container_is_on_the_network_as_before(
    alone: DockerHost, netwrights: netwright.Engine, state: str
) -> None:
    before = settings(alone, "web")
    count = len(netwrights.plan(parse(LEAN_WIDER), replace_networks=True).operations)
    assert count == 4
    for number in range(count):
        with cut_off(state, number) as engine, pytest.raises(ApplyFailed, match="The host is as before") as failed:
            engine.apply(parse(LEAN_WIDER), replace_networks=True)
        assert failed.value.rolled_back
        assert settings(alone, "web") == before
        assert netwrights.plan(parse(LEAN)).operations == ()
    alone.docker("rm", "--force", "web")
    netwrights.destroy("shop")


def test_the_commands_do_the_same_by_hand(alone: DockerHost, netwrights: netwright.Engine) -> None:
    before = settings(alone, "web")
    commands = shell_commands(netwrights.plan(parse(LEAN_WIDER), replace_networks=True))
    alone.run("env", f"DOCKER_HOST={alone.url}", "sh", "-ec", "\n".join(commands))
    after = settings(alone, "web")
    # docker(1) takes no MAC address for a network.
    assert [after[key] for key in ("address", "asked", "aliases")] == [before[key] for key in ("address", "asked", "aliases")]
    assert netwrights.apply(parse(LEAN_WIDER)).plan.operations == ()
    alone.docker("rm", "--force", "web")
    netwrights.destroy("shop")


@pytest.mark.parametrize("number", [1, 2, 3])
def test_after_a_kill_the_container_is_brought_back_by_recover(
    alone: DockerHost, netwrights: netwright.Engine, state: str, number: int
) -> None:
    before = settings(alone, "web")
    with cut_off(state, number, killed=True) as engine, pytest.raises(SystemExit):
        engine.apply(parse(LEAN_WIDER), replace_networks=True)
    assert "front" not in alone.inspect("container", "web")["NetworkSettings"]["Networks"]
    assert netwrights.recover() == ("shop",)
    assert settings(alone, "web") == before
    assert "com.docker.network.driver.mtu" not in alone.inspect("network", "front")["Options"]
    assert netwrights.plan(parse(LEAN)).operations == ()
    alone.docker("rm", "--force", "web")
    netwrights.destroy("shop")


class CutOff:
    """A World whose operation `number` (from 0) fails, or is the end of the process."""

    def __init__(self, world: World, number: int, *, killed: bool) -> None:
        self._world = world
        self._number: int | None = number
        self._killed = killed

    def observe(self, scope: Scope) -> State:
        if self._number is None and self._killed:
            raise SystemExit
        return self._world.observe(scope)

    def execute(self, operations: Sequence[AnyOperation], done: Callable[[int], None]) -> None:
        if self._number is None:
            if self._killed:
                raise SystemExit
            self._world.execute(operations, done)
            return
        number, self._number = self._number, None
        self._world.execute(operations[:number], done)
        if self._killed:
            raise SystemExit
        raise OperationFailed(operations[number], DockerError("made to fail"))

    def close(self) -> None:
        self._world.close()


def cut_off(state: str, number: int, *, killed: bool = False) -> netwright.Engine:
    return netwright.Engine(CutOff(open_world(), number, killed=killed), SqliteStore(state), Silent())


def test_json_and_the_command_line_know_the_flag(served: DockerHost, state: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(WIDER)
    command = [sys.executable, "-m", "netwright"]
    environment = {**os.environ, "NETWRIGHT_STATE": state, "NETWRIGHT_DOCKER": served.url}
    refused = subprocess.run([*command, "plan", str(file)], capture_output=True, text=True, env=environment, check=False)
    assert refused.returncode != 0
    assert "with --replace they are disconnected" in refused.stderr
    shown = subprocess.run(
        [*command, "plan", "--replace", "--json", str(file)], capture_output=True, text=True, env=environment, check=True
    )
    loans = [loan for loan in json.loads(shown.stdout)["loans"] if loan["loan"] == "detachment"]
    assert [(loan["container"], loan["attachment"]["network"], loan["attachment"].get("ipv4")) for loan in loans] == [
        ("any", "front", settings(served, "any")["address"]),
        ("off", "front", "172.30.0.40"),
        ("web", "front", "172.30.0.20"),
    ]
    subprocess.run([*command, "apply", "--replace", "--quiet", str(file)], env=environment, check=True)
    assert settings(served, "web")["address"] == "172.30.0.20"
    served.docker("rm", "--force", "web", "any", "off")
    subprocess.run([*command, "destroy", "shop"], env=environment, check=True, capture_output=True)
