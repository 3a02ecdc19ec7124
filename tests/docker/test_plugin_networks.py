"""`docker network create -d netwright`: what a real engine asks of the plugin, and what is then on the host."""

from __future__ import annotations

import json
from typing import Any

import docker
import pytest
from docker_host import DockerHost, wait_for
from docker_plugin import Plugin, create, inside

from clients import fetch

pytestmark = pytest.mark.every_engine


def address(engine: DockerHost, pid: int, dev: str = "eth0") -> dict[str, Any]:
    """`ip address` of an interface in a container."""
    (found,) = json.loads(engine.run("nsenter", f"--net={inside(pid)}", "ip", "-j", "-d", "address", "show", "dev", dev))
    assert isinstance(found, dict)
    return found


def ips(engine: DockerHost, pid: int, family: str, dev: str = "eth0") -> list[tuple[str, int]]:
    told = address(engine, pid, dev)["addr_info"]
    return [(a["local"], a["prefixlen"]) for a in told if a["family"] == family and a["scope"] == "global"]


def with_mac(engine: DockerHost, name: str, network: str, mac: str) -> int:
    """A container with a MAC address of the user's: newer docker commands cannot ask an older engine for that. Its pid."""
    api = docker.APIClient(base_url=engine.url, version="1.41")
    try:
        host_config = api.create_host_config(network_mode=network)
        api.create_container("bb:1", ["sleep", "1000000"], name=name, mac_address=mac, host_config=host_config, stop_signal="KILL")
        api.start(name)
    finally:
        api.close()
    return engine.pid(name)


def test_containers_of_a_network_reach_each_other_by_name(engine: DockerHost, plugin: Plugin) -> None:
    id_ = create(engine, "shop", "--subnet", "172.30.0.0/24")
    (link,) = json.loads(engine.run("ip", "-j", "-d", "link", "show", "dev", f"nw-{id_[:12]}"))
    assert (link["linkinfo"]["info_kind"], link["ifalias"], "UP" in link["flags"]) == ("bridge", "netwright:docker-plugin", True)
    web = engine.web("web", "--network", "shop")
    client = engine.container("client", "--network", "shop")
    assert address(engine, web)["address"] == "02:4e:ac:1e:00:02"
    assert ips(engine, web, "inet") == [("172.30.0.2", 24)]
    assert fetch(inside(client), "172.30.0.2", 80) == "the page"
    assert engine.docker("exec", "client", "wget", "-q", "-O", "-", "http://web/") == "the page"
    assert "default via 172.30.0.1 dev eth0" in engine.run("nsenter", f"--net={inside(client)}", "ip", "route")
    told = engine.inspect("network", "shop")
    assert (told["Driver"], told["IPAM"]["Driver"]) == ("netwright", "netwright")
    # Docker 29 tells the gateway that was chosen for it, too.
    assert [config["Subnet"] for config in told["IPAM"]["Config"]] == ["172.30.0.0/24"]
    assert {one["Name"]: one["IPv4Address"] for one in told["Containers"].values()} == {"web": "172.30.0.2/24", "client": "172.30.0.3/24"}
    head, *endpoints = plugin.listing().splitlines()
    assert head == f"network {id_[:12]} on bridge nw-{id_[:12]}: 172.30.0.0/24"
    assert sorted(line.split(" on nwp")[0] for line in endpoints) == ["  172.30.0.2", "  172.30.0.3"]


def test_a_network_has_ipv6_and_what_its_options_say(engine: DockerHost, plugin: Plugin) -> None:
    create(
        engine,
        "six",
        *("--ipv6", "--subnet", "172.30.4.0/24", "--gateway", "172.30.4.9", "--subnet", "fd30:4::/64"),
        *("-o", "netwright.bridge=br-six", "-o", "com.docker.network.driver.mtu=1400", "-o", "netwright.ageing_seconds=77"),
        *("-o", "netwright.multicast_snooping=false", "-o", "netwright.interface=net"),
        *("-o", "netwright.routes=10.9.0.0/16 via 172.30.4.9, fd99::/48 via fd30:4::77"),
    )
    (bridge,) = json.loads(engine.run("ip", "-j", "-d", "address", "show", "dev", "br-six"))
    data = bridge["linkinfo"]["info_data"]
    assert (bridge["mtu"], data["ageing_time"], data["mcast_snooping"]) == (1400, 7700, 0)
    assert {(a["local"], a["prefixlen"]) for a in bridge["addr_info"] if a["scope"] == "global"} == {("172.30.4.9", 24), ("fd30:4::1", 64)}
    web = engine.web("web", "--network", "six")
    client = with_mac(engine, "client", "six", "02:00:00:00:30:04")
    assert (address(engine, client, "net0")["address"], address(engine, client, "net0")["mtu"]) == ("02:00:00:00:30:04", 1400)
    assert ips(engine, web, "inet6", "net0") == [("fd30:4::2", 64)]
    assert fetch(inside(client), "fd30:4::2", 80) == "the page"
    routes = engine.run("nsenter", f"--net={inside(web)}", "ip", "route") + engine.run(
        "nsenter", f"--net={inside(web)}", "ip", "-6", "route"
    )
    assert "default via 172.30.4.9 dev net0" in routes
    assert "10.9.0.0/16 via 172.30.4.9 dev net0" in routes
    assert "default via fd30:4::1 dev net0" in routes
    assert "fd99::/48 via fd30:4::77 dev net0" in routes


