"""Somebody who is shut out by a policy, and tries another way in than the front door."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from callers import underhand
from forgery import Forged, arriving, extended, fragments, icmp4, ip4, ip6, link_local, mac, optional, tagged, tcp
from stacks import HOST, Stacks, run, serving

SHOP = """\
version: 1
name: shop
networks:
  lan: {bridge: br-shop, subnets: [10.30.0.0/24, "fd30::/64"]}
  back: {bridge: br-back, subnets: [10.31.0.0/24, "fd31::/64"]%s}
namespaces:
  web: {interfaces: {eth0: {network: lan, address: [10.30.0.10, "fd30::10"]}}}
  mate: {interfaces: {eth0: {network: lan, address: [10.30.0.11, "fd30::11"]}}}
  db: {interfaces: {eth0: {network: back, address: [10.31.0.10, "fd31::10"]}}}
"""
One = TypeVar("One")

CLOSED = "name: closed, from: db, to: web"
GROUPS = ("10.30.0.255", "255.255.255.255", "224.0.0.1", "ff02::1", "ff05::1")
DENIED = "name: denied, from: mate, to: web, action: deny"


def shop(*policies: str, more: str = "", back: str = "") -> str:
    return SHOP % back + more + ("policies:\n" if policies else "") + "".join(f"  - {{{one}}}\n" for one in policies)


def a_tag_that_nobody_reads(stacks: Stacks, every: int) -> Iterator[str]:
    """past a policy: frames with tags, or of other kinds than IP"""
    for policy in some((CLOSED, DENIED), every):
        stacks.apply(shop(policy))
        own, there = mac("mate"), mac("web")
        honest = ip4("tag n", own, there, "10.30.0.11", to="10.30.0.10")
        frames = [
            tagged("tag 0", honest, (0x8100, 0)),
            tagged("tag p", honest, (0x8100, 0xE000)),
            tagged("tag s", honest, (0x88A8, 0)),
            tagged("tag 2", honest, (0x88A8, 0), (0x8100, 0)),
            tagged("tag 3", honest, (0x8100, 0), (0x8100, 0)),
            tagged("tag 9", honest, (0x9100, 0)),
            tagged("tag 7", honest, (0x8100, 7)),
        ]
        kinds = [kind for kind in range(0x0600, 0x10000, 97 * every) if kind not in (0x0800, 0x0806, 0x86DD)]
        frames += [_of_kind(kind, own, there) for kind in kinds]
        yield from _arrived(frames, arriving("mate", frames, "web", end_by="br-shop"), policy)
    _all_arrive(stacks, frames, "web", "br-shop")
    stacks.destroy("shop")


def _all_arrive(stacks: Stacks, frames: list[Forged], target: str, end_by: str) -> None:
    """Without a policy: or they would prove nothing."""
    stacks.apply(shop())
    named = {words for words, data in frames if f"<<{words}>>".encode() in data}
    assert named - set(arriving("mate", frames, target, end_by=end_by)) == set()


def _of_kind(kind: int, source: str, target: str) -> Forged:
    words, data = ip4(f"kind {kind:04x}", source, target, "10.30.0.11", to="10.30.0.10")
    return words, data[:12] + kind.to_bytes(2, "big") + data[14:]


def _arrived(sent: list[Forged], heard: list[str], policy: str) -> Iterator[str]:
    for words, _ in sent:
        yield f"{words} arrived in spite of the policy {{{policy}}}" if words in heard else ""


def some(ways: Sequence[One], every: int) -> Sequence[One]:
    """All, or every third."""
    return ways[:: 1 if every == 1 else 3]


def _served(client: str, asked: list[tuple[str, str, int]], told: list[str], policy: str) -> Iterator[str]:
    for one, answer in zip(asked, told, strict=True):
        yield f"{client or 'the host'} was served at {one} in spite of the policy {{{policy}}}" if answer == "served" else ""


def what_belongs_to_no_connection(stacks: Stacks, every: int) -> Iterator[str]:
    """past policies, into isolated networks: what is no connection"""
    for setting, policies, back, target, address, end_by in some(
        (
            ("closed within a bridge", [CLOSED], "", "web", "10.30.0.10", "br-shop"),
            ("denied within a bridge", [DENIED], "", "web", "10.30.0.10", "br-shop"),
            ("closed", ["name: closed, from: web, to: db"], "", "db", "10.31.0.10", "br-back"),
            ("denied", ["name: denied, from: mate, to: db, action: deny"], "", "db", "10.31.0.10", "br-back"),
            ("who denies, answers", ["name: denied, from: db, to: mate, action: deny"], "", "db", "10.31.0.10", "br-back"),
            ("confined", ["name: confined, from: mate, to: internet, ports: 80"], "", "ext", "10.9.0.9", "eth1"),
            ("isolated", [], ", isolated: true", "db", "10.31.0.10", "br-back"),
        ),
        every,
    ):
        stacks.apply(shop(*policies, back=back))
        own, there = mac("mate"), mac("web") if target == "web" else mac(HOST, "br-shop")
        frames = [
            tcp(f"flags {flags:02x}", own, there, "10.30.0.11", to=address, ports=(1024 + flags, 80), flags=flags)
            for flags in sorted({*range(0, 64, every), 0x00, 0x03, 0x04, 0x12, 0x29})
            # The first packet of the other direction, where the policy is about this one only.
            if setting != "who denies, answers" or (flags & 0x17) not in (0x02, 0x10)
        ]
        frames += [
            icmp4(f"icmp {kind}", own, there, "10.30.0.11", to=address, kind=kind)
            for kind in sorted({*range(0, 256, 3 * every), 0, 3, 5, 9, 11})
            if setting != "who denies, answers" or kind not in (8, 13, 15, 17)
        ]
        yield from _arrived(frames, arriving("mate", frames, target, end_by=end_by), setting)
    stacks.destroy("shop")


def groups_that_hold_everybody(stacks: Stacks, every: int) -> Iterator[str]:
    """past a policy: broadcast and multicast"""
    for policy in some((CLOSED, DENIED), every):
        stacks.apply(shop(policy))
        with serving("web", "0.0.0.0", 53, protocol="udp"), serving("web", "::", 54, protocol="udp"):
            asked = [("udp", address, 54 if ":" in address else 53) for address in GROUPS]
            yield from _served("mate", asked, underhand("mate", *asked), policy)
        frames = [
            ip4(f"to {number} at {place}", mac("mate"), place_mac, "10.30.0.11", to=address, ports=(999, 53))
            for number, address in enumerate(("10.30.0.255", "255.255.255.255", "224.0.0.1", "239.1.2.3"))
            for place, place_mac in (("web", mac("web")), ("all", "ff:ff:ff:ff:ff:ff"), ("group", "01:00:5e:00:00:01"))
        ]
        yield from _arrived(frames, arriving("mate", frames, "web", end_by="br-shop"), policy)
    stacks.destroy("shop")


def addresses_that_name_nobody(stacks: Stacks, every: int) -> Iterator[str]:
    """past a policy: link-local addresses"""
    for policy, client, server, dev in some(
        (
            ("name: x, from: db, to: web", "mate", "web", "eth0"),
            ("name: x, from: db, to: mate", HOST, "mate", "br-shop"),
            ("name: x, from: host, to: mate, action: deny", HOST, "mate", "br-shop"),
            ("name: x, from: db, to: host", "mate", HOST, "eth0"),
            ("name: x, from: mate, to: host, action: deny", "mate", HOST, "eth0"),
        ),
        every,
    ):
        stacks.apply(shop(policy))
        near = link_local(mac(server, "br-shop" if server == HOST else "eth0"))
        with serving(server, "::", 80), serving(server, "::", 53, protocol="udp"):
            asked = [("tcp", near, 80), ("udp", near, 53), *([] if client == HOST else [("udp", "ff02::1", 53)])]
            yield from _served(client, asked, underhand(client, *asked, dev=dev), policy)
    stacks.destroy("shop")


def an_inside_address_outside(stacks: Stacks, every: int) -> Iterator[str]:
    """past a policy: an inside address on packets from outside"""
    for key in ("all", "eth1"):
        run("sysctl", "-qw", f"net.ipv4.conf.{key}.rp_filter=0")
    stacks.apply(shop("name: mates, from: lan, to: [web, host]", "name: back, from: back, to: web"))
    own, there = mac("ext"), mac(HOST, "eth1")
    sources = ["10.30.0.11", "10.30.0.1", "10.31.0.10", "10.30.0.99"]
    frames = [ip4(f"from {number}", own, there, source, to="10.30.0.10", ports=(999, 53)) for number, source in enumerate(sources)]
    frames += [ip6(f"six from {end}", own, there, f"fd30::{end}", to="fd30::10", ports=(999, 53)) for end in (11, 99)]
    yield from _arrived(frames, arriving("ext", frames, "web", end_by="br-shop"), "mates")
    stacks.destroy("shop")


def what_headers_hide(stacks: Stacks, every: int) -> Iterator[str]:
    """past a policy: fragments, options, extension headers, protocols"""
    for policy, target, address4, address6, end_by in (
        ("name: closed, from: web, to: db", "db", "10.31.0.10", "fd31::10", "br-back"),
        (CLOSED, "web", "10.30.0.10", "fd30::10", "br-shop"),
        (DENIED, "web", "10.30.0.10", "fd30::10", "br-shop"),
    ):
        stacks.apply(shop(policy))
        own, there = mac("mate"), mac("web") if target == "web" else mac(HOST, "br-shop")
        frames = [
            *fragments("cut", own, there, "10.30.0.11", to=address4),
            *fragments("torn", own, there, "10.30.0.11", to=address4, turned=True),
        ]
        frames += [optional(f"option {kind}", own, there, "10.30.0.11", to=address4, kind=kind) for kind in (7, 68, 131, 137, 148)]
        frames += [
            extended(f"behind {' '.join(map(str, chain))}", own, there, "fd30::11", to=address6, chain=chain)
            for chain in ((0,), (60,), (0, 60), (43,), (44,), (51,), (135,), (139,), (140,), (60, 44), (44, 60))
        ]
        frames += [
            ip4(f"protocol {protocol}", own, there, "10.30.0.11", to=address4, protocol=protocol, payload=bytes(24))
            for protocol in range(0, 256, every)
        ]
        yield from _arrived(frames, arriving("mate", frames, target, end_by=end_by), policy)
    _all_arrive(stacks, frames, target, end_by)
    stacks.destroy("shop")


INTRUDERS = (
    a_tag_that_nobody_reads,
    what_belongs_to_no_connection,
    groups_that_hold_everybody,
    addresses_that_name_nobody,
    an_inside_address_outside,
    what_headers_hide,
)
