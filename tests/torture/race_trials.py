"""`apply --confirm`, and all that may end or fail before somebody confirms: it is taken back, by itself."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

from daemon_process import until
from netwright.backends.store import SqliteStore
from netwright.model.state import Claims
from netwright.ports import Commit, Journal
from own_host import run
from torture.race_pairs import OTHER, SHOP, on_stage
from torture.racing import COMMAND, EMPTY, Ended, Stage, host, left, watchers, within

SHORT, LONG = "1", "600"
"""Seconds to confirm in: over in a moment; and never over."""
SOON = 60.0


@contextmanager
def applied(*, with_daemon: bool = False) -> Iterator[tuple[Stage, Callable[[], dict[str, Any]], dict[str, Any]]]:
    """The stack `shop`; how the host is, and how it was with that."""
    with on_stage(with_daemon=with_daemon) as stage:
        assert stage.in_this_process("apply", str(stage.folder / "shop.yaml")) == 0
        yield stage, lambda: {"host": host(), "committed": stage.committed()}, {"host": host(), "committed": stage.committed()}
    assert left() == EMPTY, f"{left()} was left"


def _tried(stage: Stage, seconds: str) -> Ended:
    ended = stage.run("apply", "--confirm", seconds, str(stage.folder / "edited.yaml"))
    assert ended.status == 0, str(ended)
    return ended


def _goes_back(now: Callable[[], dict[str, Any]], before: dict[str, Any]) -> None:
    def same() -> bool:
        # Looked at while it is being changed.
        with suppress(subprocess.CalledProcessError):
            return now() == before
        return False

    assert within(SOON, same), f"not taken back in {SOON:.0f} s: {now()}"
    assert within(SOON, lambda: not watchers()), "who has taken it back is still there"


def the_terminal_is_closed() -> None:
    """A shell on a terminal of its own, which is closed as soon as the change is made (termios(3): SIGHUP to all of it)."""
    with applied() as (stage, now, before):
        ours, theirs = pty.openpty()
        command = " ".join([*COMMAND, "apply", "--confirm", SHORT, str(stage.folder / "edited.yaml")])

        def take_the_terminal() -> None:
            # Whoever runs this with nohup(1) has it ignored, and so would all that is started here.
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

        shell = subprocess.Popen(
            ["sh", "-c", f"{command}; sleep 1000"],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=take_the_terminal,  # noqa: PLW1509 - there are no threads here
            env=stage.environment,
        )
        os.close(theirs)
        try:
            with closing(SqliteStore(str(stage.state))) as store:
                until("the change", lambda: "shop" in store.trials())
        finally:
            os.close(ours)
            shell.wait(SOON)
        assert shell.returncode == -signal.SIGHUP
        _goes_back(now, before)


def the_apply_is_killed(pause: float = 0.5) -> None:
    """After so many seconds, wherever it is then: before the change, in its middle, after it."""
    with applied() as (stage, now, before):
        process = stage.start("apply", "--confirm", SHORT, str(stage.folder / "edited.yaml"))
        with suppress(subprocess.TimeoutExpired):
            process.wait(pause)
        process.kill()
        process.wait()
        _goes_back(now, before)


def the_watcher_is_killed() -> None:
    """Then the next command does it, and until then status says what is the matter."""
    with applied() as (stage, now, before):
        _tried(stage, SHORT)
        (watcher,) = watchers()
        os.kill(watcher, signal.SIGKILL)
        until("its time to be over", lambda: "should have been rolled back" in stage.done("status"))
        assert now() != before
        assert "shop: was not confirmed in time, and was rolled back." in stage.run("recover").err
        _goes_back(now, before)


def the_watcher_is_killed_beside_a_daemon() -> None:
    """Then the daemon does it."""
    with applied(with_daemon=True) as (stage, now, before):
        _tried(stage, SHORT)
        for watcher in watchers():
            os.kill(watcher, signal.SIGKILL)
        _goes_back(now, before)


def the_watcher_is_told_to_end() -> None:
    """As when a session's processes are ended with it: it does not leave the change to nobody."""
    with applied() as (stage, now, before):
        _tried(stage, LONG)
        (watcher,) = watchers()
        os.kill(watcher, signal.SIGTERM)
        _goes_back(now, before)
        assert stage.run("confirm", "shop").status == 1


