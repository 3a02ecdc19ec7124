"""The article's network on a host with a real Docker Engine and a real container: what must be seen working."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_host import DockerHost, wait_for

import netwright
from clients import fetch
from netwright.errors import Refused

pytestmark = pytest.mark.every_engine

EXAMPLE = Path(__file__).parents[2] / "examples" / "article.yaml"
WANDERING = ("ifindex", "link_index", "link_netnsid", "stats", "stats64")
"""What a move changes, or what counts packets."""


@pytest.fixture
def outside(engine: DockerHost) -> str:
    """The world beyond eth1: a client in 10.0.0.0/16 and one in 10.1.0.0/16, on the 10.0.0.0/8 link. Its path."""
    engine.run("ip", "link", "set", "eth1", "up", "mtu", "1480", "alias", "the uplink")
    engine.run("ip", "address", "add", "192.0.2.7/24", "dev", "eth1")
    engine.run("ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.1", "metric", "77")
    engine.run("ip", "link", "set", "eth1", "up", netns=engine.ext)
    engine.run("ip", "address", "add", "10.0.7.7/8", "dev", "eth1", netns=engine.ext)
    engine.run("ip", "address", "add", "10.1.7.7/8", "dev", "eth1", netns=engine.ext)
    return f"/proc/{os.getpid()}/fd/{engine.ext}"


@pytest.fixture
def netwrights(tmp_path: Path) -> Iterator[netwright.Engine]:
    with netwright.open_engine(state_folder=str(tmp_path / "state")) as engine:
        yield engine


def witness(engine: DockerHost) -> dict[str, object]:
    """The host as others see it: NICs, routes, iptables, nftables."""
    # The kernel tells of a carrier up to a second after the link is up (net/core/link_watch.c), and has IPv6 routes when an address is checked.
    unsettled = ("NO-CARRIER", "tentative")
    wait_for("eth1 to settle", lambda: not any(word in engine.run("ip", "address", "show", "eth1") for word in unsettled), 10)
    links = json.loads(engine.run("ip", "-j", "-d", "address", "show"))
    kept = [{k: v for k, v in entry.items() if k not in WANDERING} for entry in links if entry["ifname"] in ("eth1", "lo")]
    saved = {name: engine.run(f"{name}-save") for name in ("iptables", "ip6tables")}
    rules = {name: [line.split("]")[-1] for line in text.splitlines() if not line.startswith("#")] for name, text in saved.items()}
    return {
        "eth1": kept,
        "routes": [engine.run("ip", family, "route", "show", "table", "all", "dev", "eth1") for family in ("-4", "-6")],
        "rules": rules,
        "nft": engine.run("nft", "--stateless", "list", "ruleset"),
    }


def test_the_article_on_a_docker_host(engine: DockerHost, outside: str, netwrights: netwright.Engine) -> None:
    # Docker 28 makes a table `raw` for its first container, and leaves it there.
    engine.container("first")
    engine.docker("rm", "--force", "first")
    before = witness(engine)
    document = netwright.load(EXAMPLE)
    first = netwrights.apply(document)
    assert any("the container web" in sentence for sentence in first.plan.waiting)

    inspected = engine.inspect("network", "custom")
    assert inspected["IPAM"]["Config"] == [
        {
            "Subnet": "172.30.0.0/16",
            "IPRange": "172.30.128.0/17",
            "Gateway": "172.30.0.1",
            "AuxiliaryAddresses": {"my_netns-uplink": "172.30.0.2"},
        }
    ]
    assert inspected["Options"]["com.docker.network.bridge.name"] == "docker1"
    assert inspected["Labels"]["io.netwright.stack"] == "article"

    engine.web("web", port=1234)
    assert netwrights.apply(document).plan.operations
    assert netwrights.apply(document).plan.operations == ()

    assert fetch(outside, "10.0.0.1", 1234, "10.0.7.7") == "the page"
    assert fetch(outside, "10.0.0.1", 1234, "10.1.7.7") == "refused"
    uplink = "/run/netns/my_netns"
    assert fetch(uplink, "172.30.0.10", 1234) == "the page"
    assert fetch(uplink, "172.30.0.2", 1234) == "refused"

    for number in range(4):
        engine.container(f"later{number}", "--network", "custom")
    given = {c["IPv4Address"] for c in engine.inspect("network", "custom")["Containers"].values()}
    assert given == {"172.30.0.10/16", "172.30.128.0/16", "172.30.128.1/16", "172.30.128.2/16", "172.30.128.3/16"}

    engine.docker("rm", "--force", *(f"later{number}" for number in range(4)))
    engine.docker("restart", "--time", "0", "web")
    netwrights.apply(document)
    assert fetch(outside, "10.0.0.1", 1234, "10.0.7.7") in ("the page", "refused")
    engine.wait_for_page("web", 1234)
    assert fetch(outside, "10.0.0.1", 1234, "10.0.7.7") == "the page"
    assert netwrights.apply(document).plan.operations == ()

    netwrights.destroy("article")
    assert engine.docker("network", "ls", "--format", "{{.Name}}").split() == ["bridge", "host", "none"]
    engine.docker("rm", "--force", "web")
    assert witness(engine) == before
    assert netwrights.status() == ()


def test_a_network_that_must_be_made_anew_while_containers_use_it_is_an_error(
    engine: DockerHost, outside: str, netwrights: netwright.Engine
) -> None:
    text = EXAMPLE.read_text()
    netwrights.apply(netwright.parse(text, "article.yaml"))
    engine.container("web", "--network", "custom", "--ip", "172.30.0.10")
    netwrights.apply(netwright.parse(text, "article.yaml"))
    with pytest.raises(Refused, match=r"custom.*must be made anew.*web"):
        netwrights.apply(netwright.parse(text.replace("172.30.0.0/16]", "172.30.0.0/17]"), "article.yaml"))
    assert netwrights.apply(netwright.parse(text, "article.yaml")).plan.operations == ()
    with pytest.raises(Refused, match=r"custom is this stack's and not wanted any more, and web is on it"):
        netwrights.destroy("article")
    engine.docker("rm", "--force", "web")
    netwrights.destroy("article")


def test_without_docker_only_what_needs_it_fails(engine: DockerHost, netwrights: netwright.Engine, tmp_path: Path) -> None:
    lab = "version: 1\nname: lab\nnetworks: {lan: {subnets: [10.5.0.0/24]}}\nnamespaces: {a: {interfaces: {eth0: {network: lan}}}}\n"
    engine.stop()
    try:
        netwrights.apply(netwright.parse(lab, "lab.yaml"))
        with pytest.raises(Refused, match="Docker"):
            netwrights.apply(netwright.load(EXAMPLE))
        netwrights.destroy("lab")
    finally:
        engine.start()
