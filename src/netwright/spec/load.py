"""Text → Document, or SpecError with everything that is wrong."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from netwright.errors import Problem, SpecError
from netwright.spec.checks import check
from netwright.spec.document import Document
from netwright.spec.findings import Findings
from netwright.spec.places import Path, Places
from netwright.spec.schema import Spec
from netwright.spec.wording import report
from netwright.spec.yaml_tree import Tree, read

_STAND_INS: dict[Path, Any] = {("version",): 1, ("name",): "unnamed"}
"""What stands in for required keys that are missing or malformed, so that the rest can be looked at."""
_ROUNDS = 12
"""Leaving a part out can make what is around it incomplete; a file is not deeper than this."""


MOST_BYTES = 64 << 20
"""Of a file: ten times what the largest stack takes. Whoever reads one need not read more than a byte beyond it."""
_MARK = "\ufeff"
"""The byte order mark that some editors write first. (The codec utf-8-sig is not built in: who may not read the library's files has none.)"""


def decode(data: bytes, source: str) -> str:
    """A file's bytes as text: UTF-8, with or without a byte order mark. Raises SpecError."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SpecError(source, [Problem(1, 1, "", "the file is UTF-16, not UTF-8", "save it as UTF-8")])
    if len(data) > MOST_BYTES:
        raise SpecError(source, [Problem(0, 0, "", f"is larger than {MOST_BYTES >> 20} MiB", "is it the file that you mean?")])
    try:
        return data.decode().removeprefix(_MARK)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode().removeprefix(_MARK)
        line = before.count("\n") + 1
        column = len(before) - before.rfind("\n")
        raise SpecError(
            source, [Problem(line, column, "", f"the byte 0x{data[error.start]:02x} is not UTF-8", "save the file as UTF-8")]
        ) from None


@lru_cache(maxsize=4)
def parse(text: str, source: str) -> Document:
    """Read a stack's file. Pure, and remembered: one command asks for a committed text several times. `source` is what messages call the file.

    Keys at the top that start with `x-` are yours: not looked at, a place for what aliases and merge keys repeat.
    Raises SpecError that carries every problem.
    """
    text = text.removeprefix(_MARK)
    tree = read(text)
    if tree.root is None:
        raise SpecError(source, tree.problems)
    places = Places(tree.root)
    if not isinstance(tree.values, dict):
        raise SpecError(source, [*tree.problems, _no_mapping(tree)])
    values = {key: value for key, value in tree.values.items() if not key.startswith("x-")}
    findings = Findings(places)
    findings.problems.extend(tree.problems)
    spec = _validated(values, findings)
    if spec is not None:
        check(spec, findings)
    if spec is None or findings.problems:
        raise SpecError(source, tuple(dict.fromkeys(findings.problems)))
    return Document(spec=spec, text=text, source=source, places=Places.of(lambda: read(text).root))


def _no_mapping(tree: Tree) -> Problem:
    place = tree.root.place if tree.root else (0, 0)
    if tree.values is None:
        return Problem(0, 0, "", "the file is empty", "start with `version: 1` and `name: …`")
    return Problem(*place, "", "the file is no mapping", "write `key: value` lines, starting with `version: 1` and `name: …`")


def _validated(values: dict[str, Any], findings: Findings) -> Spec | None:
    """The spec; if parts are malformed, without them (they are in `findings` then); None: nothing can be made of it."""
    out: set[Path] = set()
    left = values
    for _ in range(_ROUNDS):
        try:
            return Spec.model_validate(left)
        except ValidationError as error:
            errors = error.errors(include_url=False)
        malformed = report(errors, left, findings)
        for path in malformed:
            findings.leave_out(path)
        if () in malformed or out.issuperset(malformed):
            return None
        out.update(malformed)
        left = _without(values, out)
    return None


def _without(values: dict[str, Any], paths: set[Path]) -> dict[str, Any]:
    tree: dict[str | int, Any] = {}
    for path in paths:
        branch = tree
        for step in path[:-1]:
            branch = branch.setdefault(step, {})
        branch.setdefault(path[-1], {})[None] = True
    left: dict[str, Any] = _cut(values, tree)
    return left | {str(path[0]): value for path, value in _STAND_INS.items() if path in paths}


def _cut(value: Any, tree: dict[Any, Any]) -> Any:
    """A copy without the branches of `tree` that end in None."""
    if not tree:
        return value
    if isinstance(value, dict):
        return {key: _cut(inner, tree.get(key, {})) for key, inner in value.items() if None not in tree.get(key, {})}
    if isinstance(value, list):
        return [_cut(inner, tree.get(index, {})) for index, inner in enumerate(value) if None not in tree.get(index, {})]
    return value
