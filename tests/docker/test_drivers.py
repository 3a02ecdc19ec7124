"""Docker's networks of every driver, made by a stack, with a real engine and real packets on the wire."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_host import DockerHost

import netwright
from clients import fetch, serving
from daemon_process import DaemonProcess, until
from netwright.errors import Refused, SpecError
from netwright.planning.commands import shell_commands

pytestmark = pytest.mark.every_engine


@pytest.fixture
def netwrights(tmp_path: Path) -> Iterator[netwright.Engine]:
    with netwright.open_engine(state_folder=str(tmp_path / "state")) as engine:
        yield engine


@pytest.fixture
def wire(engine: DockerHost) -> str:
    """eth1 is up, 10.9.0.1 on the host and 10.9.0.9 in the world beyond it, whose namespace this is."""
    for netns, address in ((engine.host, "10.9.0.1/16"), (engine.ext, "10.9.0.9/16")):
        engine.run("ip", "link", "set", "eth1", "up", netns=netns)
        engine.run("ip", "address", "add", address, "dev", "eth1", netns=netns)
    return f"/proc/{os.getpid()}/fd/{engine.ext}"


def parse(text: str) -> netwright.Document:
    return netwright.parse(text, "lab.yaml")


MACVLAN = """\
version: 1
name: lab
networks:
  lan:
    managed_by: docker
    driver: macvlan
    parent: eth1
    mode: bridge
    subnets: [10.9.0.0/16, "fd09::/48"]
    gateway: [10.9.0.9, "fd09::9"]
    ip_range: [10.9.7.0/28, "fd09:0:0:7::/112"]
    aux_addresses: {printer: 10.9.7.0}
    labels: {team: net}
    host_access: true
namespaces:
  peer: {interfaces: {eth1: {network: lan}}}
containers:
  web: {networks: {lan: {address: 10.9.7.5}}}
"""


def test_a_macvlan_network_has_all_its_options_and_its_containers_are_on_the_wire_and_reached_by_the_host(
    engine: DockerHost, netwrights: netwright.Engine, wire: str
) -> None:
    engine.web("web", "--network", "none")
    engine.docker("network", "disconnect", "none", "web")
    netwrights.apply(parse(MACVLAN))
    assert netwrights.apply(parse(MACVLAN)).plan.operations == ()
    network = engine.inspect("network", "lan")
    assert (network["Driver"], network["Internal"], network["EnableIPv6"]) == ("macvlan", False, True)
    assert network["Options"] == {"parent": "eth1", "macvlan_mode": "bridge"}
    assert network["Labels"] == {"team": "net", "io.netwright.stack": "lab"}
    (shim,) = [one["ifname"] for one in json.loads(engine.run("ip", "-j", "link", "show", "type", "macvlan"))]
    four, six = network["IPAM"]["Config"]
    assert (four["Subnet"], four["Gateway"], four["IPRange"]) == ("10.9.0.0/16", "10.9.0.9", "10.9.7.0/28")
    assert (six["Subnet"], six["Gateway"], six["IPRange"]) == ("fd09::/48", "fd09::9", "fd09:0:0:7::/112")
    assert four["AuxiliaryAddresses"] == {"printer": "10.9.7.0", "peer-eth1": "10.9.0.2", f"host-{shim}": "10.9.0.3"}

    pid = engine.pid("web")
    (eth0,) = json.loads(engine.run("nsenter", f"--net=/proc/{pid}/ns/net", "ip", "-j", "-d", "address", "show", "type", "macvlan"))
    assert eth0["linkinfo"]["info_data"]["mode"] == "bridge"
    for client in (wire, "/run/netns/peer", f"/proc/{os.getpid()}/fd/{engine.host}"):
        assert fetch(client, "10.9.7.5", 80) == "the page"
    with serving("/run/netns/peer", "10.9.0.2", 8000, "hello CLIENT"):
        assert fetch(f"/proc/{pid}/ns/net", "10.9.0.2", 8000) == "hello 10.9.7.5"
        assert fetch(f"/proc/{os.getpid()}/fd/{engine.host}", "10.9.0.2", 8000) == "hello 10.9.0.3"

    routes = engine.run("ip", "route", "show", "dev", shim)
    assert [line.split()[0] for line in routes.splitlines()] == ["10.9.0.2", "10.9.7.0/28"]
    engine.docker("network", "connect", "bridge", "web")
    engine.docker("network", "disconnect", "lan", "web")
    netwrights.destroy("lab")
    assert engine.docker("network", "ls", "--filter", "name=lan", "--quiet") == ""
    assert engine.run("ip", "link", "show", "type", "macvlan") == ""


def test_without_a_range_each_container_is_reached_by_a_route_of_its_own(
    engine: DockerHost, netwrights: netwright.Engine, wire: str
) -> None:
    text = MACVLAN.replace('    ip_range: [10.9.7.0/28, "fd09:0:0:7::/112"]\n', "").replace('"fd09::/48"', "").replace(', "fd09::9"', "")
    text = text.replace("aux_addresses: {printer: 10.9.7.0}", "aux_addresses: {nic: 10.9.0.1}").partition("containers:")[0]
    netwrights.apply(parse(text))
    engine.web("web", "--network", "lan", "--ip", "10.9.3.3")
    host = f"/proc/{os.getpid()}/fd/{engine.host}"
    netwrights.apply(parse(text + "containers: {web: {}}\n"))
    assert fetch(host, "10.9.3.3", 80) == "the page"
    engine.docker("rm", "--force", "web")
    netwrights.apply(parse(text))
    assert engine.run("ip", "route", "show", "10.9.3.3") == ""
    netwrights.destroy("lab")


def test_the_daemon_leads_the_host_to_a_container_as_it_starts(engine: DockerHost, wire: str, tmp_path: Path) -> None:
    text = """\