def watcher_and_daemon_are_both_there() -> None:
    """It is taken back once."""
    with applied(with_daemon=True) as (stage, now, before):
        _tried(stage, SHORT)
        _goes_back(now, before)
        with closing(SqliteStore(str(stage.state))) as store:
            assert [deed.result.value for deed in store.deeds("shop") if deed.act.value == "expire"] == ["done"]


def it_is_applied_twice() -> None:
    """Both changes are to be confirmed: it goes back to what was before the first."""
    with applied() as (stage, now, before):
        _tried(stage, LONG)
        second = stage.file("second.yaml", SHOP.replace("8080", "8082"))
        assert stage.run("apply", "--confirm", SHORT, second).status == 0
        _goes_back(now, before)


def confirmed_as_the_time_is_over(pause: float = 0.9) -> None:
    """Either it stays and is confirmed, or it is gone, and whoever confirms is told so."""
    with applied() as (stage, now, before):
        _tried(stage, SHORT)
        made = now()
        time.sleep(pause)
        status = stage.run("confirm", "shop").status
        assert within(SOON, lambda: not watchers()), "the watcher is still there"
        assert now() == (made if status == 0 else before), f"confirm has ended with status {status}"


def another_stack_cannot_be_brought_back() -> None:
    """What was cut short of another stack, and cannot be mended, is no reason to leave this one unconfirmed."""
    with applied() as (stage, now, before):
        broken = Commit(stack="broken", spec="version: 99\nname: broken\n", source="broken.yaml", committed_at=1.0, digest="d")
        with closing(SqliteStore(str(stage.state))) as store:
            store.commit("broken", broken, leases={}, loans=(), fingerprints={})
            store.begin(Journal(stack="broken", spec=OTHER, source="broken.yaml", started_at=1.0, claims=Claims()), [])
        beside = {**before, "committed": stage.committed()}
        _tried(stage, SHORT)
        _goes_back(now, beside)
        assert "broken" in stage.run("recover").err
        assert stage.run("destroy", "broken").status == 0


def the_disk_is_full_when_its_time_is_over() -> None:
    """As soon as there is room again it is taken back, by itself."""
    with on_stage() as stage:
        stage.state.mkdir(mode=0o700)
        run("mount", "-t", "tmpfs", "-o", "size=400k", "small", str(stage.state))
        try:
            assert stage.in_this_process("apply", str(stage.folder / "shop.yaml")) == 0
            before = host()
            _tried(stage, SHORT)
            with closing(SqliteStore(str(stage.state))) as store:
                deadline = store.trials()["shop"].deadline + 1
            filler = stage.state / "filler"
            with suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(b"x" * 4096)
            until("its time to be over", lambda: time.time() > deadline)
            filler.unlink()
            _goes_back(host, before)
            stage.destroy_all()
        finally:
            run("umount", "--lazy", str(stage.state))
    assert left() == EMPTY, f"{left()} was left"


CASES: dict[str, Callable[[], None]] = {
    "the terminal is closed": the_terminal_is_closed,
    "the apply is killed": the_apply_is_killed,
    "the watcher is killed": the_watcher_is_killed,
    "the watcher is killed, and there is a daemon": the_watcher_is_killed_beside_a_daemon,
    "the watcher is told to end": the_watcher_is_told_to_end,
    "watcher and daemon are both there": watcher_and_daemon_are_both_there,
    "it is applied twice": it_is_applied_twice,
    "confirmed as the time is over": confirmed_as_the_time_is_over,
    "another stack cannot be brought back": another_stack_cannot_be_brought_back,
    "the disk is full when its time is over": the_disk_is_full_when_its_time_is_over,
}
