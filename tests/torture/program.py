"""The command line program, run again and again by a process that has loaded it already: starting Python takes longer than most runs.

Each run is a process of its own, forked from that one, with an argument list, standard output and standard error as a shell would give
them. What is to go wrong in it is installed before its first line (seams.py).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

LONGEST_SECONDS = 120
"""A run that takes longer is ended by SIGALRM."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong in a run."""

    way: str
    """A key of seams.WAYS."""
    number: int
    """At which of its places, from 0."""
    disks: tuple[str, ...] = ()
    """The folders that become full, for those ways that fill them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A run that is over."""

    status: int
    """What it exited with; negative: the signal that ended it."""
    output: str
    words: str
    """Standard error."""
    fired: str | None
    """At what it went wrong; None: the run had no such place."""
    seconds: float


class Program:
    """A context manager. It runs in the namespaces of the thread that made it; `environment` is added to this process's."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._server = subprocess.Popen(
            [sys.executable, str(Path(__file__)), "serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.communicate()

    def run(self, *words: str, fault: Fault | None = None, environment: Mapping[str, str] | None = None) -> Ended:
        """`netwright WORDS`, to its end."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        began = time.monotonic()
        order = {"words": words, "fault": asdict(fault) if fault else None, "environment": dict(environment or {})}
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        answer = json.loads(self._server.stdout.readline())
        return Ended(seconds=time.monotonic() - began, **answer)


def serve() -> None:
    """Run what comes on standard input, one order a line, until it ends."""
    for order in sys.stdin:
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as words, tempfile.TemporaryFile() as fired:
            pid = os.fork()
            if pid == 0:
                _be_the_program(json.loads(order), output.fileno(), words.fileno(), fired.fileno())
            _, ended = os.waitpid(pid, 0)
            answer = {"status": os.waitstatus_to_exitcode(ended), "output": _read(output), "words": _read(words)}
            print(json.dumps({**answer, "fired": _read(fired) or None}), flush=True)


def _be_the_program(order: dict[str, Any], output: int, words: int, fired: int) -> None:
    """Never returns."""
    from netwright.frontends.cli import main
    from torture import seams

    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, place in enumerate((nothing, output, words)):
        os.dup2(place, number)
    for interruption in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(interruption, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.alarm(LONGEST_SECONDS)
    sys.argv = ["netwright", *order["words"]]
    os.environ.update(order["environment"])
    if order["fault"] is not None:
        seams.install(Fault(**order["fault"]), lambda what: os.write(fired, what.encode()))
    main()


def _read(file: Any) -> str:
    file.seek(0)
    return str(file.read().decode(errors="replace"))


if __name__ == "__main__":
    # The folder of the program is the first place that Python looks for modules in; here it must be the one above.
    sys.path[0] = str(Path(__file__).parents[1])
    import importlib

    for module in ("apply", "destroy", "recover", "status", "plan", "program"):
        importlib.import_module(f"netwright.frontends.cli.{module}")
    for module in ("netwright.wiring", "netwright.backends.docker_session", "netwright.report.documents", "torture.seams"):
        importlib.import_module(module)
    from torture.program import serve as serve_orders

    serve_orders()
