"""Bridges as bars, the outside world above them, NICs as plugs, and the wires that lead up to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from netwright.picture.boxes import plug_text
from netwright.picture.shapes import Bar, Label, Plug, Rect, Tab, Wire, text_width
from netwright.picture.values import Interface, Network, Picture

BAR_GAP = 10
TALL, LOW = 46, 24
"""A bar where it first comes, with all that there is to say, and where it comes again."""
WIRE_ROOM = 24
"""From the lowest bar to the tabs."""
PLUG_HEIGHT = 22
PRONG = 9
PADDING = 14
SEPARATOR = " · "
OUTSIDE_WORDS = "outside world"


def bar_width(network: Network) -> float:
    """What its words need."""
    return max(label.frame.right for label in _labels(network, 0, 0)) + PADDING


class Bars:
    """The bars of a drawing, row by row from above."""

    def __init__(self, picture: Picture, hues: Mapping[str, int], left: float, width: float) -> None:
        self._networks = {network.key: network for network in picture.networks}
        self._hues = hues
        self._left, self._width = left, width
        self._row: dict[str | None, Rect] = {}
        self.bars: list[Bar] = []
        self.wires: list[Wire] = []
        self.plugs: list[Plug] = []

    def above_row(self, keys: frozenset[str | None], y: float) -> float:
        """The bars of one row from `y` on; None is the outside world. Gives back where the tabs may begin."""
        self._row = {}
        for key in (None, *self._networks):
            if key not in keys:
                continue
            seen = any(bar.key == key for bar in self.bars)
            frame = Rect(self._left, y, self._width, LOW if seen or key is None else TALL)
            self._row[key] = frame
            self.bars.append(self._bar(key, frame, again=seen))
            y = frame.bottom + (PRONG + PLUG_HEIGHT if key is None else 0) + BAR_GAP
        return y - BAR_GAP + WIRE_ROOM if self._row else y

    def connect(self, tabs: Iterable[tuple[Interface, Tab]]) -> None:
        """Wires from the tabs of a box in this row up to their bars."""
        for interface, tab in tabs:
            x = tab.frame.middle
            if interface.nic:
                width = text_width(plug_text(interface), "caption") + 16
                top = self._row[None].bottom + PRONG
                frame = Rect(x - width / 2, top, width, PLUG_HEIGHT)
                self.plugs.append(Plug(frame=frame, label=Label(frame.x + 8, top + 15, plug_text(interface), "caption")))
                self.wires.append(Wire(kind="nic", points=((x, tab.frame.y), (x, frame.bottom))))
            elif interface.network in self._row:
                bottom = self._row[interface.network].bottom
                hue = self._hues.get(interface.network or "")
                self.wires.append(Wire(kind="port", points=((x, tab.frame.y), (x, bottom)), hue=hue))

    def risers(self, columns: Mapping[str | None, float]) -> list[Wire]:
        """What joins the bars of one network, at the x given for it."""
        wires = []
        for key, x in columns.items():
            heights = [bar.frame.y + bar.frame.height / 2 for bar in self.bars if bar.key == key]
            hue = self._hues.get(key) if key is not None else None
            wires.append(Wire(kind="riser", points=((x, heights[0]), (x, heights[-1])), hue=hue))
            wires += [Wire(kind="riser", points=((x, y), (self._left, y)), hue=hue) for y in heights]
        return wires

    def _bar(self, key: str | None, frame: Rect, *, again: bool) -> Bar:
        if key is None:
            labels: tuple[Label, ...] = (Label(frame.x + PADDING, frame.y + 16, OUTSIDE_WORDS, "strong"),)
            return Bar(key=None, frame=frame, labels=labels, hue=None)
        network = self._networks[key]
        labels = (Label(frame.x + PADDING, frame.y + 16, key, "strong"),) if again else _labels(network, frame.x, frame.y)
        return Bar(key=key, frame=frame, labels=labels, hue=self._hues[key], troubled=bool(network.trouble))


def _labels(network: Network, x: float, y: float) -> tuple[Label, ...]:
    """Its name and nature above, its addresses below."""
    nature = [network.nature]
    if network.manager == "Docker":
        nature.append("made by Docker")
    name = Label(x + PADDING, y + 19, network.key, "strong")
    words = Label(name.frame.right + 10, y + 19, SEPARATOR.join((*nature, *network.traits)), "caption")
    labels = [name, words]
    if network.trouble:
        labels.append(Label(words.frame.right + 12, y + 19, f"⚠ {network.trouble}", "trouble"))
    subnets = list(network.subnets)
    if network.gateways:
        subnets.append(f"gateway {', '.join(network.gateways)}")
    if subnets:
        labels.append(Label(x + PADDING, y + 37, SEPARATOR.join(subnets), "mono"))
    return tuple(labels)
