"""The picture as Graphviz source: namespaces as clusters of interfaces, bridges as flat nodes."""

from __future__ import annotations

from netwright.picture.crossing import crossings
from netwright.picture.values import Box, Interface, Picture

_HEAD = """\
graph stack {{
  graph [label={name}, labelloc=t, fontname="sans-serif", rankdir=TB, compound=true, nodesep=0.3, ranksep=0.5]
  node [shape=box, style=rounded, fontname="monospace", fontsize=10]
  edge [fontname="monospace", fontsize=9]
"""


def draw_dot(picture: Picture) -> str:
    """Source for dot(1)."""
    lines = [_HEAD.format(name=_quoted(picture.title))]
    if picture.has_outside:
        lines.append('  outside [label="outside world", shape=ellipse, style=dashed]')
    for network in picture.networks:
        words = [network.key, *network.words, *((f"⚠ {network.trouble}",) if network.trouble else ())]
        colour = ", color=red" if network.trouble else ""
        lines.append(
            f'  {_quoted(_network(network.key))} [label={_quoted(*words)}, shape=box, style="filled", fillcolor="#e7effc"{colour}]'
        )
    for place, box in enumerate(picture.boxes):
        lines += _cluster(place, box)
    for box in picture.boxes:
        for interface in box.interfaces:
            end = _quoted(_port(box.key, interface.name))
            if interface.network:
                lines.append(f"  {_quoted(_network(interface.network))} -- {end}")
            elif interface.nic:
                lines.append(f"  outside -- {end} [label={_quoted(f'NIC {interface.nic}')}]")
    lines += _crossings(picture)
    return "\n".join([*lines, "}"]) + "\n"


def _cluster(place: int, box: Box) -> list[str]:
    colour = "red" if box.trouble else "gray40"
    heading = [box.name if box.kind == "host" else f"{box.kind} {box.name}", *((box.note,) if box.note else ())]
    heading += [*box.routes, *((f"⚠ {box.trouble}",) if box.trouble else ())]
    lines = [
        f"  subgraph {_quoted(f'cluster_{place}')} {{",
        f'    graph [label={_quoted(*heading)}, style="rounded", color={colour}, fontname="monospace", fontsize=11]',
        f'    {_quoted(_anchor(box.key))} [label="", shape=point, style=invis]',
    ]
    lines += [
        f"    {_quoted(_port(box.key, each.name))} [label={_quoted(*_words(each))}{', color=red' if each.trouble else ''}]"
        for each in box.interfaces
    ]
    return [*lines, "  }"]


def _crossings(picture: Picture) -> list[str]:
    lines = []
    clusters = {box.key: f"cluster_{place}" for place, box in enumerate(picture.boxes)}
    for crossing in crossings(picture):
        target = crossing.target
        if crossing.kind == "peer" and target is not None:
            ends = (_port(crossing.source, crossing.interfaces[0]), _port(target, crossing.interfaces[1]))
            lines.append(f"  {_quoted(ends[0])} -- {_quoted(ends[1])} [style=bold]")
            continue
        if target is None:
            far = f"publish {crossing.source}"
            lines.append(f"  {_quoted(far)} [label={_quoted(*crossing.words)}, shape=plaintext]")
            end = _quoted(far)
        else:
            end = _quoted(_anchor(target))
        cut = f", ltail={_quoted(clusters[crossing.source])}"
        label = "" if target is None else f", lhead={_quoted(clusters[target])}, label={_quoted(*crossing.words)}"
        lines.append(f'  {_quoted(_anchor(crossing.source))} -- {end} [dir=forward, color="#b4400f", constraint=false{cut}{label}]')
    return lines


def _words(interface: Interface) -> list[str]:
    words = [interface.name, *interface.addresses]
    words += ["NAT"] * interface.masquerade + ["down"] * (not interface.up)
    return [*words, *((f"⚠ {interface.trouble}",) if interface.trouble else ())]


def _network(key: str) -> str:
    return f"network {key}"


def _anchor(key: str) -> str:
    return f"in {key}"


def _port(key: str, interface: str) -> str:
    return f"{key} {interface}"


def _quoted(*lines: str) -> str:
    """A quoted string of one or more lines (Graphviz: only the quote and the backslash need one before them)."""
    return '"' + "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") for line in lines) + '"'
