"""DOCKER-USER: who may use what Docker publishes, and networks of ours on a host whose FORWARD drops."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_host import DockerHost

import netwright
from clients import fetch, serving

pytestmark = pytest.mark.every_engine

SHOP = """\
version: 1
name: shop
containers:
  web:
    publish:
      - {listen: 8080/tcp, from: [10.0.0.0/16], to: 80}
"""

LAB = """\
version: 1
name: lab
networks:
  lan: {bridge: br7, subnets: [172.29.77.0/24]}
namespaces:
  a: {interfaces: {eth0: {network: lan, address: 172.29.77.10}}}
  b: {interfaces: {eth0: {network: lan, address: 172.29.77.11}}}
host:
  publish:
    - {listen: 9090, from: [10.0.0.0/16], to: "a:90"}
"""


@pytest.fixture(autouse=True)
def docker_user(engine: DockerHost) -> None:
    if engine.programs.nftables:
        pytest.skip("this engine's rules are in nftables: it has no DOCKER-USER")


@pytest.fixture
def outside(engine: DockerHost) -> str:
    """Clients in 10.0.0.0/16 and 10.1.0.0/16 beyond eth1, which is 10.0.0.1/8 on the host. Its path."""
    engine.run("ip", "link", "set", "eth1", "up")
    engine.run("ip", "address", "add", "10.0.0.1/8", "dev", "eth1")
    engine.run("ip", "address", "add", "fd10::1/16", "dev", "eth1", "nodad")
    engine.run("ip", "link", "set", "eth1", "up", netns=engine.ext)
    engine.run("ip", "address", "add", "10.0.7.7/8", "dev", "eth1", netns=engine.ext)
    engine.run("ip", "address", "add", "10.1.7.7/8", "dev", "eth1", netns=engine.ext)
    engine.run("ip", "address", "add", "fd10::7/16", "dev", "eth1", "nodad", netns=engine.ext)
    return f"/proc/{os.getpid()}/fd/{engine.ext}"


@pytest.fixture
def netwrights(tmp_path: Path) -> Iterator[netwright.Engine]:
    with netwright.open_engine(state_folder=str(tmp_path / "state")) as engine:
        yield engine


def chain(engine: DockerHost, name: str = "DOCKER-USER", command: str = "iptables") -> list[str]:
    return engine.run(command, "-S", name).splitlines()[1:]


@pytest.fixture
def other_peoples(engine: DockerHost) -> Iterator[list[str]]:
    """A rule that somebody else has in DOCKER-USER."""
    engine.run("iptables", "-I", "DOCKER-USER", "-s", "203.0.113.9/32", "-j", "DROP")
    try:
        yield chain(engine)
    finally:
        engine.run("iptables", "-D", "DOCKER-USER", "-s", "203.0.113.9/32", "-j", "DROP")


def test_a_port_that_docker_publishes_to_everybody_is_open_to_the_chosen_only(
    engine: DockerHost, outside: str, netwrights: netwright.Engine, other_peoples: list[str]
) -> None:
    engine.web("web", "--publish", "8080:80")
    assert fetch(outside, "10.0.0.1", 8080, "10.1.7.7") == "the page"

    netwrights.apply(netwright.parse(SHOP, "shop.yaml"))
    assert fetch(outside, "10.0.0.1", 8080, "10.0.7.7") == "the page"
    assert fetch(outside, "10.0.0.1", 8080, "10.1.7.7") == "refused"
    assert fetch(outside, "fd10::1", 8080, "fd10::7") == "refused", "docker-proxy listens on IPv6 too"

    rules = chain(engine)
    ours = [rule for rule in rules if "netwright:shop" in rule]
    assert rules == [*ours, *other_peoples], "before other people's rules"
    assert any("--ctorigdstport 8080" in rule for rule in ours), "the port as the client sees it; the container listens on 80"
    assert not any("dport 80 " in rule for rule in ours)

    assert netwrights.apply(netwright.parse(SHOP, "shop.yaml")).plan.operations == ()
    engine.run("iptables", "-I", "DOCKER-USER", "-s", "203.0.113.10/32", "-j", "ACCEPT")
    try:
        netwrights.apply(netwright.parse(SHOP, "shop.yaml"))
        assert chain(engine) == [*ours, "-A DOCKER-USER -s 203.0.113.10/32 -j ACCEPT", *other_peoples], "never doubled, on top again"
    finally:
        engine.run("iptables", "-D", "DOCKER-USER", "-s", "203.0.113.10/32", "-j", "ACCEPT")

    wider = SHOP.replace("10.0.0.0/16", "10.0.0.0/16, 10.1.0.0/16")
    netwrights.apply(netwright.parse(wider, "shop.yaml"))
    assert fetch(outside, "10.0.0.1", 8080, "10.1.7.7") == "the page"

    netwrights.destroy("shop")
    assert chain(engine) == other_peoples
    assert fetch(outside, "10.0.0.1", 8080, "10.1.7.7") == "the page"


def test_a_containers_port_comes_in_where_forward_lets_pass_what_dockers_own_chains_do_not(
    engine: DockerHost, outside: str, netwrights: netwright.Engine
) -> None:
    # A host that forwarded before Docker came: its FORWARD accepts. Since 28, Docker drops what it has not published, all the same.
    engine.run("iptables", "-P", "FORWARD", "ACCEPT")
    try:
        engine.web("web")
        document = netwright.parse(SHOP, "shop.yaml")
        netwrights.apply(document)
        assert fetch(outside, "10.0.0.1", 8080, "10.0.7.7") == "the page"
        assert fetch(outside, "10.0.0.1", 8080, "10.1.7.7") == "refused"
        assert netwrights.apply(document).plan.operations == ()
        netwrights.destroy("shop")
        assert not any("netwright" in rule for rule in chain(engine))
    finally:
        engine.run("iptables", "-P", "FORWARD", "DROP")


def test_a_network_of_ours_works_where_forward_drops_and_br_netfilter_is_on(
    engine: DockerHost, outside: str, netwrights: netwright.Engine
) -> None:
    engine.run("iptables", "-P", "FORWARD", "DROP")
    engine.run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=1")
    before = [engine.run("iptables", "-S"), engine.run("iptables", "-t", "nat", "-S"), engine.run("nft", "--stateless", "list", "ruleset")]
    document = netwright.parse(LAB, "lab.yaml")
    netwrights.apply(document)

    def works() -> None:
        assert fetch("/run/netns/b", "172.29.77.10", 90) == "a says hello to 172.29.77.11"
        assert fetch(outside, "10.0.0.1", 9090, "10.0.7.7") == "a says hello to 172.29.77.1"
        assert fetch(outside, "10.0.0.1", 9090, "10.1.7.7") == "refused"
        assert fetch("/run/netns/a", "10.0.7.7", 99) == "outside says hello to 10.0.0.1"

    with (
        serving("/run/netns/a", "172.29.77.10", 90, "a says hello to CLIENT"),
        serving(outside, "10.0.7.7", 99, "outside says hello to CLIENT"),
    ):
        works()
        assert netwrights.apply(document).plan.operations == ()
        engine.run("iptables", "-F", "DOCKER-USER")
        assert fetch("/run/netns/b", "172.29.77.10", 90) == "dropped"
        assert netwrights.apply(document).plan.operations
        works()

    netwrights.destroy("lab")
    after = [engine.run("iptables", "-S"), engine.run("iptables", "-t", "nat", "-S"), engine.run("nft", "--stateless", "list", "ruleset")]
    # The witness emptied DOCKER-USER itself, with Docker's own RETURN in it.
    assert after[0].replace("-A DOCKER-USER -j RETURN\n", "") == before[0].replace("-A DOCKER-USER -j RETURN\n", "")
    assert after[1] == before[1]
    engine.run("iptables", "-A", "DOCKER-USER", "-j", "RETURN")
