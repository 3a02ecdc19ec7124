"""Who changed what, and when: what is written down of each change, kept with it, and shown."""

from __future__ import annotations

import hashlib
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from memory_host import CutOff, Mortal, a_host, an_engine

from netwright.backends.store import SqliteStore, deeds
from netwright.engine.engine import Engine
from netwright.engine.outcome import Silent
from netwright.errors import ApplyFailed, KernelError, NetwrightError, SpecError
from netwright.model.caller import Caller, Connection
from netwright.model.deed import Act, Deed, Result
from netwright.model.operation import AnyOperation
from netwright.report.log_text import log_document, log_text
from netwright.spec.load import parse

ANN = Caller(
    pid=4711,
    uid=0,
    user="root",
    sudo_user="ann",
    login_uid=1000,
    login_user="ann",
    command="netwright apply lab.yaml",
    connections=(Connection(address="192.0.2.7", port=22, client="198.51.100.9", client_port=50123),),
)
LAB = "version: 1\nname: lab\nnamespaces: {a: {}}\n"
MORE = LAB.replace("a: {}", "a: {}, b: {}")
DIGEST, DIGEST_OF_MORE = (hashlib.sha256(text.encode()).hexdigest() for text in (LAB, MORE))


def told(engine: Engine) -> list[tuple[str, str, str, str, str]]:
    """What of each entry does not depend on the clock."""
    return [(one.act.value, one.stack, one.result.value, one.before[:6], one.after[:6]) for one in engine.deeds()]


def test_what_is_done_is_written_down_with_who_and_what(tmp_path: Path) -> None:
    began = time.time()
    with an_engine(a_host(), tmp_path, caller=ANN) as engine:
        engine.apply(parse(LAB, "lab.yaml"))
        engine.apply(parse(LAB, "lab.yaml"))
        engine.apply(parse(MORE, "lab.yaml"), confirm_seconds=600)
        engine.confirm("lab")
        engine.destroy("lab")
        engine.destroy("lab")
        first, *_ = engine.deeds("lab")
        assert engine.deeds("other") == []
        assert told(engine) == [
            ("apply", "lab", "done", "", DIGEST[:6]),
            ("apply", "lab", "done", DIGEST[:6], DIGEST_OF_MORE[:6]),
            ("confirm", "lab", "done", DIGEST[:6], DIGEST_OF_MORE[:6]),
            ("destroy", "lab", "done", DIGEST_OF_MORE[:6], ""),
        ]
    assert began <= first.at <= time.time()
    assert first.caller == ANN
    assert first.done[0] == "create namespace a with net.ipv6.conf.default.disable_ipv6=1"
    assert (first.more, first.message, first.after) == (0, "", DIGEST)


def test_a_refusal_a_failure_and_a_crash_are_written_down(tmp_path: Path) -> None:
    world = Mortal(a_host(), -1)

    def refuse(operation: AnyOperation) -> None:
        raise KernelError(12, "no memory")

    with an_engine(world, tmp_path, caller=ANN) as engine:
        engine.apply(parse(LAB, "lab.yaml"))
        with pytest.raises(NetwrightError):
            engine.apply(parse(LAB.replace("lab", "other"), "other.yaml"))
        world.before = refuse
        with pytest.raises(ApplyFailed):
            engine.apply(parse(MORE, "lab.yaml"))
        world.before = lambda _: None
        world.at = len(world.executed) + 2
        with pytest.raises(CutOff):
            engine.apply(parse(MORE, "lab.yaml"))
        world.at = -1
    with an_engine(world, tmp_path, caller=replace(ANN, command="netwright recover")) as engine:
        assert engine.recover() == ("lab",)
        assert told(engine)[1:] == [
            ("apply", "other", "refused", "", ""),
            ("apply", "lab", "rolled back", DIGEST[:6], DIGEST[:6]),
            ("recover", "lab", "done", DIGEST[:6], DIGEST[:6]),
        ]
        _, refused, failed, recovered = engine.deeds()
    assert refused.message.startswith("the namespace a ")
    assert failed.message.endswith("The host is as before: the stack lab as it was last applied.")
    assert failed.done[0] == "create namespace b with net.ipv6.conf.default.disable_ipv6=1"
    assert (recovered.done[0], recovered.caller and recovered.caller.command) == ("delete namespace b", "netwright recover")


def test_what_nobody_confirmed_and_what_the_daemon_repaired(tmp_path: Path) -> None:
    world = a_host()
    with an_engine(world, tmp_path, caller=replace(ANN, command="netwright daemon")) as engine:
        engine.apply(parse(LAB, "lab.yaml"), confirm_seconds=-1)
        assert engine.expire_trials() == ("lab",)
        engine.apply(parse(LAB, "lab.yaml"))
        (ref,) = [ref for ref in world.namespaces if ref.name == "a"]
        del world.namespaces[ref]
        engine.keep("lab")
        engine.keep("lab")
        assert told(engine) == [
            ("apply", "lab", "done", "", DIGEST[:6]),
            ("expire", "lab", "done", DIGEST[:6], ""),
            ("apply", "lab", "done", "", DIGEST[:6]),
            ("repair", "lab", "done", DIGEST[:6], DIGEST[:6]),
        ]

    def record(self, deed: Deed) -> None:
        super().record(replace(deed, at="no number"))  # type: ignore[arg-type]


