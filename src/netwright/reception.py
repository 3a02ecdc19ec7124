"""Who is let in at a server's unix socket, and for how long: so many connections and no more, and none that keeps one waiting.

HTTP libraries time the pause between two requests; a client that sends half a header, or nothing at all, they wait for without end.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from struct import Struct
from typing import cast

from aiohttp.http_exceptions import HttpProcessingError

_UCRED = Struct("=iII")
"""unix(7): pid, uid and gid of the other end."""
_FULL = b'{"error": {"kind": "Busy", "message": "There are too many connections.", "hint": "close some", "exit_status": 1}, "version": 1}\n'
FULL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (
    len(_FULL),
    _FULL,
)
"""What hears who is not let in."""


def _no_fault_of_theirs(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError | ConnectionError))


LOGGER = logging.getLogger("netwright.http")
"""For aiohttp, which writes a traceback for each request that is no HTTP, and for clients that go: whoever does that would fill the journal."""
LOGGER.addFilter(_no_fault_of_theirs)


def bound(path: str) -> socket.socket:
    """A unix socket there, mode 0600 from its first moment on; not listening yet. Raises OSError."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    before = os.umask(0o177)
    try:
        sock.bind(path)
    except OSError:
        sock.close()
        raise
    finally:
        os.umask(before)
    return sock


class Reception:
    """Makes the protocols of a server's connections; belongs to its event loop."""

    def __init__(self, serve: Callable[[], asyncio.Protocol], *, most: int, most_each: int, patience: float) -> None:
        """`serve`: makes the protocol that does the work. `most`: connections at a time, and `most_each` of one user.

        `patience`: seconds for a request's head, for the pause between two, and for taking an answer's last part.
        """
        self._serve = serve
        self._most = most
        self._most_each = most_each
        self._patience = patience
        self._inside: set[_Visit] = set()

    def __call__(self) -> asyncio.Protocol:
        return _Visit(self)

    def enter(self, visit: _Visit) -> asyncio.Protocol | None:
        """What serves it; None: there is no room."""
        same = sum(1 for other in self._inside if other.uid == visit.uid)
        if len(self._inside) >= self._most or same >= self._most_each:
            return None
        self._inside.add(visit)
        return self._serve()

    def leave(self, visit: _Visit) -> None:
        self._inside.discard(visit)

    @property
    def patience(self) -> float:
        return self._patience


@contextmanager
def attended(transport: asyncio.BaseTransport) -> Iterator[None]:
    """While a request is worked on, nobody hurries its client."""
    visit = cast("asyncio.Transport", transport).get_protocol()
    if not isinstance(visit, _Visit):
        yield
        return
    visit.attend()
    try:
        yield
    finally:
        visit.wait()


class _Visit(asyncio.Protocol):
    """A connection. Hands all on to what serves it."""

    def __init__(self, reception: Reception) -> None:
        self.uid = -1
        self._reception = reception
        self._server: asyncio.Protocol | None = None
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        sock: socket.socket = transport.get_extra_info("socket")
        self.uid = _UCRED.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))[1]
        self._server = self._reception.enter(self)
        if self._server is None:
            self._transport.write(FULL)
            self._transport.close()
            return
        self.wait()
        self._server.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.attend()
        self._reception.leave(self)
        if self._server is not None:
            self._server.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._server is not None:
            self._server.data_received(data)

    def eof_received(self) -> bool | None:
        return None if self._server is None else self._server.eof_received()

    def pause_writing(self) -> None:
        if self._server is not None:
            self._server.pause_writing()

    def resume_writing(self) -> None:
        if self._server is not None:
            self._server.resume_writing()

    def attend(self) -> None:
        """No end is set."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def wait(self) -> None:
        """Until the patience ends; what comes in between does not prolong it."""
        self.attend()
        assert self._transport is not None
        if not self._transport.is_closing():
            self._timer = asyncio.get_running_loop().call_later(self._reception.patience, self._transport.abort)
