"""When the daemon looks at which stack: a clock that the tests turn themselves."""

from __future__ import annotations

from netwright.keeping.schedule import LONGEST, QUIET, Schedule

FLUSHED = ("load nft table nw_shop on the host",)


def test_notices_that_come_together_are_one_and_their_reasons_are_kept() -> None:
    schedule = Schedule()
    schedule.wake("shop", "the table is gone", 100.0)
    schedule.wake("shop", "the link is gone", 100.004)
    schedule.wake("shop", "the table is gone", 100.004)
    assert schedule.next() == 100.004 + QUIET
    assert schedule.due(100.008) == ()
    assert schedule.due(100.0091) == ("shop",)
    assert schedule.take("shop") == ("the table is gone", "the link is gone")
    assert schedule.next() is None


def test_a_stack_on_which_something_happens_all_the_time_is_looked_at_nevertheless() -> None:
    schedule = Schedule()
    for moment in range(100):
        schedule.wake("shop", f"address {moment}", 100 + moment * 0.004)
    assert schedule.next() == 100 + LONGEST
    assert schedule.take("shop") == ("address 0", "address 1", "address 2", "address 3", "address 4", "and 95 more")


def test_what_waits_longest_comes_first() -> None:
    schedule = Schedule()
    schedule.wake("b", "x", 100.0)
    schedule.wake("a", "x", 100.001)
    assert schedule.due(200.0) == ("b", "a")


def test_what_happens_during_a_look_makes_another_one() -> None:
    schedule = Schedule()
    schedule.wake("shop", "the table is gone", 100.0)
    schedule.take("shop")
    schedule.wake("shop", "the table has come", 100.02)
    schedule.repaired("shop", FLUSHED, 100.03)
    assert schedule.due(100.1) == ("shop",)
    schedule.take("shop")
    schedule.kept("shop")
    assert schedule.next() is None


def repairs(schedule: Schedule, moments: list[float], what: tuple[str, ...] = FLUSHED) -> list[float | None]:
    return [schedule.repaired("shop", what, moment) for moment in moments]


def test_the_same_repair_again_and_again_is_a_fight_and_is_made_ever_later() -> None:
    schedule = Schedule()
    assert repairs(schedule, [0, 1, 2, 3, 4, 5, 7, 11, 19]) == [None, None, None, None, 1, 2, 4, 8, 16]
    schedule.wake("shop", "the table is gone", 19.1)
    assert schedule.next() == 19 + 16
    # The link's being gone is another thing, but the same fight.
    assert repairs(schedule, [35, 67, 131, 259, 515, 815], ("create veth",)) == [32, 64, 128, 256, 300, 300]


def test_a_person_who_flushes_three_times_is_no_fight_nor_are_different_repairs() -> None:
    schedule = Schedule()
    assert repairs(schedule, [0, 0.5, 1]) == [None, None, None]
    assert [schedule.repaired("shop", (f"create veth {number}",), 1 + number / 10) for number in range(20)] == [None] * 20


def test_a_slow_fight_is_one_too() -> None:
    schedule = Schedule()
    assert repairs(schedule, [float(second) for second in range(0, 640, 20)]) == [None] * 29 + [1, 2, 4]


def test_a_fight_is_over_when_a_repair_has_held() -> None:
    schedule = Schedule()
    assert repairs(schedule, [0, 1, 2, 3, 4])[-1] == 1
    assert repairs(schedule, [4 + 2 * 1 + 60 - 0.1]) == [2]
    assert repairs(schedule, [66 + 2 * 2 + 60 + 0.1]) == [None]
    assert repairs(schedule, [131.0]) == [None]


def test_what_fails_is_tried_again_ever_later_and_at_once_if_the_reason_may_be_gone() -> None:
    schedule = Schedule()
    schedule.wake("shop", "the table is gone", 100.0)
    pauses = []
    for _ in range(8):
        schedule.take("shop")
        pauses.append(schedule.failed("shop", 100.0))
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    assert schedule.next() == 160.0
    schedule.hurry("shop")
    assert schedule.due(100.1) == ("shop",)
    schedule.take("shop")
    assert schedule.failed("shop", 101.0) == 1


def test_a_success_forgets_the_failures() -> None:
    schedule = Schedule()
    assert [schedule.failed("shop", 100.0), schedule.failed("shop", 101.0)] == [1, 2]
    schedule.kept("shop")
    assert schedule.failed("shop", 110.0) == 1


def test_a_fight_is_not_hurried() -> None:
    schedule = Schedule()
    repairs(schedule, [0, 1, 2, 3, 4])
    schedule.wake("shop", "the table is gone", 4.1)
    schedule.hurry("shop")
    assert schedule.next() == 5.0


def test_what_needs_an_engine_that_is_away_is_held_until_it_is_back() -> None:
    schedule = Schedule()
    schedule.wake("shop", "the container web: die", 100.0)
    schedule.hold("shop", 130.0)
    assert schedule.next() == 130.0
    schedule.hurry("shop")
    assert schedule.due(100.1) == ("shop",)


def test_a_stack_that_is_gone_is_due_no_more() -> None:
    schedule = Schedule()
    schedule.wake("shop", "x", 100.0)
    schedule.forget("shop")
    assert schedule.next() is None
