"""What a drawing consists of, placed: the layout's result and the SVG writer's input. Lengths are in pixels."""

from __future__ import annotations

from dataclasses import dataclass

from netwright.picture.metrics import cells

FONTS = {"heading": 18, "title": 14, "strong": 12, "mono": 12, "caption": 11, "words": 11, "trouble": 11}
"""Style → font size. Styles are the writer's class names."""

CELL = 0.615
"""Width of a cell as a part of the font size: the widest of the usual fixed-width fonts has 0.602."""


def text_width(text: str, style: str) -> float:
    """How wide `text` is at most."""
    return cells(text) * FONTS[style] * CELL


@dataclass(frozen=True, slots=True)
class Rect:
    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def middle(self) -> float:
        return self.x + self.width / 2

    def moved(self, x: float, y: float) -> Rect:
        return Rect(self.x + x, self.y + y, self.width, self.height)

    def overlaps(self, other: Rect) -> bool:
        """Whether they share more than an edge."""
        return self.x < other.right and other.x < self.right and self.y < other.bottom and other.y < self.bottom

    def contains(self, other: Rect) -> bool:
        return self.x <= other.x and other.right <= self.right and self.y <= other.y and other.bottom <= self.bottom


@dataclass(frozen=True, slots=True)
class Label:
    """One line of text; `y` is its baseline."""

    x: float
    y: float
    text: str
    style: str

    @property
    def frame(self) -> Rect:
        """What it covers at most: a fifth of the font stands below the baseline, four fifths above."""
        size = FONTS[self.style]
        return Rect(self.x, self.y - size * 0.8, text_width(self.text, self.style), size)

    def moved(self, x: float, y: float) -> Label:
        return Label(self.x + x, self.y + y, self.text, self.style)


@dataclass(frozen=True, slots=True)
class Tab:
    """An interface on a box's edge. `hue` None: of no network."""

    frame: Rect
    label: Label
    hue: int | None

    def moved(self, x: float, y: float) -> Tab:
        return Tab(self.frame.moved(x, y), self.label.moved(x, y), self.hue)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedBox:
    """A box on the canvas."""

    key: str
    kind: str
    """As Box.kind, or `more`."""
    frame: Rect
    tabs: tuple[Tab, ...]
    labels: tuple[Label, ...]
    rule: float | None
    """The y of the hairline under the interfaces."""
    troubled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A bridge, or the outside world. It comes again on every row whose boxes are on it."""

    key: str | None
    """None: the outside world."""
    frame: Rect
    labels: tuple[Label, ...]
    hue: int | None
    troubled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """A line through `points`."""

    kind: str
    """`port` | `nic` | `riser` | `peer` | `publish`."""
    points: tuple[tuple[float, float], ...]
    hue: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plug:
    """A NIC, plugged into the outside world: a body with two prongs on top."""

    frame: Rect
    label: Label


@dataclass(frozen=True, slots=True, kw_only=True)
class Pill:
    """The words on a publish's arrow."""

    frame: Rect
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The whole drawing."""

    width: float
    height: float
    heading: tuple[Label, ...]
    boxes: tuple[PlacedBox, ...]
    bars: tuple[Bar, ...]
    wires: tuple[Wire, ...]
    plugs: tuple[Plug, ...]
    pills: tuple[Pill, ...]
