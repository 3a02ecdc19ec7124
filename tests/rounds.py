"""Rounds of apply and destroy in one process, and what it holds: for the test of a few, and the bench of many."""

from __future__ import annotations

import gc
import os
from dataclasses import dataclass
from pathlib import Path

import netwright

SMALL = """\
version: 1
name: rounds
networks: {lan: {subnets: [10.5.0.0/24], antispoof: true}}
namespaces: {round-a: {interfaces: {eth0: {network: lan}}}}
host: {publish: [{listen: 80, to: "round-a:80"}]}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    descriptors: int
    threads: int
    memory: int
    """Bytes of RAM (proc_pid_statm(5): resident)."""


class Rounds:
    """Every round opens engines of its own, as a command does."""

    def __init__(self, text: str, folder: str) -> None:
        self._document = netwright.parse(text, "rounds.yaml")
        self._folder = folder

    def run(self, count: int) -> None:
        for _ in range(count):
            assert netwright.apply(self._document, state_folder=self._folder).plan
            assert netwright.destroy(self._document.spec.name, state_folder=self._folder).plan

    def held(self) -> Held:
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return Held(
            descriptors=len(os.listdir("/proc/self/fd")),
            threads=len(os.listdir("/proc/self/task")),
            memory=pages * os.sysconf("SC_PAGE_SIZE"),
        )
