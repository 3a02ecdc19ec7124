"""An element more in a list of a YAML text, or a part less, with all the rest as it is.

What comes out is read again and compared with what was meant: where it is something else (a list that an alias or a merge key shares,
a layout that nobody thought of), the text is not changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from netwright.errors import Refused
from netwright.importing.yaml_text import scalar
from netwright.revising.pieces import Piece, pieces
from netwright.spec.places import Path, path_text
from netwright.spec.yaml_tree import read

Value = str | int | list["Value"] | dict[str, "Value"]

STEP = 2
"""How much deeper what is new stands than what it belongs to."""

_AFTER = re.compile(r"[ \t]*,?[ \t]*(#[^\n]*)?(?=\r?\n|$)")
"""What may stand behind a part that has the rest of its line for itself."""


def with_item(text: str, path: Path, item: Value) -> str:
    """With `item` as the last of the list at `path`; what is not there of `path` is made. Raises Refused."""

    def change(values: Any) -> None:
        around = _made(values, path[:-1])
        around[path[-1]] = [*(around.get(path[-1]) or ()), item]

    return _checked(text, path, lambda: _with_item(text, path, item), change)


def with_value(text: str, path: Path, value: Value) -> str:
    """With `value` at `path`, where nothing is; what is not there of the path to it is made. Raises Refused."""

    def change(values: Any) -> None:
        _made(values, path[:-1])[path[-1]] = value

    return _checked(text, path, lambda: _grown(text, path, value), change)


def without(text: str, path: Path) -> str:
    """Without the element or the key at `path`; a list whose last element it was goes with it. Raises Refused."""
    values = read(text).values
    while isinstance(path[-1], int) and len(_at(values, path[:-1])) == 1:
        path = path[:-1]

    def change(values: Any) -> None:
        del _at(values, path[:-1])[path[-1]]

    return _checked(text, path, lambda: _removed(text, path), change)


def _checked(text: str, path: Path, edit: Callable[[], str | None], change: Callable[[Any], None]) -> str:
    meant = deepcopy(read(text).values)
    # An alias shares what it names also in memory: there each is to be on its own.
    meant = _unshared(meant)
    change(meant)
    edited = edit()
    if edited is None or _bare(read(edited).values) != _bare(meant):
        raise Refused(
            f"{path_text(path)} is written in a way that cannot be changed without changing more than it.",
            hint="change the file by hand (an alias, a merge key or an unusual layout stands there), and apply it",
        )
    return edited


def _unshared(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unshared(inner) for key, inner in value.items()}
    return [_unshared(inner) for inner in value] if isinstance(value, list) else value


def _bare(value: Any) -> Any:
    """`web:` and `web: {}` say the same."""
    if isinstance(value, dict):
        return {key: _bare(inner) for key, inner in value.items()} or None
    return [_bare(inner) for inner in value] if isinstance(value, list) else value


def _at(values: Any, path: Path) -> Any:
    for step in path:
        values = values[step]
    return values


def _made(values: Any, path: Path) -> Any:
    """The mapping at `path`."""
    for step in path:
        if values.get(step) is None:
            values[step] = {}
        values = values[step]
    return values


def _with_item(text: str, path: Path, item: Value) -> str | None:
    piece, around = pieces(text), None
    for step in path:
        pair = piece.get(str(step))
        if pair is None:
            return _grown(text, path, [item])
        around, piece = piece, pair[1]
    if piece.items is None or around is None:
        return _grown(text, path, [item])
    quoted = _quotes_keys(text, around)
    if piece.flow:
        return _into_brackets(text, piece, piece.items, _inline(item, quoted=quoted))
    last = piece.items[-1]
    margin = _margin_of_dash(text, last)
    return None if margin is None else _below(text, last, f"{margin}- {_inline(item, quoted=quoted)}")


def _grown(text: str, path: Path, value: Value) -> str | None:
    """With `value` where `path` ends and nothing is."""
    piece, key, around = pieces(text), None, None
    for depth, step in enumerate(path):
        pair = piece.get(str(step))
        if pair is None and piece.pairs is None:
            return _filled(text, piece, key, around, _nested(path[depth:], value))
        if pair is None:
            return _with_pair(text, piece, str(step), _nested(path[depth + 1 :], value))
        around = piece
        key, piece = pair
    return _filled(text, piece, key, around, value)


def _nested(path: Path, value: Value) -> Value:
    """`value`, and the mappings around it that `path` asks for."""
    for step in reversed(path):
        value = {str(step): value}
    return value


def _filled(text: str, piece: Piece, key: Piece | None, around: Piece | None, value: Value) -> str | None:
    """`value` in the place of nothing: of `key:`, `key: null` or `key: ~`."""
    if piece.text is None or key is None or around is None:
        return None
    if around.flow:
        return f"{text[: piece.start].rstrip()} {_inline(value, quoted=_quotes_keys(text, around))}{text[piece.end :]}"
    margin = " " * (_column(text, key.start) + STEP)
    before = text[: piece.start].rstrip(" ")
    return _below(before + text[piece.end :], Piece(key.start, len(before)), "\n".join(_block(value, margin)))


def _with_pair(text: str, mapping: Piece, key: str, value: Value) -> str | None:
    quoted = _quotes_keys(text, mapping)
    if mapping.flow:
        return _into_brackets(text, mapping, [value for _, value in mapping.pairs or ()], f"{_key(key, quoted=quoted)}: {_inline(value, quoted=quoted)}")  # fmt: skip
    if not mapping.pairs:
        return None
    first, last = mapping.pairs[0][0], mapping.pairs[-1][1]
    margin = " " * _column(text, first.start)
    return _below(text, Piece(first.start, last.end), "\n".join(_block({key: value}, margin)))


def _into_brackets(text: str, collection: Piece, parts: list[Piece], new: str) -> str:
    closing = collection.end - 1
    if not parts:
        return f"{text[:closing].rstrip(' ')}{new}{text[closing:]}"
    end = parts[-1].end
    rest = _AFTER.match(text, end, closing)
    line = text.rfind("\n", 0, end) + 1
    if rest is None or "\n" not in text[end:closing] or line <= collection.start:
        return f"{text[:end]}, {new}{text[end:]}"
    # One element a line: so is the new one.
    margin = text[line : len(text) - len(text[line:].lstrip(" \t"))]
    behind = rest[0].replace(",", "", 1) if rest[0].lstrip().startswith(",") else rest[0]
    comma = "," if rest[0].lstrip().startswith(",") else ""
    return f"{text[:end]},{behind}\n{margin}{new}{comma}{text[rest.end() :]}"


def _below(text: str, piece: Piece, lines: str) -> str:
    """`lines` behind the line in which `piece` ends."""
    end = piece.end
    while end > piece.start and text[end - 1] in "\r\n":
        # A text in block style ends with its line.
        end -= 1
    at = text.find("\n", end)
    ending = "\r\n" if "\r\n" in text else "\n"
    lines = lines.replace("\n", ending)
    return f"{text.rstrip()}{ending}{lines}{ending}" if at < 0 else f"{text[: at + 1]}{lines}{ending}{text[at + 1 :]}"


def _removed(text: str, path: Path) -> str | None:
    piece = pieces(text)
    for step in path[:-1]:
        pair = piece.get(str(step)) if isinstance(step, str) else None
        if pair is None:
            return None
        piece = pair[1]
    last = path[-1]
    if isinstance(last, int):
        if piece.items is None or last >= len(piece.items):
            return None
        spans = [(one.start, one.end) for one in piece.items]
        at = last
    else:
        if piece.pairs is None or piece.get(last) is None:
            return None
        spans = [(key.start, value.end) for key, value in piece.pairs]
        at = next(index for index, (key, _) in enumerate(piece.pairs) if key.text == last)
    return _without_part(text, spans, at) if piece.flow else _without_lines(text, *spans[at])


def _without_part(text: str, spans: list[tuple[int, int]], at: int) -> str:
    """Of a collection in brackets."""
    start, end = spans[at]
    line = text.rfind("\n", 0, start) + 1
    rest = _AFTER.match(text, end)
    if not text[line:start].strip() and rest is not None and rest.end() < len(text):
        return text[:line] + text[text.find("\n", rest.end()) + 1 :]
    if at + 1 < len(spans):
        return text[:start] + text[spans[at + 1][0] :]
    return text[: spans[at - 1][1] if at else start] + text[end:]


def _without_lines(text: str, start: int, end: int) -> str | None:
    """Of a collection in block style: what has its lines for itself."""
    line = text.rfind("\n", 0, start) + 1
    if text[line:start].strip() not in ("", "-"):
        return None
    while end > start and text[end - 1] in "\r\n":
        end -= 1
    after = text.find("\n", end)
    return text[:line] if after < 0 else text[:line] + text[after + 1 :]


def _margin_of_dash(text: str, item: Piece) -> str | None:
    line = text.rfind("\n", 0, item.start) + 1
    match = re.fullmatch(r"( *)-[ \t]+", text[line : item.start])
    return match[1] if match else None


def _column(text: str, at: int) -> int:
    return at - text.rfind("\n", 0, at) - 1


def _quotes_keys(text: str, mapping: Piece) -> bool:
    """As JSON does: then what is new is JSON, too."""
    first = next(iter(mapping.pairs or ()), None)
    return mapping.flow and first is not None and text[first[0].start] == '"'


def _block(value: Value, margin: str) -> list[str]:
    if isinstance(value, dict):
        lines = []
        for key, inner in value.items():
            name = f"{margin}{_key(key, quoted=False)}:"
            lines += (
                [name, *_block(inner, margin + " " * STEP)]
                if isinstance(inner, dict | list)
                else [f"{name} {_inline(inner, quoted=False)}"]
            )
        return lines
    return [f"{margin}- {_inline(item, quoted=False)}" for item in (value if isinstance(value, list) else [value])]


def _inline(value: Value, *, quoted: bool) -> str:
    if isinstance(value, dict):
        pairs = (f"{_key(key, quoted=quoted)}: {_inline(inner, quoted=quoted)}" for key, inner in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(_inline(inner, quoted=quoted) for inner in value)}]"
    return f'"{value}"' if quoted and isinstance(value, str) else scalar(value)


def _key(key: str, *, quoted: bool) -> str:
    return f'"{key}"' if quoted else scalar(key)
