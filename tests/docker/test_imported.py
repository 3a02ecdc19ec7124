"""Files made by `netwright import` against a real engine. Containers carry the labels that Compose gives them, and are made anew as Compose does it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_host import DockerHost

import netwright
from clients import fetch
from netwright.planning.sentence import sentence

COMPOSE = """\
services:
  web:
    image: bb:1
    ports: ["8080:80"]
    networks: [front, back]
  db:
    image: bb:1
    networks: {back: {ipv4_address: 172.31.9.10}}
networks:
  front:
  back: {ipam: {config: [{subnet: 172.31.9.0/24, gateway: 172.31.9.254, aux_addresses: {spare: 172.31.9.1}}]}}
"""


@pytest.fixture
def netwrights(tmp_path: Path) -> Iterator[netwright.Engine]:
    with netwright.open_engine(state_folder=str(tmp_path / "state")) as engine:
        yield engine


def up(engine: DockerHost, service: str, name: str, *options: str) -> None:
    """A service's container, as `docker compose up` makes it."""
    labels = {"project": "shop", "service": service, "oneoff": "False", "container-number": "1"}
    words = [word for key, value in labels.items() for word in ("--label", f"com.docker.compose.{key}={value}")]
    engine.web(name, *words, *options)


@pytest.fixture
def shop(engine: DockerHost) -> str:
    """The project is up; a host outside can be two clients. Gives the path of that host's namespace."""
    engine.run("ip", "link", "set", "eth1", "up")
    engine.run("ip", "address", "add", "10.0.0.1/8", "dev", "eth1")
    engine.run("ip", "link", "set", "eth1", "up", netns=engine.ext)
    for client in ("10.0.7.7/8", "10.1.7.7/8"):
        engine.run("ip", "address", "add", client, "dev", "eth1", netns=engine.ext)
    engine.docker("network", "create", "shop_front")
    engine.docker(
        "network", "create", "--subnet", "172.31.9.0/24", "--gateway", "172.31.9.254", "--aux-address", "spare=172.31.9.1", "shop_back"
    )
    up(engine, "web", "shop-web-1", "--network", "shop_front", "--publish", "8080:80")
    engine.docker("network", "connect", "shop_back", "shop-web-1")
    up(engine, "db", "shop-db-1", "--network", "shop_back", "--ip", "172.31.9.10")
    return f"/proc/{os.getpid()}/fd/{engine.ext}"


@pytest.fixture
def text(tmp_path: Path) -> str:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "compose.yaml").write_text(COMPOSE)
    return netwright.import_compose(tmp_path / "shop" / "compose.yaml", project="shop")


def everything(engine: DockerHost) -> list[str]:
    """The host in the words of ip, nft, iptables and docker; without counters, and without what changes by itself as links come up."""
    own = [
        f"{link['ifname']} {link['mtu']} {link.get('master')} {each['local']}/{each['prefixlen']}"
        for link in json.loads(engine.run("ip", "-j", "address"))
        for each in link["addr_info"]
        if each["scope"] == "global"
    ]
    looks = [*own, engine.run("ip", "route"), engine.run("nft", "-s", "list", "ruleset"), engine.run("iptables", "-S")]
    return [*looks, *(engine.docker("network", "inspect", name) for name in ("shop_front", "shop_back"))]


def test_a_compose_project_is_joined_and_nothing_of_it_is_changed(
    engine: DockerHost, netwrights: netwright.Engine, shop: str, text: str
) -> None:
    before = everything(engine)
    document = netwright.parse(text, "shop.yaml")
    plan = netwrights.apply(document).plan
    # A table of its own says what is open, for the day that another stack closes what Docker publishes.
    assert ([sentence(operation) for operation in plan.operations], plan.waiting) == (["load nft table nw_shop on the host"], ())
    assert netwrights.apply(document).plan.operations == ()
    assert fetch(shop, "10.0.0.1", 8080, "10.1.7.7") == "the page"
    netwrights.destroy("shop")
    assert everything(engine) == before


def test_a_port_is_limited_as_the_comment_shows_and_stays_so_when_compose_makes_the_container_anew(
    engine: DockerHost, netwrights: netwright.Engine, shop: str, text: str
) -> None:
    lines = text.splitlines()
    (number,) = [number for number, line in enumerate(lines) if "To some only: " in line]
    lines[number + 1] = f"      - {lines[number].partition('To some only: ')[2]}"
    document = netwright.parse("\n".join(lines), "shop.yaml")
    before = engine.run("iptables", "-S", "DOCKER-USER")
    netwrights.apply(document)
    assert fetch(shop, "10.0.0.1", 8080, "10.0.7.7") == "the page"
    assert fetch(shop, "10.0.0.1", 8080, "10.1.7.7") != "the page"

    # As `docker compose up --force-recreate`: the old one gets out of the way, the new one has another id and address.
    engine.docker("rename", "shop-web-1", "0123456789ab_shop-web-1")
    engine.docker("stop", "--time", "0", "0123456789ab_shop-web-1")
    up(engine, "db", "shop-other-1", "--network", "shop_front")
    up(engine, "web", "shop-web-2", "--network", "shop_front", "--publish", "8080:80")
    engine.docker("network", "connect", "shop_back", "shop-web-2")
    engine.docker("rm", "--force", "0123456789ab_shop-web-1", "shop-other-1")
    assert netwrights.apply(document).plan.waiting == ()
    assert fetch(shop, "10.0.0.1", 8080, "10.0.7.7") == "the page"
    assert fetch(shop, "10.0.0.1", 8080, "10.1.7.7") != "the page"
    netwrights.destroy("shop")
    assert fetch(shop, "10.0.0.1", 8080, "10.1.7.7") == "the page"
    assert engine.run("iptables", "-S", "DOCKER-USER") == before


