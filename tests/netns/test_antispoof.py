"""What is plugged into a network with `antispoof` speaks for itself only: forged frames, sent by raw sockets, and what arrives of them."""

from __future__ import annotations

import ipaddress
import json
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from stacks import Stacks, ask, at, ip, reaches, run, said, serving

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

HEAR = r"""
import re, socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind(("eth0", 0))
s.settimeout(30)
print("ready", flush=True)
heard = []
while b"end" not in heard:
    found = re.search(rb"<<([a-z0-9 ]+)>>", s.recv(2000))
    if found and found[1] not in heard:
        heard.append(found[1])
print(b",".join(heard).decode())
"""
SEND = """
import json, socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
for frame in json.load(sys.stdin):
    s.send(bytes.fromhex(frame))
"""


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[Stacks]:
    stacks = Stacks(tmp_path)
    yield stacks
    stacks.destroy_all()


def mac(netns: str) -> str:
    (link,) = ip("link", "show", "dev", "eth0", netns=netns)
    return link["address"]


def raw(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", "")) if re.fullmatch("(..:){5}..", text) else ipaddress.ip_address(text).packed


def frame(words: str, source: str, target: str, kind: int, body: bytes) -> tuple[str, bytes]:
    return words, raw(target) + raw(source) + struct.pack("!H", kind) + body + f"<<{words}>>".encode()


def arp(words: str, source: str, target: str, *, sender: str, address: str, reply: bool = True) -> tuple[str, bytes]:
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2 if reply else 1) + raw(sender) + raw(address) + raw(target) + raw("10.5.0.11")
    return frame(words, source, target, 0x0806, body)


def tagged(words: str, honest: tuple[str, bytes], *tags: tuple[int, int]) -> tuple[str, bytes]:
    """A frame under another name of the same length, with VLAN tags: EtherType and number of each (IEEE 802.1Q, 9.3)."""
    assert len(words) == len(honest[0])
    data = honest[1].replace(honest[0].encode(), words.encode())
    return words, data[:12] + b"".join(struct.pack("!HH", *tag) for tag in tags) + data[12:]


def ip4(words: str, source: str, target: str, address: str, *, ports: tuple[int, int] = (9, 9)) -> tuple[str, bytes]:
    payload = struct.pack("!HHHH", *ports, 8 + len(words) + 4, 0)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + 8 + len(words) + 4, 0, 0, 64, 17, 0) + raw(address) + raw("10.5.0.11")
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return frame(words, source, target, 0x0800, head[:10] + struct.pack("!H", ~total & 0xFFFF) + head[12:] + payload)


def ip6(words: str, source: str, target: str, address: str, *, icmp: bytes = b"", ports: tuple[int, int] = (9, 9)) -> tuple[str, bytes]:
    payload = icmp or struct.pack("!HHHH", *ports, 8 + len(words) + 4, 0)
    head = struct.pack("!IHBB", 0x60000000, len(payload) + len(words) + 4, 58 if icmp else 17, 255) + raw(address) + raw("fd05::11")
    return frame(words, source, target, 0x86DD, head + payload)


def alerted(honest: tuple[str, bytes]) -> tuple[str, bytes]:
    """With a router alert in a hop-by-hop header, as listener reports have (RFC 3810, 5; RFC 2711)."""
    words, data = honest
    (length,) = struct.unpack("!H", data[18:20])
    option = bytes([data[20], 0, 5, 2, 0, 0, 1, 0])
    return words, data[:18] + struct.pack("!HB", length + 8, 0) + data[21:54] + option + data[54:]


def discovery(kind: int, about: str) -> bytes:
    """Solicitation 135, advertisement 136, router advertisement 134, redirect 137 (RFC 4861)."""
    return struct.pack("!BBHI", kind, 0, 0, 0) + raw(about)


def link_local(address: str) -> str:
    data = bytearray(raw(address))
    data[0] ^= 2
    return str(ipaddress.IPv6Address(raw("fe80::")[:8] + bytes(data[:3]) + b"\xff\xfe" + bytes(data[3:])))


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
        ip4("dhcp client", own, there, v4, ports=(68, 67)),
        ip6("dhcp6 server", own, there, link_local(own), ports=(547, 546)),
        ip6("dhcp6 client", own, there, link_local(own), ports=(546, 547)),
        ip6("advertisement", own, there, v6, icmp=discovery(136, v6)),
        ip6("advertisement of the gateway", own, there, v6, icmp=discovery(136, "fd05::1")),
        ip6("router advertisement", own, there, link_local(own), icmp=discovery(134, "fd05::1")),
        ip6("redirect", own, there, link_local(own), icmp=discovery(137, "fd05::1")),
        ip4("end", own, there, v4),
    ]


def arriving(netns: str, frames: list[tuple[str, bytes]]) -> list[str]:
    """The names of the frames that an-b hears."""
    with subprocess.Popen([*at("an-b"), sys.executable, "-I", "-S", "-c", HEAR], stdout=subprocess.PIPE, text=True) as ears:
        try:
            assert ears.stdout is not None
            assert ears.stdout.readline() == "ready\n"
            command = [*at(netns), sys.executable, "-I", "-S", "-c", SEND]
            subprocess.run(command, input=json.dumps([data.hex() for _, data in frames]), text=True, check=True, timeout=60)
            return ears.stdout.readline().strip().split(",")
        finally:
            ears.kill()


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
