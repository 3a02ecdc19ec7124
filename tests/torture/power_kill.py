"""SIGKILL at each write of the command line to a disk, while the host is half changed: `recover` brings back what was committed last."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from netwright.backends.store import SqliteStore
from torture.figures import Effort, Figure
from torture.power_host import CONFIGURED, Standing, booted, netwright, standing
from torture.power_scenes import EDGE, WIDER

CALLS = ("pwrite64", "fdatasync", "fsync", "ftruncate", "unlink", "rename", "symlink", "mkdir")
MOST = 500
"""Calls of one sort in one command: a run that has more is endless."""
RUNS = {"the first apply": ((), "apply"), "an edit": ((EDGE,), "apply"), "destroy": ((EDGE,), "destroy")}
"""What → the files that are applied before, and the command."""


def figures(effort: Effort) -> Iterator[Figure]:
    for what in RUNS:
        began = time.monotonic()
        tried, broken = 0, []
        for call in CALLS:
            for number in range(1, MOST, effort.every):
                fault = killed(what, call, number)
                if fault is None:
                    break
                tried += 1
                if fault:
                    broken.append(f"{call} number {number}: {fault}")
        yield Figure(what=f"SIGKILL at a write: {what}", tried=tried, broken=tuple(broken), seconds=time.monotonic() - began)


def killed(what: str, call: str, number: int) -> str | None:
    """What did not hold where the command is killed at such a system call, the how many-th (from 1); None: it makes not so many."""
    applied, command = RUNS[what]
    with tempfile.TemporaryDirectory() as folder, booted(CONFIGURED):
        state = Path(folder, "state")
        file = Path(folder, "edge.yaml")
        for text in applied:
            file.write_text(text)
            assert netwright(state, "apply", str(file)).status == 0
        before = standing()
        if command == "apply":
            file.write_text(WIDER)
        words = [command, "edge" if command == "destroy" else str(file)]
        tracer = [
            "strace",
            "-f",
            "-qq",
            "-o",
            os.devnull,
            "-e",
            f"trace={call}",
            "-e",
            f"inject={call}:signal=SIGKILL:when={number}",
        ]
        done = subprocess.run(
            [*tracer, sys.executable, "-m", "netwright", *words],
            env={**os.environ, "NETWRIGHT_STATE": str(state), "PYTHONDONTWRITEBYTECODE": "1"},
            check=False,
            capture_output=True,
            timeout=120,
        )
        if done.returncode == 0:
            return None
        if done.returncode != -signal.SIGKILL:
            return f"ended with {done.returncode}: {done.stderr.decode()}"
        return _fault(state, file, before, command)


def _fault(state: Path, file: Path, before: Standing, command: str) -> str:
    """Empty: all is as it should be."""
    for words in (["status"], ["log"], ["recover"]):
        said = netwright(state, *words)
        if said.fault or said.status:
            return f"netwright {words[0]}: {said.fault or said.err}"
    with closing(SqliteStore(str(state))) as store:
        commit = store.commits().get("edge")
        if store.journals():
            return "a run is still unfinished after recover"
    recovered = standing()
    done = commit.spec == WIDER if commit is not None and command == "apply" else commit is None and command == "destroy"
    if not done and recovered != before:
        return f"not committed, and the host is not as before: {_difference(before, recovered)}"
    if done and command == "apply" and netwright(state, "plan", "--check", str(file)).status != 0:
        return "committed, and the host is not as the file says"
    if (said := netwright(state, "destroy", "edge")).status != 0:
        return f"netwright destroy: {said.err}"
    left = [one for one in standing()["links"] if one not in {"lo", "eth1", "far1"}]
    return f"after destroy there is {left}" if left else ""


def _difference(before: Standing, after: Standing) -> str:
    return "; ".join(f"{what}: {before[what]}, and then {after[what]}" for what in before if before[what] != after[what])
