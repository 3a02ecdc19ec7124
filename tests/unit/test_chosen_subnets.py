"""A free subnet where the file leaves it open: past what is in use, kept, and chosen anew only where nothing stands."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from scene import host, link, problems, resolved, state

from netwright.ipam.pools import subnets
from netwright.model.docker import DockerNetwork, DockerState, DockerSubnet
from netwright.model.netns import HOST, named
from netwright.model.route import Address, Route
from netwright.model.state import State

LAB = """\
version: 1
name: lab
networks: {lan: {bridge: br-lan, subnets: [auto4]}}
namespaces: {a: {interfaces: {eth0: {network: lan}}}}
"""
BRIDGE = DockerNetwork(name="bridge", driver="bridge", subnets=(DockerSubnet(subnet="172.17.0.0/16"),))
PINNED = DockerSubnet(subnet="172.29.0.0/16", gateway="172.29.0.1")
TUNNEL = Route(to="172.18.4.0/24", dev="tun0", protocol=3)
LEASE = "lan/network/auto4"


def seen(*routes: Route, docker: DockerState | None = None) -> State:
    return state(host(link("eth0"), link("tun0"), routes=frozenset(routes)), docker=docker or DockerState(networks={"bridge": BRIDGE}))


def standing(prefix: str, *routes: Route) -> State:
    place = host(link("tun0"), replace(link("br-lan"), alias="netwright:lab"), routes=frozenset(routes))
    return state(replace(place, addresses=frozenset({Address(dev="br-lan", cidr=prefix)})))


def test_the_pools_are_dockers_and_then_the_rest() -> None:
    found = [str(one) for one in subnets(4, "")]
    assert (found[0], found[14], found[15], found[30], found[31]) == (
        "172.17.0.0/16",
        "172.31.0.0/16",
        "192.168.0.0/20",
        "192.168.240.0/20",
        "10.0.0.0/24",
    )
    assert len(found) == 15 + 16 + 65536
    first, other = next(subnets(6, "one")), next(subnets(6, "two"))
    assert (first, first.prefixlen, str(first)[:2]) == (next(subnets(6, "one")), 64, "fd")
    assert first != other


def test_what_is_in_use_is_passed_over_and_named() -> None:
    made = resolved(LAB, seen(TUNNEL))
    assert made.desired.choices == (
        (
            "networks.lan.subnets: 172.19.0.0/16, because 172.17.0.0/16 overlaps 172.17.0.0/16, which is Docker's network bridge, "
            "and 172.18.0.0/16 overlaps 172.18.4.0/24, which the host reaches through tun0"
        ),
    )
    assert made.leases[LEASE] == "172.19.0.0/16"
    places = made.desired.state.namespaces
    assert {a.cidr for a in places[HOST].addresses} == {"172.19.0.1/16"}
    assert {a.cidr for a in places[named("a")].addresses if a.dev == "eth0"} == {"172.19.0.2/16"}


def test_what_was_chosen_is_kept_and_nothing_more_is_said() -> None:
    again = resolved(LAB, seen(TUNNEL), leases={LEASE: "192.168.16.0/20"})
    assert (again.desired.choices, again.leases[LEASE]) == ((), "192.168.16.0/20")


def test_a_vpn_that_came_later_moves_what_is_not_there_and_nothing_that_stands() -> None:
    later = Route(to="192.168.0.0/16", dev="tun0", protocol=3)
    gone = resolved(LAB, seen(later), leases={LEASE: "192.168.16.0/20"})
    assert gone.leases[LEASE] == "172.18.0.0/16"
    there = resolved(LAB, standing("192.168.16.1/20", later), leases={LEASE: "192.168.16.0/20"})
    assert (there.leases[LEASE], there.problems) == ("192.168.16.0/20", ())
    assert there.desired.warnings == (
        (
            "networks.lan.subnets[0]: 192.168.16.0/20 overlaps 192.168.0.0/16, which the host reaches through tun0; "
            "of 192.168.0.0/16, what is in 192.168.16.0/20 is not reached any more"
        ),
    )


def test_what_stands_is_found_though_it_is_forgotten() -> None:
    assert resolved(LAB, standing("10.99.0.1/24")).leases[LEASE] == "10.99.0.0/24"


def test_what_the_file_itself_speaks_of_is_passed_over() -> None:
    text = """\
version: 1
name: lab
networks: {one: {subnets: [auto4, auto6]}, two: {subnets: [auto4, auto6]}, said: {subnets: [172.18.0.0/16]}}
namespaces:
  a: {interfaces: {e: {nic: eth0, addresses: [172.19.0.7/16]}}, routes: [{to: 172.20.0.0/14, via: 172.19.0.1}]}
"""
    made = resolved(text, seen(docker=DockerState()))
    assert [made.leases[f"{key}/network/auto4"] for key in ("one", "two")] == ["172.17.0.0/16", "172.24.0.0/16"]
    assert made.desired.choices[2] == (
        "networks.two.subnets: 172.24.0.0/16, because 172.17.0.0/16 overlaps 172.17.0.0/16, which is the network one's, "
        "172.18.0.0/16 overlaps 172.18.0.0/16, which is the network said's, 172.19.0.0/16 overlaps 172.19.0.0/16, "
        "in which namespaces.a.interfaces.e is, and 4 more are taken"
    )
    six = {made.leases[f"{key}/network/auto6"] for key in ("one", "two")}
    assert len(six) == 2
    assert all(one.startswith("fd") and one.endswith("/64") for one in six)


@pytest.mark.parametrize("subnets", ["", ", subnets: [auto4]"])
def test_a_network_of_dockers_gets_one_too(subnets: str) -> None:
    text = LAB.replace("bridge: br-lan, subnets: [auto4]", f"managed_by: docker, bridge: br-lan{subnets}")
    made = resolved(text, seen(TUNNEL))
    assert made.desired.docker_networks["lan"].subnets == (
        DockerSubnet(subnet="172.19.0.0/16", gateway="172.19.0.1", reserved={"a-eth0": "172.19.0.2"}),
    )
    # One that Docker has chosen before stays.
    there = DockerNetwork(name="lan", driver="bridge", owner="lab", bridge="br-lan", subnets=(PINNED,))
    old = resolved(text, seen(docker=DockerState(networks={"lan": there}))).desired
    assert {config.subnet for config in old.docker_networks["lan"].subnets} <= {"172.29.0.0/16"}
    assert {a.cidr for a in old.state.namespaces[named("a")].addresses if a.dev == "eth0"} == {"172.29.0.2/16"}


def test_where_nothing_is_free_that_is_said() -> None:
    full = [Route(to=to, dev="tun0", protocol=3) for to in ("172.16.0.0/12", "192.168.0.0/16", "10.0.0.0/8")]
    assert problems(LAB, seen(*full)) == [
        "file.yaml:3:34: networks.lan.subnets: no private subnet is free on this host\n    hint: state subnets: in networks.lan"
    ]
