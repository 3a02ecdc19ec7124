"""Routes, sysctls and forwarding, in a namespace and on the host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from stacks import HOST, Stacks, ask, devices, ip, outside, routes, run, serving, witness

import netwright
from netwright.errors import NetwrightError, Refused

BOX = """\
version: 1
name: ways
networks: {lan: {bridge: br-ways, subnets: [10.30.0.0/24, "fd30::/64"]}}
namespaces:
  box:
    interfaces:
      eth0: {network: lan, address: [10.30.0.10, "fd30::10"], addresses: [10.30.0.77/32]}
"""
ROUTES = (
    BOX
    + """\
    routes:
      - {to: 198.51.100.0/24, via: 10.30.0.1, metric: 7, source: 10.30.0.77, mtu: 1280}
      - {to: 198.51.100.0/24, via: 10.30.0.2, metric: 8}
      - {to: 192.0.2.0/24, type: blackhole}
      - {to: 203.0.113.0/24, type: unreachable, metric: 5}
      - {to: 203.0.113.7/32, type: prohibit}
      - {to: 10.99.0.0/16, via: 10.98.0.1, dev: eth0, onlink: true}
      - {to: 10.97.0.0/16, dev: eth0}
      - {to: "2001:db8:1::/48", via: "fd30::2", metric: 77}
      - {to: "2001:db8:2::/48", type: blackhole}
      - {to: "2001:db8:3::/48", via: "fe80::1", dev: eth0, source: "fd30::10"}
      - {to: "2001:db8:4::/48", via: "fd97::1", dev: eth0, onlink: true}
