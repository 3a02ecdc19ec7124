"""Docker's nftables backend, which has no DOCKER-USER: ports that the file publishes come into its bridges, ports of its own are shut.

ext 10.0.0.9, 10.1.0.9, fd10::9 ── eth0 10.0.0.1/8, fd10::1/16 [the host] dock0 172.17.0.1/16, fd17::1/64 ── box .5, ::5
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_rules import Bridge, Port, docker_rules
from firewall_net import Network, ask, run, up

import netwright
from netwright.backends.nft import Nft
from netwright.errors import Refused
from netwright.firewall.compiler import compile_table
from netwright.firewall.intents import Intents, Restriction
from netwright.model.firewall import DockerBridge, ForwardFilter, Obstacle, PacketMark
from netwright.model.netns import HOST
from netwright.model.operation import ReplaceTable
from own_host import away, new_network

pytestmark = pytest.mark.netns

SWITCHES = ("net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables")
BOX = ("172.17.0.5", "fd17::5")
SHOP = """\
version: 1
name: shop
host:
  publish:
    - {listen: 8080, from: [10.0.0.0/16], to: "172.17.0.5:80"}
    - {listen: "[fd10::1]:8080", from: ["fd10::/32"], to: "[fd17::5]:80"}
"""


def bridge(mode: str = "nat", *ports: Port) -> Bridge:
    return Bridge(name="dock0", subnets=("172.17.0.0/16", "fd17::/64"), mode=mode, ports=ports, containers=BOX)


def docker(*bridges: Bridge, accept_mark: str | None = None, policy: str = "accept") -> None:
    run("nft", "-f", "-", stdin=docker_rules(bridges, accept_mark=accept_mark, policy=policy))


@pytest.fixture(autouse=True)
def network() -> Iterator[Network]:
    network = Network()
    with away():
        new_network()
        try:
            run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", *(f"{switch}=0" for switch in SWITCHES))
            run("ip", "link", "add", "dock0", "type", "bridge")
            for name, device, addresses in (
                ("ext", "eth0", ("10.0.0.9/8", "10.1.0.9/8", "fd10::9/16", "fd10:1::9/16")),
                ("box", "to-box", ("172.17.0.5/16", "fd17::5/64")),
            ):
                run("ip", "netns", "add", name)
                run("ip", "link", "add", device, "type", "veth", "peer", "name", "eth0", "netns", name)
                run("ip", "link", "set", device, "up")
                up(name, "eth0", *addresses)
            run("ip", "link", "set", "to-box", "master", "dock0")
            run("ip", "link", "set", "dock0", "up")
            for device, *addresses in (("eth0", "10.0.0.1/8", "fd10::1/16"), ("dock0", "172.17.0.1/16", "fd17::1/64")):
                for address in addresses:
                    run("ip", "address", "add", address, "dev", device, *(["nodad"] if ":" in address else []))
            run("ip", "-n", "box", "route", "add", "default", "via", "172.17.0.1")
            run("ip", "-n", "box", "route", "add", "default", "via", "fd17::1")
            for address in BOX:
                network.serve("box", address, 80)
            settle()
            yield network
        finally:
            network.close()
            for name in ("ext", "box"):
                run("ip", "netns", "delete", name, check=False)


def settle() -> None:
    """Until no interface's own address is being checked: before that, the kernel asks no neighbour where it is."""
    end = time.monotonic() + 20
    while any(run("ip", "-6", "address", "show", "tentative", netns=netns).strip() for netns in (None, "ext", "box")):
        assert time.monotonic() < end, "IPv6 addresses are still being checked"
        time.sleep(0.02)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[netwright.Engine]:
    with netwright.open_engine(state_folder=str(tmp_path / "state")) as engine:
        yield engine


def answers() -> list[str]:
    """What the chosen and the others get from port 8080, by IPv4 and by IPv6."""
    return [
        ask("ext", address, 8080, source=source, seconds=1)
        for address, source in (("10.0.0.1", "10.0.0.9"), ("10.0.0.1", "10.1.0.9"), ("fd10::1", "fd10::9"), ("fd10::1", "fd10:1::9"))
    ]


@pytest.mark.parametrize("mark", ["0x4e57", "0x4e00/0xff00"])
def test_what_is_published_comes_into_dockers_bridge_with_the_mark_that_dockerd_was_told_of(engine: netwright.Engine, mark: str) -> None:
    docker(bridge(), accept_mark=mark)
    before = run("nft", "--stateless", "list", "ruleset")
    # Somebody else's bits of the mark stay.
    run("nft", "add table inet witness; add chain inet witness f { type filter hook forward priority -50; }")
    run("nft", "add rule inet witness f meta mark set 0x30009")
    run("nft", "add chain inet witness g { type filter hook forward priority 50; }")
    run("nft", 'add rule inet witness g oifname "dock0" ct direction original meta mark and 0xff0000 == 0x30000 counter')
    document = netwright.parse(SHOP, "shop.yaml")
    engine.apply(document)
    assert answers() == ["served 80 172.17.0.1", "refused", "served 80 fd17::1", "refused"]
    assert engine.apply(document).plan.operations == ()
    seen = run("nft", "list", "chain", "inet", "witness", "g")
    assert ("counter packets 0 " not in seen) == ("/" in mark)

    run("nft", "delete table inet witness")
    engine.destroy("shop")
    assert run("nft", "--stateless", "list", "ruleset") == before
    assert answers() == ["refused"] * 4


