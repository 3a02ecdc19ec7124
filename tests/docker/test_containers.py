"""Containers that somebody else started: interfaces put in, networks joined, published without Docker's -p."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_host import DockerHost

import netwright
from clients import fetch, serving

pytestmark = pytest.mark.every_engine


@pytest.fixture
def netwrights(tmp_path: Path) -> Iterator[netwright.Engine]:
    with netwright.open_engine(state_folder=str(tmp_path / "state")) as engine:
        yield engine


def inside(pid: int) -> str:
    return f"/proc/{pid}/ns/net"


def test_a_running_container_gets_an_interface_and_gets_it_again_after_a_restart(engine: DockerHost, netwrights: netwright.Engine) -> None:
    document = netwright.parse(
        """\
version: 1
name: lab
networks: {lan: {bridge: br7, subnets: [10.77.0.0/24, "fd77::/64"]}}
namespaces: {peer: {interfaces: {eth0: {network: lan, address: [10.77.0.9, "fd77::9"]}}}}
containers:
  web:
    interfaces: {eth7: {network: lan, address: 10.77.0.20, mac: "02:00:00:00:77:20", mtu: 1400}}
""",
        "lab.yaml",
    )
    assert netwrights.apply(document).plan.waiting == ("containers.web: its interfaces wait for the container to run",)
    pid = engine.web()
    netwrights.apply(document)
    (eth7,) = json.loads(engine.run("nsenter", f"--net={inside(pid)}", "ip", "-j", "-d", "address", "show", "dev", "eth7"))
    assert (eth7["mtu"], eth7["address"]) == (1400, "02:00:00:00:77:20")
    assert {a["local"] for a in eth7["addr_info"] if a["scope"] == "global"} >= {"10.77.0.20"}
    assert fetch("/run/netns/peer", "10.77.0.20", 80) == "the page"

    engine.docker("restart", "--time", "0", "web")
    pid = engine.wait_for_page("web", 80)
    assert netwrights.apply(document).plan.operations
    assert fetch("/run/netns/peer", "10.77.0.20", 80) == "the page"
    assert netwrights.apply(document).plan.operations == ()
    netwrights.destroy("lab")
    assert "eth7" not in engine.run("nsenter", f"--net={inside(pid)}", "ip", "link")


def test_a_running_containers_port_is_published_without_dockers_p(engine: DockerHost, netwrights: netwright.Engine) -> None:
    engine.run("ip", "link", "set", "eth1", "up")
    engine.run("ip", "address", "add", "10.0.0.1/8", "dev", "eth1")
    engine.run("ip", "link", "set", "eth1", "up", netns=engine.ext)
    engine.run("ip", "address", "add", "10.0.7.7/8", "dev", "eth1", netns=engine.ext)
    engine.run("ip", "address", "add", "10.1.7.7/8", "dev", "eth1", netns=engine.ext)
    outside = f"/proc/{os.getpid()}/fd/{engine.ext}"
    engine.web("web")
    shop = """\
version: 1
name: shop
containers:
  web: {publish: ["8080:80", {listen: "10.0.0.1:8081", from: [10.0.0.0/16], to: 80}]}
"""
    netwrights.apply(netwright.parse(shop, "shop.yaml"))
    assert fetch(outside, "10.0.0.1", 8080, "10.1.7.7") == "the page"
    assert fetch(outside, "10.0.0.1", 8081, "10.0.7.7") == "the page"
    assert fetch(outside, "10.0.0.1", 8081, "10.1.7.7") == "refused"
    netwrights.apply(netwright.parse(shop.replace('"8080:80", ', ""), "shop.yaml"))
    assert fetch(outside, "10.0.0.1", 8080, "10.1.7.7") == "refused"
    assert fetch(outside, "10.0.0.1", 8081, "10.0.7.7") == "the page"
    netwrights.destroy("shop")
    assert fetch(outside, "10.0.0.1", 8081, "10.0.7.7") == "refused"


def test_a_container_sees_its_clients_addresses_and_its_replies_find_back(engine: DockerHost, netwrights: netwright.Engine) -> None:
    document = netwright.parse(
        """\
version: 1
name: keep
networks:
  custom: {managed_by: docker, bridge: docker7, subnets: [172.30.0.0/16, "fd30::/64"]}
namespaces:
  client: {interfaces: {up: {peer: {namespace: gate, interface: down}, addresses: [192.0.2.9/24, "2001:db8::9/64"]}}}
  gate:
    interfaces:
      down: {peer: {namespace: client, interface: up}, addresses: [192.0.2.1/24, "2001:db8::1/64"]}
      uplink: {network: custom}
    publish:
      - {listen: "down:8080", from: [192.0.2.0/24, "2001:db8::/64"], to: "web:80", source: preserve}
containers: {web: {networks: {custom: {address: [172.30.0.10, "fd30::10"]}}}}
""",
        "keep.yaml",
    )
    netwrights.apply(document)
    pid = engine.container("web")
    netwrights.apply(document)
    assert netwrights.apply(document).plan.operations == ()
    for address, gate, client in (("172.30.0.10", "192.0.2.1", "192.0.2.9"), ("fd30::10", "2001:db8::1", "2001:db8::9")):
        with serving(inside(pid), address, 80, "hello CLIENT"):
            assert fetch("/run/netns/client", gate, 8080) == f"hello {client}"
    netwrights.destroy("keep")
    assert engine.run("nsenter", f"--net={inside(pid)}", "ip", "rule").count("7800") == 0


def test_a_namespace_joins_a_docker_network_that_somebody_else_made(engine: DockerHost, netwrights: netwright.Engine) -> None:
    engine.docker("network", "create", "--subnet", "172.31.7.0/24", "theirs")
    engine.web("web", "--network", "theirs", "--ip", "172.31.7.77")
    document = netwright.parse(
        """\
version: 1
name: guest
networks: {theirs: {managed_by: docker, external: true}}
namespaces: {visitor: {interfaces: {eth0: {network: theirs}}}}
""",
        "guest.yaml",
    )
    netwrights.apply(document)
    assert fetch("/run/netns/visitor", "172.31.7.77", 80) == "the page"
    netwrights.destroy("guest")
    assert engine.inspect("network", "theirs")["Name"] == "theirs"
