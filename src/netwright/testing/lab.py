"""A lab: a throw-away host with what a file asks for, seen from the process that tests it.

The lab lives in a process of its own (`keeper`). The tester's process never changes its namespaces: programs are started
in the lab by a small starter, functions run in a child, connections are tried by the keeper. Everything inside is gone
when the lab is closed, or when the process that made it ends, however it ends.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

from netwright import errors
from netwright.errors import ApplyFailed, Missing, NetwrightError, Problem, SpecError
from netwright.sandbox.probe import Reach
from netwright.testing.host import Host

__all__ = ["Host", "Lab", "Reach"]

_END_SECONDS = 10.0


class Lab:
    """Hosts by name: `lab["web"]`; `lab.host` is the one that has the bridges. A context manager; made by `Lab.build`."""

    def __init__(self) -> None:
        """Start a throw-away host with nothing on it. Raises Missing where the system forbids it; the hint says what would allow it."""
        # -P: a module in the tester's folder must not stand in for one that is meant.
        self._keeper = subprocess.Popen(
            [sys.executable, "-P", "-m", "netwright.testing.keeper"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._requests = cast("IO[str]", self._keeper.stdin)
        self._answers = cast("IO[str]", self._keeper.stdout)
        self._asking = threading.Lock()
        self._hosts: dict[str, Host] = {}
        self.networks: Mapping[str, Sequence[str]] = {}
        """Network → its subnets."""
        self.notes: Sequence[str] = ()
        """How the lab differs from what the file says, a sentence each."""
        try:
            told = self._read()
        except NetwrightError:
            self.close()
            raise
        if "forbidden" in told:
            self.close()
            raise Missing(told["forbidden"], hint=told["hint"])

    @classmethod
    def build(cls, file: str | Path, *, outside: Mapping[str, Sequence[str]] | None = None) -> Self:
        """A lab with what `file` asks for: a new one, and `load`."""
        lab = cls()
        try:
            lab.load(file, outside=outside)
        except BaseException:
            lab.close()
            raise
        return lab

    def load(self, file: str | Path, *, outside: Mapping[str, Sequence[str]] | None = None) -> None:
        """Build what `file` (a path, or the YAML text itself) asks for; once in a lab's life.

        Docker and NICs are not needed: a container is a namespace of its name, a NIC a veth whose other end is in the
        namespace `outside-NIC`; `outside` gives addresses there: `{"eth1": ["10.0.7.7/8"]}`.
        Raises SpecError, and what `apply` raises.
        """
        text, source = (file.read_text(encoding="utf-8"), str(file)) if isinstance(file, Path) else (file, "the lab's file")
        addresses = {nic: list(given) for nic, given in (outside or {}).items()}
        built = self.ask(do="build", text=text, source=source, outside=addresses)
        self.networks, self.notes = built["networks"], built["notes"]
        self._hosts = {name: Host(self, name, tuple(own)) for name, own in built["addresses"].items()}

    @property
    def pid(self) -> int:
        """The process outside whose namespaces (and whose children's process namespace) are the lab's."""
        return self._keeper.pid

    @property
    def host(self) -> Host:
        """The host itself: `host` in the file."""
        return self._hosts[""]

    def __getitem__(self, name: str) -> Host:
        """A namespace, or what stands in for a container. Raises KeyError that says what there is."""
        try:
            return self._hosts[name]
        except KeyError:
            raise KeyError(f"the lab has no {name!r}; it has {', '.join(self) or 'no namespaces'}") from None

    def __iter__(self) -> Iterator[str]:
        """The names of its namespaces, in the file's order."""
        return (name for name in self._hosts if name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End it: its processes, namespaces and interfaces are gone when this returns. A second time does nothing."""
        try:
            self._requests.close()
            self._keeper.wait(_END_SECONDS)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            # Its children die with it: that is what the throw-away host is.
            self._keeper.kill()
            self._keeper.wait()
        self._answers.close()

    def ask(self, **request: Any) -> dict[str, Any]:
        """One request to the keeper, and its answer. Raises the keeper's NetwrightError."""
        with self._asking:
            try:
                self._requests.write(json.dumps(request) + "\n")
                self._requests.flush()
            except (BrokenPipeError, ValueError):
                raise NetwrightError("The lab is closed.") from None
            told = self._read()
        if "error" in told:
            raise _rebuilt(told["error"])
        return told

    def _read(self) -> dict[str, Any]:
        line = self._answers.readline()
        if not line:
            raise NetwrightError("The lab's process has ended; what it said last is on stderr.")
        told: dict[str, Any] = json.loads(line)
        return told


def _rebuilt(told: dict[str, Any]) -> NetwrightError:
    if "problems" in told:
        return SpecError(told["source"], [Problem(*problem) for problem in told["problems"]])
    if "rolled_back" in told:
        return ApplyFailed(told["message"], rolled_back=told["rolled_back"], hint=told["hint"])
    kind = getattr(errors, told["type"], NetwrightError)
    if issubclass(kind, errors.KernelError):
        kind = errors.BackendError
    rebuilt: NetwrightError = kind(told["message"], hint=told["hint"])
    return rebuilt
