"""A stated address stays a container's own while the container does not run: what Docker gives to others lies elsewhere."""

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
networks:
  lan: {managed_by: docker, bridge: lan0, subnets: [10.77.0.0/24, "fd77::/64"]}
namespaces:
  router: {interfaces: {eth0: {network: lan}}}
containers:
  web: {networks: {lan: {address: [10.77.0.2, "fd77::2"]}}}
  db: {networks: {lan: {address: 10.77.0.200}}}
"""


@pytest.fixture
def netwrights(tmp_path: Path) -> Iterator[netwright.Engine]:
    with netwright.open_engine(state_folder=str(tmp_path / "state")) as engine:
        yield engine


def addresses(engine: DockerHost, network: str = "lan") -> dict[str, tuple[str, str]]:
    """The running containers' addresses on a network, as Docker tells them."""
    there = engine.inspect("network", network)["Containers"].values()
    return {c["Name"]: (c["IPv4Address"].partition("/")[0], c["IPv6Address"].partition("/")[0]) for c in there}


def test_a_stopped_container_has_its_address_again_though_ten_others_were_started(engine: DockerHost, netwrights: netwright.Engine) -> None:
    document = netwright.parse(FILE, "shop.yaml")
    assert netwrights.apply(document).plan.choices == (
        "networks.lan.ip_range: 10.77.0.128/26, so that Docker gives no other container 10.77.0.2 (web), 10.77.0.200 (db)",
        "networks.lan.ip_range: fd77::8000:0:0:0/96, so that Docker gives no other container fd77::2 (web)",
    )
    assert engine.inspect("network", "lan")["IPAM"]["Config"] == [
        {
            "Subnet": "10.77.0.0/24",
            "IPRange": "10.77.0.128/26",
            "Gateway": "10.77.0.1",
            "AuxiliaryAddresses": {"router-eth0": "10.77.0.3"},
        },
        {
            "Subnet": "fd77::/64",
            "IPRange": "fd77::8000:0:0:0/96",
            "Gateway": "fd77::1",
            "AuxiliaryAddresses": {"router-eth0-6": "fd77::3"},
        },
    ]
    engine.container("web", "--network", "none")
    engine.docker("network", "disconnect", "none", "web")
    again = netwrights.apply(document).plan
    assert (again.warnings, again.choices) == ((), ())
    assert addresses(engine) == {"web": ("10.77.0.2", "fd77::2")}

    engine.docker("stop", "web")
    for number in range(10):
        engine.container(f"other{number}", "--network", "lan")
    others = addresses(engine)
    assert len({ip for pair in others.values() for ip in pair}) == 20
    engine.docker("start", "web")
    assert addresses(engine) == {**others, "web": ("10.77.0.2", "fd77::2")}
    # One that was not there before is not robbed either.
    engine.container("db", "--network", "none")
    engine.docker("network", "disconnect", "none", "db")
    netwrights.apply(document)
    assert addresses(engine)["db"][0] == "10.77.0.200"
    assert netwrights.apply(document).plan.operations == ()


def test_where_docker_would_give_it_away_that_is_said_and_it_does(engine: DockerHost, netwrights: netwright.Engine) -> None:
    engine.docker("network", "create", "--subnet", "10.78.0.0/29", "theirs")
    engine.container("web", "--network", "theirs", "--ip", "10.78.0.2")
    text = """\
version: 1
name: shop
networks: {theirs: {managed_by: docker, external: true}}
containers: {web: {networks: {theirs: {address: 10.78.0.2}}}}
"""
    assert netwrights.apply(netwright.parse(text, "shop.yaml")).plan.warnings == (
        (
            "containers.web.networks.theirs.address: 10.78.0.2 is not kept for web while it does not run, because Docker gives any "
            "container an address of 10.78.0.0/29; made with --ip-range 10.78.0.4/30, the network would keep it"
        ),
    )
    engine.docker("stop", "web")
    for number in range(5):
        engine.container(f"other{number}", "--network", "theirs")
    assert "10.78.0.2" in {ip for ip, _ in addresses(engine, "theirs").values()}
    with pytest.raises(AssertionError, match=r"No available addresses|Address already in use"):
        engine.docker("start", "web")


def test_a_network_that_stands_is_not_made_anew_for_it(engine: DockerHost, netwrights: netwright.Engine) -> None:
    file = FILE.replace("{network: lan}", "{network: lan, address: [10.77.0.3, 'fd77::3']}")
    netwrights.apply(netwright.parse(file.partition("containers:")[0], "shop.yaml"))
    made = engine.inspect("network", "lan")["Id"]
    outcome = netwrights.apply(netwright.parse(file, "shop.yaml"))
    assert outcome.plan.operations == ()
    assert outcome.plan.warnings[0] == (
        "containers.web.networks.lan.address: 10.77.0.2 is not kept for web while it does not run, because Docker gives any container "
        "an address of 10.77.0.0/24; say ip_range: 10.77.0.128/26 in networks.lan, for which it is made anew"
    )
    assert len(outcome.plan.warnings) == 3
    stated = file.replace("subnets:", 'ip_range: [10.77.0.128/26, "fd77::8000:0:0:0/96"], subnets:')
    outcome = netwrights.apply(netwright.parse(stated, "shop.yaml"))
    assert outcome.plan.warnings == ()
    assert engine.inspect("network", "lan")["Id"] != made
    # What was asked for stays when the file leaves it open again.
    assert netwrights.apply(netwright.parse(file, "shop.yaml")).plan.operations == ()
