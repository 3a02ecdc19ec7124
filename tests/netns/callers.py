"""Clients that ask by a side door, and connections that stay while rules change."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from stacks import at, run

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
