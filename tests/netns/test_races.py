"""What happens at the same time comes one after the other; none is lost, and nobody waits for ever. `make torture races` does all of it, more often."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from torture.race_crowds import (
    a_stopped_holder_is_named_and_a_dead_one_blocks_nobody,
    a_stranger_changes_the_same,
    many_requests_leave_nothing_in_the_daemon,
    readers_neither_fail_nor_wait_nor_see_half,
)
from torture.race_pairs import PAIRS, Pair, orders, race
from torture.race_publishes import CONTESTS
from torture.race_trials import CASES

pytestmark = pytest.mark.netns

SOME_PAIRS = [pair for pair in PAIRS if pair.what in ("two files of one stack", "one port for two")]
SOME_CROWDS: dict[str, Callable[[], None]] = {
    "readers": partial(readers_neither_fail_nor_wait_nor_see_half, 2),
    "a stopped holder": a_stopped_holder_is_named_and_a_dead_one_blocks_nobody,
    "requests": partial(many_requests_leave_nothing_in_the_daemon, 40),
}
SOME_CASES = (
    "the terminal is closed",
    "the watcher is told to end",
    "the watcher is killed, and there is a daemon",
    "another stack cannot be brought back",
)


@pytest.mark.parametrize("pair", SOME_PAIRS, ids=lambda pair: pair.what)
def test_two_at_the_same_time_end_as_one_after_the_other(host, pair: Pair) -> None:
    race(pair, orders(pair))


def test_the_daemon_fights_neither_of_two_at_the_same_time(host) -> None:
    (pair,) = (pair for pair in PAIRS if pair.what == "two stacks")
    race(pair, orders(pair), with_daemon=True)


@pytest.mark.parametrize("contest", CONTESTS.values(), ids=CONTESTS)
def test_of_many_who_publish_at_the_same_time_none_is_lost(host, contest: Callable[..., None]) -> None:
    contest(12, typed=2)


@pytest.mark.parametrize("crowd", SOME_CROWDS.values(), ids=SOME_CROWDS)
def test_nobody_is_lost_and_nobody_waits_for_ever(host, crowd: Callable[[], None]) -> None:
    crowd()


def test_an_apply_beside_a_stranger_is_done_or_taken_back(host) -> None:
    a_stranger_changes_the_same("deletes our links")


@pytest.mark.parametrize("case", SOME_CASES)
def test_what_nobody_confirms_is_taken_back_though(host, case: str) -> None:
    CASES[case]()