def test_a_namespace_on_a_compose_network_never_gets_an_address_that_compose_has_set_apart(
    engine: DockerHost, netwrights: netwright.Engine, shop: str, text: str
) -> None:
    document = netwright.parse(text + "namespaces: {probe: {interfaces: {eth0: {network: back}}}}\n", "shop.yaml")
    netwrights.apply(document)
    address = engine.run("nsenter", "--net=/run/netns/probe", "ip", "-o", "-4", "address", "show", "dev", "eth0").split()[3]
    taken = {"172.31.9.1/24", "172.31.9.10/24", "172.31.9.254/24"}
    taken |= {f"{engine.inspect('container', 'shop-web-1')['NetworkSettings']['Networks']['shop_back']['IPAddress']}/24"}
    assert address not in taken
    assert fetch("/run/netns/probe", "172.31.9.10", 80) == "the page"
    assert netwrights.apply(document).plan.operations == ()
    netwrights.destroy("shop")


def test_a_docker_host_is_described_and_left_as_it_is(engine: DockerHost, netwrights: netwright.Engine, shop: str) -> None:
    engine.run("ip", "netns", "add", "plugged")
    bridge = f"br-{engine.inspect('network', 'shop_back')['Id'][:12]}"
    engine.run("ip", "link", "add", "to-plugged", "type", "veth", "peer", "name", "eth0", "netns", "plugged")
    engine.run("ip", "link", "set", "to-plugged", "master", bridge, "up")
    engine.run("ip", "-n", "plugged", "address", "add", "172.31.9.99/24", "dev", "eth0")
    before = everything(engine)
    text = netwright.import_host()
    spec = netwright.parse(text, "host.yaml").spec
    assert sorted(spec.networks) == ["bridge", "shop_back", "shop_front"]
    assert sorted(spec.containers) == ["shop-db-1", "shop-web-1"]
    assert spec.host is not None
    assert list(spec.host.interfaces) == ["eth1"]
    plugged = spec.namespaces["plugged"]
    assert plugged is not None
    eth0 = plugged.interfaces["eth0"]
    assert (eth0.external, eth0.network, eth0.port, eth0.addresses) == (True, "shop_back", "to-plugged", ["172.31.9.99/24"])
    assert "  # Docker publishes 8080/tcp for its port 80, to everybody. To some only, and to nobody else:" in text.splitlines()
    assert "gateway: 172.31.9.254" in text
    document = netwright.parse(text, "host.yaml")
    plan = netwrights.apply(document).plan
    assert (plan.operations, plan.waiting) == ((), ())
    assert netwrights.destroy("host").plan.operations == ()
    assert everything(engine) == before


def test_a_port_of_the_host_alone_and_an_internal_network_become_policies_that_hold(
    engine: DockerHost, netwrights: netwright.Engine, shop: str
) -> None:
    compose = (COMPOSE.replace('ports: ["8080:80"]', 'ports: ["8080:80", "127.0.0.1:9000:80"]') + "  dark: {internal: true}\n").replace(
        "networks: [front, back]", "networks: [front, back, dark]"
    )
    text = netwright.import_compose("compose.yaml", text=compose, project="shop")
    assert text.partition("policies:\n")[2] == (
        "  # The network dark is internal: whatever becomes of Docker's rules, nothing of it leaves.\n"
        "  - {name: dark-internal, from: [dark], to: [internet], action: deny}\n"
        "  # web's 80/tcp is published to the host alone.\n"
        "  - {name: web-near, from: [front, back, dark, host], to: [web]}\n"
        "  - {name: web-published, to: [web], ports: [8080/tcp]}\n"
    )
    engine.docker("network", "create", "--internal", "shop_dark")
    engine.docker("network", "connect", "shop_dark", "shop-web-1")
    address = engine.inspect("container", "shop-web-1")["NetworkSettings"]["Networks"]["shop_front"]["IPAddress"]
    engine.run("ip", "route", "add", "172.16.0.0/12", "via", "10.0.0.1", netns=engine.ext)
    # Docker 28 refuses this by itself.
    assert fetch(shop, address, 80, "10.1.7.7") in {"the page", "dropped", "refused"}
    netwrights.apply(netwright.parse(text, "shop.yaml"))
    assert netwrights.apply(netwright.parse(text, "shop.yaml")).plan.operations == ()
    host = f"/proc/{os.getpid()}/fd/{engine.host}"
    neighbour = f"/proc/{engine.pid('shop-db-1')}/ns/net"
    near = engine.inspect("container", "shop-web-1")["NetworkSettings"]["Networks"]["shop_back"]["IPAddress"]
    assert fetch(shop, "10.0.0.1", 8080, "10.1.7.7") == "the page"
    assert fetch(neighbour, near, 80) == "the page"
    assert fetch(host, address, 80) == "the page"
    assert fetch(shop, address, 80, "10.1.7.7") in {"dropped", "refused"}
    netwrights.destroy("shop")