def test_a_subnet_is_chosen_that_the_host_has_no_way_to(engine: DockerHost, plugin: Plugin) -> None:
    engine.run("ip", "link", "set", "eth1", "up")
    engine.run("ip", "link", "set", "eth1", "up", netns=engine.ext)
    engine.run("ip", "address", "add", "192.0.2.1/24", "dev", "eth1")
    for second in (18, 19):
        engine.run("ip", "route", "add", f"172.{second}.0.0/16", "via", "192.0.2.9")
    create(engine, "any")
    pid = engine.container("one", "--network", "any")
    taken = {route["dst"] for route in json.loads(engine.run("ip", "-j", "route")) if route["dev"] == "docker0"}
    free = next(f"172.{second}.0" for second in range(17, 32) if second not in (18, 19) and f"172.{second}.0.0/16" not in taken)
    assert ips(engine, pid, "inet") == [(f"{free}.2", 16)]


def test_networks_are_apart_and_an_internal_one_has_no_way_out(engine: DockerHost, plugin: Plugin) -> None:
    for link, netns in (("eth1", None), ("eth1", engine.ext)):
        engine.run("ip", "link", "set", link, "up", netns=netns)
    engine.run("ip", "address", "add", "192.0.2.1/24", "dev", "eth1")
    engine.run("ip", "address", "add", "192.0.2.9/24", "dev", "eth1", netns=engine.ext)
    create(engine, "one", "--subnet", "172.30.1.0/24")
    create(engine, "two", "--subnet", "172.30.2.0/24")
    create(engine, "shut", "--subnet", "172.30.3.0/24", "--internal")
    engine.docker("network", "create", "--subnet", "172.30.5.0/24", "dockers")
    engine.web("web", "--network", "one")
    other = engine.container("other", "--network", "two")
    hidden = engine.web("hidden", "--network", "shut")
    friend = engine.container("friend", "--network", "shut")
    stranger = engine.container("stranger", "--network", "dockers")
    assert fetch(inside(other), "172.30.1.2", 80) == "dropped"
    assert fetch(inside(stranger), "172.30.1.2", 80) == "dropped"
    assert fetch(inside(friend), "172.30.3.2", 80) == "the page"
    assert "default" not in engine.run("nsenter", f"--net={inside(hidden)}", "ip", "route")
    links = json.loads(engine.run("nsenter", f"--net={inside(hidden)}", "ip", "-j", "link"))
    assert [link["ifname"] for link in links if link["operstate"] == "UP"] == ["eth0"]
    engine.run("ip", "route", "add", "172.30.1.0/24", "via", "192.0.2.1", netns=engine.ext)
    ping = ("ping", "-c", "1", "-W", "2")
    assert "1 packets received" in engine.docker("exec", "web", *ping, "192.0.2.9")
    assert "0 packets received" in engine.run("busybox", *ping, "172.30.1.2", netns=engine.ext, check=False)


def test_what_cannot_be_is_refused_with_a_sentence_that_docker_shows(engine: DockerHost, plugin: Plugin) -> None:
    create(engine, "first", "--subnet", "172.30.0.0/24")
    engine.run("ip", "link", "add", "taken", "type", "bridge")
    try:
        for options, sentence in (
            (("-o", "netwright.form=10.0.0.0/8"), r"the driver netwright has no option netwright\.form \(did you mean netwright\.from\?\)"),
            (("-o", "netwright.from=10.0.0.1/8"), r"the option netwright\.from: 10\.0\.0\.1/8 has bits set behind its prefix length"),
            (("--subnet", "172.30.0.128/25"), r"172\.30\.0\.128/25 overlaps 172\.30\.0\.0/24, which is another Docker network's pool"),
            (("-o", "netwright.bridge=taken"), r"taken"),
        ):
            with pytest.raises(AssertionError, match=sentence):
                create(engine, "second", *options)
        assert engine.docker("network", "ls", "--quiet", "--filter", "driver=netwright", "--format", "{{.Name}}") == "first"
        assert len(plugin.listing().splitlines()) == 1
    finally:
        engine.run("ip", "link", "delete", "taken")


def test_a_removed_network_leaves_nothing(engine: DockerHost, plugin: Plugin) -> None:
    before = sorted(engine.run("ip", "-br", "link").splitlines())
    rules = engine.run("iptables-save").count("netwright")
    id_ = create(engine, "brief", "--ipv6", "--subnet", "172.30.0.0/24", "--subnet", "fd30::/64")
    for name in ("aa", "bb", "cc"):
        engine.container(name, "--network", "brief", "--publish", "80")
    engine.docker("network", "disconnect", "brief", "aa")
    assert sum(line.startswith("nwp") for line in engine.run("ip", "-br", "link").splitlines()) == 2
    engine.docker("rm", "--force", "aa", "bb", "cc")
    assert [line for line in engine.run("ip", "-br", "link").splitlines() if line.startswith("nwp")] == []
    assert "nw_docker_plugin_ports" not in engine.run("nft", "list", "tables")
    engine.docker("network", "rm", "brief")
    wait_for("the bridge to be gone", lambda: id_[:12] not in engine.run("ip", "-br", "link"))
    assert sorted(engine.run("ip", "-br", "link").splitlines()) == before
    assert engine.run("iptables-save").count("netwright") == rules == 0
    assert "nw_" not in engine.run("nft", "list", "tables")
    assert plugin.listing() == ""
    assert plugin.rows() == {"pools": 0, "leases": 0, "networks": 0, "endpoints": 0}
