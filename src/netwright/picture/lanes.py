"""Wires between boxes: veths without a bridge, and publish arrows. They run in lanes below the rows.

A lane is shared by wires that do not meet. A wire to another row leaves through a gutter right of all boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from netwright.picture.shapes import Label, Pill, Rect, Wire, text_width

PILL_STYLE = "words"
PILL_LINE = 15
PILL_PADDING = 9
PLAIN = 10.0
"""Height of a lane that carries no words."""
LANE_GAP = 8
FIRST = 20
"""From the boxes to the first lane: room for an arrow's head."""
CLEAR = 12
"""Between two wires in one lane."""
GUTTER_GAP = 10
PLACES = 12
"""Places for a pill that are tried on either side of its wire's middle."""


@dataclass(frozen=True, slots=True)
class End:
    """A point on a box's lower edge."""

    row: int
    x: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cross:
    """A wire that is wanted. `stop` None: it ends at its words."""

    kind: str
    start: End
    stop: End | None
    words: tuple[str, ...] = ()


@dataclass(slots=True)
class _Lane:
    height: float = PLAIN
    taken: list[tuple[float, float]] = field(default_factory=list)

    def free(self, low: float, high: float) -> bool:
        return all(high + CLEAR <= start or end + CLEAR <= low for start, end in self.taken)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Routed:
    cross: Cross
    lane: int
    far_lane: int | None
    gutter: float | None
    pill: tuple[float, float, float] | None
    """Left edge, width, height."""


def _span(cross: Cross) -> tuple[bool, float]:
    if cross.stop is None:
        return (False, 0.0)
    return (cross.stop.row != cross.start.row, abs(cross.stop.x - cross.start.x))


def pill_size(words: Sequence[str]) -> tuple[float, float]:
    """Width and height."""
    return max(text_width(line, PILL_STYLE) for line in words) + 2 * PILL_PADDING, len(words) * PILL_LINE + 8.0


class Lanes:
    """All cross wires of a drawing, routed between `left` and `right`; `edge` is how far right they reach."""

    def __init__(self, crosses: Sequence[Cross], rows: int, left: float, right: float) -> None:
        self._rows: list[list[_Lane]] = [[] for _ in range(rows)]
        self._left, self._right = left, right
        self.edge = right
        self._ends = [end for cross in crosses for end in (cross.start, cross.stop) if end is not None]
        # Short wires first: the long ones then run around them rather than through.
        self._routed = [self._route(cross) for cross in sorted(crosses, key=_span)]

    def depth(self, row: int) -> float:
        """How much room the row needs below its boxes."""
        lanes = self._rows[row]
        return FIRST + sum(lane.height + LANE_GAP for lane in lanes) if lanes else 0.0

    def drawn(self, bottoms: Sequence[float]) -> tuple[list[Wire], list[Pill]]:
        """With the y of every row's lower edge, including what sticks out of it."""
        wires, pills = [], []
        for routed in self._routed:
            cross = routed.cross
            start, stop = cross.start, cross.stop
            y = self._y(start.row, routed.lane, bottoms)
            points = [(start.x, bottoms[start.row]), (start.x, y)]
            if stop is not None and routed.gutter is not None and routed.far_lane is not None:
                far = self._y(stop.row, routed.far_lane, bottoms)
                points += [(routed.gutter, y), (routed.gutter, far), (stop.x, far), (stop.x, bottoms[stop.row])]
            elif stop is not None:
                points += [(stop.x, y), (stop.x, bottoms[stop.row])]
            wires.append(Wire(kind=cross.kind if stop is not None else "stub", points=tuple(points)))
            if routed.pill is not None:
                x, width, height = routed.pill
                frame = Rect(x, y - height / 2, width, height)
                labels = tuple(
                    Label(x + PILL_PADDING, frame.y + 4 + PILL_LINE * place + 11, line, PILL_STYLE)
                    for place, line in enumerate(cross.words)
                )
                pills.append(Pill(frame=frame, labels=labels))
        return wires, pills

    def _route(self, cross: Cross) -> _Routed:
        start, stop = cross.start, cross.stop
        gutter = None
        if stop is not None and stop.row != start.row:
            self.edge += GUTTER_GAP
            gutter = self.edge
        towards = start.x if stop is None else stop.x if gutter is None else gutter
        low, high = sorted((start.x, towards))
        pill, height = None, PLAIN
        if cross.words:
            width, height = pill_size(cross.words)
            x = self._clearest(cross, low, min(high, self._right), width)
            pill = (x, width, height)
            low, high = min(low, x), max(high, x + width)
        lane = self._lane(start.row, low, high, height)
        far_lane = None
        if stop is not None and gutter is not None:
            far_lane = self._lane(stop.row, stop.x, gutter, PLAIN)
        return _Routed(cross=cross, lane=lane, far_lane=far_lane, gutter=gutter, pill=pill)

    def _clearest(self, cross: Cross, low: float, high: float, width: float) -> float:
        """The left edge of a pill near the middle of its wire, where it hides as few other wires as can be."""
        top = max(self._left, self._right - width)
        others = [end.x for end in self._ends if end.row == cross.start.row and end not in {cross.start, cross.stop}]

        def cost(x: float) -> tuple[int, float]:
            return sum(x - CLEAR < other < x + width + CLEAR for other in others), abs(x + width / 2 - (low + high) / 2)

        reach = (high - low - width) / 2 if high - low > width else width / 2 - CLEAR
        middle = (low + high - width) / 2
        places = [middle + reach * step / PLACES for step in range(-PLACES, PLACES + 1)]
        return min((min(max(x, self._left), top) for x in places), key=cost)

    def _lane(self, row: int, low: float, high: float, height: float) -> int:
        lanes = self._rows[row]
        for place, lane in enumerate(lanes):
            if lane.free(low, high):
                lane.taken.append((low, high))
                lane.height = max(lane.height, height)
                return place
        lanes.append(_Lane(height, [(low, high)]))
        return len(lanes) - 1

    def _y(self, row: int, lane: int, bottoms: Sequence[float]) -> float:
        above = self._rows[row][:lane]
        return bottoms[row] + FIRST + sum(each.height + LANE_GAP for each in above) + self._rows[row][lane].height / 2
