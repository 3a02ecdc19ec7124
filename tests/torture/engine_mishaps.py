"""What happens to the Docker Engine while a run speaks with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from torture.cycle import Bench
from torture.doorway import Doorway, Mishap
from torture.program import Ended


class EngineMishap:
    """At a request that changes something. The program speaks to the engine through `doorway`, at `url`."""

    stride = 1

    def __init__(self, mishap: Mishap, doorway: Doorway, url: str, kill: Callable[[], None], start: Callable[[], None]) -> None:
        self.words = mishap.value
        self.ends = frozenset({0, 1})
        self.engine_dies = mishap is Mishap.GONE
        self._mishap = mishap
        self._doorway = doorway
        self._url = url
        self._kill = kill
        self._start = start
        self._down = False

    def run(self, bench: Bench, number: int, *words: str) -> Ended:
        self._doorway.expect(self._mishap, number, self._strike)
        ended = bench.program.run(*words, environment={"NETWRIGHT_DOCKER": self._url})
        fired = self._doorway.fired()
        return Ended(status=ended.status, output=ended.output, words=ended.words, fired=fired, seconds=ended.seconds)

    def heal(self, bench: Bench) -> None:
        if self._down:
            self._down = False
            self._start()

    def _strike(self) -> None:
        self._down = True
        self._kill()


@contextmanager
def doorway(folder: Path, engine: Path) -> Iterator[tuple[Doorway, str]]:
    """In front of the engine's socket, with its URL."""
    path = folder / "doorway.sock"
    door = Doorway(path, engine)
    try:
        yield door, f"unix://{path}"
    finally:
        door.close()
