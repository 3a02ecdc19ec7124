"""Scalars and comments as YAML text that means nothing else."""

from __future__ import annotations

import re

from netwright.spec.yaml_scalars import plain

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./=@+-]*")
"""What needs no quotes inside of brackets either (where libyaml takes no colon)."""
_OF_1_1 = re.compile(r"(?i)y|n|yes|no|on|off|[-+]?[0-9][0-9_]*(:[0-9]+)+|[-+]?[0-9_]*\.?[0-9_]*(e[-+]?[0-9]+)?|0[box]?[0-9a-f_]+")
"""To readers of YAML 1.1 these are no texts: `on` is true, and `22:22` is 1342."""


def scalar(value: str | int | bool) -> str:
    """`true`, `1500`, `10.0.0.0/8`, `"80"`: read back, it is the value, of its type."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    unquoted = _PLAIN.fullmatch(value) and isinstance(plain(value), str) and not _OF_1_1.fullmatch(value)
    return value if unquoted else '"' + "".join(_escaped(letter) for letter in value) + '"'


def comment(text: str, margin: str = "") -> str:
    """One line: whatever could end it is shown as `?`."""
    return f"{margin}# {''.join(letter if letter.isprintable() else '?' for letter in text)}".rstrip()


def _escaped(letter: str) -> str:
    if letter in '"\\':
        return f"\\{letter}"
    return letter if letter.isprintable() else f"\\U{ord(letter):08x}"
