"""What Docker cannot give a container that runs: veths without a bridge, NICs; and where it cannot be, which sentence is said."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker_host import DockerHost, wait_for

import netwright
from clients import fetch


@pytest.fixture
def netwrights(tmp_path: Path) -> Iterator[netwright.Engine]:
    with netwright.open_engine(state_folder=str(tmp_path / "state")) as engine:
        yield engine
        for stack in engine.status():
            engine.destroy(stack.name)


def document(text: str, stack: str = "lab") -> netwright.Document:
    return netwright.parse(f"version: 1\nname: {stack}\n{text}", f"{stack}.yaml")


def settled(netwrights: netwright.Engine, wanted: netwright.Document) -> netwright.Plan:
    """Applied; the second time there is nothing to do."""
    done = netwrights.apply(wanted).plan
    assert netwrights.apply(wanted).plan.operations == ()
    return done


def links(engine: DockerHost, name: str) -> dict[str, Any]:
    """Name → what `ip` tells of it, in a container; "" is the host."""
    inside = ("nsenter", f"--net=/proc/{engine.pid(name)}/ns/net") if name else ()
    return {link["ifname"]: link for link in json.loads(engine.run(*inside, "ip", "-j", "-d", "address"))}


def addresses(link: dict[str, Any]) -> list[str]:
    return [f"{one['local']}/{one['prefixlen']}" for one in link["addr_info"] if one["scope"] == "global"]


def problem(netwrights: netwright.Engine, text: str) -> str:
    with pytest.raises(netwright.NetwrightError) as raised:
        netwrights.plan(document(text))
    return str(raised.value)


PAIRS = """\
namespaces:
  gate: {interfaces: {to-web: {peer: {container: web, interface: gate0}, addresses: [192.0.2.1/30]}}}
host: {interfaces: {to-web0: {peer: {container: web, interface: up0}, addresses: [192.0.2.9/30]}}}
containers:
  web:
    interfaces:
      gate0: {peer: {namespace: gate, interface: to-web}, addresses: [192.0.2.2/30]}
      up0: {peer: {namespace: host, interface: to-web0}, addresses: [192.0.2.10/30], mtu: 1300}
      db0: {peer: {container: db, interface: web0}, addresses: [192.0.2.5/30]}
  db: {interfaces: {web0: {peer: {container: web, interface: db0}, addresses: [192.0.2.6/30], mac: "02:00:00:00:00:06"}}}
