"""One store of addresses, for containers and for namespaces."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from docker_host import DockerHost, wait_for
from docker_plugin import Plugin, create, inside

import netwright
from clients import fetch

GUEST = """\
version: 1
name: guest
networks: {shop: {managed_by: docker, external: true}}
namespaces: {visitor: {interfaces: {eth0: {network: shop}}}}
"""


@pytest.fixture
def netwrights(plugin: Plugin) -> Iterator[netwright.Engine]:
    with netwright.open_engine(state_folder=str(plugin.state)) as engine:
        yield engine


def address(engine: DockerHost, name: str) -> str:
    return str(engine.inspect("container", name)["NetworkSettings"]["Networks"]["shop"]["IPAddress"])


def test_namespaces_and_containers_share_a_network_and_never_an_address(
    engine: DockerHost, plugin: Plugin, netwrights: netwright.Engine
) -> None:
    create(engine, "shop", "--subnet", "172.30.0.0/29")
    engine.web("web", "--network", "shop")
    netwrights.apply(netwright.parse(GUEST, "guest.yaml"))
    assert netwrights.apply(netwright.parse(GUEST, "guest.yaml")).plan.operations == ()
    assert fetch("/run/netns/visitor", "172.30.0.2", 80) == "the page"
    assert "default via 172.30.0.1 dev eth0" in engine.run("ip", "-n", "visitor", "route")
    assert "172.30.0.3/29" in engine.run("ip", "-n", "visitor", "-br", "address")
    for name, expected in (("bb", "172.30.0.4"), ("cc", "172.30.0.5"), ("dd", "172.30.0.6")):
        engine.container(name, "--network", "shop")
        assert address(engine, name) == expected
    with pytest.raises(AssertionError, match=r"172\.30\.0\.0/29 has no free address left"):
        engine.container("ee", "--network", "shop")
    with pytest.raises(AssertionError, match=r"172\.30\.0\.3 is visitor's \(stack guest\) already"):
        engine.docker("run", "--rm", "--network", "shop", "--ip", "172.30.0.3", "bb:1", "true")
    netwrights.destroy("guest")
    engine.container("ff", "--network", "shop")
    assert address(engine, "ff") == "172.30.0.3"


def test_a_stopped_containers_stated_address_stays_its_own_until_it_is_removed(
    engine: DockerHost, plugin: Plugin, netwrights: netwright.Engine
) -> None:
    create(engine, "shop", "--subnet", "172.30.0.0/29")
    engine.container("web", "--network", "shop", "--ip", "172.30.0.2")
    with pytest.raises(AssertionError, match=r"172\.30\.0\.2 is another container's already"):
        engine.docker("run", "--rm", "--network", "shop", "--ip", "172.30.0.2", "bb:1", "true")
    engine.docker("stop", "web")
    engine.container("aa", "--network", "shop")
    assert address(engine, "aa") == "172.30.0.3"
    netwrights.apply(netwright.parse(GUEST, "guest.yaml"))
    assert "172.30.0.4/29" in engine.run("ip", "-n", "visitor", "-br", "address")
    assert "172.30.0.2 reserved for a stopped container" in plugin.listing()
    engine.docker("start", "web")
    assert address(engine, "web") == "172.30.0.2"
    engine.docker("rm", "--force", "web")
    wait_for("the reservation to end", lambda: "172.30.0.2" not in plugin.listing(), 30)
    netwrights.destroy("guest")


def test_containers_that_come_and_go_leave_no_lease(engine: DockerHost, plugin: Plugin) -> None:
    create(engine, "shop", "--subnet", "172.30.0.0/28")
    before = plugin.rows()
    for _ in range(3):
        for name in ("aa", "bb", "cc", "dd"):
            engine.container(name, "--network", "shop", "--publish", "80")
        engine.docker("rm", "--force", "aa", "bb", "cc", "dd")
    assert plugin.rows() == before
    pid = engine.web("web", "--network", "shop")
    assert fetch(inside(pid), "172.30.0.2", 80) != ""


def test_a_stack_connects_a_container_while_docker_asks_the_plugin(
    engine: DockerHost, plugin: Plugin, netwrights: netwright.Engine
) -> None:
    create(engine, "shop", "--subnet", "172.30.0.0/29")
    stack = GUEST + "containers: {web: {networks: {shop: {address: 172.30.0.3}}}}\n"
    # Before the container is there, its address is kept for it.
    assert netwrights.apply(netwright.parse(stack, "guest.yaml")).plan.warnings == ()
    engine.container("other", "--network", "shop")
    assert address(engine, "other") == "172.30.0.4"
    pid = engine.web("web")
    netwrights.apply(netwright.parse(stack, "guest.yaml"))
    assert address(engine, "web") == "172.30.0.3"
    assert fetch("/run/netns/visitor", "172.30.0.3", 80) == "the page"
    assert netwrights.apply(netwright.parse(stack, "guest.yaml")).plan.operations == ()
    netwrights.destroy("guest")
    assert "172.30.0.3" not in engine.run("nsenter", f"--net={inside(pid)}", "ip", "address")
