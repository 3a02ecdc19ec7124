"""NICs of the host: found, moved in, renamed, changed, passed on, lost, and given back byte for byte as `ip -j -d` tells it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stacks import HOST, Stacks, addresses, ask, devices, ip, outside, run, said, serving, settled, witness

import netwright
from netwright.errors import NetwrightError, Refused

MAC = "02:00:00:00:e1:07"


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[Stacks]:
    """eth1 with much that can be forgotten: stands for a NIC."""
    for which in ("all", "default"):
        run("sysctl", "-qw", f"net.ipv6.conf.{which}.accept_dad=0")
    with outside():
        run("ip", "link", "set", "eth1", "down")
        run("ip", "link", "set", "eth1", "address", MAC, "mtu", "1450", "txqueuelen", "77", "alias", "the uplink", "group", "9")
        run("ip", "link", "set", "eth1", "up")
        run("ip", "address", "add", "fd09::1/48", "dev", "eth1", "nodad", check=False)
        run("ip", "address", "add", "192.0.2.7/24", "broadcast", "192.0.2.200", "label", "eth1:one", "dev", "eth1")
        run("ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.1", "metric", "77", "proto", "static")
        run("ip", "-6", "route", "add", "2001:db8:9::/48", "via", "fd09::99", "metric", "78")
        made = Stacks(tmp_path / "state")
        yield made
        made.destroy_all()
    for which in ("all", "default"):
        run("sysctl", "-qw", f"net.ipv6.conf.{which}.accept_dad=1")


def at_rest() -> dict[str, Any]:
    """What others see, when every link that is up has got its link-local address, which it does with its carrier."""
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        links = [
            link
            for netns in (HOST, *(path.name for path in Path("/run/netns").iterdir()))
            for link in ip("address", "show", "up", netns=netns)
        ]
        if all(
            any(a["scope"] == "link" for a in x["addr_info"])
            for x in links
            if any(a["family"] == "inet6" and a["scope"] == "global" for a in x["addr_info"])
        ):
            break
        time.sleep(0.02)
    return witness(macs=True, without=["ext"])


def moved(selector: str, keys: str = "", name: str = "wan", netns: str = "box") -> str:
    return (
        "version: 1\nname: lent\nnamespaces:\n  spare: {}\n"
        f"  {netns}: {{interfaces: {{{name}: {{nic: {selector}, addresses: [10.9.0.77/16, 'fd09::77/48']{keys}}}}}}}\n"
    )


@pytest.mark.parametrize("selector", ["eth1", f"{{mac: '{MAC}'}}"])
def test_a_nic_is_renamed_and_changed_and_given_back_as_it_was(stacks: Stacks, selector: str) -> None:
    before = at_rest()
    stacks.apply(moved(selector, ", mtu: 1333, mac: '02:00:00:00:e1:99'"))
    assert devices() == []
    (wan,) = ip("link", "show", "dev", "wan", netns="box")
    assert (wan["mtu"], wan["address"], wan["ifalias"]) == (1333, "02:00:00:00:e1:99", "netwright-loan:lent")
    assert addresses("wan", "box") == ["10.9.0.77/16", "fd09::77/48"]
    with serving("ext", "0.0.0.0", 7), serving("ext", "::", 8):
        assert ask("box", "10.9.0.9", 7) == "served 7 10.9.0.77"
        # On a NIC an IPv6 address is looked for among its neighbours first (RFC 4862): a second or two.
        deadline = time.monotonic() + 10
        while run("ip", "-6", "-o", "address", "show", "tentative", netns="box") and time.monotonic() < deadline:
            time.sleep(0.02)
        assert ask("box", "fd09::9", 8) == "served 8 fd09::77"
    stacks.destroy("lent")
    assert settled(before, macs=True, without=["ext"]) == before


def test_what_the_file_says_no_more_of_a_nic_is_as_it_was_before(stacks: Stacks) -> None:
    stacks.apply(moved("eth1"))
    plain = at_rest()
    stacks.apply(moved("eth1", ", mtu: 1333, mac: '02:00:00:00:e1:99'"))
    stacks.apply(moved("eth1"))
    assert settled(plain, macs=True, without=["ext"]) == plain


@pytest.mark.parametrize(
    "other",
    [
        moved("eth1", name="outer"),
        moved("eth1", netns="other"),
        moved("eth1", netns="spare").replace("  spare: {}\n", ""),
        moved(f"{{mac: '{MAC}'}}", name="lan9"),
        moved("eth1", name="eth1").replace("namespaces:\n  spare: {}\n  box: ", "host: "),
        "version: 1\nname: lent\nnamespaces: {box: {}}\n",
    ],
    ids=["renamed", "another namespace", "spare", "by MAC", "in place", "not at all"],
)
@pytest.mark.parametrize("turn", ["there", "back"])
def test_a_nic_goes_from_one_place_to_another_and_still_finds_home(stacks: Stacks, other: str, turn: str) -> None:
    before = at_rest()
    one, two = (moved("eth1"), other) if turn == "there" else (other, moved("eth1"))
    stacks.apply(two)
    fresh = at_rest()
    stacks.destroy("lent")
    assert settled(before, macs=True, without=["ext"]) == before
    stacks.apply(one)
    stacks.apply(two)
    assert settled(fresh, macs=True, without=["ext"]) == fresh
    stacks.destroy("lent")
    assert settled(before, macs=True, without=["ext"]) == before


def test_two_nics_that_change_places_are_refused_with_a_way_out(stacks: Stacks) -> None:
    run("ip", "link", "add", "eth2", "address", "02:00:00:00:e2:07", "type", "veth", "peer", "name", "eth2", "netns", "ext")
    before = at_rest()
    text = "version: 1\nname: lent\nnamespaces:\n  box: {interfaces: {A: {nic: eth1}, B: {nic: eth2}}}\n"
    stacks.apply(text.replace("A", "a").replace("B", "b"))
    lent = at_rest()
    with pytest.raises(Refused, match="change places: give one of them another name first"):
        stacks.apply(text.replace("A", "b").replace("B", "a"))
    assert settled(lent, macs=True, without=["ext"]) == lent
    stacks.apply(text.replace("A", "c").replace("B", "a"))
    stacks.apply(text.replace("A", "b").replace("B", "a"))
    assert {x["ifname"]: x["address"] for x in ip("link", netns="box") if x["ifname"] != "lo"} == {"a": "02:00:00:00:e2:07", "b": MAC}
    stacks.destroy("lent")
    assert settled(before, macs=True, without=["ext"]) == before
    run("ip", "link", "del", "eth2")


def test_another_nic_comes_in_the_place_of_one_that_goes_home(stacks: Stacks) -> None:
    run("ip", "link", "add", "eth2", "address", "02:00:00:00:e2:07", "type", "veth", "peer", "name", "eth2", "netns", "ext")
    before = at_rest()
    stacks.apply(moved("eth1"))
    stacks.apply(moved("eth2"))
    assert devices() == ["eth1"]
    assert ip("link", "show", "dev", "wan", netns="box")[0]["address"] == "02:00:00:00:e2:07"
    stacks.apply(moved("eth1", name="lan").replace("{lan:", "{wan: {peer: {namespace: spare, interface: x}}, lan:"))
    assert devices("box") == ["lan", "wan"]
    stacks.destroy("lent")
    assert settled(before, macs=True, without=["ext"]) == before
    run("ip", "link", "del", "eth2")


def test_a_nic_is_configured_in_place_and_loses_only_what_it_was_given(stacks: Stacks) -> None:
    before = at_rest()
    text = "version: 1\nname: lent\nhost:\n  interfaces:\n    eth1: {nic: eth1, mtu: 1400, addresses: [10.77.0.1/24, 'fd77::1/64', 10.9.0.1/16]}\n"
    text += "  routes: [{to: 203.0.113.0/24, via: 10.77.0.9}]\n"
    stacks.apply(text)
    assert addresses("eth1") == ["10.77.0.1/24", "10.9.0.1/16", "192.0.2.7/24", "fd09::1/48", "fd77::1/64"]
    stacks.apply(text.replace(", 'fd77::1/64'", "").replace(", 10.9.0.1/16", ""))
    assert addresses("eth1") == ["10.77.0.1/24", "10.9.0.1/16", "192.0.2.7/24", "fd09::1/48"]
    stacks.apply(text)
    stacks.destroy("lent")
    assert settled(before, macs=True, without=["ext"]) == before


def set_on(link: str) -> set[str]:
    """What sysctl(8) shows of it that a link which nobody has touched has not."""
    run("ip", "link", "add", "fresh", "mtu", "1450", "type", "veth", "peer", "name", "fresh1")
    shown = {name: run("sysctl", "-a", "-r", rf"\.{name}\.").replace(f".{name}.", ".X.").splitlines() for name in (link, "fresh")}
    run("ip", "link", "del", "fresh")
    return set(shown[link]) - set(shown["fresh"])


@pytest.mark.parametrize("then", ["home", "in place", "renamed in place"])
def test_the_sysctls_of_a_nic_are_set_again_before_it_goes_up(stacks: Stacks, then: str) -> None:
    run("sysctl", "-qw", "net.ipv4.conf.eth1.rp_filter=2", "net.ipv4.neigh.eth1.delay_first_probe_time=9")
    run(
        "sysctl",
        "-qw",
        "net.ipv6.conf.eth1.accept_ra=0",
        "net.ipv6.conf.eth1.router_solicitations=7",
        "net.ipv6.neigh.eth1.gc_stale_time=77",
    )
    own, before = set_on("eth1"), at_rest()
    assert {"net.ipv4.conf.X.rp_filter = 2", "net.ipv6.conf.X.accept_ra = 0", "net.ipv6.neigh.X.gc_stale_time = 77"} < own
    stacks.apply(moved("eth1"))
    assert run("sysctl", "-n", "net.ipv4.conf.wan.rp_filter", netns="box") == "0\n"
    if then != "home":
        name = "eth1" if then == "in place" else "lan"
        stacks.apply(moved("eth1", name=name).replace("namespaces:\n  spare: {}\n  box: ", "host: "))
        assert set_on(name) == own
    restored = [sentence.split()[1] for sentence in said(stacks.destroy("lent")) if sentence.startswith("set net.")]
    assert restored == (sorted(line.partition(" ")[0].replace(".X.", ".eth1.") for line in own) if then == "home" else [])
    assert set_on("eth1") == own
    assert settled(before, macs=True, without=["ext"]) == before


def test_a_nic_whose_addresses_come_from_a_secret_of_its_own_comes_home_with_it(stacks: Stacks) -> None:
    run("ip", "link", "set", "eth1", "down")
    run("sysctl", "-qw", "net.ipv6.conf.eth1.stable_secret=2001:db8::5e:c7e7")
    run("ip", "link", "set", "eth1", "up")
    run("ip", "address", "add", "fd09::1/48", "dev", "eth1", "nodad")
    before = at_rest()
    stacks.apply(moved("eth1"))
    assert not any("c7e7" in sentence for sentence in said(stacks.destroy("lent")))
    assert run("sysctl", "-n", "net.ipv6.conf.eth1.stable_secret", "net.ipv6.conf.eth1.addr_gen_mode").split() == [
        "2001:0db8:0000:0000:0000:0000:005e:c7e7",
        "2",
    ]
    assert settled(before, macs=True, without=["ext"]) == before


def test_a_nic_that_serves_others_is_refused(stacks: Stacks) -> None:
    run("ip", "link", "add", "br-theirs", "type", "bridge")
    run("ip", "link", "add", "eth2", "type", "veth", "peer", "name", "eth3")
    run("ip", "link", "set", "eth2", "master", "br-theirs")
    before = at_rest()
    with pytest.raises(NetwrightError, match="eth2 is a port of br-theirs, which is somebody else's"):
        stacks.apply(moved("eth2"))
    for default in ("0.0.0.0/0", "::/0"):
        via = "10.9.0.9" if "." in default else "fd09::9"
        run("ip", "route", "add", default, "via", via)
        with pytest.raises(NetwrightError, match=r"default route via .* through eth1 would be gone"):
            stacks.apply(moved("eth1"))
        run("ip", "route", "del", default, "via", via)
    with pytest.raises(NetwrightError, match="there is no NIC eth9 on the host"):
        stacks.apply(moved("eth9"))
    assert settled(before, macs=True, without=["ext"]) == before
    run("ip", "link", "del", "br-theirs")
    run("ip", "link", "del", "eth2")


def test_a_nic_that_is_gone_is_no_obstacle_to_destroy_and_is_named(stacks: Stacks) -> None:
    stacks.apply(moved("eth1"))
    run("ip", "link", "del", "wan", netns="box")
    with netwright.open_engine(state_folder=stacks.folder) as engine:
        plan = engine.destroy("lent").plan
    assert any("eth1" in sentence for sentence in plan.waiting), (plan.waiting, said(plan))
    assert devices() == []
    with netwright.open_engine(state_folder=stacks.folder) as engine:
        assert engine.status() == ()


def test_a_name_that_is_taken_where_the_nic_goes_is_refused(stacks: Stacks) -> None:
    text = moved("eth1").replace("wan:", "lan: {peer: {namespace: spare, interface: x}}, wan:")
    stacks.apply(text)
    run("ip", "link", "add", "eth1", "type", "veth", "peer", "name", "eth4")
    with serving("ext", "0.0.0.0", 7):
        assert ask("box", "10.9.0.9", 7) == "served 7 10.9.0.77"
    with pytest.raises(NetwrightError, match="eth1"):
        stacks.destroy("lent")
    with serving("ext", "0.0.0.0", 7):
        assert ask("box", "10.9.0.9", 7) == "served 7 10.9.0.77"
    run("ip", "link", "del", "eth1")
    stacks.destroy("lent")
    assert devices(HOST) == ["eth1"]
