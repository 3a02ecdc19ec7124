"""`host.protect` with a real engine: what it publishes is closed to the world beyond eth1, but where a file opens it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_host import DockerHost

import netwright
from clients import fetch
from daemon_process import DaemonProcess, until
from netwright.report.standing import standing_of
from netwright.report.status_text import status_text

pytestmark = pytest.mark.every_engine

PROTECT = """\
version: 1
name: guard
host: {protect: true}
"""

OPEN = """\
version: 1
name: guard
host: {protect: true}
containers:
  web:
    publish:
      - {listen: 8080/tcp, from: [10.0.0.0/16, "fd10::/32"], to: 80}
"""

SHOP = """\
version: 1
name: shop
containers:
  web: {publish: ["8080:80"]}
  other: {publish: [{listen: 9090, from: [10.1.0.0/16], to: 81}]}
"""


@pytest.fixture
def outside(engine: DockerHost) -> str:
    """Clients in 10.0.0.0/16, 10.1.0.0/16 and fd10::/32 beyond eth1, who can route to containers too. Its path."""
    for netns, addresses in (
        (engine.host, ("10.0.0.1/8", "fd10::1/16")),
        (engine.ext, ("10.0.7.7/8", "10.1.7.7/8", "fd10::7/16", "fd10:1::7/16")),
    ):
        engine.run("ip", "link", "set", "eth1", "up", netns=netns)
        for address in addresses:
            engine.run("ip", "address", "add", address, "dev", "eth1", *(("nodad",) if ":" in address else ()), netns=netns)
    engine.run("ip", "route", "add", "172.16.0.0/12", "via", "10.0.0.1", netns=engine.ext)
    return f"/proc/{os.getpid()}/fd/{engine.ext}"


@pytest.fixture
def inside(engine: DockerHost) -> str:
    """The host's own network namespace."""
    return f"/proc/{os.getpid()}/fd/{engine.host}"


@pytest.fixture
def netwrights(tmp_path: Path) -> Iterator[netwright.Engine]:
    with netwright.open_engine(state_folder=str(tmp_path / "state")) as engine:
        yield engine
        for status in engine.status():
            engine.destroy(status.name)


def apply(netwrights: netwright.Engine, text: str) -> None:
    """Twice: the second time there is nothing to do."""
    document = netwright.parse(text, "guard.yaml")
    netwrights.apply(document)
    assert netwrights.apply(document).plan.operations == ()


def rules(engine: DockerHost) -> list[str]:
    """All of the host's packet filter, as others see it."""
    saved = [engine.run(f"{word}-save") for word in ("iptables", "ip6tables")]
    return [
        engine.run("nft", "--stateless", "list", "ruleset"),
        *("\n".join(x for x in text.splitlines() if x[0] not in "#:") for text in saved),
    ]


def test_what_docker_publishes_is_closed_to_the_world_and_to_nobody_else_and_open_again_afterwards(
    engine: DockerHost, outside: str, inside: str, netwrights: netwright.Engine
) -> None:
    """None of these containers is in the file. IPv6 is docker-proxy's, the rest is translated; one is asked at its own address."""
    engine.web("web", "--publish", "8080:80")
    engine.web("local", "--publish", "127.0.0.1:8081:80", page="local")
    engine.docker("network", "create", "--opt", "com.docker.network.bridge.name=lan9", "nine")
    engine.web("nine", "--network", "nine", "--publish", "10.0.0.1:8082:80", page="nine")
    client = engine.container("client", "--network", "nine")
    address = engine.docker("inspect", "--format", "{{.NetworkSettings.IPAddress}}", "web")
    before = rules(engine)

    def asked_from_outside() -> list[str]:
        asked = (("10.0.0.1", 8080), ("fd10::1", 8080), (address, 80), ("10.0.0.1", 8082))
        return [fetch(outside, at, port) for at, port in asked]

    def asked_from_inside() -> list[str]:
        asked = (
            (inside, "10.0.0.1", 8080),
            (inside, "127.0.0.1", 8080),
            (inside, "127.0.0.1", 8081),
            (f"/proc/{client}/ns/net", "10.0.0.1", 8080),
        )
        return [fetch(where, at, port) for where, at, port in asked]

    open_to_outside, open_to_inside = asked_from_outside(), ["the page", "the page", "local", "the page"]
    # An engine from 28 on drops by itself what is sent to a container's own address.
    assert open_to_outside in (["the page", "the page", direct, "nine"] for direct in ("the page", "dropped"))
    assert asked_from_inside() == open_to_inside
    apply(netwrights, PROTECT)
    assert asked_from_outside() == ["dropped" if answer == "dropped" else "refused" for answer in open_to_outside]
    (status,) = netwrights.status("guard")
    assert (
        "\n".join(status_text([(status, standing_of(status))]).splitlines()[2:])
        == """\
  protected: 2 of the 2 ports that Docker publishes are closed to the outside
    nine  10.0.0.1:8082/tcp  closed
    web   8080/tcp           closed"""
    )
    assert asked_from_inside() == open_to_inside
    netwrights.destroy("guard")
    assert rules(engine) == before
    assert asked_from_outside() == open_to_outside
    assert asked_from_inside() == open_to_inside


def test_a_network_and_a_container_that_come_later_are_closed_by_rule(
    engine: DockerHost, outside: str, netwrights: netwright.Engine
) -> None:
    apply(netwrights, PROTECT)
    engine.docker("network", "create", "--opt", "com.docker.network.bridge.name=lan9", "nine")
    engine.web("nine", "--network", "nine", "--publish", "8082:80")
    assert fetch(outside, "10.0.0.1", 8082) == "refused"
    # What docker-proxy takes by itself is known to the next apply, or to the daemon.
    apply(netwrights, PROTECT)
    assert fetch(outside, "fd10::1", 8082) == "refused"


