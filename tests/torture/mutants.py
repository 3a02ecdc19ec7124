"""Frames whose headers are as chance has it: none of them gets past a policy that closes its target, whichever member sends it."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator, Sequence

from forgery import Forged, arriving, checksum, mac, raw
from stacks import HOST, Stacks

from torture.intruders import CLOSED, shop

# Not the target's own address: of what is refused in its name it is told by an error, which quotes the frame.
SOURCES4 = ("10.30.0.11", "10.30.0.99", "10.30.0.1", "0.0.0.0", "127.0.0.1", "169.254.9.9", "224.0.0.9", "255.255.255.255")
SOURCES6 = ("fd30::11", "fd30::99", "fd30::1", "::", "::1", "fe80::9", "ff02::9", "::ffff:10.30.0.11")
TARGETS4 = ("10.30.0.10", "10.30.0.10", "10.30.0.10", "10.30.0.255", "255.255.255.255", "224.0.0.1", "224.0.0.251", "239.9.9.9")
TARGETS6 = ("fd30::10", "fd30::10", "fd30::10", "ff02::1", "ff02::fb", "ff05::2", "ff0e::9")
EXTENSIONS = (0, 43, 44, 51, 60, 135, 139, 140)
NEIGHBOUR_DISCOVERY = 58
"""Of ICMPv6 that is let through, and has to be: it is no frame of these."""


def frames_at_random(stacks: Stacks, every: int) -> Iterator[str]:
    """past a policy: headers at random"""
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    for policy, target, end_by in (("name: closed, from: web, to: db", "db", "br-back"), (CLOSED, "web", "br-shop")):
        stacks.apply(shop(policy))
        own, there = mac("mate"), mac("web") if target == "web" else mac(HOST, "br-shop")
        for _ in range(1 if every > 1 else 5):
            frames = [_frame(chance, f"n{number}", own, there, across=target == "db") for number in range(400)]
            heard = arriving("mate", frames, target, end_by=end_by)
            for words, data in frames:
                yield f"seed {seed}: {data.hex()} arrived in spite of the policy {{{policy}}}" if words in heard else ""
    stacks.apply(shop())
    assert len(arriving("mate", frames, target, end_by=end_by)) > len(frames) * 0.8, (
        "without a policy hardly anything arrives: this proves nothing"
    )
    stacks.destroy("shop")


def identities_at_random(stacks: Stacks, every: int) -> Iterator[str]:
    """past antispoof: packets and ARP of others, headers at random"""
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    guarded = shop().replace("br-shop,", "br-shop, antispoof: true,")
    for _ in range(1 if every > 1 else 5):
        stacks.apply(guarded)
        own, there = mac("mate"), mac("web")
        frames = [_arp(chance, f"a{number}", own, there) for number in range(100)]
        frames += [_frame(chance, f"n{number}", own, there, across=False, honest=False) for number in range(300)]
        heard = arriving("mate", frames, "web", end_by="br-shop")
        for words, data in frames:
            yield f"seed {seed}: {data.hex()} was heard as another's" if words in heard else ""
    stacks.apply(shop())
    assert len(arriving("mate", frames, "web", end_by="br-shop")) > len(frames) * 0.8, (
        "unguarded hardly anything arrives: this proves nothing"
    )
    stacks.destroy("shop")


def _arp(chance: random.Random, words: str, own: str, there: str) -> Forged:
    """Of somebody else's address, by its kinds and lengths at times no ARP for IPv4 (RFC 826)."""
    sender = chance.choice([own, own, there, "02:00:00:00:00:77"])
    shape = (chance.choice([1, 1, 6, 15, 0]), chance.choice([0x0800, 0x0800, 0x86DD]), chance.choice([6, 6, 8]), chance.choice([4, 4, 16]))
    body = struct.pack("!HHBBH", *shape, chance.choice([1, 2, 3, 4, 8, 9])) + raw(sender) + raw(chance.choice(["10.30.0.1", "10.30.0.10"]))
    return words, raw(chance.choice([there, "ff:ff:ff:ff:ff:ff"])) + raw(own) + b"\x08\x06" + body + raw(there) + raw(
        "10.30.0.10"
    ) + f"<<{words}>>".encode()


