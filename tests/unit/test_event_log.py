"""The daemon's log: kept, turned over, read and followed; and what it says in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from netwright.backends.event_log import EventLog
from netwright.model.event import Event, What, event_document, read_event
from netwright.report.event_text import event_text

REPAIRED = Event(
    at=1700000000.5,
    what=What.REPAIRED,
    stack="shop",
    why=("the table is gone", "and more"),
    done=("load nft table nw_shop on the host", "b", "c", "d", "e"),
    seconds=0.0163,
)
FIGHT = Event(
    at=1700000001.0,
    what=What.FIGHT,
    stack="shop",
    message="The same repair was needed again and again.",
    suspects=("nft", "ufw"),
    again_in=4.0,
)


def test_an_event_is_read_as_it_was_written() -> None:
    assert [read_event(event_document(event)) for event in (REPAIRED, FIGHT)] == [REPAIRED, FIGHT]


def test_all_is_read_or_what_concerns_one_stack(tmp_path: Path) -> None:
    log = EventLog(str(tmp_path))
    assert log.read() == []
    started = Event(at=1.0, what=What.STARTED)
    for event in (started, REPAIRED, FIGHT):
        log.add(event)
    assert EventLog(str(tmp_path)).read() == [started, REPAIRED, FIGHT]
    assert log.read("shop") == [REPAIRED, FIGHT]
    assert (tmp_path / "events.log").stat().st_mode & 0o777 == 0o600


def test_it_does_not_grow_for_ever(tmp_path: Path) -> None:
    log = EventLog(str(tmp_path), limit=1000)
    for number in range(100):
        log.add(Event(at=float(number), what=What.STARTED))
    kept = log.read()
    assert [event.at for event in kept] == [float(number) for number in range(100 - len(kept), 100)]
    assert 5 < len(kept) < 20
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.log", "events.log.1"]


def test_a_line_that_a_crash_has_cut_off_takes_no_other_with_it(tmp_path: Path) -> None:
    log = EventLog(str(tmp_path))
    log.add(REPAIRED)
    for torn in (b'{"at": 17000', b"\0\0\0\0"):
        with (tmp_path / "events.log").open("ab") as file:
            file.write(torn)
        log.add(FIGHT)
    assert log.read() == [REPAIRED, FIGHT, FIGHT]


def test_whoever_follows_gets_what_comes_also_over_a_turn_of_the_file(tmp_path: Path) -> None:
    log = EventLog(str(tmp_path), limit=500)
    log.add(Event(at=0.0, what=What.STARTED))
    follow = log.follow()
    assert next(follow) is None
    seen: list[float] = []
    for number in range(1, 21):
        log.add(Event(at=float(number), what=What.STARTED))
        while (event := next(follow)) is not None:
            seen.append(event.at)
    assert seen == [float(number) for number in range(1, 21)]


def test_a_line_that_was_cut_off_is_passed_over(tmp_path: Path) -> None:
    log = EventLog(str(tmp_path))
    log.add(REPAIRED)
    with (tmp_path / "events.log").open("a") as file:
        file.write('{"at": 17\n{"at": 1, "what": "something of a later version"}\n')
    log.add(FIGHT)
    assert log.read() == [REPAIRED, FIGHT]


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (
            REPAIRED,
            "shop: repaired in 16 ms, because the table is gone; and more: load nft table nw_shop on the host; b; c and 2 more.",
        ),
        (FIGHT, "shop: The same repair was needed again and again. Suspected: nft; ufw. The next attempt is in 4 seconds."),
        (
            Event(at=1.0, what=What.FAILED, stack="shop", message="Docker said\nno", again_in=1.0),
            "shop: could not be put right: Docker said no. The next attempt is in 1 second.",
        ),
        (Event(at=1.0, what=What.WAITING, stack="shop", message="it waits for web to run"), "shop: waits: it waits for web to run."),
        (Event(at=1.0, what=What.EXPIRED, stack="shop"), "shop: was not confirmed in time, and was rolled back."),
        (Event(at=1.0, what=What.RECOVERED, stack="shop"), "shop: a run was cut short; it is as it was last committed."),
        (Event(at=1.0, what=What.DOCKER, message="The Docker Engine is away."), "The Docker Engine is away."),
        (Event(at=1.0, what=What.STOPPED), "The daemon has stopped."),
    ],
    ids=lambda value: value.what.value if isinstance(value, Event) else "",
)
def test_events_are_told_in_sentences(event: Event, words: str) -> None:
    assert event_text(event) == words


@pytest.mark.parametrize(
    "spoilt",
    [
        '{"at": 1e999, "what": "repaired"}',
        '{"at": 1e18, "what": "repaired"}',
        '{"at": -1, "what": "repaired"}',
        '{"at": 1, "what": "repaired", "seconds": "x"}',
        '{"at": 1, "what": "fight", "again_in": []}',
        '{"at": 1, "what": "repaired", "why": 3}',
        "[" * 100_000,
    ],
    ids=lambda text: text[:50],
)
def test_a_line_that_says_nothing_is_passed_over(tmp_path: Path, spoilt: str) -> None:
    (tmp_path / "events.log").write_text(f'{spoilt}\n{{"at": 7, "what": "failed", "stack": "shop", "message": "m"}}\n')
    assert [event_text(event) for event in EventLog(str(tmp_path)).read()] == ["shop: could not be put right: m."]