version: 1
name: lab
networks:
  lan: {managed_by: docker, driver: macvlan, parent: eth1, subnets: [10.9.0.0/16], gateway: 10.9.0.9, aux_addresses: {nic: 10.9.0.1}, host_access: true}
"""
    daemon = DaemonProcess(tmp_path)
    with netwright.open_engine(state_folder=str(daemon.state)) as netwrights:
        netwrights.apply(parse(text))
    daemon.start()
    try:
        engine.web("web", "--network", "lan", "--ip", "10.9.3.3")
        until("a route to the container", lambda: "10.9.3.3 dev lan-" in engine.run("ip", "route"))
        assert fetch(f"/proc/{os.getpid()}/fd/{engine.host}", "10.9.3.3", 80) == "the page"
        engine.docker("rm", "--force", "web")
        until("the route to be gone", lambda: "10.9.3.3" not in engine.run("ip", "route"))
    finally:
        daemon.close()
    with netwright.open_engine(state_folder=str(daemon.state)) as netwrights:
        netwrights.destroy("lab")


def test_a_network_that_somebody_else_made_on_a_nic_is_joined_on_that_nic(
    engine: DockerHost, netwrights: netwright.Engine, wire: str
) -> None:
    engine.docker("network", "create", "-d", "macvlan", "-o", "parent=eth1", "--subnet", "10.9.0.0/16", "--gateway", "10.9.0.9", "theirs")
    engine.web("web", "--network", "theirs", "--ip", "10.9.7.5")
    text = """\
version: 1
name: guest
networks: {theirs: {managed_by: docker, driver: macvlan, external: true}}
namespaces: {visitor: {interfaces: {eth0: {network: theirs, address: 10.9.4.4}}}}
"""
    netwrights.apply(parse(text))
    assert netwrights.apply(parse(text)).plan.operations == ()
    assert fetch("/run/netns/visitor", "10.9.7.5", 80) == "the page"
    with pytest.raises(
        SpecError, match=r"networks.theirs.driver: Docker's network theirs has the driver macvlan\n    hint: say driver: macvlan"
    ):
        netwrights.apply(parse(text.replace("driver: macvlan", "driver: ipvlan")))
    netwrights.destroy("guest")


def test_a_container_without_a_network_gets_an_interface_on_the_wire_and_gets_it_again(
    engine: DockerHost, netwrights: netwright.Engine, wire: str
) -> None:
    text = """\
version: 1
name: lab
networks: {lan: {driver: macvlan, parent: eth1, subnets: [10.9.0.0/16], gateway: none, ip_range: 10.9.7.0/24, host_access: true}}
containers: {web: {interfaces: {eth1: {network: lan, address: 10.9.7.5}}}}
"""
    engine.web("web", "--network", "none")
    netwrights.apply(parse(text))
    assert netwrights.apply(parse(text)).plan.operations == ()
    host = f"/proc/{os.getpid()}/fd/{engine.host}"
    assert (fetch(wire, "10.9.7.5", 80), fetch(host, "10.9.7.5", 80)) == ("the page", "the page")
    engine.docker("restart", "--time", "0", "web")
    engine.wait_for_page("web", 80)
    netwrights.apply(parse(text))
    assert (fetch(wire, "10.9.7.5", 80), fetch(host, "10.9.7.5", 80)) == ("the page", "the page")
    netwrights.destroy("lab")
    assert "eth1" not in engine.run("nsenter", f"--net=/proc/{engine.pid('web')}/ns/net", "ip", "link")
    assert engine.run("ip", "link", "show", "type", "macvlan") == ""


def test_an_ipvlan_network_is_asked_for_with_its_mode_and_flag(engine: DockerHost, netwrights: netwright.Engine, wire: str) -> None:
    text = """\
