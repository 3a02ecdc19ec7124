"""How large packets may be on a network: by the file, by the way out, and what is said where the two do not fit."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from scene import host, link, resolved, state

from netwright.model.docker import DockerNetwork, DockerState, DockerSubnet
from netwright.model.link import Link
from netwright.model.netns import HOST, named
from netwright.model.route import Route
from netwright.model.state import State

LAB = """\
version: 1
name: lab
networks: {lan: {bridge: br-lan, subnets: [10.5.0.0/24]}}
namespaces:
  a: {interfaces: {eth0: {network: lan}}}
"""
DOCKERS = LAB.replace("bridge: br-lan", "managed_by: docker, bridge: br-lan")


def sized(name: str, mtu: int) -> Link:
    return replace(link(name), mtu=mtu)


def default(dev: str, *, to: str = "0.0.0.0/0", metric: int | None = None, table: int = 254, mtu: int | None = None) -> Route:
    return Route(to=to, via="192.0.2.1", dev=dev, protocol=3, metric=metric, table=table, mtu=mtu)


def seen(*routes: Route, docker: DockerState | None = None, standing: bool = False) -> State:
    links = [sized("eth0", 1480), sized("eth1", 1400), sized("wg0", 1420)]
    links += [replace(link("br-lan"), alias="netwright:lab")] if standing else []
    return state(host(*links, routes=frozenset(routes)), docker=docker)


def mtus(text: str, observed: State, **leases: str) -> tuple[int | None, ...]:
    """Of the bridge and of both ends of a's interface."""
    desired = resolved(text, observed, leases={"lan/network/mtu": leases["lan"]} if leases else {}).desired.state.namespaces
    bridge = desired[HOST].links["br-lan"]
    (port,) = (one for name, one in desired[HOST].links.items() if name not in ("br-lan", "lo"))
    return bridge.mtu, port.mtu, desired[named("a")].links["eth0"].mtu


@pytest.mark.parametrize(
    ("routes", "size"),
    [
        ((), None),
        ((default("eth0"),), 1480),
        ((default("eth0"), default("eth1", metric=100)), 1480),
        ((default("eth0", metric=200), default("eth1", metric=100)), 1400),
        # A VPN's halves win over the default route beside them.
        ((default("eth1"), default("eth0", to="0.0.0.0/1"), default("eth0", to="128.0.0.0/1")), 1480),
        # wg-quick's own table, behind a rule that is not understood.
        ((default("eth0"), default("wg0", table=51820)), 1420),
        ((default("eth0", mtu=1300),), 1300),
        ((default("eth0"), Route(to="0.0.0.0/0", kind="unreachable", metric=9)), 1480),
        ((Route(to="::/0", via="fe80::1", dev="eth0", protocol=9),), None),
    ],
    ids=["none", "one", "metric", "lesser-metric", "halves", "table", "route", "unreachable", "other-family"],
)
def test_a_network_takes_the_mtu_of_the_hosts_default_route(routes: tuple[Route, ...], size: int | None) -> None:
    assert mtus(LAB, seen(*routes)) == (size, size, size)


def test_it_is_said_and_kept() -> None:
    made = resolved(LAB, seen(default("wg0")))
    assert made.desired.choices == ("networks.lan.mtu: 1420, as much as wg0 takes, through which the host's default route leads",)
    assert made.leases["lan/network/mtu"] == "1420"
    # The way out is another now: nothing is changed.
    assert mtus(LAB, seen(default("eth0"), standing=True), lan="1420") == (1420, 1420, 1420)
    later = resolved(LAB, seen(default("eth1"), standing=True), leases={"lan/network/mtu": "1420"})
    assert (later.desired.choices, later.desired.warnings) == (
        (),
        (
            (
                "networks.lan: its packets have up to 1420 bytes, and eth1, through which the host's default route leads, takes 1400: "
                "larger ones are fragmented, or dropped where they must not be; say mtu: 1400"
            ),
        ),
    )


def test_a_network_that_stands_is_left_as_it_is() -> None:
    assert mtus(LAB, seen(default("eth0"), standing=True)) == (None, None, None)
    assert resolved(LAB, seen(default("eth0"), standing=True)).desired.warnings == (
        (
            "networks.lan: its packets have up to 1500 bytes, and eth0, through which the host's default route leads, takes 1480: "
            "larger ones are fragmented, or dropped where they must not be; say mtu: 1480"
        ),
    )


def test_what_the_file_says_counts_and_a_misfit_is_said() -> None:
    stated = LAB.replace("subnets", "mtu: 9000, subnets")
    assert mtus(stated, seen(default("eth0"))) == (9000, 9000, 9000)
    (warning,) = resolved(stated, seen(default("eth0"))).desired.warnings
    assert warning.startswith("networks.lan: its packets have up to 9000 bytes, and eth0, ")
    assert resolved(LAB.replace("subnets", "mtu: 1300, subnets"), seen(default("eth0"))).desired.warnings == ()


def test_ipv6_is_never_given_less_than_it_needs() -> None:
    both = LAB.replace("10.5.0.0/24", '10.5.0.0/24, "fd05::/64"')
    assert mtus(both, seen(default("eth0", mtu=1200))) == (1280, 1280, 1280)


def test_nothing_leaves_an_internal_network_nor_one_without_a_gateway() -> None:
    for words in ("internal: true", "gateway: none"):
        assert mtus(LAB.replace("subnets", f"{words}, subnets"), seen(default("eth0"))) == (None, None, None)


def test_a_namespace_that_leads_on_through_its_own_nic_is_a_way_out() -> None:
    router = LAB + "  r: {forward: true, interfaces: {in0: {network: lan}, out0: {nic: eth1}}}\n"
    made = resolved(router, seen(default("eth0")))
    bridge = made.desired.state.namespaces[HOST].links["br-lan"]
    assert bridge.mtu == 1400
    assert made.desired.choices == ("networks.lan.mtu: 1400, as much as out0 takes, through which r leads on",)
    wider = resolved(router.replace("nic: eth1", "nic: eth1, mtu: 1490"), seen(default("eth0"))).desired
    assert wider.state.namespaces[HOST].links["br-lan"].mtu == 1480


def test_docker_is_asked_for_it_once() -> None:
    option = "com.docker.network.driver.mtu"
    made = resolved(DOCKERS, seen(default("wg0"), docker=DockerState()))
    assert made.desired.docker_networks["lan"].options[option] == "1420"
    assert "lan/network/mtu" not in made.leases
    there = DockerNetwork(name="lan", driver="bridge", owner="lab", subnets=(DockerSubnet(subnet="10.5.0.0/24"),))
    for options in ({option: "1440"}, {}):
        docker = DockerState(networks={"lan": replace(there, options=options)})
        now = resolved(DOCKERS, seen(default("wg0"), docker=docker)).desired
        assert now.docker_networks["lan"].options.get(option) == options.get(option)
        assert now.state.namespaces[named("a")].links["eth0"].mtu == (1440 if options else None)
        assert [one.rpartition("; ")[2] for one in now.warnings] == ["say mtu: 1420, for which it is made anew"]


def test_an_interface_with_more_than_its_network_is_warned_of() -> None:
    text = LAB + "  b: {interfaces: {eth0: {network: lan, mtu: 9000}}}\n"
    assert resolved(text).desired.warnings == (
        "namespaces.b.interfaces.eth0.mtu: 9000 is more than lan has, 1500: its bridge drops larger packets and tells nobody",
    )
    assert resolved(text.replace("network: lan}", "network: lan, mtu: 9000}")).desired.warnings == ()
