"""`docker run -p` on a network of the driver netwright: real clients at the published port."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from docker_host import DockerHost
from docker_plugin import Plugin, create, inside

import netwright
from clients import fetch, serving

pytestmark = pytest.mark.every_engine


@pytest.fixture
def outside(engine: DockerHost) -> Iterator[str]:
    """The world beyond eth1: clients at 10.0.7.7 and fd10::7, and at 10.1.7.7 and fd11::7. The host is 10.0.0.1 and fd10::1."""
    for netns in (None, engine.ext):
        engine.run("ip", "link", "set", "eth1", "up", netns=netns)
    engine.run("ip", "address", "add", "10.0.0.1/8", "dev", "eth1")
    engine.run("ip", "address", "add", "fd10::1/12", "dev", "eth1", "nodad")
    for cidr in ("10.0.7.7/8", "10.1.7.7/8", "fd10::7/12", "fd11::7/12"):
        engine.run("ip", "address", "add", cidr, "dev", "eth1", *(["nodad"] if ":" in cidr else []), netns=engine.ext)
    yield f"/proc/{os.getpid()}/fd/{engine.ext}"


def test_a_published_port_is_there_for_whom_the_network_says(engine: DockerHost, plugin: Plugin, outside: str) -> None:
    create(engine, "shop", "--ipv6", "--subnet", "172.30.0.0/24", "--subnet", "fd30::/64", "-o", "netwright.from=10.0.0.0/16,fd10::/16")
    pid = engine.container("web", "--network", "shop", "--publish", "8080:80")
    neighbour = engine.container("neighbour", "--network", "shop")
    with serving(inside(pid), "::", 80, "hello CLIENT"):
        assert fetch(outside, "10.0.0.1", 8080, "10.0.7.7") == "hello ::ffff:10.0.7.7"
        assert fetch(outside, "10.0.0.1", 8080, "10.1.7.7") == "refused"
        assert fetch(outside, "fd10::1", 8080, "fd10::7") == "hello fd10::7"
        assert fetch(outside, "fd10::1", 8080, "fd11::7") == "refused"
        assert fetch(inside(neighbour), "172.30.0.2", 80) == "hello ::ffff:172.30.0.3"
        assert "*:8080/tcp -> 80\n" in plugin.listing()
        engine.docker("rm", "--force", "web")
        assert fetch(outside, "10.0.0.1", 8080, "10.0.7.7") == "refused"


def test_a_port_of_everybodys_is_there_for_neighbours_and_other_networks_too(engine: DockerHost, plugin: Plugin, outside: str) -> None:
    create(engine, "shop", "--subnet", "172.30.0.0/24")
    create(engine, "office", "--subnet", "172.30.1.0/24")
    engine.web("web", "--network", "shop", "--publish", "10.0.0.1:8080:80")
    neighbour = engine.container("neighbour", "--network", "shop")
    clerk = engine.container("clerk", "--network", "office")
    for netns in (outside, inside(neighbour), inside(clerk), f"/proc/{os.getpid()}/fd/{engine.host}"):
        assert fetch(netns, "10.0.0.1", 8080) == "the page"


def test_one_container_may_have_other_sources_than_its_network(engine: DockerHost, plugin: Plugin, outside: str) -> None:
    create(engine, "shop", "--subnet", "172.30.0.0/24", "-o", "netwright.from=10.0.0.0/16")
    option = "name=shop,driver-opt=netwright.from=10.1.0.0/16,driver-opt=netwright.source=masquerade"
    pid = engine.container("web", "--network", option, "--publish", "8080:80")
    with serving(inside(pid), "0.0.0.0", 80, "hello CLIENT"):
        assert fetch(outside, "10.0.0.1", 8080, "10.0.7.7") == "refused"
        assert fetch(outside, "10.0.0.1", 8080, "10.1.7.7") == "hello 172.30.0.1"


def test_ports_that_others_have_are_refused_and_docker_says_whose(engine: DockerHost, plugin: Plugin, outside: str) -> None:
    create(engine, "shop", "--subnet", "172.30.0.0/24")
    engine.container("web", "--network", "shop", "--publish", "8080:80")
    stack = "version: 1\nname: other\nhost: {publish: [{listen: 8081/tcp, to: '192.0.2.7:80'}]}\n"
    with netwright.open_engine(state_folder=str(plugin.state)) as netwrights:
        netwrights.apply(netwright.parse(stack, "other.yaml"))
        with serving(f"/proc/{os.getpid()}/fd/{engine.host}", "0.0.0.0", 8082, "mine"):
            for port, sentence in (
                (8080, r"port 8080/tcp of the host is published already, for the container with 172\.30\.0\.2/24"),
                (8081, "port 8081/tcp of the host is published already, by the stack other"),
                (8082, "port 8082/tcp of the host is in use by another program"),
            ):
                with pytest.raises(AssertionError, match=sentence):
                    engine.container(f"late-{port}", "--network", "shop", "--publish", f"{port}:80")
        netwrights.destroy("other")
    with pytest.raises(AssertionError, match=r"address already in use|port is already allocated"):
        engine.container("dockers", "--publish", "8080:80")


def test_a_stack_that_comes_later_with_a_port_of_the_drivers_is_refused(engine: DockerHost, plugin: Plugin, outside: str) -> None:
    create(engine, "shop", "--subnet", "172.30.0.0/24")
    engine.web("web", "--network", "shop", "--publish", "8080:80")
    engine.container("other")
    with netwright.open_engine(state_folder=str(plugin.state)) as netwrights:
        for text, words in (
            ("containers: {other: {publish: ['8080:80']}}\n", "Docker publishes port 8080/tcp already, for web"),
            (
                "host: {publish: [{listen: '10.0.0.1:8000-8100', to: '192.0.2.7:80'}]}\n",
                "port 8080/tcp of the host is published already, by Docker's driver netwright",
            ),
        ):
            with pytest.raises(netwright.NetwrightError, match=words):
                netwrights.apply(netwright.parse(f"version: 1\nname: late\n{text}", "late.yaml"))
        with pytest.raises(netwright.NetwrightError, match="The stack docker-plugin-ports is Netwright's own"):
            netwrights.apply(netwright.parse("version: 1\nname: docker-plugin-ports\n", "late.yaml"))
        # Its own container's: the driver goes on with it, and others are shut out.
        narrowed = "version: 1\nname: late\ncontainers: {web: {publish: [{listen: 8080, from: [10.0.0.0/16], to: 80}]}}\n"
        netwrights.apply(netwright.parse(narrowed, "late.yaml"))
        assert fetch(outside, "10.0.0.1", 8080, "10.0.7.7") == "the page"
        assert fetch(outside, "10.0.0.1", 8080, "10.1.7.7") in {"refused", "dropped"}
        netwrights.destroy("late")
    assert fetch(outside, "10.0.0.1", 8080, "10.1.7.7") == "the page"


def test_containers_of_a_network_are_kept_apart_and_policies_of_a_stack_hold_there(
    engine: DockerHost, plugin: Plugin, outside: str
) -> None:
    create(engine, "shop", "--subnet", "172.30.0.0/24", "-o", "com.docker.network.bridge.enable_icc=false")
    create(engine, "office", "--subnet", "172.30.1.0/24")
    engine.web("web", "--network", "shop", "--publish", "8080:80")
    neighbour = engine.container("neighbour", "--network", "shop")
    assert fetch(inside(neighbour), "172.30.0.2", 80) in {"refused", "dropped"}
    assert fetch(outside, "10.0.0.1", 8080) == "the page"
    for name in ("desk", "clerk", "guest"):
        engine.web(name, "--network", "office")
    clerk, guest = (inside(engine.pid(name)) for name in ("clerk", "guest"))
    assert fetch(guest, "172.30.1.2", 80) == "the page"
    policies = (
        "version: 1\nname: rules\nnetworks: {office: {managed_by: docker, external: true}}\ncontainers: {desk: {}, clerk: {}}\n"
        "policies: [{name: in, from: clerk, to: desk, ports: [80]}]\n"
    )
    with netwright.open_engine(state_folder=str(plugin.state)) as netwrights:
        netwrights.apply(netwright.parse(policies, "rules.yaml"))
        assert fetch(clerk, "172.30.1.2", 80) == "the page"
        assert fetch(guest, "172.30.1.2", 80) in {"refused", "dropped"}
        netwrights.destroy("rules")
    assert fetch(guest, "172.30.1.2", 80) == "the page"
    with pytest.raises(AssertionError, match=r"cannot publish on 127\.0\.0\.1"):
        engine.container("local", "--network", "shop", "--publish", "127.0.0.1:8083:80")
    assert plugin.listing().count("->") == 1


def test_a_port_is_chosen_where_none_is_named(engine: DockerHost, plugin: Plugin, outside: str) -> None:
    create(engine, "shop", "--subnet", "172.30.0.0/24")
    engine.web("web", "--network", "shop", "--publish", "80")
    engine.web("web2", "--network", "shop", "--publish", "9000-9005:80", page="the second")
    assert "*:49153/tcp -> 80\n" in plugin.listing()
    assert "*:9000/tcp -> 80\n" in plugin.listing()
    assert fetch(outside, "10.0.0.1", 49153) == "the page"
    assert fetch(outside, "10.0.0.1", 9000) == "the second"
