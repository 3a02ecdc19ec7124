"""What may be a secret (a file's comments and notes, a program's arguments and environment) is where it has to be, and in no log."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemons import SHOP, sh
from stacks import Stacks

from daemon_process import DaemonProcess

pytestmark = pytest.mark.netns

FILE, ARGUMENT, ENVIRONMENT = "hunter2file", "hunter2argument", "hunter2environment"
TEXT = f"# {FILE}\nx-note: {{token: {FILE}}}\n{SHOP}"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[DaemonProcess]:
    daemon = DaemonProcess(tmp_path, API_TOKEN=ENVIRONMENT)
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.close()
        Stacks(daemon.state).destroy_all()


def where(daemon: DaemonProcess, secret: str) -> list[str]:
    """The files of the daemon and its state that have it, and the commands that say it."""
    files = [daemon.log, *(path for path in daemon.state.rglob("*") if path.is_file())]
    commands = (("log", "--full"), ("events",), ("status", "--json"))
    found = [path.name for path in files if secret.encode() in path.read_bytes()]
    return sorted(found) + [" ".join(words) for words in commands if secret in daemon.run(*words).stdout]


def test_a_files_comments_and_notes_are_in_the_database_alone(daemon: DaemonProcess, host) -> None:
    daemon.apply(TEXT)
    sh("nft flush ruleset")
    daemon.wait_for("repaired")
    wrong = daemon.run("apply", "--quiet", "-", stdin=TEXT.replace("br-shop", "lo"), check=False)
    assert wrong.returncode != 0
    assert FILE not in wrong.stderr
    assert {re.sub("-wal$", "", name) for name in where(daemon, FILE)} == {"state.db"}
    assert {path.stat().st_mode & 0o077 for path in (daemon.state, *daemon.state.iterdir())} == {0}


def test_what_a_program_is_told_is_nowhere(daemon: DaemonProcess, host) -> None:
    daemon.apply(TEXT)
    said = daemon.run("exec", "web", "--", "echo", ARGUMENT).stdout
    assert said == f"{ARGUMENT}\n"
    assert (where(daemon, ARGUMENT), where(daemon, ENVIRONMENT)) == ([], [])


def test_a_program_in_a_namespace_gets_no_descriptor_that_was_not_its_callers(daemon: DaemonProcess, host) -> None:
    daemon.apply(TEXT)
    looking = "import os; print(sorted(os.listdir('/proc/self/fd'), key=int))"
    # The fourth is the listing itself.
    assert daemon.run("exec", "web", "--", sys.executable, "-I", "-S", "-c", looking).stdout == "['0', '1', '2', '3']\n"
