"""Each attack of `make torture`'s section attacks, in part: nothing gets through."""

from __future__ import annotations

import pytest

from torture.attacks import ATTACKS, Attack, tried

pytestmark = pytest.mark.netns


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_nothing_gets_through(attack: Attack) -> None:
    found = tried(attack, every=10)
    assert [sentence for sentence in found if sentence] == []
    assert found, "nothing was tried"
