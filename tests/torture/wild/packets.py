"""Published ports, tried with packets: by sockets of this process that were opened in the namespaces of client and target."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from own_host import FOLDERS, away, enter
from torture.wild.files import Tree
from torture.wild.ground import EXT

ALLOWED, OTHER = "10.9.0.9", "10.9.1.9"
"""The client's two addresses: the files' `from` has the first or neither."""
SECONDS = 2.0


def _socket(netns: str, kind: socket.SocketKind) -> socket.socket:
    with away():
        fd = os.open(FOLDERS[0] / netns, os.O_RDONLY | os.O_CLOEXEC)
        try:
            enter(fd)
        finally:
            os.close(fd)
        made = socket.socket(socket.AF_INET, kind)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made


@contextmanager
def _listening(netns: str, port: int) -> Iterator[socket.socket]:
    with _socket(netns, socket.SOCK_STREAM) as server:
        server.bind(("0.0.0.0", port))
        server.listen(8)
        server.settimeout(SECONDS)
        yield server


def served(server: socket.socket, source: str, port: int, seconds: float) -> str | None:
    """As whom the target sees the client; None: the client was not let through."""
    with _socket(EXT, socket.SOCK_STREAM) as client:
        client.bind((source, 0))
        client.settimeout(seconds)
        try:
            client.connect(("10.9.0.1", port))
        except OSError:
            return None
        with suppress(TimeoutError):
            seen, peer = server.accept()
            seen.close()
            return str(peer[0])
    return None


def misled(tree: Tree, *, closed: bool) -> list[str]:
    """What packets find that the file does not say, of the host's published TCP ports. `closed`: policies may shut others out."""
    found = []
    for publish in tree.get("host", {}).get("publish", ()):
        listen, target = str(publish["listen"]), publish["to"].partition(":")[0]
        if "/" in listen or listen.startswith("127."):
            continue
        ports = listen.rpartition(":")[2].split("-")
        space = tree["namespaces"][target]
        with _listening(target, 80) as server:
            for source, allowed in ((ALLOWED, _allows(publish, ALLOWED)), (OTHER, _allows(publish, OTHER))):
                certain = allowed and not closed and _is_plain(tree, space)
                seen = served(server, source, int(ports[0]), SECONDS if certain else 0.1)
                if seen is not None and not allowed:
                    found.append(f"{listen}: {source} is served, and only {publish['from']} may be")
                elif seen is None and certain:
                    found.append(f"{listen}: {source} is not served by {target}")
                elif seen is not None and (seen == source) != (publish.get("source") == "preserve"):
                    found.append(f"{listen}: {target} sees {source} as {seen}")
    return found


def _allows(publish: Tree, source: str) -> bool:
    return "from" not in publish or (source == ALLOWED and publish["from"] in (["10.9.0.0/24"], ["10.9.0.8/31", "192.0.2.0/24"]))


def _is_plain(tree: Tree, space: Tree) -> bool:
    """Whether nothing else decides whether the target is reached: it has one interface, on a bridge of the file's with an IPv4 gateway."""
    interfaces = list(space.get("interfaces", {}).values())
    if len(interfaces) != 1 or interfaces[0].get("up") is False or interfaces[0].get("mac") or space.get("external"):
        return False
    network = tree.get("networks", {}).get(interfaces[0].get("network", ""), {})
    plain = not network.get("driver") and not network.get("external") and network.get("gateway") != "none" and not network.get("stp")
    return plain and any("." in subnet for subnet in network.get("subnets", ()))
