"""The colours of an SVG drawing, for light and for dark backgrounds, as CSS rules."""

from __future__ import annotations

from collections.abc import Sequence

from netwright.picture.shapes import FONTS

FAMILY = "ui-monospace, SFMono-Regular, Menlo, 'DejaVu Sans Mono', 'Liberation Mono', Consolas, monospace"

_LIGHT = {
    "page": "#ffffff", "card": "#ffffff", "card-host": "#f6f8fa", "edge": "#8c98a8", "rule": "#e3e8ee", "ink": "#17212f",
    "muted": "#5b6878", "outside": "#f1f4f8", "publish": "#b4400f", "pill": "#fff4ec", "trouble": "#c0182b", "wire": "#64748b",
}  # fmt: skip
_DARK = {
    "page": "#10161f", "card": "#18212d", "card-host": "#1d2836", "edge": "#66768a", "rule": "#2b3847", "ink": "#e8eef6",
    "muted": "#9fb0c3", "outside": "#1b2532", "publish": "#ffa26b", "pill": "#33221a", "trouble": "#ff8a93", "wire": "#8fa1b7",
}  # fmt: skip

_HUES_LIGHT = (
    ("#2563c9", "#e7effc"), ("#0b8457", "#e3f5ed"), ("#8240c9", "#f2eafb"), ("#a06a00", "#fbf2dc"),
    ("#0a7e94", "#e0f3f7"), ("#bf2f72", "#fbe8f1"), ("#4f6b12", "#eff5dd"), ("#5a55d6", "#ecebfc"),
)  # fmt: skip
_HUES_DARK = (
    ("#78a9ff", "#1b2f52"), ("#4fd39c", "#143a2c"), ("#c79bff", "#35234f"), ("#f0bd54", "#40310f"),
    ("#5fd0e4", "#12373f"), ("#ff8dbd", "#48203a"), ("#b5d45e", "#2c3814"), ("#a5a2ff", "#2a2957"),
)  # fmt: skip

HUES = len(_HUES_LIGHT)


def style_sheet(theme: str, hues: Sequence[int]) -> str:
    """CSS for `auto` (as the reader's system has it), `light` or `dark`; `hues` are those that are used."""
    rules = [_fixed(), _colours(_DARK, _HUES_DARK, hues) if theme == "dark" else _colours(_LIGHT, _HUES_LIGHT, hues)]
    if theme == "auto":
        rules.append(f"@media (prefers-color-scheme: dark) {{\n{_colours(_DARK, _HUES_DARK, hues)}\n}}")
    return "\n".join(rules)


def _fixed() -> str:
    bold = {"heading", "title", "strong"}
    sizes = "\n".join(
        f".{style} {{ font-size: {size}px; font-weight: {'600' if style in bold else '400'} }}" for style, size in FONTS.items()
    )
    return (
        f"text {{ font-family: {FAMILY}; white-space: pre }}\n{sizes}\n"
        ".wire { fill: none; stroke-width: 1.6; stroke-linejoin: round }\n"
        ".box { stroke-width: 1.3 }\n.container { stroke-dasharray: none; stroke-width: 1.3 }\n"
        ".more { stroke-dasharray: 5 4 }\n.bar { stroke-width: 1.3 }\n.outside { stroke-dasharray: 5 4 }\n"
        ".troubled { stroke-dasharray: 7 4; stroke-width: 1.8 }\n.pill, .plug, .tab { stroke-width: 1.2 }"
    )


def _colours(colour: dict[str, str], hues: Sequence[tuple[str, str]], used: Sequence[int]) -> str:
    rules = [
        f".page {{ fill: {colour['page']} }}",
        f".heading, .title, .strong, .mono, .words {{ fill: {colour['ink']} }}",
        f".caption {{ fill: {colour['muted']} }}",
        f".trouble {{ fill: {colour['trouble']} }}",
        f".box {{ fill: {colour['card']}; stroke: {colour['edge']} }}",
        f".host, .container {{ fill: {colour['card-host']} }}",
        f".rule {{ stroke: {colour['rule']} }}",
        f".outside {{ fill: {colour['outside']}; stroke: {colour['edge']} }}",
        f".plug {{ fill: {colour['card']}; stroke: {colour['wire']} }}",
        f".prong {{ fill: {colour['wire']} }}",
        f".wire {{ stroke: {colour['wire']} }}",
        f".dot {{ fill: {colour['wire']} }}",
        f".tab {{ fill: {colour['card-host']}; stroke: {colour['wire']} }}",
        f".pill {{ fill: {colour['pill']}; stroke: {colour['publish']} }}",
        f".publish {{ stroke: {colour['publish']} }}",
        f".head {{ fill: {colour['publish']} }}",
    ]
    for hue in used:
        line, tint = hues[hue]
        rules.append(f".fill{hue} {{ fill: {tint}; stroke: {line} }}")
        rules.append(f".line{hue} {{ stroke: {line} }}")
        rules.append(f".dot{hue} {{ fill: {line} }}")
    rules.append(f".troubled {{ stroke: {colour['trouble']} }}")
    return "\n".join(rules)
