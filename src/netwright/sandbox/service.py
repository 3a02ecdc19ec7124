"""Something that answers on a port: what a test or a demonstration connects to."""

from __future__ import annotations

import contextlib
import socket
import threading

from netwright.backends.netns import run_in
from netwright.model.netns import NetnsRef
from netwright.sandbox.probe import open_socket

_BACKLOG = 128
_PATIENCE_SECONDS = 10.0


def listen(netns: NetnsRef, address: str, port: int, protocol: str) -> socket.socket:
    """A bound (and, but for udp, listening) socket in a namespace; port 0 takes a free one. Raises OSError, KernelError."""

    def bound() -> socket.socket:
        opened = open_socket(address, protocol, None)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind((address, port))
            if opened.type != socket.SOCK_DGRAM:
                opened.listen(_BACKLOG)
        except OSError:
            opened.close()
            raise
        return opened

    return run_in(netns, bound)


class Service:
    """Sends `reply` to everyone who connects (udp: who sends something), until it is closed."""

    def __init__(self, listening: socket.socket, reply: bytes) -> None:
        self._listening = listening
        self._reply = reply
        self._thread = threading.Thread(target=self._serve, name="netwright-service", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        port: int = self._listening.getsockname()[1]
        return port

    def close(self) -> None:
        """Stop answering: the port is closed when this returns."""
        # close(2) alone does not wake the thread that waits in accept(2).
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()

    def _serve(self) -> None:
        datagrams = self._listening.type == socket.SOCK_DGRAM
        with contextlib.suppress(OSError):
            while True:
                if not datagrams:
                    self._answer(self._listening.accept()[0])
                    continue
                data, client = self._listening.recvfrom(65535)
                if not client:
                    return
                self._listening.sendto(self._reply or data, client)

    def _answer(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(_PATIENCE_SECONDS)
            connection.sendall(self._reply)
