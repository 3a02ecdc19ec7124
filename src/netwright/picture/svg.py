"""A layout as one SVG file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Iterable

from netwright.picture.layout import lay_out
from netwright.picture.shapes import Bar, Label, PlacedBox, Plug, Rect, Wire
from netwright.picture.theme import HUES, style_sheet
from netwright.picture.tree import draw_text
from netwright.picture.values import Picture

THEMES = ("auto", "light", "dark")

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})


def draw_svg(picture: Picture, *, theme: str = "auto") -> str:
    """SVG 1.1 text. `theme`: auto (follows the reader's system) | light | dark."""
    layout = lay_out(picture)
    hues = sorted({bar.hue % HUES for bar in layout.bars if bar.hue is not None})
    size = f'width="{layout.width:g}" height="{layout.height:g}" viewBox="0 0 {layout.width:g} {layout.height:g}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title desc">',
        f'<title id="title">{_text(f"Networks of {picture.title}")}</title>',
        f'<desc id="desc">{_text(draw_text(picture))}</desc>',
        f"<style>\n{style_sheet(theme, hues)}\n</style>",
        '<rect class="page" width="100%" height="100%"/>',
        *map(_label, layout.heading),
        *map(_wire, layout.wires),
        *(part for bar in layout.bars for part in _bar(bar)),
        *(part for box in layout.boxes for part in _box(box)),
        *(part for wire in layout.wires for part in _ends(wire)),
        *(part for plug in layout.plugs for part in _plug(plug)),
    ]
    for pill in layout.pills:
        parts += [_rect(pill.frame, "pill", 9), *map(_label, pill.labels)]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _text(text: str) -> str:
    """Escaped, and without the control characters that XML 1.0 has no way to write."""
    return "".join(c if c >= " " or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text).translate(_ESCAPES)


def _label(label: Label) -> str:
    return f'<text class="{label.style}" x="{label.x:.1f}" y="{label.y:.1f}">{_text(label.text)}</text>'


def _rect(frame: Rect, classes: str, radius: float) -> str:
    place = f'x="{frame.x:.1f}" y="{frame.y:.1f}" width="{frame.width:.1f}" height="{frame.height:.1f}"'
    return f'<rect class="{classes}" {place} rx="{radius:g}"/>'


def _wire(wire: Wire) -> str:
    kind = "publish" if wire.kind == "stub" else wire.kind
    classes = f"wire {kind}" + ("" if wire.hue is None else f" line{wire.hue % HUES}")
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in wire.points)
    return f'<polyline class="{classes}" points="{points}"/>'


def _ends(wire: Wire) -> Iterable[str]:
    """A dot where a port joins its bar; a head where an arrow arrives."""
    x, y = wire.points[-1]
    if wire.kind == "port":
        yield _dot(x, y, "dot" if wire.hue is None else f"dot{wire.hue % HUES}")
    elif wire.kind in {"publish", "stub"}:
        start_x, start_y = wire.points[0]
        yield _dot(start_x, start_y, "head")
        if wire.kind == "publish":
            yield f'<path class="head" d="M{x:.1f} {y:.1f} l-5 10 h10 z"/>'


def _dot(x: float, y: float, classes: str) -> str:
    return f'<circle class="{classes}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'


def _bar(bar: Bar) -> Iterable[str]:
    colour = "outside" if bar.hue is None else f"fill{bar.hue % HUES}"
    yield _rect(bar.frame, f"bar {colour}{' troubled' if bar.troubled else ''}", 8)
    yield from map(_label, bar.labels)


def _box(box: PlacedBox) -> Iterable[str]:
    yield _rect(box.frame, f"box {box.kind}{' troubled' if box.troubled else ''}", 10)
    if box.rule is not None:
        yield f'<path class="rule" d="M{box.frame.x + 10:.1f} {box.rule:.1f} H{box.frame.right - 10:.1f}"/>'
    for tab in box.tabs:
        yield _rect(tab.frame, "tab" if tab.hue is None else f"tab fill{tab.hue % HUES}", 6)
        yield _label(tab.label)
    yield from map(_label, box.labels)


def _plug(plug: Plug) -> Iterable[str]:
    frame = plug.frame
    for x in (frame.middle - 7, frame.middle + 4):
        yield f'<rect class="prong" x="{x:.1f}" y="{frame.y - 9:.1f}" width="3" height="9"/>'
    yield _rect(frame, "plug", 6)
    yield _label(plug.label)