def test_what_the_file_opens_is_open_to_whom_it_says_also_for_docker_proxy(
    engine: DockerHost, outside: str, netwrights: netwright.Engine
) -> None:
    engine.web("web", "--publish", "8080:80")
    engine.web("other", "--publish", "8081:80")
    apply(netwrights, OPEN)
    asked = {
        source: fetch(outside, "fd10::1" if ":" in source else "10.0.0.1", 8080, source)
        for source in ("10.0.7.7", "10.1.7.7", "fd10::7", "fd10:1::7")
    }
    assert asked == {"10.0.7.7": "the page", "10.1.7.7": "refused", "fd10::7": "the page", "fd10:1::7": "refused"}
    assert fetch(outside, "10.0.0.1", 8081) == "refused"
    apply(netwrights, OPEN.replace('listen: 8080/tcp, from: [10.0.0.0/16, "fd10::/32"]', "listen: eth1:8080/tcp"))
    assert [fetch(outside, "10.0.0.1", 8080, "10.1.7.7"), fetch(outside, "fd10::1", 8080)] == ["the page", "the page"]
    apply(netwrights, OPEN.replace('listen: 8080/tcp, from: [10.0.0.0/16, "fd10::/32"]', 'listen: "10.0.0.2:8080/tcp"'))
    assert fetch(outside, "10.0.0.1", 8080) == "refused"


def test_another_stack_opens_what_this_one_closes_and_what_netwright_publishes_itself_passes(
    engine: DockerHost, outside: str, netwrights: netwright.Engine
) -> None:
    engine.web("web", "--publish", "8080:80")
    if engine.programs.nftables:
        pytest.skip("this engine lets our own publishes in by a mark that it must be told of: tests/docker/test_nftables_engine.py")
    engine.web("other", port=81, page="other")
    apply(netwrights, PROTECT)
    apply(netwrights, SHOP)
    assert [fetch(outside, "10.0.0.1", 8080), fetch(outside, "fd10::1", 8080)] == ["the page", "the page"]
    assert fetch(outside, "10.0.0.1", 9090, "10.1.7.7") == "other"
    assert fetch(outside, "10.0.0.1", 9090, "10.0.7.7") == "refused"
    netwrights.destroy("shop")
    assert fetch(outside, "10.0.0.1", 8080) == "refused"


def test_what_a_policy_allows_to_a_container_passes_and_the_rest_stays_closed(
    engine: DockerHost, outside: str, netwrights: netwright.Engine
) -> None:
    engine.web("web", "--publish", "8080:80")
    engine.web("other", "--publish", "8081:80")
    allowed = "containers: {web: {}}\npolicies: [{name: office, from: [10.0.0.0/16], to: web, ports: [8080]}]\n"
    apply(netwrights, PROTECT + allowed)
    assert [fetch(outside, "10.0.0.1", 8080, source) for source in ("10.0.7.7", "10.1.7.7")] == ["the page", "refused"]
    assert fetch(outside, "10.0.0.1", 8081) == "refused"
    apply(netwrights, PROTECT)
    assert fetch(outside, "10.0.0.1", 8080, "10.0.7.7") == "refused"


def test_the_daemon_follows_containers_and_networks_as_they_come(engine: DockerHost, outside: str, tmp_path: Path) -> None:
    daemon = DaemonProcess(tmp_path)
    try:
        daemon.apply(PROTECT)
        daemon.start()
        engine.docker("network", "create", "--opt", "com.docker.network.bridge.name=lan9", "nine")
        engine.web("late", "--network", "nine", "--publish", "8090:80")
        assert fetch(outside, "10.0.0.1", 8090) == "refused", "by rule, whether the daemon has heard of it or not"
        until("the port of docker-proxy to be closed", lambda: fetch(outside, "fd10::1", 8090) == "refused")
        client = engine.container("client", "--network", "nine")
        assert fetch(f"/proc/{client}/ns/net", "10.0.0.1", 8090) == "the page"
        engine.run("nft", "delete", "table", "inet", "nw_guard")
        until("the ports to be closed again", lambda: [fetch(outside, at, 8090) for at in ("10.0.0.1", "fd10::1")] == ["refused"] * 2)
    finally:
        daemon.end()
        daemon.run("destroy", "guard")
        daemon.close()


def test_ipv6_that_docker_translates_itself_is_closed_and_opened_by_the_same_rules(
    engine: DockerHost, outside: str, netwrights: netwright.Engine
) -> None:
    if engine.programs.name == "installed":
        pytest.skip("an engine before 27 translates IPv6 only when it is told to (--ip6tables): docker-proxy does it")
    apply(netwrights, OPEN)
    engine.docker("network", "create", "--ipv6", "--subnet", "fd77:9::/64", "--opt", "com.docker.network.bridge.name=lan9", "nine")
    engine.web("web", "--network", "nine", "--publish", "8080:80")
    assert [fetch(outside, "fd10::1", 8080, source) for source in ("fd10::7", "fd10:1::7")] == ["refused"] * 2, (
        "not known to be in the file yet"
    )
    apply(netwrights, OPEN)
    assert [fetch(outside, "fd10::1", 8080, source) for source in ("fd10::7", "fd10:1::7")] == ["the page", "refused"]
    netwrights.destroy("guard")
    assert [fetch(outside, "fd10::1", 8080, source) for source in ("fd10::7", "fd10:1::7")] == ["the page"] * 2
