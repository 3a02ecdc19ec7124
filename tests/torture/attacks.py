"""Attacks, with real packets, on what SECURITY.md promises of the packet filter and of identity. Whatever gets through is told."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from stacks import Stacks, outside

from torture.figures import Effort, Figure
from torture.gatecrashers import GATECRASHERS
from torture.impostors import IMPOSTORS
from torture.intruders import INTRUDERS
from torture.mutants import MUTANTS

Attack = Callable[[Stacks, int], Iterator[str]]
"""Its docstring says what it tries; for each try it yields "", or a sentence that says what got through."""

ATTACKS: tuple[Attack, ...] = (*INTRUDERS, *MUTANTS, *GATECRASHERS, *IMPOSTORS)


def run(effort: Effort) -> Iterator[Figure]:
    for attack in ATTACKS:
        began = time.monotonic()
        rounds = effort.rounds if attack in MUTANTS else 1
        seen = [sentence for _ in range(rounds) for sentence in tried(attack, effort.every)]
        broken = tuple(sentence for sentence in seen if sentence)
        yield Figure(what=str(attack.__doc__), tried=len(seen), broken=broken, seconds=time.monotonic() - began)


def tried(attack: Attack, every: int) -> list[str]:
    """What an attack finds on a host with a client outside; nothing is left of it afterwards."""
    with tempfile.TemporaryDirectory() as folder, outside():
        stacks = Stacks(Path(folder))
        try:
            return list(attack(stacks, every))
        finally:
            stacks.destroy_all()
