"""Whatever the text, it is a document or a SpecError that can be read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.errors import SpecError
from netwright.spec.document import Document
from netwright.spec.load import decode, parse
from netwright.spec.schema import Spec

HERE = Path(__file__).parent
SEEDS = [file.read_text() for file in sorted([*(HERE / "spec_cases").glob("*/file.yaml"), *(HERE.parents[1] / "examples").glob("*.yaml")])]
KEYS = sorted({key for part in [Spec.model_json_schema(), *Spec.model_json_schema()["$defs"].values()] for key in part["properties"]})
WORDS = [
    "a",
    "lan",
    "eth0",
    "host",
    "none",
    "10.0.0.1",
    "10.0.0.0/24",
    "fd00::/64",
    "fd00::1",
    "80",
    "web:80",
    "80-90/udp",
    "default",
    "*x",
    "&x 1",
    "",
]
LEAVES = st.one_of(st.sampled_from(WORDS), st.integers(), st.booleans(), st.none(), st.floats(allow_nan=True), st.text(max_size=5))
TREES: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*KEYS, *WORDS]), inner, max_size=5),
    max_leaves=25,
)


def _read(text: str) -> None:
    try:
        document = parse(text, "fuzz.yaml")
    except SpecError as error:
        assert error.problems
        for problem in error.problems:
            assert problem.message
            assert "Value error" not in problem.message
            assert problem.line <= len(re.split("\r\n|[\n\r\x85\u2028\u2029]", text)) + 1
    else:
        assert isinstance(document, Document)


@settings(max_examples=300, deadline=2000)
@given(st.text())
def test_any_text_is_a_document_or_an_error(text: str):
    _read(text)


@settings(max_examples=200, deadline=2000)
@given(st.binary())
def test_any_bytes_are_a_text_or_an_error(data: bytes):
    try:
        text = decode(data, "fuzz.yaml")
    except SpecError as error:
        assert error.problems[0].line >= 1
    else:
        _read(text)


@settings(max_examples=300, deadline=2000)
@given(st.sampled_from(SEEDS), st.data())
def test_a_file_with_a_piece_changed_is_a_document_or_an_error(seed: str, data: st.DataObject):
    start = data.draw(st.integers(0, len(seed)))
    end = data.draw(st.integers(start, min(len(seed), start + 30)))
    other = data.draw(st.sampled_from(SEEDS))
    cut = data.draw(st.integers(0, len(other)))
    piece = data.draw(
        st.one_of(st.text(max_size=5), st.sampled_from([*WORDS, *KEYS, "\t", "[", "{", "- ", ": ", "\n  "]), st.just(other[cut : cut + 20]))
    )

    _read(seed[:start] + piece + seed[end:])


@settings(max_examples=300, deadline=2000)
@given(
    st.fixed_dictionaries(
        {"version": st.just(1), "name": st.just("lab")}, optional=dict.fromkeys(("networks", "namespaces", "host", "containers"), TREES)
    )
)
def test_any_values_under_the_right_keys_are_a_document_or_an_error(values: dict[str, Any]):
    _read(yaml.safe_dump(values, allow_unicode=True))
