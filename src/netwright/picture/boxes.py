"""The inside of a box: how large it must be for its words, and where its interfaces stick out.

Interfaces on networks and NICs stick out at the top, where the bars are; those of veths without a bridge, and the ends
of publish arrows, at the bottom.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netwright.picture.shapes import Label, PlacedBox, Rect, Tab, text_width
from netwright.picture.values import Box, Interface

PADDING = 14
TAB_HEIGHT = 22
LINE = 16
NARROWEST = 150
END_GAP = 20
"""Between the ends of publish arrows on one edge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizedBox:
    """A box whose inside is laid out from (0, 0); `bottom_tabs` and `ends` move down with its lower edge."""

    box: Box
    kind: str
    width: float
    height: float
    top: tuple[tuple[Interface, Tab], ...]
    bottom: tuple[tuple[Interface, Tab, tuple[Label, ...]], ...]
    """Tabs and words relative to the lower edge."""
    labels: tuple[Label, ...]
    rule: float | None
    ends: tuple[float, ...]
    """The x of each publish arrow's end."""

    def placed(self, x: float, y: float, height: float) -> PlacedBox:
        """On the canvas, as high as its row."""
        troubled = bool(self.box.trouble) or any(interface.trouble for interface in self.box.interfaces)
        lower = y + height
        return PlacedBox(
            key=self.box.key,
            kind=self.kind,
            frame=Rect(x, y, self.width, height),
            tabs=(*(tab.moved(x, y) for _, tab in self.top), *(tab.moved(x, lower) for _, tab, _ in self.bottom)),
            labels=(
                *(label.moved(x, y) for label in self.labels),
                *(label.moved(x, lower) for _, _, labels in self.bottom for label in labels),
            ),
            rule=None if self.rule is None else y + self.rule,
            troubled=troubled,
        )


def sized(box: Box, hues: Mapping[str, int], ends: int, *, kind: str | None = None) -> SizedBox:
    """Lay out the inside of `box`, with room for `ends` ends of publish arrows at the bottom."""
    upper = [interface for interface in box.interfaces if interface.peer is None]
    lower = [interface for interface in box.interfaces if interface.peer is not None]
    top, labels, x, deepest = [], [], float(PADDING), 0.0
    for interface in upper:
        words = _words(interface)
        tab, slot = _tab(interface, words, x, hues)
        y = TAB_HEIGHT / 2 + 17.0
        for text, style in words:
            labels.append(Label(tab.frame.x + 2, y, text, style))
            y += LINE
        deepest = max(deepest, y - LINE + 8)
        top.append((interface, tab))
        x += slot + PADDING
    ports_width = x
    rule = max(deepest, TAB_HEIGHT / 2 + 8) if top else None

    shown = "" if kind == "more" else box.kind
    name_y = (rule or 0) + 24
    labels.append(Label(PADDING, name_y, box.name, "title"))
    caption_x = PADDING + text_width(box.name, "title") + 8
    caption = " · ".join(part for part in (shown if shown != box.name else "", box.note) if part)
    if caption:
        labels.append(Label(caption_x, name_y, caption, "caption"))
    y = name_y
    for text, style in (*((route, "caption") for route in box.routes), *(((f"⚠ {box.trouble}", "trouble"),) if box.trouble else ())):
        y += LINE
        labels.append(Label(PADDING, y, text, style))

    bottom, x, tallest = [], float(PADDING), 0
    for interface in lower:
        words = _words(interface)
        tab, slot = _tab(interface, words, x, hues)
        base = -TAB_HEIGHT / 2 - 8 - LINE * (len(words) - 1)
        texts = tuple(Label(x + 2, base + LINE * place, text, style) for place, (text, style) in enumerate(words))
        bottom.append((interface, tab, texts))
        tallest = max(tallest, len(words))
        x += slot + PADDING
    width = max(NARROWEST, ports_width, x + END_GAP * ends, *(label.frame.right + PADDING for label in labels))
    height = y + PADDING + (LINE * tallest + TAB_HEIGHT / 2 if bottom else 0)
    return SizedBox(
        box=box,
        kind=kind or box.kind,
        width=width,
        height=height,
        top=tuple(top),
        bottom=tuple(bottom),
        labels=tuple(labels),
        rule=rule,
        ends=tuple(width - PADDING - END_GAP * (ends - 1 - place) for place in range(ends)),
    )


def plug_text(interface: Interface) -> str:
    """What stands on the NIC's plug."""
    return f"NIC {interface.nic}"


def _words(interface: Interface) -> list[tuple[str, str]]:
    """What stands beside a tab, with its style."""
    words = [(address, "mono") for address in interface.addresses]
    states = ", ".join(part for part in ("NAT" if interface.masquerade else "", "" if interface.up else "down") if part)
    if states:
        words.append((states, "caption"))
    if interface.trouble:
        words.append((f"⚠ {interface.trouble}", "trouble"))
    return words


def _tab(interface: Interface, words: list[tuple[str, str]], x: float, hues: Mapping[str, int]) -> tuple[Tab, float]:
    """The tab, centred on the edge at y 0, and the width of its slot."""
    width = text_width(interface.name, "strong") + 16
    widest = max((text_width(text, style) + 4 for text, style in words), default=0.0)
    plug = text_width(plug_text(interface), "caption") + 16 if interface.nic else 0.0
    # A plug stands centred above its tab, so that half of what it is wider sticks out on either side.
    shift = max(0.0, (plug - width) / 2)
    left = x + shift
    frame = Rect(left, -TAB_HEIGHT / 2, width, TAB_HEIGHT)
    hue = hues.get(interface.network) if interface.network else None
    return Tab(frame, Label(left + 8, 4, interface.name, "strong"), hue), shift + max(width + shift, widest)