def test_without_a_mark_nothing_is_touched_and_the_flag_is_named(engine: netwright.Engine) -> None:
    docker(bridge())
    before = run("nft", "--stateless", "list", "ruleset")
    with pytest.raises(Refused) as refused:
        engine.apply(netwright.parse(SHOP, "shop.yaml"))
    assert str(refused.value).splitlines() == [
        f"the chain filter-forward-in__dock0 of the nft table {family} docker-bridges drops what shop publishes to {target}, by `drop`,"
        " and nothing but a mark that dockerd was told of comes past that; start dockerd with --bridge-accept-fwmark=0x4e57/0x4e57"
        ' ("bridge-accept-fwmark" in /etc/docker/daemon.json), or let Docker publish the port'
        for family, target in (("ip", "172.17.0.5"), ("ip6", "fd17::5"))
    ]
    assert run("nft", "--stateless", "list", "ruleset") == before
    assert engine.status() == ()


def test_an_internal_network_lets_no_mark_in(engine: netwright.Engine) -> None:
    docker(bridge("internal"), Bridge(name="dock1", subnets=("172.18.0.0/16",)), accept_mark="7")
    with pytest.raises(Refused, match=r'publishes to 172\.17\.0\.5, by `iifname != "dock0" drop`: Docker lets nothing from elsewhere into'):
        engine.apply(netwright.parse(SHOP, "shop.yaml"))


@pytest.mark.parametrize(
    "rules",
    [
        (bridge("nat-unprotected"),),
        (bridge("nat", *(Port(host=9090, address=address, port=80) for address in BOX)),),
        (Bridge(name="dock1", subnets=("172.18.0.0/16", "fd18::/64")),),
    ],
    ids=["unprotected", "published by Docker too", "another bridge"],
)
def test_where_docker_drops_nothing_of_it_no_mark_is_needed(engine: netwright.Engine, rules: tuple[Bridge, ...]) -> None:
    docker(*rules)
    document = netwright.parse(SHOP, "shop.yaml")
    engine.apply(document)
    assert answers() == ["served 80 172.17.0.1", "refused", "served 80 fd17::1", "refused"]
    assert engine.apply(document).plan.operations == ()


def test_a_port_of_dockers_is_shut_by_a_chain_of_our_own(network: Network) -> None:
    docker(bridge("nat", *(Port(host=8080, address=address, port=80) for address in BOX)))
    assert [answer.partition(" ")[0] for answer in answers()] == ["served"] * 4
    restriction = Restriction(protocol="tcp", ports=(8080, 8080), sources=("10.0.0.0/16", "fd10::/32"))
    assert Nft().observe_forward().docker_user == frozenset()
    load(Intents(restrictions=(restriction,), shut_here=frozenset({4, 6})))
    assert answers() == ["served 80 10.0.0.9", "refused", "served 80 fd10::9", "refused"]
    assert ask("box", "10.0.0.1", 8080, seconds=1) == "refused", "nor by its own neighbours, through the host"

    by_address = Restriction(protocol="tcp", ports=(8080, 8080), sources=("10.1.0.0/16",), address="10.0.0.1")
    load(Intents(restrictions=(by_address,), shut_here=frozenset({4, 6})))
    assert answers() == ["refused", "served 80 10.1.0.9", "served 80 fd10::9", "served 80 fd10:1::9"]


def load(intents: Intents) -> None:
    table = compile_table("shop", intents)
    assert table is not None
    Nft().execute([ReplaceTable(netns=HOST, table=table, owner="shop", why="a test")], lambda _: None)


def test_what_docker_guards_is_read_from_its_rules() -> None:
    ports = (Port(host=8080, address="172.17.0.5", port=80), Port(host=53, address="172.17.0.5", port=5353, protocol="udp"))
    docker(bridge("routed", *ports), accept_mark="0x4e00/0xff00", policy="drop")
    seen = Nft().observe_forward()
    opened = frozenset({("tcp", "172.17.0.5", 80), ("udp", "172.17.0.5", 5353)})
    mark = PacketMark(0x4E00, 0xFF00)
    assert seen == ForwardFilter(
        docker_bridges=(
            DockerBridge(family=4, bridge="dock0", chain="filter-forward-in__dock0", drop="drop", mark=mark, open=opened),
            DockerBridge(family=6, bridge="dock0", chain="filter-forward-in__dock0", drop="drop", mark=mark),
        ),
        obstacles=tuple(
            Obstacle(family=family, table="docker-bridges", chain="filter-FORWARD", rule="policy drop", mentions=frozenset({"dock0"}))
            for family in ("ip", "ip6")
        ),
    )


def test_a_policy_of_dockers_stops_our_networks_and_not_what_comes_into_its_bridge(engine: netwright.Engine) -> None:
    docker(bridge(), accept_mark="0x4e57", policy="drop")
    engine.apply(netwright.parse(SHOP, "shop.yaml"))
    assert answers()[:2] == ["served 80 172.17.0.1", "refused"]
    lab = "version: 1\nname: lab\nnetworks: {lan: {bridge: br7, subnets: [172.29.77.0/24]}}\n"
    with pytest.raises(
        Refused, match=r"filter-FORWARD of the nft table ip docker-bridges drops what network br7 of lab forwards, by `policy drop`"
    ):
        engine.apply(netwright.parse(lab, "lab.yaml"))
