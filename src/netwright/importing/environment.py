"""Compose's variables: `${NAME:-default}` in a file, and the `.env` beside it.

The forms are those of the Compose specification (12-interpolation.md) and of Docker's documentation of env files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from netwright.errors import InvalidValue

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r":?[-?+]")
_KEY = re.compile(r"(?:export[ \t]+)?([A-Za-z0-9_.\[\]-]+)[ \t]*(?:(?P<value>[=:][ \t]*)|(?=\r?\n|$))")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$$"}
_DEPTH = 20


def interpolated(text: str, variables: Mapping[str, str], unset: set[str]) -> str:
    """`text` with its variables replaced; names that are not set, and have no default, are empty, and added to `unset`.

    Raises InvalidValue for a form that Compose does not know, and where `${NAME:?message}` is not set.
    """
    return _Substitution(variables, unset).text(text, 0)


def read_env_file(text: str, variables: Mapping[str, str]) -> dict[str, str]:
    """The variables of an env file; `variables` are those around it, which its values may name. Raises InvalidValue with the line."""
    found: dict[str, str] = {}
    place = 0
    while (place := _start(text, place)) < len(text):
        line = text.count("\n", 0, place) + 1
        key = _KEY.match(text, place)
        if key is None:
            raise InvalidValue(f"line {line} is not NAME=VALUE")
        place = key.end()
        if key["value"] is None:
            if key[1] in variables:
                found[key[1]] = variables[key[1]]
            continue
        known = {**found, **variables}
        quote = text[place : place + 1]
        if quote in ("'", '"') and quote:
            end = _closing(text, place, quote, line)
            inner = text[place + 1 : end]
            found[key[1]] = inner if quote == "'" else interpolated(_unescaped(inner), known, set())
            place = end + 1
        else:
            end = text.find("\n", place)
            end = len(text) if end < 0 else end
            found[key[1]] = interpolated(re.split(r"(?:^|[ \t])#", text[place:end])[0].rstrip(), known, set())
            place = end
    return found


class _Substitution:
    def __init__(self, variables: Mapping[str, str], unset: set[str]) -> None:
        self._variables = variables
        self._unset = unset

    def text(self, text: str, depth: int) -> str:
        if depth > _DEPTH:
            raise InvalidValue(f"variables are nested more than {_DEPTH} deep")
        out: list[str] = []
        place = 0
        while (dollar := text.find("$", place)) >= 0:
            out.append(text[place:dollar])
            place = dollar + 1
            if text.startswith("$", place):
                out.append("$")
                place += 1
            elif text.startswith("{", place):
                end = _brace(text, place)
                out.append(self._braced(text[place + 1 : end], depth))
                place = end + 1
            elif name := _NAME.match(text, place):
                out.append(self._plain(name[0]))
                place = name.end()
            else:
                raise InvalidValue(f"{text[dollar : dollar + 12]!r} is no variable of Compose's", hint="a $ that is meant is written $$")
        return "".join([*out, text[place:]])

    def _braced(self, inner: str, depth: int) -> str:
        name = _NAME.match(inner)
        rest = inner[name.end() :] if name else ""
        operator = _OPERATOR.match(rest)
        if name is None or (rest and operator is None):
            raise InvalidValue(f"${{{inner}}} is no variable of Compose's", hint="a $ that is meant is written $$")
        if operator is None:
            return self._plain(name[0])
        value = self._variables.get(name[0])
        there = bool(value) if operator[0][0] == ":" else value is not None
        word = rest[operator.end() :]
        match operator[0][-1]:
            case "-":
                return value or "" if there else self.text(word, depth + 1)
            case "+":
                return self.text(word, depth + 1) if there else ""
            case _:
                if not there:
                    message = self.text(word, depth + 1)
                    raise InvalidValue(
                        f"the variable {name[0]} is not set{f': {message}' if message else ''}",
                        hint=f"{name[0]}=… netwright import compose …",
                    )
                return value or ""

    def _plain(self, name: str) -> str:
        if name not in self._variables:
            self._unset.add(name)
        return self._variables.get(name, "")


def _brace(text: str, place: int) -> int:
    """Where the brace at `place` is closed."""
    depth = 0
    for index in range(place, len(text)):
        if text[index] == "{" and text[index - 1] == "$":
            depth += 1
        elif text[index] == "}":
            depth -= 1
            if depth == 0:
                return index
    raise InvalidValue(f"{text[place - 1 :]!r} has no closing brace")


def _start(text: str, place: int) -> int:
    """Of the next line that says something."""
    while place < len(text):
        if text[place].isspace():
            place += 1
        elif text[place] == "#":
            end = text.find("\n", place)
            place = len(text) if end < 0 else end
        else:
            break
    return place


def _closing(text: str, place: int, quote: str, line: int) -> int:
    index = place + 1
    while index < len(text):
        if text[index] == "\\":
            index += 1
        elif text[index] == quote:
            return index
        index += 1
    raise InvalidValue(f"the quote of line {line} is not closed")


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[0]), text)
