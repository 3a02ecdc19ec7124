"""Policies and a real engine: containers on one bridge of Docker's, by name and by Compose's service, and the ports that Docker publishes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_host import DockerHost, wait_for

import netwright
from clients import fetch, serving
from netwright.model.operation import ChangeElements, Plan
from netwright.planning.sentence import sentence

pytestmark = pytest.mark.every_engine

SHOP = """\
version: 1
name: shop
containers:
  web:
  app: {docker: {service: app, project: shop}}
policies:
"""


@pytest.fixture
def outside(engine: DockerHost) -> str:
    """Clients in 10.0.0.0/16 and 10.1.0.0/16, fd10::/64 and fd10:0:0:1::/64 beyond eth1. Their namespace's path."""
    engine.run("ip", "link", "set", "eth1", "up")
    engine.run("ip", "link", "set", "eth1", "up", netns=engine.ext)
    for netns, addresses in (
        (None, ("10.0.0.1/8", "fd10::1/48")),
        (engine.ext, ("10.0.7.7/8", "10.1.7.7/8", "fd10::7/48", "fd10:0:0:1::7/48")),
    ):
        for address in addresses:
            engine.run("ip", "address", "add", address, "dev", "eth1", *(("nodad",) if ":" in address else ()), netns=netns)
    return f"/proc/{os.getpid()}/fd/{engine.ext}"


class Stack:
    """One stack, applied with an engine of its own; a second apply must have nothing to do."""

    def __init__(self, engine: netwright.Engine) -> None:
        self._engine = engine

    def apply(self, text: str) -> Plan:
        document = netwright.parse(text, "shop.yaml")
        done = self._engine.apply(document).plan
        assert [sentence(operation) for operation in self._engine.apply(document).plan.operations] == []
        return done

    def destroy(self) -> None:
        self._engine.destroy("shop")


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with netwright.open_engine(state_folder=str(tmp_path / "state")) as engine:
        made = Stack(engine)
        yield made
        made.destroy()


def policies(*written: str, before: str = SHOP) -> str:
    return before + "".join(f"  - {{{one}}}\n" for one in written)


def netns(pid: int) -> str:
    return f"/proc/{pid}/ns/net"


def address(engine: DockerHost, name: str, network: str = "bridge") -> str:
    return str(engine.inspect("container", name)["NetworkSettings"]["Networks"][network]["IPAddress"])


def compose(project: str, service: str, *, oneoff: bool = False) -> tuple[str, ...]:
    """The labels that Compose gives a container."""
    labels = {"project": project, "service": service, "oneoff": str(oneoff)}
    return tuple(word for key, value in labels.items() for word in ("--label", f"com.docker.compose.{key}={value}"))


def test_containers_on_dockers_own_bridge_are_told_apart_by_name_and_by_service(engine: DockerHost, stack: Stack) -> None:
    engine.web("web")
    clients = {
        "app": engine.container("shop-app-1", *compose("shop", "app")),
        "twin": engine.container("shop-app-2", *compose("shop", "app")),
        "run": engine.container("shop-app-run-1", *compose("shop", "app", oneoff=True)),
        "blog": engine.container("blog-app-1", *compose("blog", "app")),
        "other": engine.container("other"),
    }
    web = address(engine, "web")

    def seen() -> dict[str, str]:
        return {name: fetch(netns(pid), web, 80) for name, pid in clients.items()} | {"host": fetch("/proc/self/ns/net", web, 80)}

    assert set(seen().values()) == {"the page"}
    stack.apply(policies("name: web, from: app, to: web, ports: 80"))
    refused = dict.fromkeys(("run", "blog", "other", "host"), "refused")
    assert seen() == {"app": "the page", "twin": "the page", **refused}
    stack.destroy()
    assert set(seen().values()) == {"the page"}


