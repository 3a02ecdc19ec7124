"""What others have named (links, their aliases, processes, files) as text that does nothing to a terminal: in words, and in JSON.

A terminal obeys control characters (ECMA-48); bidirectional controls show a line in another order than it is read in (Unicode TR 36, 2.5.1).
"""

from __future__ import annotations

import json
import re
from typing import Any

_ORDERING = "\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_HALVES = "\ud800-\udfff"
_CONTROL = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_ORDERING}{_HALVES}]")
_CONTROL_BUT_COLOUR = re.compile(f"(?!\x1b\\[(?:0|1|3[0-7])m){_CONTROL.pattern}")
"""The colours are those that we write ourselves (ECMA-48, 8.3.117)."""
_UNSAFE_IN_JSON = re.compile(f"[\x7f-\x9f{_ORDERING}{_HALVES}]")


def plain(text: str, *, coloured: bool = False) -> str:
    r"""With `\x1b`, `\u202e` and the like in the place of such characters. Line ends and tabs stay; `coloured`: bold and colours, too."""
    return (_CONTROL_BUT_COLOUR if coloured else _CONTROL).sub(lambda found: _escape(found[0]), text)


def json_text(value: Any, *, indent: int | None = 2) -> str:
    """A document's text, and a line end. What is left of such characters in it is escaped, as JSON has it."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return _UNSAFE_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
