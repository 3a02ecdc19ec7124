"""Seeds with pieces changed, doubled, put in another place or cut off: understood, or refused with a sentence. `make fuzz` tries for longer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz_targets import TARGETS

PIECES = (
    b"\0",
    b"\xff",
    b"[",
    b"{",
    b'"',
    b"null",
    b"-1",
    b"1e999",
    b"9" * 30,
    b"&a ",
    b"*a",
    b"<<: ",
    b"\n",
    b"\n\t",
    b": ",
    b"[" * 1200,
    b'"\\ud800"',
)


@st.composite
def changed(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 4))):
        first, last = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
        new = draw(st.sampled_from((b"", data[first:last], *PIECES)) | st.binary(max_size=4))
        last = draw(st.sampled_from((first, min(first + 1, len(data)), last)))
        data = data[:first] + new + data[last:]
    return data


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_else_comes_out(name: str) -> None:
    target = TARGETS[name]

    @settings(max_examples=120, derandomize=True, deadline=None, database=None)
    @given(changed(target.seeds))
    def tried(data: bytes) -> None:
        target.feed(data)

    tried()