version: 1
name: lab
networks:
  lan: {managed_by: docker, driver: ipvlan, parent: eth1, mode: l3, flag: private, subnets: [10.19.0.0/16]}
"""
    plan = netwrights.plan(parse(text))
    assert shell_commands(plan) == [
        (
            "docker network create --driver ipvlan --subnet 10.19.0.0/16 --gateway 10.19.0.1 --opt parent=eth1 --opt ipvlan_mode=l3"
            " --opt ipvlan_flag=private --label io.netwright.stack=lab lan"
        )
    ]
    netwrights.apply(parse(text))
    assert netwrights.apply(parse(text)).plan.operations == ()
    assert engine.inspect("network", "lan")["Options"] == {"parent": "eth1", "ipvlan_mode": "l3", "ipvlan_flag": "private"}
    netwrights.destroy("lab")


def test_dockers_own_host_and_none_are_joined_from_a_containers_start_only(engine: DockerHost, netwrights: netwright.Engine) -> None:
    text = """\
version: 1
name: own
networks: {hosts: {managed_by: docker, driver: host, name: host, external: true}, none: {managed_by: docker, driver: none, external: true}}
containers: {open: {networks: {hosts: {}}}, shut: {networks: {none: {}}}}
"""
    engine.container("open", "--network", "host")
    engine.container("shut", "--network", "none")
    netwrights.apply(parse(text))
    assert netwrights.apply(parse(text)).plan.operations == ()
    engine.docker("rm", "--force", "open", "shut")
    engine.container("open")
    engine.container("shut")
    with pytest.raises(Refused) as refused:
        netwrights.apply(parse(text))
    assert str(refused.value).splitlines() == [
        "the container open cannot be put on host: it must be started with --network host",
        "the container shut cannot be put on none: it must be started with --network none",
    ]
    netwrights.destroy("own")


@pytest.fixture
def swarm(engine: DockerHost, wire: str) -> Iterator[str]:
    if engine.programs.nftables:
        pytest.skip("Docker has no swarm where its rules are in nftables")
    engine.docker("swarm", "init", "--advertise-addr", "10.9.0.1", "--listen-addr", "10.9.0.1:2377")
    yield wire
    engine.docker("swarm", "leave", "--force")


def test_an_overlay_network_of_a_swarm_takes_containers(engine: DockerHost, netwrights: netwright.Engine, swarm: str) -> None:
    text = """\
version: 1
name: lab
networks:
  mesh:
    managed_by: docker
    driver: overlay
    attachable: true
    encrypted: true
    subnets: [10.88.0.0/16]
    ip_range: 10.88.7.0/24
    mtu: 1300
    labels: {team: net}
containers:
  one: {networks: {mesh: {address: 10.88.7.5}}}
  two: {networks: {mesh: {}}}
"""
    engine.web("one")
    engine.container("two")
    netwrights.apply(parse(text))
    assert netwrights.apply(parse(text)).plan.operations == ()
    network = engine.inspect("network", "mesh")
    assert (network["Driver"], network["Scope"], network["Attachable"], network["Ingress"]) == ("overlay", "swarm", True, False)
    assert network["Labels"] == {"team": "net", "io.netwright.stack": "lab"}
    assert fetch(f"/proc/{engine.pid('two')}/ns/net", "10.88.7.5", 80) == "the page"
    assert netwrights.apply(parse(text)).plan.operations == ()

    engine.docker(
        "network", "connect", "--ip", "10.88.7.9", "--alias", "guest", "mesh", engine.docker("create", "--name", "off", "bb:1", "true")
    )
    engine.container("theirs", "--network", "mesh", "--ip", "10.88.7.8", "--network-alias", "them")
    other = text.replace("team: net", "team: ops")
    with pytest.raises(Refused, match="and off, theirs are on it: with --replace they are disconnected"):
        netwrights.apply(parse(other))
    netwrights.apply(parse(other), replace_networks=True)
    assert netwrights.apply(parse(other)).plan.operations == ()
    assert engine.inspect("network", "mesh")["Labels"]["team"] == "ops"
    assert engine.inspect("container", "theirs")["NetworkSettings"]["Networks"]["mesh"]["IPAddress"] == "10.88.7.8"
    assert fetch(f"/proc/{engine.pid('theirs')}/ns/net", "10.88.7.5", 80) == "the page"
    engine.docker("rm", "--force", "theirs", "off")
    netwrights.destroy("lab")
    assert engine.docker("network", "ls", "--filter", "name=mesh", "--quiet") == ""
