"""What is told while a change is being made: to a log, and to a person at a terminal."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest

WORK = """
import sys
from netwright.frontends.cli.progress import shown
from netwright.model.netns import named
from netwright.model.operation import DeleteNetns, Plan

with shown(quiet=len(sys.argv) > 2) as progress:
    progress.phase("observing")
    progress.planned(Plan(stack="shop", operations=(DeleteNetns(netns=named("a"), why=""),) * int(sys.argv[1])))
    progress.phase("applying")
    progress.done(100)
    progress.note("Waiting for [PID 7]…")
    progress.phase("rolling back")
print("rich" in sys.modules)
"""


def in_a_log(*arguments: str) -> tuple[str, str]:
    done = subprocess.run([sys.executable, "-c", WORK, *arguments], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout, done.stderr


def on_a_terminal(count: int, **environment: str) -> str:
    """All that came to the terminal, which is standard output and standard error."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", WORK, str(count)],
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", **environment},
    )
    os.close(theirs)
    text = b""
    try:
        # Reading from a terminal whose other side is closed is EIO.
        while part := os.read(ours, 65536):
            text += part
    except OSError:
        pass
    finally:
        os.close(ours)
    assert process.wait(timeout=60) == 0
    return text.decode()


def test_a_log_gets_the_sentences_and_no_bar() -> None:
    assert in_a_log("150") == ("False\n", "Waiting for [PID 7]…\nRolling back…\n")


def test_who_wants_quiet_hears_of_a_rollback_only() -> None:
    assert in_a_log("150", "quiet") == ("False\n", "Rolling back…\n")


def test_a_terminal_gets_a_bar_and_the_sentences_stay() -> None:
    shown = on_a_terminal(150)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert "100/150" in plain
    assert "Waiting for [PID 7]…" in plain
    assert shown.rstrip().endswith("True")


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_left_out_where_that_is_wanted(environment: dict[str, str], coloured: bool) -> None:
    assert bool(re.search(r"\x1b\[(38;|3[0-9])", on_a_terminal(150, **environment))) is coloured


def test_short_work_has_no_bar_and_does_not_load_what_draws_it() -> None:
    assert on_a_terminal(99).splitlines() == ["Waiting for [PID 7]…", "Rolling back…", "False"]
