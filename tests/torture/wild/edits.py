"""Edits of a file at random: something goes, or something of another file comes in its place."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import yaml
from hypothesis import strategies as st

from torture.wild.files import TRIES, Tree, trees, valid

Place = tuple[str | int, ...]


@st.composite
def edits(draw: st.DrawFn, stack: str, text: str) -> str:
    """The file after one to three edits; valid, and in the worst case as it was."""
    for _ in range(TRIES):
        if (edited := valid(draw(_edited(stack, text)))) is not None:
            return edited
    return text


@st.composite
def _edited(draw: st.DrawFn, stack: str, text: str) -> Tree:
    tree: Tree = yaml.safe_load(text)
    other = draw(trees(stack))
    for _ in range(draw(st.integers(1, 3))):
        sections = [key for key in ("networks", "namespaces", "host", "policies") if key in other or key in tree]
        if draw(st.booleans()) or not sections:
            places = [place for place in _places(tree) if place not in (("version",), ("name",))]
            if places:
                _remove(tree, draw(st.sampled_from(places)))
            continue
        section = draw(st.sampled_from(sections))
        here, there = tree.get(section), other.get(section)
        if isinstance(here, dict) and isinstance(there, dict) and there:
            name = draw(st.sampled_from(sorted(there)))
            here[name] = copy.deepcopy(there[name])
        elif there is not None:
            tree[section] = copy.deepcopy(there)
    return tree


def _places(tree: Any, path: Place = ()) -> Iterator[Place]:
    """Of all that can be taken out, outermost first."""
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in entries:
        yield (*path, key)
        yield from _places(value, (*path, key))


def _remove(tree: Any, place: Place) -> None:
    *path, last = place
    for key in path:
        tree = tree[key]
    del tree[last]