def test_a_port_that_docker_publishes_is_known_as_the_client_knows_it(engine: DockerHost, outside: str, stack: Stack) -> None:
    engine.web("web", "--publish", "8080:80")
    other = engine.container("other")
    web = address(engine, "web")
    stack.apply(policies('name: office, from: [10.0.0.0/16, "fd10::/64"], to: web, ports: 8080'))
    assert [fetch(outside, "10.0.0.1", 8080, client) for client in ("10.0.7.7", "10.1.7.7")] == ["the page", "refused"]
    assert fetch(netns(other), web, 80) == "refused", "who connects directly asks for port 80"
    assert fetch(outside, "fd10::1", 8080, "fd10:0:0:1::7") == "refused", "docker-proxy listens on IPv6, too"
    stack.apply(
        policies("name: office, from: [10.0.0.0/16, other], to: web, ports: [80]", before=SHOP.replace("policies", "  other:\npolicies"))
    )
    assert [fetch(outside, "10.0.0.1", 8080, client) for client in ("10.0.7.7", "10.1.7.7")] == ["refused", "refused"]
    assert fetch(netns(other), web, 80) == "the page"


def test_what_dockers_proxy_hands_on_is_judged_where_it_comes_in(engine: DockerHost, outside: str, stack: Stack) -> None:
    engine.web("web", "--publish", "8080:80")
    assert fetch(outside, "fd10::1", 8080, "fd10::7") == "the page"
    stack.apply(policies('name: not-far, from: ["fd10:0:0:1::/64"], to: web, ports: 8080, action: deny'))
    assert [fetch(outside, "fd10::1", 8080, client) for client in ("fd10::7", "fd10:0:0:1::7")] == ["the page", "refused"]
    stack.apply(policies('name: near, from: [host, "fd10::/64"], to: web'))
    assert [fetch(outside, "fd10::1", 8080, client) for client in ("fd10::7", "fd10:0:0:1::7")] == ["the page", "refused"]


def test_a_container_that_comes_back_with_another_address_changes_elements_only(engine: DockerHost, stack: Stack) -> None:
    engine.web("web")
    app = engine.container("shop-app-1", *compose("shop", "app"))
    other = engine.container("other")
    text = policies("name: web, from: app, to: web, ports: 80")
    stack.apply(text)
    before, handles, packets = address(engine, "web"), _handles(engine), _packets(engine)
    assert fetch(netns(app), before, 80) == "the page"
    assert _packets(engine) > packets == 0
    packets = _packets(engine)

    engine.docker("stop", "web")
    engine.container("sits-there-now")
    assert address(engine, "sits-there-now") == before
    engine.docker("start", "web")
    engine.wait_for_page("web", 80)
    after = address(engine, "web")
    assert after != before
    done = stack.apply(text)
    assert [type(operation) for operation in done.operations] == [ChangeElements]
    assert sentence(done.operations[0]) == "replace 2 elements by 2 elements in nft table nwp_shop on the host"
    assert _handles(engine) == handles
    assert _packets(engine) == packets
    assert [fetch(netns(pid), after, 80) for pid in (app, other)] == ["the page", "refused"]
    assert fetch(netns(other), before, 80) == "refused", "nobody listens there"
    assert _closed(engine) == 1


def test_a_container_is_waited_for_and_policed_when_it_comes(engine: DockerHost, stack: Stack) -> None:
    other = engine.container("other")
    text = policies("name: web, from: app, to: web")
    assert stack.apply(text).waiting == (
        "policies[0] (web) waits for the container app to run",
        "policies[0] (web) waits for the container web to run",
    )
    engine.web("web")
    done = stack.apply(text)
    assert [type(operation) for operation in done.operations] == [ChangeElements]
    assert fetch(netns(other), address(engine, "web"), 80) == "refused"
    app = engine.container("a-late-one", *compose("shop", "app"))
    assert [type(operation) for operation in stack.apply(text).operations] == [ChangeElements]
    assert fetch(netns(app), address(engine, "web"), 80) == "the page"


