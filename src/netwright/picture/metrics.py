"""How much room a text takes, in cells of a fixed-width font."""

from __future__ import annotations

import unicodedata


def cells(text: str) -> int:
    """Columns on a terminal: wide characters take two, combining ones none (Unicode Standard Annex 11)."""
    return sum(_cell(character) for character in text)


def _cell(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def padded(text: str, width: int) -> str:
    """`text` with blanks up to `width` cells."""
    return text + " " * (width - cells(text))


def clipped(text: str, width: int) -> str:
    """`text`, or as much of it as leaves room for an ellipsis."""
    if cells(text) <= width:
        return text
    kept = ""
    for character in text:
        if cells(kept + character) > width - 1:
            break
        kept += character
    return f"{kept}…"
