"""What is plugged into a network with `antispoof` speaks for itself only: forged frames, sent by raw sockets, and what arrives of them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from forgery import alerted, arp, arriving, discovery, ip4, ip6, link_local, mac, tagged
from stacks import Stacks, ask, reaches, run, said, serving

pytestmark = pytest.mark.netns

LAN = """\
version: 1
name: lan
networks: {lan: {subnets: [10.5.0.0/24, 'fd05::/64'], bridge: br-anti, antispoof: true}}
namespaces:
  an-a: {interfaces: {eth0: {network: lan, address: [10.5.0.10, 'fd05::10'], addresses: [10.5.0.77/32]}}}
  an-b: {interfaces: {eth0: {network: lan, address: [10.5.0.11, 'fd05::11']}}}
  an-r: {interfaces: {eth0: {network: lan, address: [10.5.0.12, 'fd05::12']}}, forward: true}
"""
OTHER = "02:00:00:00:0e:01"


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[Stacks]:
    stacks = Stacks(tmp_path)
    yield stacks
    stacks.destroy_all()


def forged(netns: str, v4: str, v6: str) -> list[tuple[str, bytes]]:
    """Frames to an-b, true ones and forged ones, each with its name in it."""
    own, there = mac(netns), mac("an-b")
    return [
        ip4("ip4", own, there, v4),
        ip4("ip4 of another mac", OTHER, there, v4),
        ip4("ip4 of another address", own, there, "10.5.0.99"),
        ip4("ip4 of the gateway", own, there, "10.5.0.1"),
        arp("arp", own, there, sender=own, address=v4),
        arp("arp probe", own, there, sender=own, address="0.0.0.0", reply=False),
        arp("arp of the gateway", own, there, sender=own, address="10.5.0.1"),
        arp("arp of another mac", own, there, sender=OTHER, address=v4),
        ip6("ip6", own, there, v6),
        ip6("ip6 link local", own, there, link_local(own)),
        ip6("ip6 of another address", own, there, "fd05::99"),
        ip6("ip6 of another link local", own, there, "fe80::99"),
        ip6("solicitation without a source", own, there, "::", icmp=discovery(135, v6)),
        ip6("solicitation for another without a source", own, there, "::", icmp=discovery(135, "fd05::11")),
        ip6("router solicitation without a source", own, there, "::", icmp=struct.pack("!BBHI", 133, 0, 0, 0)),
        ip6("listener report without a source", own, there, "::", icmp=struct.pack("!BBHI", 143, 0, 0, 0)),
        alerted(ip6("listener report with an alert", own, there, "::", icmp=struct.pack("!BBHI", 143, 0, 0, 0))),
        ip6("ip6 without a source", own, there, "::"),
        ip6("echo without a source", own, there, "::", icmp=struct.pack("!BBHI", 128, 0, 0, 0)),
        tagged("tag 0", ip4("tag n", own, there, "10.5.0.99"), (0x8100, 0)),
        tagged("tag 7", ip4("tag n", own, there, v4), (0x8100, 7)),
        tagged("tag s", ip4("tag n", own, there, "10.5.0.99"), (0x88A8, 7)),
        tagged("tag 2", ip4("tag n", own, there, "10.5.0.99"), (0x88A8, 7), (0x8100, 8)),
        tagged("tag 6", ip6("tag n", own, there, "fd05::99"), (0x8100, 0)),
        tagged("tag a", arp("tag n", own, there, sender=own, address="10.5.0.1"), (0x8100, 0)),
        ip4("dhcp server", own, there, v4, ports=(67, 68)),
        ip4("dhcp server at another port", own, there, v4, ports=(1234, 68)),
        ip4("dhcp client", own, there, v4, ports=(68, 67)),
        ip6("dhcp6 server", own, there, link_local(own), ports=(547, 546)),
        ip6("dhcp6 client", own, there, link_local(own), ports=(546, 547)),
        ip6("advertisement", own, there, v6, icmp=discovery(136, v6)),
        ip6("advertisement of the gateway", own, there, v6, icmp=discovery(136, "fd05::1")),
        ip6("router advertisement", own, there, link_local(own), icmp=discovery(134, "fd05::1")),
        ip6("redirect", own, there, link_local(own), icmp=discovery(137, "fd05::1")),
        ip4("end", own, there, v4),
    ]


def test_an_end_speaks_for_itself_only(stacks: Stacks) -> None:
    stacks.apply(LAN)
    frames = forged("an-a", "10.5.0.10", "fd05::10")
    true = [
        "ip4",
        "arp",
        "arp probe",
        "ip6",
        "ip6 link local",
        "solicitation without a source",
        "router solicitation without a source",
        "listener report without a source",
        "listener report with an alert",
        "dhcp client",
        "dhcp6 client",
        "advertisement",
        "end",
    ]
    assert arriving("an-a", frames) == true
    assert arriving("an-a", [ip4("second address", mac("an-a"), mac("an-b"), "10.5.0.77"), frames[-1]]) == ["second address", "end"]
    # Without it everything passes.
    stacks.apply(LAN.replace(", antispoof: true", ""))
    assert arriving("an-a", frames) == [words for words, _ in frames]


def test_who_forwards_hands_on_packets_of_others_and_lies_about_nothing_else(stacks: Stacks) -> None:
    stacks.apply(LAN)
    assert arriving("an-r", forged("an-r", "10.5.0.12", "fd05::12")) == [
        "ip4",
        "ip4 of another address",
        "ip4 of the gateway",
        "arp",
        "arp probe",
        "ip6",
        "ip6 link local",
        "ip6 of another address",
        "ip6 of another link local",
        "solicitation without a source",
        "router solicitation without a source",
        "listener report without a source",
        "listener report with an alert",
        "dhcp server",
        "dhcp server at another port",
        "dhcp client",
        "dhcp6 server",
        "dhcp6 client",
        "advertisement",
        "router advertisement",
        "redirect",
        "end",
    ]


def test_what_is_true_gets_through_to_neighbours_and_the_host(stacks: Stacks) -> None:
    stacks.apply(LAN)
    with serving("an-b", "0.0.0.0", 7001), serving("an-b", "::", 7002):
        assert ask("an-a", "10.5.0.11", 7001) == "served 7001 10.5.0.10"
        assert ask("an-a", "fd05::11", 7002) == "served 7002 fd05::10"
    assert reaches("an-a", "10.5.0.1")
    assert reaches("an-a", "fd05::1")
    # Whoever takes another MAC address is not heard any more.
    run("ip", "link", "set", "eth0", "address", OTHER, netns="an-a")
    assert not reaches("an-a", "10.5.0.1")


def test_ports_that_come_and_go_are_elements(stacks: Stacks) -> None:
    stacks.apply(LAN)
    more = stacks.apply(LAN + "  an-c: {interfaces: {eth0: {network: lan, address: [10.5.0.13, 'fd05::13']}}}\n")
    assert [line for line in said(more) if "nwa_lan" in line] == ["put 8 elements into nft table nwa_lan on the host"]
    listed = run("nft", "list", "set", "bridge", "nwa_lan", "addresses4")
    assert {"10.5.0.10", "10.5.0.11", "10.5.0.12", "10.5.0.13", "10.5.0.77"} == {
        address for address in listed.replace(",", " ").replace("}", " ").split() if address.startswith("10.5.")
    }
    stacks.apply(LAN)
    assert "10.5.0.13" not in run("nft", "list", "table", "bridge", "nwa_lan")
    run("nft", "flush", "set", "bridge", "nwa_lan", "macs")
    assert [line for line in stacks.plan(LAN) if "nwa_lan" in line] != []
    stacks.apply(LAN)
    stacks.destroy("lan")
    assert run("nft", "list", "tables") == ""
