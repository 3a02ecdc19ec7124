"""What happens while a Docker Engine is killed and started, and at the same time as it is asked for the same. `make torture` does it more often."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from docker_host import DockerHost

from torture.race_docker import RACES


@pytest.mark.parametrize("race", RACES.values(), ids=RACES)
def test_nothing_is_lost_beside_a_real_engine(engine: DockerHost, race: Callable[[DockerHost], None]) -> None:
    race(engine)
