"""A bounded part of what `make torture` does by chance beside a Docker Engine."""

from __future__ import annotations

from docker_host import DockerHost

from torture.chance import tried
from torture.wild.containers import Harbour


def test_whatever_happens_to_containers_each_promise_holds(engine: DockerHost) -> None:
    Harbour.docker = engine
    tried(Harbour, examples=4, steps=10, derandomized=True, shrinks=False)
    assert Harbour.counted["applies"] > 3