"""


@pytest.mark.every_engine
def test_a_veth_joins_containers_with_each_other_with_a_namespace_and_with_the_host(
    engine: DockerHost, netwrights: netwright.Engine
) -> None:
    wanted = document(PAIRS)
    engine.web("web")
    waiting = settled(netwrights, wanted).waiting
    assert waiting == (
        "containers.db: its interfaces wait for the container to run",
        "containers.web.interfaces.db0 waits for the container db to run",
    )
    engine.container("db", "--network", "none")
    assert settled(netwrights, wanted).waiting == ()
    db = f"/proc/{engine.pid('db')}/ns/net"
    assert (links(engine, "db")["web0"]["address"], addresses(links(engine, "db")["web0"])) == ("02:00:00:00:00:06", ["192.0.2.6/30"])
    assert (links(engine, "")["to-web0"]["mtu"], links(engine, "web")["up0"]["mtu"]) == (1300, 1300)
    for client, address in ((db, "192.0.2.5"), ("/run/netns/gate", "192.0.2.2"), (f"/proc/{os.getpid()}/fd/{engine.host}", "192.0.2.10")):
        assert fetch(client, address, 80) == "the page"
    engine.docker("restart", "--time", "0", "web")
    engine.wait_for_page("web", 80)
    assert settled(netwrights, wanted).operations
    assert fetch(db, "192.0.2.5", 80) == "the page"
    netwrights.destroy("lab")
    assert {"db0", "up0", "gate0", "web0", "to-web0"} & {*links(engine, "web"), *links(engine, "db"), *links(engine, "")} == set()


def test_every_container_with_a_label_gets_an_interface_of_its_own(engine: DockerHost, netwrights: netwright.Engine) -> None:
    for name in ("one", "two"):
        engine.container(name, "--label", "tier=back", "--network", "none")
    wanted = document(
        "networks: {lan: {bridge: br7, subnets: [10.77.0.0/24]}}\n"
        "containers: {back: {docker: {label: tier=back}, interfaces: {eth7: {network: lan}}}}\n"
    )
    settled(netwrights, wanted)
    assert sorted(addresses(links(engine, name)["eth7"])[0] for name in ("one", "two")) == ["10.77.0.2/24", "10.77.0.3/24"]
    several = (
        "namespaces: {a: {interfaces: {p: {peer: {container: back, interface: p}}}}}\ncontainers: {back: {docker: {label: tier=back}}}\n"
    )
    assert "back is 2 containers (one, two), and a veth has two ends" in problem(netwrights, several)


def test_a_nic_is_lent_to_a_container_found_again_when_the_container_died_with_it_and_given_back(
    engine: DockerHost, netwrights: netwright.Engine
) -> None:
    engine.run("ip", "link", "set", "eth1", "up", "mtu", "1400")
    engine.run("ip", "address", "add", "10.0.0.1/8", "dev", "eth1")
    engine.run("ip", "link", "set", "eth1", "up", netns=engine.ext)
    engine.run("ip", "address", "add", "10.0.7.7/8", "dev", "eth1", netns=engine.ext)
    outside = f"/proc/{os.getpid()}/fd/{engine.ext}"
    engine.web("web", "--network", "none")
    wanted = document("containers: {web: {interfaces: {lan0: {nic: eth1, addresses: [10.0.0.80/8]}}}}\n")
    settled(netwrights, wanted)
    assert "eth1" not in links(engine, "")
    assert fetch(outside, "10.0.0.80", 80) == "the page"

    # What the kernel does with a physical NIC whose namespace ends (net/core/dev.c: default_device_exit_net); a veth would end with it.
    inside = ("nsenter", f"--net=/proc/{engine.pid('web')}/ns/net")
    engine.run(*inside, "ip", "link", "set", "lan0", "netns", f"/proc/{os.getpid()}/fd/{engine.host}")
    engine.docker("stop", "--time", "0", "web")
    assert links(engine, "")["lan0"]["ifalias"] == "netwright-loan:lab"
    settled(netwrights, wanted)
    eth1 = links(engine, "")["eth1"]
    assert (addresses(eth1), eth1["mtu"], "UP" in eth1["flags"], eth1.get("ifalias", "")) == (["10.0.0.1/8"], 1400, True, "")
    engine.docker("start", "web")
    engine.wait_for_page("web", 80)
    settled(netwrights, wanted)
    assert fetch(outside, "10.0.0.80", 80) == "the page"

    netwrights.destroy("lab")
    assert addresses(links(engine, "")["eth1"]) == ["10.0.0.1/8"]
    assert "lan0" not in links(engine, "web")


def test_a_nic_that_ended_with_its_container_is_said_to_be_gone(engine: DockerHost, netwrights: netwright.Engine) -> None:
    engine.container("web", "--network", "none")
    wanted = document("containers: {web: {interfaces: {lan0: {nic: eth1}}}}\n")
    settled(netwrights, wanted)
    engine.docker("restart", "--time", "0", "web")
    wait_for("the NIC to end with its namespace", lambda: "eth1" not in links(engine, ""))
    with pytest.raises(netwright.NetwrightError, match=r"containers.web.interfaces.lan0.nic: there is no NIC eth1 on the host"):
        netwrights.apply(wanted)
    netwrights.destroy("lab")
    engine.plug_in()


def test_what_a_container_cannot_have_is_said_before_anything_is_touched(engine: DockerHost, netwrights: netwright.Engine) -> None:
    engine.container("web")
    engine.container("hosts", "--network", "host")
    engine.container("guest", "--network", "container:web")
    lan = "networks: {lan: {bridge: br7, subnets: [10.77.0.0/24]}}\n"
    attached = engine.inspect("container", "web")["NetworkSettings"]["IPAddress"]
    assert "container web already has an interface eth0, and it is not Netwright's" in problem(
        netwrights, lan + "containers: {web: {interfaces: {eth0: {network: lan}}}}\n"
    )
    for name, words in (
        ("hosts", "hosts has no network of its own, to put interfaces or routes into: it uses the host's (--network host)"),
        (
            "guest",
            "guest has no network of its own, to put interfaces or routes into: it uses that of the container web (--network container:web)",
        ),
    ):
        assert words in problem(netwrights, f"{lan}containers: {{{name}: {{interfaces: {{eth7: {{network: lan}}}}}}}}\n")
        assert f"{name} has no network of its own" in problem(netwrights, f'containers: {{{name}: {{publish: ["8080:80"]}}}}\n')
        peer = f"namespaces: {{a: {{interfaces: {{p: {{peer: {{container: {name}, interface: p}}}}}}}}}}\ncontainers: {{{name}: {{}}}}\n"
        assert f"{name} has no network of its own" in problem(netwrights, peer)
    inside = "namespaces: {a: {}}\ncontainers: {web: {interfaces: {p: {peer: {namespace: a, interface: p}, addresses: [ADDRESS]}}}}\n"
    assert f"containers.web.interfaces.p: the container web has {attached} already, on eth0" in problem(
        netwrights, inside.replace("ADDRESS", f"{attached}/24")
    )
    overlapping = netwrights.plan(document(inside.replace("ADDRESS", "172.17.200.1/16"))).warnings
    assert [one.partition(": ")[0] for one in overlapping] == ["containers.web.interfaces.p"]


def test_a_macvlan_of_the_hosts_nic_is_put_into_a_container_that_runs_and_put_back(
    engine: DockerHost, netwrights: netwright.Engine
) -> None:
    engine.run("ip", "link", "set", "eth1", "up")
    engine.run("ip", "link", "set", "eth1", "up", netns=engine.ext)
    engine.run("ip", "address", "add", "10.5.0.7/24", "dev", "eth1", netns=engine.ext)
    engine.web("web")
    wanted = document(
        "networks: {lan: {driver: macvlan, parent: eth1, subnets: [10.5.0.0/24], gateway: 10.5.0.254}}\n"
        "containers: {web: {interfaces: {lan0: {network: lan, address: 10.5.0.80, default_route: false}}}}\n"
    )
    settled(netwrights, wanted)
    assert links(engine, "web")["lan0"]["linkinfo"]["info_kind"] == "macvlan"
    outside = f"/proc/{os.getpid()}/fd/{engine.ext}"
    assert fetch(outside, "10.5.0.80", 80) == "the page"
    engine.docker("restart", "--time", "0", "web")
    engine.wait_for_page("web", 80)
    settled(netwrights, wanted)
    assert fetch(outside, "10.5.0.80", 80) == "the page"
    netwrights.destroy("lab")
    assert "lan0" not in links(engine, "web")
