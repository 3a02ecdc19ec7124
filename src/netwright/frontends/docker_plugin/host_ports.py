"""Published ports are bound, though nothing listens on them: packets are translated before they arrive. So a port that another
program has is noticed, and a program, or Docker's own proxy, that wants one of ours is told "address already in use"."""

from __future__ import annotations

import errno
import resource
import socket
from collections.abc import Iterable

from netwright.dockerdriver.records import PortMapping
from netwright.errors import Refused

_SOCKETS = {
    "tcp": (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    "udp": (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    "sctp": (socket.SOCK_STREAM, 132),
}
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_ANY = {4: "0.0.0.0", 6: "::"}  # noqa: S104 - bound, and never listened on
_UNSUPPORTED = frozenset({errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT})
"""The kernel has no such protocol: then nobody else has the port either."""


class HostPorts:
    """Sockets, by the endpoint they are for."""

    def __init__(self) -> None:
        self._held: dict[str, list[socket.socket]] = {}
        # A socket for each port and family; a service's soft limit is often 1024.
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    def holds(self, endpoint: str) -> bool:
        return endpoint in self._held

    def hold(self, endpoint: str, mapping: PortMapping, families: Iterable[int]) -> None:
        """Raises Refused where another program has the port, or the address is none of the host's; then nothing more is held."""
        bound: list[socket.socket] = []
        try:
            for family in families:
                bound.extend(_bind(mapping, family))
        except OSError as error:
            for one in bound:
                one.close()
            raise _refusal(mapping, error) from None
        self._held.setdefault(endpoint, []).extend(bound)

    def release(self, endpoint: str) -> None:
        for one in self._held.pop(endpoint, ()):
            one.close()

    def close(self) -> None:
        for endpoint in tuple(self._held):
            self.release(endpoint)


def _bind(mapping: PortMapping, family: int) -> list[socket.socket]:
    kind, protocol = _SOCKETS[mapping.protocol]
    try:
        bound = socket.socket(_FAMILIES[family], kind | socket.SOCK_CLOEXEC, protocol)
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            return []
        raise
    try:
        if family == 6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        _take(bound, (mapping.host_ip or _ANY[family], mapping.host_port))
    except BaseException:
        bound.close()
        raise
    return [bound]


def _take(bound: socket.socket, address: tuple[str, int]) -> None:
    """Raises OSError where another program has the port. Connections of an earlier one that are in TIME-WAIT (RFC 9293) are in nobody's way."""
    try:
        bound.bind(address)
    except OSError as error:
        if error.errno != errno.EADDRINUSE or bound.type != socket.SOCK_STREAM:
            raise
        # socket(7): with it, only a socket that listens is in the way.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        # Taken off: another program that sets it, as most do, could listen here otherwise.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)


def _refusal(mapping: PortMapping, error: OSError) -> Refused:
    where = f"{mapping.host_ip} port" if mapping.host_ip else "port"
    if error.errno == errno.EADDRINUSE:
        return Refused(f"{where} {mapping.host_port}/{mapping.protocol} of the host is in use by another program")
    if error.errno == errno.EADDRNOTAVAIL:
        return Refused(f"{mapping.host_ip} is not an address of this host: no port can be published on it")
    return Refused(f"{where} {mapping.host_port}/{mapping.protocol} of the host cannot be had: {error.strerror}")