"""
)


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[Stacks]:
    with outside():
        made = Stacks(tmp_path / "state")
        yield made
        made.destroy_all()


def test_every_kind_of_route_is_made_as_written(stacks: Stacks) -> None:
    stacks.apply(ROUTES)
    assert routes("box") == [
        "default via 10.30.0.1 dev eth0 proto 78",
        "10.97.0.0/16 dev eth0 proto 78 scope link",
        "10.99.0.0/16 via 10.98.0.1 dev eth0 proto 78 onlink",
        "blackhole 192.0.2.0/24 proto 78",
        "198.51.100.0/24 via 10.30.0.1 dev eth0 proto 78 src 10.30.0.77 metric 7 mtu 1280",
        "198.51.100.0/24 via 10.30.0.2 dev eth0 proto 78 metric 8",
        "unreachable 203.0.113.0/24 proto 78 metric 5",
        "prohibit 203.0.113.7 proto 78",
        "2001:db8:1::/48 via fd30::2 dev eth0 proto 78 metric 77 pref medium",
        "blackhole 2001:db8:2::/48 dev lo proto 78 metric 1024 pref medium",
        "2001:db8:3::/48 via fe80::1 dev eth0 proto 78 src fd30::10 metric 1024 pref medium",
        "2001:db8:4::/48 via fd97::1 dev eth0 proto 78 metric 1024 onlink pref medium",
        "default via fd30::1 dev eth0 proto 78 metric 1024 pref medium",
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("metric: 7,", "metric: 6,"),
        (", source: 10.30.0.77", ""),
        (", mtu: 1280", ", mtu: 1270"),
        ("via: 10.30.0.2, metric: 8", "via: 10.30.0.3, metric: 8"),
        ("type: blackhole}", "type: unreachable}"),
        ("type: prohibit", "type: unreachable"),
        ('via: "fd30::2", metric: 77', 'via: "fd30::3", metric: 77'),
        ("metric: 77", "metric: 76"),
        ('"2001:db8:2::/48", type: blackhole', '"2001:db8:2::/48", type: prohibit'),
        (', source: "fd30::10"', ""),
        ("      - {to: 10.97.0.0/16, dev: eth0}\n", ""),
        ("10.97.0.0/16, dev: eth0", "10.97.0.0/16, type: blackhole"),
        ("via: 10.98.0.1", "via: 10.98.0.2"),
    ],
)
def test_an_edited_route_is_as_a_fresh_one(stacks: Stacks, old: str, new: str) -> None:
    assert old in ROUTES
    stacks.apply(ROUTES)
    whole = routes("box")
    stacks.apply(ROUTES.replace(old, new))
    edited = routes("box")
    stacks.apply(ROUTES)
    assert routes("box") == whole
    stacks.destroy("ways")
    stacks.apply(ROUTES.replace(old, new))
    assert routes("box") == edited


def test_sysctls_of_a_namespace_are_set_and_changed_and_left_alone_when_they_leave_the_file(stacks: Stacks) -> None:
    def values() -> list[str]:
        keys = ("net.ipv4.ip_default_ttl", "net.ipv4.conf.eth0.rp_filter", "net.ipv6.conf.eth0.hop_limit", "net.core.somaxconn")
        return run("sysctl", "-n", *keys, netns="box").split()

    before = "    sysctls: {net.ipv4.ip_default_ttl: 77, net.ipv4.conf.eth0.rp_filter: 2, net.ipv6.conf.eth0.hop_limit: 33, net.core.somaxconn: 99}\n"
    stacks.apply(BOX + before)
    assert values() == ["77", "2", "33", "99"]
    stacks.apply(BOX + before.replace("77", "78").replace("hop_limit: 33", "hop_limit: 34"))
    assert values() == ["78", "2", "34", "99"]
    run("sysctl", "-qw", "net.ipv4.ip_default_ttl=5", netns="box")
    assert len(stacks.plan(BOX + before.replace("77", "78").replace("hop_limit: 33", "hop_limit: 34"))) == 1
    stacks.apply(BOX + before)
    assert values() == ["77", "2", "33", "99"]


def test_sysctls_of_the_host_are_given_back(stacks: Stacks) -> None:
    keys = ("net.ipv4.ip_default_ttl", "net.ipv4.conf.eth1.rp_filter", "net.ipv6.conf.eth1.hop_limit", "net.ipv4.ip_local_port_range")
    run("sysctl", "-qw", "net.ipv4.ip_default_ttl=55", "net.ipv4.ip_local_port_range=20000 50001")
    try:
        before = run("sysctl", *keys)
        text = "version: 1\nname: host-sysctls\nhost:\n  sysctls:\n"
        text += "    net.ipv4.ip_default_ttl: 77\n    net.ipv4.conf.eth1.rp_filter: 2\n    net.ipv6.conf.eth1.hop_limit: 33\n"
        stacks.apply(text + "    net.ipv4.ip_local_port_range: 30000 50000\n")
        assert run("sysctl", "-n", *keys).split() == ["77", "2", "33", "30000", "50000"]
        stacks.apply(text)
        assert run("sysctl", "-n", keys[3]).split() == ["20000", "50001"]
        run("sysctl", "-qw", "net.ipv4.ip_default_ttl=5")
        assert len(stacks.plan(text)) == 1
        stacks.apply(text)
        stacks.destroy("host-sysctls")
        assert run("sysctl", *keys) == before
    finally:
        run("sysctl", "-qw", "net.ipv4.ip_default_ttl=64", "net.ipv4.ip_local_port_range=32768 60999")


def test_an_unknown_sysctl_is_refused_before_anything_is_touched(stacks: Stacks) -> None:
    before = witness()
    for text in (BOX + "    sysctls: {net.ipv4.no_such_thing: 1}\n", BOX + "host: {sysctls: {net.ipv4.no_such_thing: 1}}\n"):
        with pytest.raises(NetwrightError, match=r"net\.ipv4\.no_such_thing"):
            stacks.apply(text)
        assert witness() == before


def test_what_forwarding_changes_beside_itself_on_the_host_is_given_back(stacks: Stacks) -> None:
    keys = ("net.ipv4.ip_forward", "net.ipv4.conf.all.accept_redirects", "net.ipv4.conf.eth1.forwarding", "net.ipv6.conf.all.forwarding")
    run("sysctl", "-qw", "net.ipv4.conf.all.accept_redirects=0")
    try:
        before = run("sysctl", *keys)
        stacks.apply(BOX)
        assert run("sysctl", "-n", keys[0]) == "1\n"
        stacks.destroy("ways")
        assert run("sysctl", *keys) == before
    finally:
        run("sysctl", "-qw", "net.ipv4.conf.all.accept_redirects=1")


def test_a_sysctl_that_forwarding_changes_can_be_stated_all_the_same(stacks: Stacks) -> None:
    stated = "net.ipv4.conf.all.accept_redirects: 1"
    stacks.apply(BOX + f"    forward: true\n    sysctls: {{{stated}}}\nhost: {{sysctls: {{{stated}}}}}\n")
    for netns in (HOST, "box"):
        keys = ("net.ipv4.ip_forward", "net.ipv4.conf.all.accept_redirects")
        assert run("sysctl", "-n", *keys, netns=netns).split() == ["1", "1"]


ROUTER = """\
version: 1
name: router
namespaces:
  left: {interfaces: {eth0: {peer: {namespace: router, interface: l}, addresses: [10.1.0.2/24, "fd01::2/64"]}}, routes: [{to: default, via: 10.1.0.1}, {to: default, via: "fd01::1"}]}
  router:
    interfaces:
      l: {peer: {namespace: left, interface: eth0}, addresses: [10.1.0.1/24, "fd01::1/64"]}
      r: {peer: {namespace: right, interface: eth0}, addresses: [10.2.0.1/24, "fd02::1/64"]}
  right: {interfaces: {eth0: {peer: {namespace: router, interface: r}, addresses: [10.2.0.2/24, "fd02::2/64"]}}, routes: [{to: default, via: 10.2.0.1}, {to: default, via: "fd02::1"}]}
