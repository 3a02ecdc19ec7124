"""However often a stack is applied and destroyed, the process holds no more than at first: no descriptor, no thread, no memory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rounds import SMALL, Rounds

pytestmark = pytest.mark.netns

WARM = 20
ROUNDS = 200
ROOM = 3 << 20
"""Bytes that the allocator may have to itself."""


def test_nothing_grows_with_the_rounds(tmp_path: Path) -> None:
    rounds = Rounds(SMALL, str(tmp_path))
    rounds.run(WARM)
    before = rounds.held()
    rounds.run(ROUNDS - WARM)
    after = rounds.held()
    assert (after.descriptors, after.threads) == (before.descriptors, before.threads)
    assert after.memory - before.memory < ROOM
    assert os.listdir("/run/netns") == []
