"""Where everything goes: rows of boxes, each with the bars of its networks above it and lanes for cross wires below.

A network whose members are on several rows has a bar above each of them, joined by a riser at the left, so that no wire
ever crosses a box. Pure geometry: no format is known here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from netwright.picture.bars import BAR_GAP, Bars, bar_width
from netwright.picture.boxes import TAB_HEIGHT, SizedBox, sized
from netwright.picture.crossing import Crossing, crossings, publish_ends
from netwright.picture.lanes import Cross, End, Lanes, pill_size
from netwright.picture.shapes import Label, Layout, PlacedBox
from netwright.picture.values import Box, Interface, Picture, shortened

LIMIT = 60
"""Boxes that are drawn; more are counted."""
MARGIN = 24
GAP = 24
"""Between boxes of a row."""
ROW_GAP = 40
RISER_GAP = 12
NARROWEST_ROW, WIDEST_ROW = 1000.0, 2400.0
ROW_HEIGHT = 300
"""Of a row with its bars and lanes, roughly: what the width of the rows is chosen by."""
ASPECT = 1.5
NARROWEST_CONTENT = 320.0


def lay_out(picture: Picture) -> Layout:
    """The drawing's geometry; the same for the same picture."""
    heading = _heading(picture)
    picture = shortened(picture, LIMIT)
    hues = {network.key: place for place, network in enumerate(picture.networks)}
    crossing = crossings(picture)
    rows = _rows(_sized(picture, hues, crossing))
    used = [_used(row) for row in rows] or [frozenset()]
    idle = frozenset(hues) - frozenset().union(*used)
    used[0] |= idle
    risers = [key for key in (None, *hues) if sum(key in keys for keys in used) > 1]
    left = float(MARGIN + (len(risers) * RISER_GAP + 6 if risers else 0))
    content = max(
        NARROWEST_CONTENT,
        *(sum(box.width for box in row) + GAP * (len(row) - 1) for row in rows),
        *(bar_width(network) for network in picture.networks),
        *(pill_size(each.words)[0] for each in crossing if each.words),
        *(label.frame.right - MARGIN for label in heading),
    )
    ends = _Ends(rows, left)
    lanes = Lanes([ends.cross(each) for each in crossing], len(rows), left, left + content)

    bars = Bars(picture, hues, left, content)
    placed: list[PlacedBox] = []
    bottoms: list[float] = []
    y = MARGIN + 56.0
    for number, keys in enumerate(used):
        row = rows[number] if rows else []
        y = bars.above_row(keys, y) + (TAB_HEIGHT / 2 if row else 0)
        height = max((box.height for box in row), default=0.0)
        for box, x in zip(row, ends.columns[number] if rows else (), strict=True):
            placed.append(box.placed(x, y, height))
            bars.connect([(interface, tab.moved(x, y)) for interface, tab in box.top])
        bottoms.append(y + height)
        sticking_out = TAB_HEIGHT / 2 if any(box.bottom for box in row) else 0.0
        y += height + max(sticking_out, lanes.depth(number) if rows else 0.0) + (ROW_GAP if number + 1 < len(used) else 0)
    wires, pills = lanes.drawn(bottoms)
    stems = bars.risers({key: MARGIN + RISER_GAP * place + 4 for place, key in enumerate(risers)})
    return Layout(
        width=math.ceil(lanes.edge + MARGIN),
        height=math.ceil(y + MARGIN - (BAR_GAP if not rows else 0)),
        heading=heading,
        boxes=tuple(placed),
        bars=tuple(bars.bars),
        wires=(*stems, *bars.wires, *wires),
        plugs=tuple(bars.plugs),
        pills=tuple(pills),
    )


class _Ends:
    """Where on the lower edges cross wires start and end."""

    def __init__(self, rows: Sequence[Sequence[SizedBox]], left: float) -> None:
        self.columns: list[list[float]] = []
        self._where: dict[str, tuple[int, float, SizedBox]] = {}
        self._used: dict[str, int] = {}
        for number, row in enumerate(rows):
            x, column = left, []
            for box in row:
                column.append(x)
                self._where[box.box.key] = (number, x, box)
                x += box.width + GAP
            self.columns.append(column)

    def cross(self, crossing: Crossing) -> Cross:
        if crossing.kind == "peer" and crossing.target is not None:
            start = self._at_tab(crossing.source, crossing.interfaces[0])
            return Cross(kind="peer", start=start, stop=self._at_tab(crossing.target, crossing.interfaces[1]))
        start = self._next(crossing.source)
        stop = self._next(crossing.target) if crossing.target is not None else None
        return Cross(kind="publish", start=start, stop=stop, words=crossing.words)

    def _at_tab(self, key: str, interface: str) -> End:
        row, x, box = self._where[key]
        return End(row, x + next(tab.frame.middle for each, tab, _ in box.bottom if each.name == interface))

    def _next(self, key: str) -> End:
        row, x, box = self._where[key]
        place = self._used.get(key, 0)
        self._used[key] = place + 1
        return End(row, x + box.ends[place])


def _sized(picture: Picture, hues: Mapping[str, int], crossing: list[Crossing]) -> list[SizedBox]:
    ends = publish_ends(crossing)
    boxes = [sized(box, hues, ends[box.key]) for box in picture.boxes]
    if picture.hidden:
        counted = tuple(Interface(name=f"{count} interface{'s' * (count != 1)}", network=key) for key, count in picture.hidden_on)
        more = Box(key="", name=f"… and {picture.hidden} more", kind="more", interfaces=counted)
        boxes.append(sized(more, hues, 0, kind="more"))
    return boxes


def _rows(boxes: Sequence[SizedBox]) -> list[list[SizedBox]]:
    """Filled one after the other, about as wide as will make the whole half as wide again as it is high."""
    total = sum(box.width + GAP for box in boxes)
    limit = min(max(math.sqrt(total * ROW_HEIGHT * ASPECT), NARROWEST_ROW), WIDEST_ROW)
    rows: list[list[SizedBox]] = []
    room = 0.0
    for box in boxes:
        if not rows or room < box.width:
            rows.append([])
            room = limit
        rows[-1].append(box)
        room -= box.width + GAP
    return rows


def _used(row: Sequence[SizedBox]) -> frozenset[str | None]:
    """Networks that have a member in the row; None where a NIC has."""
    return frozenset(interface.network for box in row for interface, _ in box.top if interface.network or interface.nic)


def _heading(picture: Picture) -> tuple[Label, ...]:
    kinds = [box.kind for box in picture.boxes]
    counted = [
        (len(picture.networks), "network"),
        (kinds.count("namespace"), "namespace"),
        (kinds.count("container"), "container"),
    ]
    words = ", ".join(f"{count} {noun}{'s' * (count != 1)}" for count, noun in counted if count)
    return (
        Label(MARGIN, MARGIN + 18, picture.title, "heading"),
        Label(MARGIN, MARGIN + 38, words or "nothing in it yet", "caption"),
    )
