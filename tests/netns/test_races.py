"""What happens at the same time comes one after the other; none is lost, and nobody waits for ever. `make torture` does it more often."""

from __future__ import annotations

import pytest

from torture.race_pairs import PAIRS, Pair, orders, race
from torture.race_publishes import CONTESTS

pytestmark = pytest.mark.netns


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.what)
def test_two_at_the_same_time_end_as_one_after_the_other(host, pair: Pair) -> None:
    race(pair, orders(pair))


@pytest.mark.parametrize("contest", CONTESTS.values(), ids=CONTESTS)
def test_of_many_who_publish_at_the_same_time_none_is_lost(host, contest) -> None:
    contest(30, typed=6)
