"""Subnets that Netwright chooses: past what the host leads to and what other stacks have, and kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from stacks import HOST, Stacks, addresses, outside, reaches, run

import netwright

ONE = """\
version: 1
name: one
networks: {lan: {bridge: br-one, subnets: [auto4, auto6]}}
namespaces: {one-a: {interfaces: {eth0: {network: lan}}}}
"""
TWO = ONE.replace("one", "two")


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[Stacks]:
    with outside():
        run("ip", "link", "add", "tun0", "type", "veth", "peer", "name", "tun1")
        run("ip", "link", "set", "tun1", "up")
        run("ip", "link", "set", "tun0", "up")
        run("ip", "route", "add", "172.17.0.0/16", "dev", "tun0")
        run("ip", "route", "add", "172.18.128.0/17", "dev", "tun0", "table", "51820")
        made = Stacks(tmp_path / "state")
        yield made
        made.destroy_all()
        run("ip", "link", "del", "tun0")
        run("ip", "route", "flush", "table", "51820")


def test_a_subnet_is_free_and_kept_and_free_again(stacks: Stacks) -> None:
    done = stacks.apply(ONE)
    four, six = done.choices
    assert four == (
        "networks.lan.subnets: 172.19.0.0/16, because 172.17.0.0/16 overlaps 172.17.0.0/16, which the host reaches through tun0, "
        "and 172.18.0.0/16 overlaps 172.18.128.0/17, which the host reaches through tun0 (table 51820)"
    )
    assert six.startswith("networks.lan.subnets: fd")
    assert addresses("br-one")[0] == "172.19.0.1/16"
    inside = addresses("eth0", "one-a")
    assert inside[0] == "172.19.0.2/16"
    assert inside[1].startswith("fd")
    assert reaches("one-a", "172.19.0.1")
    assert reaches(HOST, inside[1].partition("/")[0])

    # Another stack knows of it, even while it is not there.
    run("ip", "link", "del", "br-one")
    assert "172.19.0.0/16, which is the stack one's" in stacks.apply(TWO).choices[0]
    assert addresses("br-two")[0] == "172.20.0.1/16"
    # It comes back as it was, and is not said again.
    assert stacks.apply(ONE).choices == ()
    assert addresses("eth0", "one-a") == inside

    # What was passed over is free now: nobody moves for that.
    run("ip", "route", "del", "172.17.0.0/16", "dev", "tun0")
    assert stacks.apply(ONE).operations == ()
    stacks.destroy("one")
    assert stacks.apply(TWO).operations == ()
    stacks.apply(ONE)
    assert addresses("br-one")[0] == "172.17.0.1/16"


def test_a_vpn_that_takes_it_later_is_warned_of_and_taken_into_account_when_it_is_built_again(stacks: Stacks) -> None:
    stacks.apply(ONE)
    run("ip", "route", "add", "172.16.0.0/12", "dev", "tun0")
    again = stacks.apply(ONE)
    assert again.operations == ()
    assert again.warnings == (
        (
            "networks.lan.subnets[0]: 172.19.0.0/16 overlaps 172.16.0.0/12, which the host reaches through tun0; "
            "of 172.16.0.0/12, what is in 172.19.0.0/16 is not reached any more"
        ),
    )
    # As after a boot: nothing of it stands.
    run("ip", "link", "del", "br-one")
    run("ip", "netns", "del", "one-a")
    with netwright.open_engine(state_folder=stacks.folder) as engine:
        kept = engine.keep("one")
    assert kept is not None
    assert kept.plan.warnings == ()
    assert addresses("br-one")[0] == "192.168.0.1/20"
    assert addresses("eth0", "one-a")[0] == "192.168.0.2/20"
    assert stacks.apply(ONE).choices == ()
