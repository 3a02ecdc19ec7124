"""Frames that nobody honest sends, put on the wire by raw sockets, and what others hear of them."""

from __future__ import annotations

import ipaddress
import json
import re
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from stacks import HOST, at, ip, run

Forged = tuple[str, bytes]
"""A name, which stands in the frame as <<NAME>>, and the frame."""

END: Forged = ("end", bytes(14) + b"<<end>>")

HEAR = r"""
import re, socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
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


UNDERHAND = r"""
import json, select, socket, sys, time
dev, *asked = sys.argv[1:]
told, waiting = {}, {}
for one in asked:
    kind, address, port = one.split("|")
    six = ":" in address
    s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    s.setblocking(False)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, dev.encode())
    told[one] = "silence"
    waiting[s] = one
    to = (address, int(port), 0, socket.if_nametoindex(dev)) if six else (address, int(port))
    try:
        if kind == "udp":
            s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            s.sendto(b"x", to)
        else:
            s.connect(to)
    except BlockingIOError:
        pass
    except OSError:
        told[waiting.pop(s)] = "refused"
deadline = time.monotonic() + 0.7
while waiting and (left := deadline - time.monotonic()) > 0:
    for s in select.select(list(waiting), [], [], left)[0]:
        try:
            told[waiting.pop(s)] = "served" if s.recv(100) else "refused"
        except OSError:
            told[one] = "refused"
print(json.dumps(list(told.values())))
"""


def underhand(netns: str, *asked: tuple[str, str, int], dev: str = "eth0") -> list[str]:
    """What a client is told that asks through one interface, whatever the address (a group's, a link-local one): protocol, address, port."""
    words = ["|".join(map(str, one)) for one in asked]
    return list(json.loads(run(sys.executable, "-I", "-S", "-c", UNDERHAND, dev, *words, netns=netns)))


@contextmanager
def conversation(server: str, client: str, address: str, port: int, protocol: str, source: str) -> Iterator[subprocess.Popen[str]]:
    """A connection that stays: a line in is a byte to the echo server at port 80 of `server`, a line out what came back of it."""
    echo = subprocess.Popen([*at(server), sys.executable, "-I", "-S", "-c", ECHO, protocol], stdout=subprocess.PIPE, text=True)
    try:
        assert echo.stdout is not None
        assert echo.stdout.readline() == "ready\n"
        command = [*at(client), sys.executable, "-I", "-S", "-c", TALK, protocol, address, str(port), source]
        talk = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            yield talk
        finally:
            talk.kill()
            talk.communicate()
    finally:
        echo.kill()
        echo.communicate()


def goes_on(talk: subprocess.Popen[str]) -> bool:
    """Whether a byte comes back."""
    assert talk.stdin is not None
    assert talk.stdout is not None
    talk.stdin.write("x\n")
    talk.stdin.flush()
    return talk.stdout.readline() == "back\n"


ECHO = r"""
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM if sys.argv[1] == "udp" else socket.SOCK_STREAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("::", 80))
if sys.argv[1] == "tcp":
    s.listen()
print("ready", flush=True)
if sys.argv[1] == "tcp":
    s, _ = s.accept()
    while data := s.recv(100):
        s.sendall(data)
    sys.exit()
while True:
    s.sendto(*s.recvfrom(100))
"""
TALK = r"""
import socket, sys
protocol, address, port, source = sys.argv[1:]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM)
s.bind((source, 0))
s.settimeout(2)
s.connect((address, int(port)))
for line in sys.stdin:
    try:
        s.send(b"x")
        print("back" if s.recv(100) else "closed", flush=True)
    except OSError:
        print("lost", flush=True)
"""
