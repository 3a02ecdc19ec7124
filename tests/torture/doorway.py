"""A socket in front of a Docker Engine's: hands everything on, until a request that changes something is to go wrong."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

REFUSAL = b'{"message":"made to fail"}\n'
_CHANGES = (b"POST ", b"DELETE ")


class Mishap(Enum):
    """What becomes of a request, and of its answer."""

    REFUSED = "the Docker Engine refuses a request"
    UNANSWERED = "the Docker Engine does what it is asked, and its answer is lost"
    GONE = "the Docker Engine is killed before a request"


@dataclass(slots=True)
class _Plan:
    mishap: Mishap
    left: int
    strike: Callable[[], None]
    fired: str | None = None

    def reached(self, data: bytes) -> bool:
        self.left -= 1
        if self.left != -1:
            return False
        self.fired = data.partition(b"\r\n")[0].decode()
        return True


class Doorway:
    """Listens at `path` until it is closed. Its threads are in the network namespace of whoever made it, and end with it."""

    def __init__(self, path: Path, engine: Path) -> None:
        self._engine = engine
        self._plan: _Plan | None = None
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(path))
        self._door.listen()
        self._threads: list[threading.Thread] = []
        self._ends: list[socket.socket] = []
        self._start(self._let_in)

    def close(self) -> None:
        # accept(2) and recv(2) of the other threads end by this, and not by close(2).
        _shut(self._door)
        self._threads[0].join()
        for end in self._ends:
            _shut(end)
        for thread in self._threads:
            thread.join()
        self._door.close()

    def expect(self, mishap: Mishap, number: int, strike: Callable[[], None]) -> None:
        """The request `number` from now on that changes something, from 0, goes wrong. `strike`: what ends the engine."""
        self._plan = _Plan(mishap, number, strike)

    def fired(self) -> str | None:
        """The request that went wrong since `expect`; all others are handed on again."""
        plan, self._plan = self._plan, None
        return plan.fired if plan is not None else None

    def _let_in(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as engine:
            self._ends += (client, engine)
            lost = threading.Event()
            try:
                engine.connect(str(self._engine))
                self._start(self._hand_back, engine, client, lost)
                while data := client.recv(1 << 16):
                    plan = self._plan
                    if plan is not None and data.startswith(_CHANGES) and plan.reached(data):
                        if plan.mishap is Mishap.REFUSED:
                            head = f"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nContent-Length: {len(REFUSAL)}"
                            client.sendall(head.encode() + b"\r\nConnection: close\r\n\r\n" + REFUSAL)
                            return
                        if plan.mishap is Mishap.GONE:
                            plan.strike()
                            return
                        lost.set()
                    engine.sendall(data)
            except OSError:
                return
            finally:
                # Who still waits for the engine is not told by close(2).
                _shut(engine)

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    @staticmethod
    def _hand_back(engine: socket.socket, client: socket.socket, lost: threading.Event) -> None:
        with suppress(OSError):
            while data := engine.recv(1 << 16):
                if lost.is_set():
                    break
                client.sendall(data)
        _shut(client)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
