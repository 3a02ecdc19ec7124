"""What happens while a Docker Engine is killed and started, and at the same time as it is asked for the same. `make torture` does it more often."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from docker_host import DockerHost

from torture.race_docker import (
    docker_is_gone_when_a_new_stack_is_to_be_taken_back,
    many_publish_to_containers,
    rounds_with_a_container_hold_nothing,
)

SOME: dict[str, Callable[[DockerHost], None]] = {
    "Docker is gone when a new stack is to be taken back": docker_is_gone_when_a_new_stack_is_to_be_taken_back,
    "many publish to containers": partial(many_publish_to_containers, count=12, typed=2),
    "rounds with a container hold nothing": partial(rounds_with_a_container_hold_nothing, count=16),
}


@pytest.mark.parametrize("race", SOME.values(), ids=SOME)
def test_nothing_is_lost_beside_a_real_engine(engine: DockerHost, race: Callable[[DockerHost], None]) -> None:
    race(engine)
