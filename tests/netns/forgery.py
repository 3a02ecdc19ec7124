"""Frames that nobody honest sends, put on the wire by raw sockets, and what others hear of them."""

from __future__ import annotations

import ipaddress
import json
import re
import struct
import subprocess
import sys
from collections.abc import Iterable

from stacks import HOST, at, ip

Forged = tuple[str, bytes]
"""A name, which stands in the frame as <<NAME>>, and the frame."""

END: Forged = ("end", bytes(14) + b"<<end>>")

HEAR = r"""
import re, socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.setsockopt(socket.SOL_SOCKET, 33, 1 << 26)  # SO_RCVBUFFORCE: what is lost here would count as held
s.bind((sys.argv[1], 0))
s.settimeout(30)
print("ready", flush=True)
heard = []
while b"end" not in heard:
    found = re.search(rb"<<([a-z0-9 ]+)>>", s.recv(3000))
    if found and found[1] not in heard:
        heard.append(found[1])
print(b",".join(heard).decode())
"""
SEND = """
import json, socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
for frame in json.load(sys.stdin):
    s.send(bytes.fromhex(frame))
"""


def mac(netns: str, dev: str = "eth0") -> str:
    (link,) = ip("link", "show", "dev", dev, netns=netns)
    return str(link["address"])


def raw(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", "")) if re.fullmatch("(..:){5}..", text) else ipaddress.ip_address(text).packed


def checksum(data: bytes) -> bytes:
    """RFC 1071."""
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)


def frame(words: str, source: str, target: str, kind: int, body: bytes) -> Forged:
    return words, raw(target) + raw(source) + struct.pack("!H", kind) + body + f"<<{words}>>".encode()


def arp(words: str, source: str, target: str, *, sender: str, address: str, reply: bool = True, to: str = "10.5.0.11") -> Forged:
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2 if reply else 1) + raw(sender) + raw(address) + raw(target) + raw(to)
    return frame(words, source, target, 0x0806, body)


def tagged(words: str, honest: Forged, *tags: tuple[int, int]) -> Forged:
    """A frame under another name of the same length, with VLAN tags: EtherType and number of each (IEEE 802.1Q, 9.3)."""
    assert len(words) == len(honest[0])
    data = honest[1].replace(honest[0].encode(), words.encode())
    return words, data[:12] + b"".join(struct.pack("!HH", *tag) for tag in tags) + data[12:]


def ip4(
    words: str,
    source: str,
    target: str,
    address: str,
    *,
    to: str = "10.5.0.11",
    ports: tuple[int, int] = (9, 9),
    protocol: int = 17,
    payload: bytes | None = None,
) -> Forged:
    """UDP, or `payload` of another protocol; the name follows it, and is in no checksum of the payload's."""
    if payload is None:
        payload = struct.pack("!HHHH", *ports, 8 + len(words) + 4, 0)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload) + len(words) + 4, 0, 0, 64, protocol, 0) + raw(address) + raw(to)
    return frame(words, source, target, 0x0800, head[:10] + checksum(head) + head[12:] + payload)


def ip6(
    words: str, source: str, target: str, address: str, *, icmp: bytes = b"", ports: tuple[int, int] = (9, 9), to: str = "fd05::11"
) -> Forged:
    payload = icmp or struct.pack("!HHHH", *ports, 8 + len(words) + 4, 0)
    head = struct.pack("!IHBB", 0x60000000, len(payload) + len(words) + 4, 58 if icmp else 17, 255) + raw(address) + raw(to)
    return frame(words, source, target, 0x86DD, head + payload)


def tcp(words: str, source: str, target: str, address: str, *, to: str, ports: tuple[int, int], flags: int) -> Forged:
    """A segment with these flags (RFC 9293, 3.1), its checksum right."""
    data = f"<<{words}>>".encode()
    segment = struct.pack("!HHIIBBHHH", *ports, 1, 1, 0x50, flags, 1000, 0, 0)
    pseudo = raw(address) + raw(to) + struct.pack("!BBH", 0, 6, len(segment) + len(data))
    segment = segment[:16] + checksum(pseudo + segment + data) + segment[18:]
    return ip4(words, source, target, address, to=to, protocol=6, payload=segment)


def icmp4(words: str, source: str, target: str, address: str, *, to: str, kind: int, code: int = 0) -> Forged:
    data = f"<<{words}>>".encode()
    message = struct.pack("!BBHI", kind, code, 0, 0)
    message = message[:2] + checksum(message + data) + message[4:]
    return ip4(words, source, target, address, to=to, protocol=1, payload=message)


def fragments(words: str, source: str, target: str, address: str, *, to: str, turned: bool = False) -> list[Forged]:
    """UDP in two pieces, of which the first has nothing but the ports, and is sent last if `turned` (RFC 791, 3.2)."""
    names = [f"{words} {place}" for place in ("one", "two")]
    length = 8 + 24 + len(names[1]) + 4
    first = ip4(names[0], source, target, address, to=to, payload=struct.pack("!HHHH", 999, 53, length, 0))
    second = ip4(names[1], source, target, address, to=to, payload=bytes(24))
    cut = [_cut(first, 8, 0x2000), _cut(second, 24 + len(names[1]) + 4, 1)]
    return cut[::-1] if turned else cut


