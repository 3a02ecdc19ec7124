"""Some of what `make torture` does with every operation: each way to go wrong at one place, chosen once for all."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from conftest import Host
from torture.benches import bench
from torture.cycle import Bench, KilledTwice, Seam, Strike, figure
from torture.stages import FEW
from torture.syscalls import CALLS, MISSING, Injected

PLACES = random.Random(20)
WIDE, NARROW = 12, 2
"""How many places there are at least, of operations and messages, and of transactions and writes to the database."""
STRIKES: list[tuple[Strike, int]] = [
    *((Seam(way), PLACES.randrange(WIDE)) for way in ("memory", "SIGTERM", "spoilt", "memory-wire", "disk")),
    *((Seam(way), PLACES.randrange(NARROW)) for way in ("nft", "killed-memory")),
    # In the middle of links that are deleted together.
    (Seam("killed-wire"), 5),
    (KilledTwice(), PLACES.randrange(WIDE)),
]
INJECTED: list[tuple[Strike, int]] = [(Injected(call), PLACES.randrange(NARROW)) for call in PLACES.sample(CALLS, 2)]


@pytest.fixture
def few(host: Host) -> Iterator[Bench]:
    """Four endpoints, a published port and a policy, on this test's host."""
    with bench(FEW) as one:
        yield one


@pytest.mark.parametrize(("strike", "place"), STRIKES, ids=lambda value: getattr(value, "words", str(value)))
def test_what_goes_wrong_once_leaves_the_host_as_it_was_and_is_told_as_it_is(few: Bench, strike: Strike, place: int) -> None:
    told = figure(few, strike, offset=place, places=1)
    assert told.tried
    assert told.broken == ()


@pytest.mark.skipif(MISSING != "", reason=MISSING)
@pytest.mark.parametrize(("strike", "place"), INJECTED, ids=lambda value: getattr(value, "words", str(value)))
def test_a_system_call_that_fails_leaves_the_host_as_it_was(few: Bench, strike: Strike, place: int) -> None:
    assert figure(few, strike, offset=place, places=1).broken == ()
