"""A Docker network whose subnet the file leaves open: past Docker's own and past the host's routes, and kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_host import DockerHost

import netwright

pytestmark = pytest.mark.every_engine

FILE = """\
version: 1
name: shop
networks: {lan: {managed_by: docker, bridge: lan0}}
namespaces: {a: {interfaces: {eth0: {network: lan}}}}
"""


@pytest.fixture
def netwrights(engine: DockerHost, tmp_path: Path) -> Iterator[netwright.Engine]:
    engine.run("ip", "link", "set", "eth1", "up")
    engine.run("ip", "route", "add", "172.18.4.0/24", "dev", "eth1")
    with netwright.open_engine(state_folder=str(tmp_path / "state")) as opened:
        yield opened


def subnet(engine: DockerHost, network: str = "lan") -> str:
    (config,) = engine.inspect("network", network)["IPAM"]["Config"]
    assert isinstance(config["Subnet"], str)
    return config["Subnet"]


def test_a_network_of_dockers_gets_a_subnet_that_is_free_and_keeps_it(engine: DockerHost, netwrights: netwright.Engine) -> None:
    document = netwright.parse(FILE, "shop.yaml")
    outcome = netwrights.apply(document)
    assert outcome.plan.choices == (
        (
            "networks.lan.subnets: 172.19.0.0/16, because 172.17.0.0/16 overlaps 172.17.0.0/16, which is Docker's network bridge, "
            "and 172.18.0.0/16 overlaps 172.18.4.0/24, which the host reaches through eth1"
        ),
    )
    assert outcome.plan.waiting == ()
    assert subnet(engine) == "172.19.0.0/16"
    made = engine.inspect("network", "lan")["Id"]
    engine.docker("network", "create", "later")
    assert subnet(engine, "later") != "172.19.0.0/16"
    again = netwrights.apply(document).plan
    assert (again.operations, again.choices, again.warnings) == ((), (), ())
    # A route that comes later is told of, and the network stays.
    engine.run("ip", "route", "add", "172.19.7.0/24", "dev", "eth1")
    later = netwrights.apply(document).plan
    assert later.operations == ()
    assert [warning.partition(";")[0] for warning in later.warnings] == [
        "networks.lan.subnets[0]: 172.19.0.0/16 overlaps 172.19.7.0/24, which the host reaches through eth1"
    ]
    assert engine.inspect("network", "lan")["Id"] == made
    engine.run("ip", "route", "del", "172.19.7.0/24", "dev", "eth1")
    netwrights.destroy("shop")
    assert engine.docker("network", "ls", "--format", "{{.Name}}", "--filter", "name=lan") == ""


def test_one_that_docker_has_numbered_stays_as_it_is(engine: DockerHost, netwrights: netwright.Engine) -> None:
    engine.docker("network", "create", "--label", "io.netwright.stack=shop", "--opt", "com.docker.network.bridge.name=lan0", "lan")
    numbered = subnet(engine)
    made = engine.inspect("network", "lan")["Id"]
    document = netwright.parse(FILE.partition("namespaces")[0], "shop.yaml")
    outcome = netwrights.apply(document).plan
    assert (outcome.operations, outcome.choices) == ((), ())
    assert (subnet(engine), engine.inspect("network", "lan")["Id"]) == (numbered, made)