def _cut(whole: Forged, length: int, flags: int) -> Forged:
    words, data = whole
    head = data[14:16] + struct.pack("!HHH", 20 + length, 0x0777, flags) + data[22:24] + bytes(2) + data[26:34]
    return words, data[:14] + head[:10] + checksum(head) + head[12:] + data[34 : 34 + length]


def optional(words: str, source: str, target: str, address: str, *, to: str, kind: int) -> Forged:
    """UDP behind one IPv4 option, with an address in it where there is place for one: record route, source routes, ... (RFC 791, 3.1)."""
    option = bytes([kind, 4, 0, 0]) if kind == 148 else bytes([kind, 7, 4]) + raw(to) + b"\0"
    _, data = ip4(words, source, target, address, to=to, ports=(999, 53))
    (length,) = struct.unpack("!H", data[16:18])
    head = (
        bytes([0x45 + len(option) // 4])
        + data[15:16]
        + struct.pack("!H", length + len(option))
        + data[18:24]
        + bytes(2)
        + data[26:34]
        + option
    )
    return words, data[:14] + head[:10] + checksum(head) + head[12:] + data[34:]


def extended(words: str, source: str, target: str, address: str, *, to: str, chain: tuple[int, ...]) -> Forged:
    """UDP behind IPv6 extension headers of eight bytes, by their numbers (RFC 8200, 4)."""
    data = f"<<{words}>>".encode()
    head = struct.pack("!HHHH", 999, 53, 8 + len(data), 0)
    pseudo = raw(address) + raw(to) + struct.pack("!II", 8 + len(data), 17)
    payload = head[:6] + checksum(pseudo + head + data) + head[8:] + data
    following = 17
    for number in reversed(chain):
        payload = (bytes([following, 0, 0, 0, 0, 0, 0, 9]) if number in (43, 44) else bytes([following, 0, 1, 4, 0, 0, 0, 0])) + payload
        following = number
    packet = struct.pack("!IHBB", 0x60000000, len(payload), following, 64) + raw(address) + raw(to) + payload
    return words, raw(target) + raw(source) + b"\x86\xdd" + packet


def alerted(honest: Forged) -> Forged:
    """With a router alert in a hop-by-hop header, as listener reports have (RFC 3810, 5; RFC 2711)."""
    words, data = honest
    (length,) = struct.unpack("!H", data[18:20])
    option = bytes([data[20], 0, 5, 2, 0, 0, 1, 0])
    return words, data[:18] + struct.pack("!HB", length + 8, 0) + data[21:54] + option + data[54:]


def discovery(kind: int, about: str) -> bytes:
    """Solicitation 135, advertisement 136, router advertisement 134, redirect 137 (RFC 4861)."""
    return struct.pack("!BBHI", kind, 0, 0, 0) + raw(about)


def advertisement(source: str, prefix: str) -> Forged:
    """A router advertisement as a router sends it to all nodes: a default route, and a /64 to take an address from (RFC 4861, 4.2)."""
    own = link_local(source)
    body = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0x08, 1800, 0, 0)
    body += struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 3600, 3600, 0) + raw(prefix)
    pseudo = raw(own) + raw("ff02::1") + struct.pack("!II", len(body), 58)
    body = body[:2] + checksum(pseudo + body) + body[4:]
    head = struct.pack("!IHBB", 0x60000000, len(body), 58, 255) + raw(own) + raw("ff02::1")
    return frame("advertisement", source, "33:33:00:00:00:01", 0x86DD, head + body)


def link_local(address: str) -> str:
    data = bytearray(raw(address))
    data[0] ^= 2
    return str(ipaddress.IPv6Address(raw("fe80::")[:8] + bytes(data[:3]) + b"\xff\xfe" + bytes(data[3:])))


def send(netns: str, frames: Iterable[Forged], dev: str = "eth0") -> None:
    """Put them on the wire."""
    command = [*at(netns), sys.executable, "-I", "-S", "-c", SEND, dev]
    subprocess.run(command, input=json.dumps([data.hex() for _, data in frames]), text=True, check=True, timeout=60)


def arriving(netns: str, frames: list[Forged], hearer: str = "an-b", *, end_by: str = "") -> list[str]:
    """The names of the frames that `hearer` hears. The last of them has to come through; with `end_by`, END through this port of the host."""
    with subprocess.Popen([*at(hearer), sys.executable, "-I", "-S", "-c", HEAR, "eth0"], stdout=subprocess.PIPE, text=True) as ears:
        try:
            assert ears.stdout is not None
            assert ears.stdout.readline() == "ready\n"
            send(netns, frames)
            if end_by:
                send(HOST, [END], dev=end_by)
            return [words for words in ears.stdout.readline().strip().split(",") if words != "end" or not end_by]
        finally:
            ears.kill()


def port_of(netns: str) -> str:
    """The host's end of a namespace's eth0."""
    (link,) = ip("link", "show", "dev", "eth0", netns=netns)
    return next(str(one["ifname"]) for one in ip("link") if one["ifindex"] == link["link_index"])