"""


def test_a_namespace_forwards_where_it_is_told_to_and_masquerades_where_it_is_told_to(stacks: Stacks) -> None:
    stacks.apply(ROUTER)
    with serving("right", "0.0.0.0", 7), serving("right", "::", 8):
        assert not ask("left", "10.2.0.2", 7, seconds=1).startswith("served")
        forward = ROUTER.replace('"fd02::1/64"]}\n', '"fd02::1/64"]}\n    forward: true\n', 1)
        stacks.apply(forward)
        assert ask("left", "10.2.0.2", 7) == "served 7 10.1.0.2"
        assert ask("left", "fd02::2", 8) == "served 8 fd01::2"
        stacks.apply(forward.replace("forward: true", "masquerade: [r]"))
        assert ask("left", "10.2.0.2", 7) == "served 7 10.2.0.1"
        assert ask("left", "fd02::2", 8) == "served 8 fd02::1"
        stacks.apply(ROUTER)
        assert run("sysctl", "-n", "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding", netns="router").split() == ["0", "0"]
        assert not ask("left", "10.2.0.2", 7, seconds=1).startswith("served")


def test_routes_of_the_host_come_and_go_and_another_s_is_never_taken(stacks: Stacks) -> None:
    run("ip", "route", "add", "198.51.100.0/24", "via", "10.9.0.9")
    run("ip", "-6", "route", "add", "2001:db8:1::/48", "via", "fd09::9")
    before = witness()
    text = 'version: 1\nname: host-routes\nhost:\n  routes:\n    - {to: 192.0.2.0/24, via: 10.9.0.9, dev: eth1}\n    - {to: "2001:db8::/48", via: "fd09::9", dev: eth1}\n'
    stacks.apply(text)
    assert "192.0.2.0/24 via 10.9.0.9 dev eth1 proto 78" in routes(HOST)
    assert "2001:db8::/48 via fd09::9 dev eth1 proto 78 metric 1024 pref medium" in routes(HOST)
    stacks.apply(text.replace("192.0.2.0/24", "192.0.2.0/25"))
    assert "192.0.2.0/25 via 10.9.0.9 dev eth1 proto 78" in routes(HOST)
    for rival, words in (
        ("{to: 198.51.100.0/24, via: 10.9.1.9, dev: eth1}", "198.51.100.0/24 via 10.9.0.9"),
        ('{to: "2001:db8:1::/48", via: "fd09:0:0:1::9", dev: eth1}', "2001:db8:1::/48 via fd09::9"),
    ):
        with netwright.open_engine(state_folder=stacks.folder) as engine, pytest.raises(Refused, match=f"already has a route to {words}"):
            engine.apply(netwright.parse(text + f"    - {rival}\n", "stack.yaml"))
    stacks.destroy("host-routes")
    assert witness() == before
    run("ip", "route", "del", "198.51.100.0/24")
    run("ip", "-6", "route", "del", "2001:db8:1::/48")
    assert devices() == ["eth1"]
    assert ip("-4", "rule") == ip("-4", "rule")
