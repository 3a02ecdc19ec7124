"""Rounds of apply and destroy in one process, and what it holds: for the test of a few, and the bench of many."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import netwright
from netwright.engine.outcome import Silent
from netwright.errors import ApplyFailed, Interrupted, NetwrightError, Refused

SMALL = """\
version: 1
name: rounds
networks: {lan: {subnets: [10.5.0.0/24], antispoof: true}}
namespaces: {round-a: {interfaces: {eth0: {network: lan}}}}
host: {publish: [{listen: 80, to: "round-a:80"}]}
"""
NIC = """\
version: 1
name: rounds
namespaces: {round-a: {interfaces: {wan: {nic: eth1, addresses: [10.6.0.1/24], mtu: 1400}}}}
"""
"""Needs a host with eth1."""
UNDOABLE = SMALL.replace("round-a: {", "round-a: {sysctls: {net.ipv4.ip_default_ttl: 9999}, ")
"""The kernel refuses that value in the middle of the apply."""
TAKEN = SMALL.replace("{subnets", "{bridge: eth1, subnets")
"""The name of its bridge is somebody else's. Needs a host with eth1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    descriptors: int
    threads: int
    memory: int
    """Bytes of RAM (proc_pid_statm(5): resident)."""
    namespaces: int
    """Names below /run/netns."""


class Rounds:
    """Every round opens engines of its own, as a command does."""

    def __init__(self, text: str, folder: str) -> None:
        self._document = netwright.parse(text, "rounds.yaml")
        self._folder = folder

    def run(self, count: int) -> None:
        for _ in range(count):
            self._round()

    def _round(self) -> None:
        assert netwright.apply(self._document, state_folder=self._folder).plan
        assert netwright.destroy(self._document.spec.name, state_folder=self._folder).plan

    def held(self) -> Held:
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return Held(
            descriptors=len(os.listdir("/proc/self/fd")),
            threads=len(os.listdir("/proc/self/task")),
            memory=pages * os.sysconf("SC_PAGE_SIZE"),
            namespaces=len(os.listdir("/run/netns")),
        )


class Failing(Rounds):
    """Rounds in which the apply comes to nothing. `error`: how it ends."""

    def __init__(self, text: str, folder: str, error: type[NetwrightError], *, interrupted: bool = False) -> None:
        super().__init__(text, folder)
        self._error = error
        self._interrupted = interrupted

    def _round(self) -> None:
        try:
            with netwright.open_engine(state_folder=self._folder, progress=Impatient() if self._interrupted else Silent()) as engine:
                engine.apply(self._document)
        except self._error:
            return
        raise AssertionError("the apply has not failed")


class Impatient(Silent):
    """Somebody who presses Ctrl-C as soon as a part is done."""

    def done(self, operations: int) -> None:
        os.kill(os.getpid(), signal.SIGINT)


KINDS: dict[str, Callable[[str], Rounds]] = {
    "small": lambda folder: Rounds(SMALL, folder),
    "nic": lambda folder: Rounds(NIC, folder),
    "failing": lambda folder: Failing(UNDOABLE, folder, ApplyFailed),
    "refused": lambda folder: Failing(TAKEN, folder, Refused),
    "interrupted": lambda folder: Failing(SMALL, folder, Interrupted, interrupted=True),
}
"""What a round is: an apply and a destroy; the same with a NIC; an apply that fails and is rolled back, that is refused, that is
interrupted and rolled back."""
