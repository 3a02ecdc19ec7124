"""One attempt to reach a port, and what became of it. Standard library only; works in the calling thread's namespace."""

from __future__ import annotations

import enum
import errno
import select
import socket

_SILENT = {errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN}
"""Nobody answered, at the other end, at the next hop, or because there is no way there."""

_PROTOCOLS = {
    "tcp": (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    "udp": (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    "sctp": (socket.SOCK_STREAM, socket.IPPROTO_SCTP),
}


class Reach(enum.Enum):
    """What became of an attempt. Only REACHABLE is true."""

    REACHABLE = "reachable"
    """A connection, or (udp) an answer."""
    REFUSED = "refused"
    """Somebody said no: a TCP reset, or an ICMP error."""
    DROPPED = "dropped"
    """Nobody said anything in time, or there is no way there."""

    def __bool__(self) -> bool:
        return self is Reach.REACHABLE


def open_socket(address: str, protocol: str, source: str | None) -> socket.socket:
    """A socket for a protocol of the family of `address`, bound to `source` if there is one. Raises OSError."""
    kind, number = _PROTOCOLS[protocol]
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = socket.socket(family, kind | socket.SOCK_CLOEXEC, number)
    try:
        if source is not None:
            opened.bind((source, 0))
    except OSError:
        opened.close()
        raise
    return opened


def reach(opened: socket.socket, address: str, port: int, timeout: float) -> Reach:
    """Try it once with a socket of `open_socket`, for `timeout` seconds. With udp the other side has to answer."""
    try:
        opened.settimeout(timeout)
        opened.connect((address, port))
        if opened.type == socket.SOCK_DGRAM:
            opened.send(b"netwright\n")
            if not select.select([opened], [], [], timeout)[0]:
                return Reach.DROPPED
            opened.recv(65535)
    except TimeoutError:
        return Reach.DROPPED
    except OSError as error:
        return Reach.DROPPED if error.errno in _SILENT else Reach.REFUSED
    return Reach.REACHABLE
