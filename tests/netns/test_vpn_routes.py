"""Subnets and what the host routes elsewhere: a VPN that is there, and one that comes up later. tun0 is a veth, its other end in `vpn`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from stacks import HOST, Stacks, addresses, reaches, run

import netwright
from netwright.errors import SpecError

LAB = """\
version: 1
name: lab
networks: {lan: {bridge: br-lan, subnets: [10.30.0.0/24]}}
namespaces: {a: {interfaces: {eth0: {network: lan}}}}
"""


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[Stacks]:
    stacks = Stacks(tmp_path / "state")
    run("ip", "netns", "add", "vpn")
    run("ip", "link", "add", "tun0", "type", "veth", "peer", "name", "tun0", "netns", "vpn")
    for netns, address in ((HOST, "192.0.2.1/30"), ("vpn", "192.0.2.2/30")):
        run("ip", "link", "set", "tun0", "up", netns=netns)
        run("ip", "address", "add", address, "dev", "tun0", netns=netns)
    yield stacks
    stacks.destroy_all()
    run("ip", "link", "del", "tun0")
    run("ip", "netns", "del", "vpn")


@pytest.mark.parametrize(
    ("route", "words"),
    [
        (("10.30.0.0/16", "dev", "tun0"), "10.30.0.0/24 overlaps 10.30.0.0/16, which the host reaches through tun0"),
        (("10.30.0.7/32", "via", "192.0.2.2"), "10.30.0.0/24 overlaps 10.30.0.7/32, which the host reaches through tun0"),
        (
            ("10.0.0.0/8", "dev", "tun0", "table", "51820"),
            "10.30.0.0/24 overlaps 10.0.0.0/8, which the host reaches through tun0 (table 51820)",
        ),
        (
            ("10.30.0.0/16", "nexthop", "via", "192.0.2.2", "nexthop", "dev", "tun0"),
            "10.30.0.0/24 overlaps 10.30.0.0/16, which the host reaches through tun0",
        ),
    ],
    ids=["network", "host", "table", "multipath"],
)
def test_a_subnet_that_the_vpn_leads_to_is_an_error(stacks: Stacks, route: tuple[str, ...], words: str) -> None:
    run("ip", "route", "add", *route)
    with pytest.raises(SpecError) as failed:
        stacks.apply(LAB)
    assert [problem.message for problem in failed.value.problems] == [words]


def test_a_default_route_in_two_halves_is_no_conflict(stacks: Stacks) -> None:
    for half in ("0.0.0.0/1", "128.0.0.0/1"):
        run("ip", "route", "add", half, "via", "192.0.2.2")
    assert stacks.apply(LAB).warnings == ()
    assert reaches("a", "10.30.0.1")


def test_a_vpn_that_comes_up_later_is_warned_of_and_nothing_is_moved(stacks: Stacks) -> None:
    stacks.apply(LAB)
    run("ip", "route", "add", "10.30.0.0/25", "dev", "tun0")
    run("ip", "route", "add", "10.30.0.0/16", "dev", "tun0")
    warnings = (
        (
            "networks.lan.subnets[0]: 10.30.0.0/24 overlaps 10.30.0.0/16, which the host reaches through tun0; "
            "of 10.30.0.0/16, what is in 10.30.0.0/24 is not reached any more"
        ),
        (
            "networks.lan.subnets[0]: 10.30.0.0/24 overlaps 10.30.0.0/25, which the host reaches through tun0; "
            "what is in 10.30.0.0/25 does not reach the network any more"
        ),
    )
    done = stacks.apply(LAB)
    assert (done.operations, done.warnings) == ((), warnings)
    assert not reaches("a", "10.30.0.1")
    with netwright.open_engine(state_folder=stacks.folder) as engine:
        (status,) = engine.status("lab")
    assert status.trouble is None
    assert status.drift is not None
    assert status.drift.warnings == warnings
    # What is new must not be put there.
    with pytest.raises(SpecError, match=r"10\.30\.0\.64/26 overlaps 10\.30\.0\.0/16"):
        stacks.apply(LAB.replace("10.30.0.0/24", "10.30.0.64/26"))
    run("ip", "route", "del", "10.30.0.0/25", "dev", "tun0")
    run("ip", "route", "del", "10.30.0.0/16", "dev", "tun0")
    assert stacks.apply(LAB).warnings == ()
    assert addresses("br-lan") == ["10.30.0.1/24"]
