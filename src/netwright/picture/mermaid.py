"""The picture as Mermaid source, for Markdown pages that draw it themselves."""

from __future__ import annotations

from netwright.picture.crossing import crossings
from netwright.picture.values import Box, Picture

_CLASSES = """\
  classDef bridge fill:#e7effc,stroke:#2563c9,color:#17212f
  classDef outside stroke-dasharray:5 4
  classDef troubled stroke:#c0182b,stroke-dasharray:7 4"""


def draw_mermaid(picture: Picture) -> str:
    """A flowchart. Identifiers are numbers, so that no name can be a keyword of the language."""
    boxes = {box.key: f"b{place}" for place, box in enumerate(picture.boxes)}
    networks = {network.key: f"n{place}" for place, network in enumerate(picture.networks)}
    ports = {
        (box.key, interface.name): f"{boxes[box.key]}i{place}" for box in picture.boxes for place, interface in enumerate(box.interfaces)
    }
    lines = ["flowchart TB"]
    if picture.has_outside:
        lines.append('  outside(["outside world"]):::outside')
    for network in picture.networks:
        words = [network.key, *network.words, *((f"⚠ {network.trouble}",) if network.trouble else ())]
        lines.append(f"  {networks[network.key]}[{_quoted(*words)}]:::{'troubled' if network.trouble else 'bridge'}")
    for box in picture.boxes:
        lines += _subgraph(box, boxes[box.key], ports)
    for box in picture.boxes:
        for interface in box.interfaces:
            port = ports[box.key, interface.name]
            if interface.network in networks:
                lines.append(f"  {networks[interface.network or '']} --- {port}")
            elif interface.nic:
                lines.append(f"  outside ---|{_quoted(f'NIC {interface.nic}')}| {port}")
    for number, crossing in enumerate(crossings(picture)):
        source, target = crossing.source, crossing.target
        if crossing.kind == "peer" and target is not None:
            lines.append(f"  {ports[source, crossing.interfaces[0]]} === {ports[target, crossing.interfaces[1]]}")
        elif target is not None:
            lines.append(f"  {boxes[source]} -.->|{_quoted(*crossing.words)}| {boxes[target]}")
        else:
            lines.append(f"  {boxes[source]} -.-> p{number}[{_quoted(*crossing.words)}]")
    return "\n".join([*lines, _CLASSES]) + "\n"


def _subgraph(box: Box, identifier: str, ports: dict[tuple[str, str], str]) -> list[str]:
    heading = box.name if box.kind == "host" else f"{box.kind} {box.name}"
    words = [heading, *((box.note,) if box.note else ()), *((f"⚠ {box.trouble}",) if box.trouble else ())]
    if not box.interfaces and not box.routes:
        return [f"  {identifier}[{_quoted(*words)}]{':::troubled' if box.trouble else ''}"]
    lines = [f"  subgraph {identifier}[{_quoted(*words)}]"]
    for interface in box.interfaces:
        shown = [interface.name, *interface.addresses, *(["NAT"] if interface.masquerade else []), *([] if interface.up else ["down"])]
        shown += [f"⚠ {interface.trouble}"] if interface.trouble else []
        mark = ":::troubled" if interface.trouble else ""
        lines.append(f"    {ports[box.key, interface.name]}[{_quoted(*shown)}]{mark}")
    if box.routes:
        lines.append(f"    {identifier}r([{_quoted(*box.routes)}])")
    return [*lines, "  end"]


def _quoted(*lines: str) -> str:
    """Quoted text; Mermaid reads entities as `#quot;`, so `#` and `&` are written as entities too, and `<` is no tag.

    A backtick right behind the quote would begin Markdown.
    """
    escapes = {"#": "#35;", "&": "#38;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "`": "#96;", "\n": " "}
    return '"' + "<br/>".join("".join(escapes.get(character, character) for character in line) for line in lines) + '"'
