"""A small network for packet filter tests, made with iproute2, and real clients and servers in it.

    allowed  10.0.0.9  fd10::9  ─┐
    other    10.1.0.9  fd10:1::9 ┴─ eth1 of `pub` 10.0.0.1/8, fd10::1/16 ── uplink 172.30.0.2, fd30::2 ── lan0 ── 172.30.0.10, fd30::10 `web`
                                                                                                          └── 172.30.0.11, fd30::11 `mate`

`pub` publishes; the bridge stands in a namespace `lan` of its own. `web` has no route back to the clients.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

NAMESPACES = ("pub", "ext", "allowed", "other", "lan", "web", "mate")

SERVER = """
import socket, sys
protocol, address, *ports = sys.argv[1:]
import selectors
family = socket.AF_INET6 if ":" in address else socket.AF_INET
kind = {"tcp": (socket.SOCK_STREAM, 0), "udp": (socket.SOCK_DGRAM, 0), "sctp": (socket.SOCK_STREAM, 132)}[protocol]
selector = selectors.DefaultSelector()
for port in ports:
    s = socket.socket(family, *kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, int(port)))
    if protocol != "udp":
        s.listen(64)
    selector.register(s, selectors.EVENT_READ)
print("ready", flush=True)
while True:
    for key, _ in selector.select():
        s = key.fileobj
        if protocol == "udp":
            data, peer = s.recvfrom(100)
            s.sendto(f"{s.getsockname()[1]} {peer[0]}".encode(), peer)
        else:
            c, peer = s.accept()
            c.sendall(f"{s.getsockname()[1]} {peer[0]}".encode())
            c.close()
"""

CLIENT = """
import socket, sys
protocol, address, port, source, source_port, timeout = sys.argv[1:]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
kind = {"tcp": (socket.SOCK_STREAM, 0), "udp": (socket.SOCK_DGRAM, 0), "sctp": (socket.SOCK_STREAM, 132)}[protocol]
s = socket.socket(family, *kind)
s.settimeout(float(timeout))
try:
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((source or ("::" if ":" in address else "0.0.0.0"), int(source_port)))
    s.connect((address, int(port)))
    if protocol == "udp":
        s.send(b"x")
    print("served", s.recv(100).decode())
except ConnectionRefusedError:
    print("refused")
except TimeoutError:
    print("silence")
except OSError as error:
    print("error", error)
"""


def run(*command: str, netns: str | None = None, check: bool = True, stdin: str | None = None) -> str:
    """A program's stdout, in the named namespace if one is given."""
    inside = ("nsenter", f"--net=/run/netns/{netns}", "--") if netns else ()
    return subprocess.run([*inside, *command], check=check, capture_output=True, text=True, input=stdin).stdout


def ask(netns: str, address: str, port: int, protocol: str = "tcp", *, source: str = "", source_port: int = 0, seconds: float = 5) -> str:
    """What a client in `netns` sees: `served PORT CLIENT` (as the server saw them), `refused`, or `silence`."""
    arguments = (protocol, address, str(port), source, str(source_port), str(seconds))
    return run(sys.executable, "-S", "-c", CLIENT, *arguments, netns=netns).strip()


@dataclass
class Network:
    """What tests do with it."""

    servers: list[subprocess.Popen[str]] = field(default_factory=list)

    def serve(self, netns: str, address: str, *ports: int, protocol: str = "tcp") -> None:
        """A server that answers with the port it was reached on and the client's address. It listens when this returns."""
        command = ["nsenter", f"--net=/run/netns/{netns}", "--", sys.executable, "-S", "-c", SERVER, protocol, address, *map(str, ports)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.servers.append(server)
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"

    def close(self) -> None:
        """End the servers, by their own handles."""
        for server in self.servers:
            server.kill()
            server.wait()
            assert server.stdout is not None
            server.stdout.close()


def ruleset(netns: str) -> list[dict[str, Any]]:
    """`nft -j list ruleset`, without the preamble."""
    listed: list[dict[str, Any]] = json.loads(run("nft", "-j", "list", "ruleset", netns=netns))["nftables"]
    return [entry for entry in listed if "metainfo" not in entry]


def wire(one: str, name: str, other: str, other_name: str) -> None:
    """A veth between two named namespaces."""
    run("ip", "link", "add", name, "netns", one, "type", "veth", "peer", "name", other_name, "netns", other)


def up(netns: str, name: str, *addresses: str) -> None:
    """Addresses on an interface (without a wait for duplicates), and the interface up."""
    for address in addresses:
        six = ("nodad",) if ":" in address else ()
        run("ip", "-n", netns, "address", "add", address, "dev", name, *six)
    run("ip", "-n", netns, "link", "set", name, "up")


@contextmanager
def article_network() -> Iterator[Network]:
    """The network above; nothing is left of it afterwards."""
    network = Network()
    try:
        for name in NAMESPACES:
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "-n", "ext", "link", "add", "sw", "type", "bridge")
        run("ip", "-n", "lan", "link", "add", "lan0", "type", "bridge")
        for netns, name in (("pub", "eth1"), ("allowed", "eth0"), ("other", "eth0")):
            wire(netns, name, "ext", f"to-{netns}")
            run("ip", "-n", "ext", "link", "set", f"to-{netns}", "master", "sw", "up")
        for netns, name in (("pub", "uplink"), ("web", "eth0"), ("mate", "eth0")):
            wire(netns, name, "lan", f"to-{netns}")
            run("ip", "-n", "lan", "link", "set", f"to-{netns}", "master", "lan0", "up")
        up("ext", "sw")
        up("lan", "lan0")
        up("pub", "eth1", "10.0.0.1/8", "10.0.0.2/8", "fd10::1/16")
        up("allowed", "eth0", "10.0.0.9/8", "fd10::9/16")
        up("other", "eth0", "10.1.0.9/8", "fd10:1::9/16")
        up("pub", "uplink", "172.30.0.2/16", "fd30::2/64")
        up("web", "eth0", "172.30.0.10/16", "fd30::10/64")
        up("mate", "eth0", "172.30.0.11/16", "fd30::11/64")
        run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", netns="pub")
        yield network
    finally:
        network.close()
        for name in NAMESPACES:
            run("ip", "netns", "delete", name, check=False)
