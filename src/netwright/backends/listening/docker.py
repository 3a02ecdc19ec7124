"""The Docker Engine's events (GET /events), for as long as anybody wants them: an engine that goes is waited for."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from netwright.model.notice import Kind, Notice

SHORTEST = 0.05
LONGEST = 2.0
"""Seconds between two attempts to find the engine: doubled each time, also where a stream has ended sooner than that."""
CONTAINER_ACTIONS = ("create", "start", "die", "destroy", "rename", "pause", "unpause")
NETWORK_ACTIONS = ("create", "connect", "disconnect", "destroy", "remove")


class DockerEars:
    """A thread that reads the stream. Its first word is whether the engine is there."""

    def __init__(self, tell: Callable[[Sequence[Notice]], None], url: str) -> None:
        self._tell = tell
        self._url = url
        self._closed = threading.Event()
        self._stream: Any = None
        self._thread = threading.Thread(target=self._listen, name="netwright-docker", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Returns when nothing will be told any more."""
        self._closed.set()
        with suppress(Exception):
            self._stream.close()
        self._thread.join(LONGEST + 1)

    def _listen(self) -> None:
        pause, there = SHORTEST, True
        while not self._closed.is_set():
            began = time.monotonic()
            try:
                for notice in self._events():
                    there = True
                    self._tell((notice,))
            except Exception:  # noqa: BLE001, S110 - whatever the library or the engine did: it is not there now, and asked again
                pass
            if self._closed.is_set():
                return
            if there:
                there = False
                self._tell((Notice(kind=Kind.ENGINE, gone=True),))
            if time.monotonic() - began > LONGEST:
                pause = SHORTEST
            self._closed.wait(pause)
            pause = min(pause * 2, LONGEST)

    def _events(self) -> Iterator[Notice]:
        from docker import APIClient  # noqa: PLC0415 - the SDK loads slower than all the rest
        from docker.utils import kwargs_from_env  # noqa: PLC0415

        where = kwargs_from_env(environment={**os.environ, "DOCKER_HOST": self._url})
        # Asked for, since the oldest version that an engine speaks is a newer one with each release: 1.44 in Docker 29.
        client = APIClient(version="auto", **where)
        try:
            filters = {"type": ["container", "network"], "event": list(dict.fromkeys((*CONTAINER_ACTIONS, *NETWORK_ACTIONS)))}
            # From now on, by the engine's own clock being ours: what happens while the connection is made is told, too.
            self._stream = client.events(since=int(time.time()), filters=filters)
            yield Notice(kind=Kind.ENGINE)
            for line in _lines(self._stream):
                notice = read_event(json.loads(line))
                if notice is not None:
                    yield notice
        finally:
            self._stream = None
            client.close()


def _lines(stream: Any) -> Iterator[bytes]:
    rest = b""
    for part in stream:
        *whole, rest = (rest + part).split(b"\n")
        yield from (line for line in whole if line)


def read_event(event: dict[str, Any]) -> Notice | None:
    """A message of /events (https://docs.docker.com/reference/api/engine/): None where it is about nothing that we look at."""
    actor = event.get("Actor") or {}
    attributes = actor.get("Attributes") or {}
    action = str(event.get("Action", ""))
    name = str(attributes.get("name", ""))
    if event.get("Type") == "container" and action in CONTAINER_ACTIONS:
        return Notice(kind=Kind.CONTAINER, subject=name, gone=action in {"die", "destroy"}, action=action)
    if event.get("Type") == "network" and action in NETWORK_ACTIONS:
        return Notice(kind=Kind.DOCKER_NETWORK, subject=name, gone=action in {"destroy", "remove", "disconnect"}, action=action)
    return None