def test_a_log_that_cannot_be_written_hides_no_error(tmp_path: Path) -> None:
    class Broken(SqliteStore):
        def record(self, deed: Deed) -> None:
            raise ApplyFailed("The disk is full.", rolled_back=False)

    with Engine(a_host(), Broken(str(tmp_path)), Silent(), ANN) as engine, pytest.raises(SpecError, match="there is no NIC eth7"):
        engine.apply(parse("version: 1\nname: lab\nnamespaces: {a: {interfaces: {x: {nic: eth7}}}}\n", "lab.yaml"))


def deed(number: int, *, at: float | None = None, stack: str = "lab") -> Deed:
    moment = 1_700_000_000.5 + number if at is None else at
    return Deed(at=moment, act=Act.APPLY, stack=stack, result=Result.DONE, caller=ANN, done=(f"number {number}",), after="d")


def test_it_is_read_back_whole_and_outlives_its_stack(tmp_path: Path) -> None:
    store = SqliteStore(str(tmp_path))
    kept = Deed(
        at=1_700_000_000.5,
        act=Act.RECOVER,
        stack="lab",
        result=Result.BETWEEN,
        caller=None,
        done=("a", "b"),
        more=7,
        message="no\nmore",
        before="x",
        after="y",
    )
    store.record(kept)
    store.record(deed(2))
    store.commit("lab", None, leases={}, loans=[], fingerprints={})
    assert store.deeds("lab") == [kept, deed(2)]
    assert store.deeds("other") == []
    store.close()


def test_the_newest_are_kept_and_none_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deeds, "MOST", 5)
    store = SqliteStore(str(tmp_path))
    for number in range(8):
        store.record(deed(number, stack=f"s{number % 2}"))
    assert [one.done for one in store.deeds()] == [(f"number {number}",) for number in range(3, 8)]
    later = 1_700_000_000.5 + deeds.DAYS * 86_400
    store.record(deed(9, at=later + 5.5))
    assert [one.done for one in store.deeds()] == [("number 6",), ("number 7",), ("number 9",)]
    store.close()


def test_what_the_daemon_repairs_sweeps_out_nothing_that_people_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deeds, "MOST", 4)
    monkeypatch.setattr(deeds, "MOST_REPAIRS", 2)
    store = SqliteStore(str(tmp_path))
    for number in range(6):
        store.record(deed(number))
        for repair in range(3):
            store.record(replace(deed(100 * number + repair, at=1_700_000_000.5 + number), act=Act.REPAIR))
    kept = [(one.act, one.done[0]) for one in store.deeds()]
    assert [done for act, done in kept if act is Act.APPLY] == ["number 2", "number 3", "number 4", "number 5"]
    assert [done for act, done in kept if act is Act.REPAIR] == ["number 501", "number 502"]
    store.close()


def test_ten_thousand_entries_take_no_more_room_than_those_that_are_kept(tmp_path: Path) -> None:
    store = SqliteStore(str(tmp_path))
    sizes = []
    for thousand in range(10):
        with store._transaction() as database:
            for number in range(1000):
                deeds.write(database, replace(deed(1000 * thousand + number), message="m" * 300))
        store.close()
        sizes.append((tmp_path / "state.db").stat().st_size)
    assert len(store.deeds()) == deeds.MOST
    assert store.deeds()[0].done == ("number 5000",)
    assert max(sizes[5:]) - min(sizes[5:]) <= 65536
    assert max(sizes) < 10_000_000
    store.close()


def test_it_is_shown_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    try:
        many = replace(deed(0), done=tuple(f"do {number}" for number in range(50)), more=13, before="", after="0123456789abcdef")
        failed = Deed(
            at=1_700_000_060.0,
            act=Act.DESTROY,
            stack="lab",
            result=Result.ROLLED_BACK,
            caller=Caller(pid=1, uid=1000, user="ann", login_uid=1000, login_user="ann", command="python3: POST /v1/destroy"),
            done=("delete namespace a",),
            message="Failed to delete namespace a: busy\nThe host is as before.",
            before="aa",
            after="aa",
        )
        assert log_text([many, failed]) == (
            "2023-11-14 22:13:20  lab: apply, done, by root (by sudo from ann, from 198.51.100.9): netwright apply lab.yaml\n"
            "    do 0\n    do 1\n    do 2\n    do 3\n    do 4\n    and 58 more\n"
            "    the file was none, is 0123456789ab\n"
            "2023-11-14 22:14:20  lab: destroy, rolled back, by ann: python3: POST /v1/destroy\n"
            "    Failed to delete namespace a: busy\n"
            "    The host is as before.\n"
            "    began to delete namespace a\n"
        )
        assert log_text([many], full=True).count("\n    do ") == 50
    finally:
        monkeypatch.undo()
        time.tzset()
    (entry,) = log_document([failed])["entries"]
    assert (entry["act"], entry["result"], entry["before"], entry["caller"]["sessions"]) == ("destroy", "rolled back", "aa", [])
