"""A picture in the format that somebody wants."""

from __future__ import annotations

from typing import Literal

from netwright.errors import InvalidValue
from netwright.picture.dot import draw_dot
from netwright.picture.mermaid import draw_mermaid
from netwright.picture.svg import draw_svg
from netwright.picture.tree import draw_text
from netwright.picture.values import Picture

Format = Literal["text", "svg", "dot", "mermaid"]
Theme = Literal["auto", "light", "dark"]

FORMATS: tuple[Format, ...] = ("text", "svg", "dot", "mermaid")


def draw(picture: Picture, format: Format = "text", *, width: int = 100, ascii_only: bool = False, theme: Theme = "auto") -> str:  # noqa: A002 - as the command line calls it
    """Text that ends with a newline.

    `width` and `ascii_only` are for text, `theme` is for svg. Raises InvalidValue for a format that is none.
    """
    match format:
        case "text":
            return draw_text(picture, width=width, ascii_only=ascii_only)
        case "svg":
            return draw_svg(picture, theme=theme)
        case "dot":
            return draw_dot(picture)
        case "mermaid":
            return draw_mermaid(picture)
        case _:
            raise InvalidValue(f"{format!r} is not a format of a picture: {', '.join(FORMATS)}")
