"""Links and aliases that somebody has named to be obeyed by a terminal: no command hands them on, neither to a terminal nor through a pipe."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from stacks import Stacks, run

pytestmark = pytest.mark.netns

RED = "\x1b[31mx\x07\u202e"
ALIAS = "\x1b]0;owned\x07\x9b2J\u2066 netwright:other"
LAB = """\
version: 1
name: lab
networks: {lan: {subnets: [10.5.0.0/24], bridge: br-lab}}
namespaces: {box: {interfaces: {eth0: {network: lan, address: 10.5.0.7, mtu: 1400}}}}
host: {publish: [{listen: 8080/tcp, to: box:80}]}
"""
COMMANDS = [
    *(["validate", "FILE"], ["apply", "FILE"], ["plan", "FILE", "--commands"], ["status"], ["log", "--full"], ["log", "--json"]),
    *(
        ["events"],
        ["import", "host"],
        *(["graph", "lab", "--format", form] for form in ("text", "svg", "dot", "mermaid")),
        ["destroy", "lab"],
    ),
]
PIPED = [["validate", "FILE"], ["validate", "FILE", "--json"], ["import", "host"], ["status"]]


def obeyed(text: str) -> list[str]:
    """What a terminal would not just show."""
    return sorted({letter for letter in text if letter not in "\n\r\t" and (not letter.isprintable() or letter in "\u202e\u2066")})


def shown(arguments: list[str], folder: Path, *, terminal: bool) -> str:
    """All that a command says."""
    inner, outer = os.openpty() if terminal else os.pipe()
    environment = {**os.environ, "NETWRIGHT_STATE": f"{folder}/state", "NO_COLOR": "1", "TERM": "xterm"}
    command = [sys.executable, "-m", "netwright", *arguments]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=outer, stderr=subprocess.PIPE, cwd=folder, env=environment) as process:
        os.close(outer)
        said = b""
        try:
            while part := os.read(inner, 65536):
                said += part
        except OSError:
            # A terminal whose other end is closed (EIO).
            pass
        os.close(inner)
        assert process.stderr is not None
        said += process.stderr.read()
        assert process.wait(60) == 0, said
    return said.decode()


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Path]:
    """A stack, somebody's links beside it and in it, and a file with such a name."""
    stacks = Stacks(tmp_path / "state")
    (tmp_path / f"{RED}.yaml").write_text(LAB)
    stacks.apply(LAB)
    for netns in ("", "box"):
        run("ip", "link", "add", RED, "type", "bridge", netns=netns)
        run("ip", "link", "set", RED, "alias", ALIAS, netns=netns)
    run("ip", "link", "set", "eth0", "mtu", "1300", netns="box")
    run("ip", "link", "set", RED, "master", "br-lab", check=False)
    run("ip", "route", "add", "10.77.0.0/16", "dev", RED, netns="box", check=False)
    yield tmp_path
    run("ip", "link", "delete", RED)
    stacks.destroy_all()


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_no_command_hands_them_on(hostile: Path, terminal: bool) -> None:
    said = {
        " ".join(arguments): shown([f"./{RED}.yaml" if word == "FILE" else word for word in arguments], hostile, terminal=terminal)
        for arguments in (COMMANDS if terminal else PIPED)
    }
    assert {command: letters for command, words in said.items() if (letters := obeyed(words))} == {}
    assert "\\x1b[31mx\\x07\\u202e" in said["validate FILE"]
