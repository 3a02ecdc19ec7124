"""Some of what `make torture` does with every operation, where Docker has a part in it: each way to go wrong at one place."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from docker_host import DockerHost

from torture.benches import bench
from torture.cycle import Bench, Seam, figure
from torture.doorway import Mishap
from torture.faults import mishaps
from torture.stages import STACKS


@pytest.fixture
def shop(engine: DockerHost) -> Iterator[Bench]:
    """Two networks of Docker's, containers on them, rules in DOCKER-USER."""
    with bench(STACKS["shop"], engine) as one:
        yield one


def test_rules_in_dockers_chains_that_nobody_can_write_any_more_are_told_of_and_recovered(shop: Bench) -> None:
    told = figure(shop, Seam("never-iptables"), offset=0, places=1)
    assert told.tried
    assert not told.broken, "\n".join(told.broken)


@pytest.mark.parametrize("mishap", [Mishap.UNANSWERED, Mishap.GONE], ids=lambda mishap: mishap.name)
def test_what_happens_to_the_engine_in_the_middle_is_told_as_it_is(engine: DockerHost, shop: Bench, mishap: Mishap) -> None:
    with mishaps(shop, engine) as those:
        (strike,) = (one for one in those if one.words == mishap.value)
        told = figure(shop, strike, offset=2, places=1)
    assert told.tried
    assert not told.broken, "\n".join(told.broken)
