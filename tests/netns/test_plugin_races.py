"""Docker's driver and a stack want one port of the host at the same time. Each has a memory of its own, and neither waits for the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from stacks import run

import netwright
from netwright.backends.driver_store import DriverStore
from netwright.dockerdriver.records import Records
from netwright.engine.outcome import Silent
from netwright.errors import ApplyFailed, Refused
from netwright.frontends.docker_plugin.driver import Driver
from netwright.frontends.docker_plugin.service import open_driver
from netwright.model.operation import Plan

pytestmark = pytest.mark.netns

ID = "0123456789abcdef" * 4
ENDPOINT = {"NetworkID": ID, "EndpointID": "fedcba9876543210" * 4}
PROGRAM = {**ENDPOINT, "Options": {"com.docker.network.portmap": [{"Proto": 6, "Port": 80, "HostPort": 8080}]}}
STACK = "version: 1\nname: shop\nhost: {publish: [{listen: 8080/tcp, to: '192.0.2.7:80'}]}\n"


class Meanwhile(DriverStore):
    """The driver's memory; once, before it is written to, something else happens."""

    happens: Callable[[], None] | None = None

    def save(self, before: Records, after: Records) -> None:
        if self.happens is not None:
            happens, self.happens = self.happens, None
            happens()
        super().save(before, after)


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Driver]:
    """With a network, and a container on it."""
    monkeypatch.setenv("NETWRIGHT_STATE", str(tmp_path))
    monkeypatch.setenv("NETWRIGHT_DOCKER", f"unix://{tmp_path}/no-engine")
    driver = open_driver(print)
    driver._memory = Meanwhile(str(tmp_path / "docker-plugin"))
    pool: dict[str, Any] = {"Pool": "172.30.0.0/24", "Gateway": "172.30.0.1/24"}
    driver.answer("NetworkDriver.CreateNetwork", {"NetworkID": ID, "IPv4Data": [pool]})
    driver.answer("NetworkDriver.CreateEndpoint", {**ENDPOINT, "Interface": {"Address": "172.30.0.2/24"}})
    yield driver
    driver.answer("NetworkDriver.DeleteEndpoint", ENDPOINT)
    driver.answer("NetworkDriver.DeleteNetwork", {"NetworkID": ID})
    driver.close()
    with netwright.open_engine() as engine:
        engine.destroy("shop")


def tables() -> list[str]:
    return sorted(line.split()[-1] for line in run("nft", "list", "tables").splitlines() if "nw_" in line)


def test_a_stack_that_has_got_the_port_while_the_driver_took_it_keeps_it(host, driver: Driver, tmp_path: Path) -> None:
    memory = driver._memory
    assert isinstance(memory, Meanwhile)
    memory.happens = lambda: netwright.apply(netwright.parse(STACK, "shop.yaml")) and None
    with pytest.raises(Refused, match="port 8080/tcp of the host is published already, by the stack shop"):
        driver.answer("NetworkDriver.ProgramExternalConnectivity", PROGRAM)
    assert "nw_docker_plugin_ports" not in tables()
    assert "nw_shop" in tables()
    with closing(DriverStore(str(tmp_path / "docker-plugin"))) as records:
        assert [endpoint.ports for endpoint in records.load().endpoints.values()] == [()]


def test_a_driver_that_has_got_the_port_while_a_stack_took_it_keeps_it(host, driver: Driver, tmp_path: Path) -> None:
    class Begun(Silent):
        """The stack is written down as begun, and has not changed anything."""

        def planned(self, plan: Plan) -> None:
            # As if the driver had looked just before.
            driver._stacks.claims = lambda: ()
            driver.answer("NetworkDriver.ProgramExternalConnectivity", PROGRAM)

    with netwright.open_engine(progress=Begun()) as engine:
        with pytest.raises(ApplyFailed, match="port 8080/tcp of the host is published already, by Docker's driver netwright") as failed:
            engine.apply(netwright.parse(STACK, "shop.yaml"))
        assert failed.value.rolled_back
    assert "nw_docker_plugin_ports" in tables()
    assert "nw_shop" not in tables()