def _frame(chance: random.Random, words: str, own: str, there: str, *, across: bool, honest: bool = True) -> Forged:
    name = f"<<{words}>>".encode()
    sources4, sources6 = (SOURCES4, SOURCES6) if honest else (SOURCES4[1:], SOURCES6[1:])
    packet, kind = (
        (_packet4(chance, name, sources4, across=across), 0x0800)
        if chance.random() < 0.5
        else (_packet6(chance, name, sources6, across=across), 0x86DD)
    )
    target = there if across else chance.choice([there, there, there, "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "33:33:00:00:00:01"])
    tags = [
        struct.pack("!HH", chance.choice([0x8100, 0x88A8]), chance.choice([0, 0, 0xE000, 1, 7]))
        for _ in range(chance.choice([0, 0, 0, 1, 2]))
    ]
    return words, raw(target) + raw(own) + b"".join(tags) + struct.pack("!H", kind) + packet


def _payload(chance: random.Random, protocol: int, name: bytes) -> bytes:
    data = chance.randbytes(chance.choice([0, 3, 8])) + name
    ports = struct.pack("!HH", chance.randrange(1 << 16), chance.choice([53, 80, 68, 546, chance.randrange(1 << 16)]))
    match protocol:
        case 17 | 136:
            return ports + struct.pack("!HH", 8 + len(data), 0) + data
        case 6:
            return ports + struct.pack("!IIBBHHH", 1, 1, 0x50, chance.randrange(256), 1000, chance.choice([0, 7]), 0) + data
        case 1:
            message = bytes([chance.randrange(256), chance.randrange(16)])
            return message + checksum(message + bytes(6) + data) + bytes(4) + data
    return chance.randbytes(8) + data


def _packet4(chance: random.Random, name: bytes, sources: Sequence[str], *, across: bool) -> bytes:
    source, target = chance.choice(sources), "10.31.0.10" if across else chance.choice(TARGETS4)
    protocol = chance.choice([17, 17, 6, 6, 1, 136, 132, 47, chance.randrange(256)])
    options = b"".join(
        chance.choice([b"\x01\x01\x01\x01", b"\x94\x04\0\0", b"\x07\x07\x04\0\0\0\0\0", b"\0\0\0\0"])
        for _ in range(chance.choice([0, 0, 1, 2]))
    )
    payload = _payload(chance, protocol, name)
    flags = chance.choice([0, 0, 0x4000, 0x2000, 0x2001, 1, 0x8000])
    head = struct.pack(
        "!BBHHHBBH",
        0x45 + len(options) // 4,
        chance.randrange(256),
        20 + len(options) + len(payload),
        chance.randrange(1 << 16),
        flags,
        64,
        protocol,
        0,
    )
    head += raw(source) + raw(target) + options
    return head[:10] + checksum(head) + head[12:] + payload


def _packet6(chance: random.Random, name: bytes, sources: Sequence[str], *, across: bool) -> bytes:
    source, target = chance.choice(sources), "fd31::10" if across else chance.choice(TARGETS6)
    protocol = chance.choice([17, 17, 6, 136, 59, chance.choice([number for number in range(256) if number != NEIGHBOUR_DISCOVERY])])
    payload = _payload(chance, protocol, name)
    if protocol in (6, 17, 136):
        at = 16 if protocol == 6 else 6
        payload = payload[:at] + bytes(2) + payload[at + 2 :]
        total = checksum(raw(source) + raw(target) + struct.pack("!II", len(payload), protocol) + payload)
        payload = payload[:at] + total + payload[at + 2 :]
    following = protocol
    for number in (chance.choice(EXTENSIONS) for _ in range(chance.choice([0, 0, 1, 1, 2, 3]))):
        body = bytes(6) if number == 43 else struct.pack("!HI", chance.choice([0, 0, 1, 8]), 7) if number == 44 else b"\x01\x04" + bytes(4)
        payload = bytes([following, 0]) + body + payload
        following = number
    return struct.pack("!IHBB", 0x60000000, len(payload), following, 64) + raw(source) + raw(target) + payload


MUTANTS = (frames_at_random, identities_at_random)
