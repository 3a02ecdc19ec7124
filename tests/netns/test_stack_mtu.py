"""A network's MTU is its way out's, unless the file says it; decided once, and kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from stacks import HOST, Stacks, ask, ip, outside, run, serving

import netwright

LAB = """\
version: 1
name: lab
networks: {lan: {bridge: br-lan, subnets: [10.30.0.0/24]}}
namespaces: {a: {interfaces: {eth0: {network: lan}}}}
"""


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[Stacks]:
    with outside():
        for netns, dev in ((HOST, "eth1"), ("ext", "eth0")):
            run("ip", "link", "set", dev, "mtu", "1420", netns=netns)
        run("ip", "route", "add", "default", "via", "10.9.0.9")
        made = Stacks(tmp_path / "state")
        yield made
        made.destroy_all()


def mtus() -> dict[str, int]:
    """As `ip` shows them: the bridge's, its port's, and of a's interface."""
    links = {link["ifname"]: link for link in ip("link")}
    (port,) = (link["mtu"] for link in links.values() if link.get("master") == "br-lan")
    (inside,) = ip("link", "show", "dev", "eth0", netns="a")
    return {"bridge": links["br-lan"]["mtu"], "port": port, "inside": inside["mtu"]}


def test_a_network_has_the_mtu_of_the_default_route_and_keeps_it_until_it_is_made_anew(stacks: Stacks) -> None:
    done = stacks.apply(LAB)
    assert done.choices == ("networks.lan.mtu: 1420, as much as eth1 takes, through which the host's default route leads",)
    assert mtus() == {"bridge": 1420, "port": 1420, "inside": 1420}
    with serving("ext", "0.0.0.0", 7):
        assert ask("a", "10.9.0.9", 7) == "served 7 10.9.0.1"

    run("ip", "link", "set", "eth1", "mtu", "1300")
    warnings = (
        (
            "networks.lan: its packets have up to 1420 bytes, and eth1, through which the host's default route leads, takes 1300: "
            "larger ones are fragmented, or dropped where they must not be; say mtu: 1300"
        ),
    )
    later = stacks.apply(LAB)
    assert (later.operations, later.warnings, later.choices) == ((), warnings, ())
    with netwright.open_engine(state_folder=stacks.folder) as engine:
        kept = engine.keep("lab")
        (status,) = engine.status("lab")
    assert kept is not None
    assert (kept.plan.operations, kept.plan.warnings) == ((), warnings)
    assert status.drift is not None
    assert status.drift.warnings == warnings
    assert mtus() == {"bridge": 1420, "port": 1420, "inside": 1420}
    # Also what is added later has what the rest of the network has.
    stacks.apply(LAB.replace("namespaces: {", "namespaces: {b: {interfaces: {eth0: {network: lan}}}, "))
    assert ip("link", "show", "dev", "eth0", netns="b")[0]["mtu"] == 1420
    stacks.apply(LAB)

    assert stacks.apply(LAB.replace("subnets", "mtu: 1300, subnets")).warnings == ()
    assert mtus() == {"bridge": 1300, "port": 1300, "inside": 1300}
    stacks.destroy("lab")
    stacks.apply(LAB)
    assert mtus() == {"bridge": 1300, "port": 1300, "inside": 1300}


def test_a_bridge_that_somebody_deleted_comes_back_as_it_was(stacks: Stacks) -> None:
    stacks.apply(LAB)
    run("ip", "link", "set", "eth1", "mtu", "1400")
    run("ip", "link", "del", "br-lan")
    assert stacks.apply(LAB).choices == ()
    assert mtus() == {"bridge": 1420, "port": 1420, "inside": 1420}


def test_a_stated_mtu_that_does_not_fit_is_warned_of(stacks: Stacks) -> None:
    assert stacks.apply(LAB.replace("subnets", "mtu: 1500, subnets")).warnings == (
        (
            "networks.lan: its packets have up to 1500 bytes, and eth1, through which the host's default route leads, takes 1420: "
            "larger ones are fragmented, or dropped where they must not be; say mtu: 1420"
        ),
    )
    assert mtus() == {"bridge": 1500, "port": 1500, "inside": 1500}