NETWORKS = """\
version: 1
name: shop
networks:
  front: {managed_by: docker, subnets: [172.31.1.0/24]}
  back: {subnets: [172.29.78.0/24], bridge: br-back}
namespaces:
  db: {interfaces: {eth0: {network: back, address: 172.29.78.10}}}
containers:
  web: {networks: {front: {address: 172.31.1.10}}}
  app: {networks: {front: {address: 172.31.1.11}}}
policies:
"""


def test_networks_of_the_file_and_their_containers(engine: DockerHost, outside: str, stack: Stack) -> None:
    web = engine.web("web")
    app = engine.web("app", port=81)
    written = ("name: db, from: web, to: db", "name: out, from: front, to: 10.0.0.0/16, ports: 99", "name: web, from: app, to: web")
    stack.apply(policies(*written, before=NETWORKS))
    for pid in (web, app):
        # Which of a container's networks its default route goes through is Docker's choice, and not the same in all versions.
        engine.run("nsenter", f"--net={netns(pid)}", "ip", "route", "replace", "default", "via", "172.31.1.1")
    with serving("/run/netns/db", "172.29.78.10", 80, "the database"), serving(outside, "10.0.7.7", 99, "outside"):
        assert [fetch(netns(pid), "172.29.78.10", 80, source) for pid, source in ((web, "172.31.1.10"), (app, "172.31.1.11"))] == [
            "the database",
            "refused",
        ]
        assert fetch(netns(app), "172.31.1.10", 80, "172.31.1.11") == "the page"
        # Docker 28 itself drops what another network sends to a container's address.
        assert fetch("/run/netns/db", "172.31.1.10", 80) in ("refused", "dropped")
        assert fetch(netns(app), "10.0.7.7", 99, "172.31.1.11") == "outside"
        assert fetch(netns(app), "10.0.7.7", 98, "172.31.1.11") == "refused"
        assert fetch(netns(app), "10.1.7.7", 99, "172.31.1.11") == "refused"
        assert fetch("/run/netns/db", "10.0.7.7", 99) == "outside", "nobody has said anything of back"


def test_containers_with_ipv6_are_told_apart_by_it_too(engine: DockerHost, stack: Stack) -> None:
    text = SHOP.replace("containers:", "networks:\n  front: {managed_by: docker, subnets: [172.31.1.0/24, 'fd31:1::/64']}\ncontainers:")
    stack.apply(policies("name: web, from: app, to: web, ports: 80", before=text))
    engine.container("web", "--network", "front", command=("httpd", "-f", "-p", "[::]:80"))
    app = engine.container("shop-app-1", "--network", "front", *compose("shop", "app"))
    other = engine.container("other", "--network", "front")
    stack.apply(policies("name: web, from: app, to: web, ports: 80", before=text))
    web = engine.inspect("container", "web")["NetworkSettings"]["Networks"]["front"]["GlobalIPv6Address"]

    def reached(pid: int, target: str) -> bool:
        """Whether it connects at all: a page that is not there is an answer, too."""
        return fetch(netns(pid), target, 80) not in ("refused", "dropped")

    wait_for("the server to listen", lambda: reached(app, web))
    assert [reached(pid, target) for pid in (app, other) for target in (web, "172.31.1.2")] == [True, True, False, False]
    assert address(engine, "web", "front") == "172.31.1.2"
    engine.docker("rm", "--force", "web", "shop-app-1", "other")


def _handles(engine: DockerHost) -> list[str]:
    return re.findall(r"# handle \d+", engine.run("nft", "--stateless", "-a", "list", "table", "inet", "nwp_shop"))


def _packets(engine: DockerHost, counter: str = "p_web") -> int:
    listed = engine.run("nft", "list", "counter", "inet", "nwp_shop", counter)
    (packets,) = re.findall(r"packets (\d+)", listed)
    return int(packets)


def _closed(engine: DockerHost) -> int:
    return _packets(engine, "closed")
