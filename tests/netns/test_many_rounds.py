"""However often a stack is applied and destroyed, the process holds no more than at first: no descriptor, no thread, no memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from rounds import KINDS

pytestmark = pytest.mark.netns

ROUNDS = {"small": (20, 200), "nic": (10, 40), "failing": (10, 40), "refused": (10, 60), "interrupted": (10, 40)}
"""Those that warm it up, and all of them."""
ROOM = 3 << 20
"""Bytes that the allocator may have to itself."""


@pytest.mark.parametrize(("kind", "warm", "count"), [(kind, *counts) for kind, counts in ROUNDS.items()], ids=ROUNDS)
def test_nothing_grows_with_the_rounds(host, kind: str, warm: int, count: int, tmp_path: Path) -> None:
    host.run("ip", "link", "add", "eth1", "type", "veth", "peer", "name", "eth1-far")
    rounds = KINDS[kind](str(tmp_path))
    rounds.run(warm)
    before = rounds.held()
    rounds.run(count - warm)
    after = rounds.held()
    host.run("ip", "link", "delete", "eth1")
    assert (after.descriptors, after.threads, after.namespaces) == (before.descriptors, before.threads, 0)
    assert after.memory - before.memory < ROOM
