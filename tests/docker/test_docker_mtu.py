"""The MTU of a network that Docker makes: its way out's, unless the file says it; and never a reason to make it anew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_host import DockerHost

import netwright

pytestmark = pytest.mark.every_engine

FILE = """\
version: 1
name: shop
networks: {lan: {managed_by: docker, bridge: lan0, subnets: [10.77.0.0/24]}}
namespaces: {a: {interfaces: {eth0: {network: lan}}}}
"""
OPTION = "com.docker.network.driver.mtu"


@pytest.fixture
def netwrights(engine: DockerHost, tmp_path: Path) -> Iterator[netwright.Engine]:
    engine.run("ip", "link", "set", "eth1", "mtu", "1420", "up")
    engine.run("ip", "address", "add", "192.0.2.7/24", "dev", "eth1")
    engine.run("ip", "route", "add", "default", "via", "192.0.2.1")
    with netwright.open_engine(state_folder=str(tmp_path / "state")) as opened:
        yield opened


def mtu(engine: DockerHost, *command: str) -> int:
    (link,) = json.loads(engine.run(*command, "ip", "-j", "link", "show", "dev", "eth0"))
    assert isinstance(link["mtu"], int)
    return link["mtu"]


def test_docker_makes_it_with_the_mtu_of_the_default_route_and_it_stays(engine: DockerHost, netwrights: netwright.Engine) -> None:
    document = netwright.parse(FILE, "shop.yaml")
    assert netwrights.apply(document).plan.choices == (
        "networks.lan.mtu: 1420, as much as eth1 takes, through which the host's default route leads",
    )
    made = engine.inspect("network", "lan")
    assert made["Options"] == {"com.docker.network.bridge.name": "lan0", OPTION: "1420"}
    pid = engine.container("web", "--network", "lan")
    assert mtu(engine, "nsenter", f"--net=/proc/{pid}/ns/net") == 1420
    assert mtu(engine, "nsenter", "--net=/run/netns/a") == 1420

    engine.run("ip", "link", "set", "eth1", "mtu", "1300")
    again = netwrights.apply(document).plan
    assert (again.operations, again.choices) == ((), ())
    assert again.warnings == (
        (
            "networks.lan: its packets have up to 1420 bytes, and eth1, through which the host's default route leads, takes 1300: "
            "larger ones are fragmented, or dropped where they must not be; say mtu: 1300, for which it is made anew"
        ),
    )
    assert engine.inspect("network", "lan")["Id"] == made["Id"]


def test_an_mtu_that_leaves_the_file_is_no_reason_to_make_it_anew(engine: DockerHost, netwrights: netwright.Engine) -> None:
    netwrights.apply(netwright.parse(FILE.replace("subnets", "mtu: 1350, subnets"), "shop.yaml"))
    made = engine.inspect("network", "lan")["Id"]
    assert netwrights.apply(netwright.parse(FILE, "shop.yaml")).plan.operations == ()
    assert engine.inspect("network", "lan")["Id"] == made
    assert mtu(engine, "nsenter", "--net=/run/netns/a") == 1350
