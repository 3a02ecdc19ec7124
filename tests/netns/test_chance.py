"""A bounded part of what `make torture` does by chance: always the same examples, on fresh hosts of their own."""

from __future__ import annotations

import pytest

from torture.chance import tried
from torture.wild.machine import Wild

pytestmark = pytest.mark.netns


def test_whatever_happens_to_a_host_each_promise_holds() -> None:
    tried(Wild, examples=6, steps=10, derandomized=True, shrinks=False)
    assert Wild.counted["applies"] > 10
