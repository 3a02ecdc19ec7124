"""A real Docker Engine whose rules are in nftables: what the file publishes comes in, what Docker publishes can be shut, networks are made."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_host import DockerHost

import netwright
from clients import fetch

pytestmark = pytest.mark.nftables_engine

SHOP = """\
version: 1
name: shop
containers:
  web:
    publish:
      - {listen: 8080/tcp, from: [10.0.0.0/16], to: 80}
      - {listen: 9090/tcp, from: [10.0.0.0/16], to: 80}
"""


@pytest.fixture
def outside(engine: DockerHost) -> str:
    """Clients in 10.0.0.0/16 and 10.1.0.0/16 beyond eth1, which is 10.0.0.1/8 on the host. Its path."""
    for netns, addresses in ((None, ("10.0.0.1/8", "fd10::1/16")), (engine.ext, ("10.0.7.7/8", "10.1.7.7/8", "fd10::7/16"))):
        engine.run("ip", "link", "set", "eth1", "up", netns=netns)
        for address in addresses:
            engine.run("ip", "address", "add", address, "dev", "eth1", *(["nodad"] if ":" in address else []), netns=netns)
    return f"/proc/{os.getpid()}/fd/{engine.ext}"


@pytest.fixture
def netwrights(tmp_path: Path) -> Iterator[netwright.Engine]:
    with netwright.open_engine(state_folder=str(tmp_path / "state")) as engine:
        yield engine


def test_a_port_that_docker_publishes_is_shut_and_one_that_we_publish_comes_in(
    engine: DockerHost, outside: str, netwrights: netwright.Engine
) -> None:
    engine.web("web", "--publish", "8080:80")
    engine.web("db", "--publish", "7070:80")
    before = engine.run("nft", "--stateless", "list", "ruleset")
    assert fetch(outside, "10.0.0.1", 8080, "10.1.7.7") == "the page"
    document = netwright.parse(SHOP, "shop.yaml")
    netwrights.apply(document)
    for port in (8080, 9090):
        assert fetch(outside, "10.0.0.1", port, "10.0.7.7") == "the page"
        assert fetch(outside, "10.0.0.1", port, "10.1.7.7") == "refused"
    assert fetch(outside, "fd10::1", 8080, "fd10::7") == "refused", "docker-proxy listens on IPv6 too"
    assert fetch(outside, "10.0.0.1", 7070, "10.1.7.7") == "the page", "what the file does not speak of"
    assert netwrights.apply(document).plan.operations == ()

    engine.restart()
    engine.docker("start", "web")
    engine.wait_for_page("web", 80)
    netwrights.apply(document)
    assert fetch(outside, "10.0.0.1", 9090, "10.0.7.7") == "the page"
    assert fetch(outside, "10.0.0.1", 8080, "10.1.7.7") == "refused"
    netwrights.destroy("shop")
    assert fetch(outside, "10.0.0.1", 8080, "10.1.7.7") == "the page"
    engine.docker("start", "db")
    assert "nw_" not in engine.run("nft", "list", "ruleset")
    assert engine.run("nft", "--stateless", "list", "ruleset").count("\n") == before.count("\n")


def test_forwarding_is_turned_on_before_docker_makes_a_network_and_given_back(engine: DockerHost, netwrights: netwright.Engine) -> None:
    key = "net.ipv6.conf.all.forwarding"
    engine.run("sysctl", "-qw", f"{key}=0")
    document = netwright.parse(
        'version: 1\nname: six\nnetworks: {custom: {managed_by: docker, bridge: docker6, subnets: [172.30.0.0/16, "fd30::/64"]}}\n',
        "six.yaml",
    )
    netwrights.apply(document)
    assert engine.run("sysctl", "-n", key) == "1\n"
    assert netwrights.apply(document).plan.operations == ()
    netwrights.destroy("six")
    assert engine.run("sysctl", "-n", key) == "0\n"
