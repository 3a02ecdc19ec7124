"""The picture as a tree for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netwright.picture.metrics import cells, padded
from netwright.picture.values import Box, Network, Picture, shortened

LIMIT = 60
"""Boxes that are shown; more are counted."""
MEMBERS = 12
"""The same for the members of one network."""

_FIRM = "\N{NO-BREAK SPACE}"
"""A blank at which no line is broken."""

_ASCII = str.maketrans({"├": "|", "└": "`", "─": "-", "│": "|", "→": ">", "·": "-", "…": "~", "⚠": "!", "↔": "="})


@dataclass(frozen=True, slots=True)
class _Node:
    """Columns that are aligned with those of its siblings, and what hangs below."""

    columns: tuple[str, ...]
    children: tuple[_Node, ...] = ()


def draw_text(picture: Picture, *, width: int = 100, ascii_only: bool = False) -> str:
    """Lines of at most `width` cells where the words allow it, ending with a newline."""
    picture = shortened(picture, LIMIT)
    nodes = [
        *_outside(picture),
        *(_network(network, picture) for network in picture.networks),
        *(_box(box, picture) for box in picture.boxes),
    ]
    if picture.hidden:
        nodes.append(_Node((f"… and {picture.hidden} more",)))
    if not nodes:
        nodes.append(_Node(("nothing: no networks, namespaces or containers",)))
    lines = [picture.title, *_lines(nodes, "", width)]
    text = "\n".join(line.rstrip() for line in lines).replace(_FIRM, " ") + "\n"
    if ascii_only:
        text = text.replace("→", "->").replace("…", "...").translate(_ASCII).encode("ascii", "replace").decode()
    return text


def _outside(picture: Picture) -> list[_Node]:
    nics = [
        _Node((f"NIC {interface.nic}", f"→ {box.name} {interface.name}", *_trouble(interface.trouble)))
        for box in picture.boxes
        for interface in box.interfaces
        if interface.nic
    ]
    return [_Node(("outside",), tuple(nics))] if nics else []


def _network(network: Network, picture: Picture) -> _Node:
    members = [
        _Node(
            (
                box.name,
                interface.name if interface.name != network.key else "",
                ", ".join(interface.addresses),
                *_trouble(interface.trouble),
            )
        )
        for box in picture.boxes
        for interface in box.interfaces
        if interface.network == network.key
    ]
    more = len(members) - MEMBERS + dict(picture.hidden_on).get(network.key, 0)
    if more > 0 and len(members) >= MEMBERS:
        members = [*members[:MEMBERS], _Node((f"… and {more} more",))]
    elif picture.hidden and (hidden := dict(picture.hidden_on).get(network.key, 0)):
        members.append(_Node((f"… and {hidden} more",)))
    heading = " · ".join((f"network {network.key}", *network.words, *_trouble(network.trouble)))
    return _Node((heading,), tuple(members))


def _box(box: Box, picture: Picture) -> _Node:
    children = []
    for interface in box.interfaces:
        role = interface.role
        if interface.peer is not None:
            far = picture.box(interface.peer[0])
            role = f"↔ {far.name if far else interface.peer[0]} {interface.peer[1]}" + (f", {role}" if role else "")
        children.append(_Node((interface.name, ", ".join(interface.addresses), role, *_trouble(interface.trouble))))
    children += [_Node(("route", route)) for route in box.routes]
    children += [
        _Node(("publish", f"{publish.words} → {publish.to}", "client keeps its address" if publish.preserve else ""))
        for publish in box.publishes
    ]
    title = "the host" if box.kind == "host" else f"{box.kind} {box.name}"
    heading = " · ".join((title, *((box.note,) if box.note else ()), *_trouble(box.trouble)))
    return _Node((heading,), tuple(children))


def _trouble(words: str) -> tuple[str, ...]:
    return (f"⚠ {words}".replace(" ", _FIRM),) if words else ()


def _lines(nodes: Sequence[_Node], indent: str, width: int) -> list[str]:
    lines = []
    widths = _column_widths(nodes)
    for node in nodes:
        last = node is nodes[-1]
        first, rest = ("└─ ", "   ") if last else ("├─ ", "│  ")
        below = indent + rest + ("│  " if node.children else "   ")
        lines += _wrapped(node.columns, widths, indent + first, below, width)
        lines += _lines(node.children, indent + rest, width)
    return lines


def _column_widths(nodes: Sequence[_Node]) -> list[int]:
    """Of the columns that have another one behind them; sentences in a last column widen nothing."""
    widths: list[int] = []
    for node in nodes:
        for place, column in enumerate(node.columns[:-1]):
            if any(node.columns[place + 1 :]):
                widths += [0] * (place + 1 - len(widths))
                widths[place] = max(widths[place], cells(column))
    return widths


def _wrapped(columns: tuple[str, ...], widths: list[int], first: str, below: str, width: int) -> list[str]:
    """Columns side by side; what does not fit goes on below the second column."""
    shown = [padded(column, widths[place]) if place < len(widths) else column for place, column in enumerate(columns)]
    line = (first + "  ".join(shown)).rstrip()
    if cells(line) <= width:
        return [line]
    hanging = below + (" " * (widths[0] - 1) if len(columns) > 1 and widths else "  ")
    words, lines, current = "  ".join(shown).split(" "), [], first
    for word in words:
        if cells(current + word) > width and current.strip() and current != first:
            lines.append(current.rstrip())
            current = hanging
            if not word:
                continue
        current += f"{word} "
    return [*lines, current.rstrip()]
