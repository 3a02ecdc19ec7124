"""The shape of nft(8) text: sets, maps and chains as they stand in a table, one element a line.

Text, since libnftables' JSON input mistakes maps with concatenated data for sets in versions that are deployed. Everything
that goes in here was parsed before (`netwright.model`), so nothing has to be escaped: an interface's name cannot hold a quote.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

IP = {4: "ip", 6: "ip6"}
"""IP family → nft's word for its header."""

ADDR = {4: "ipv4_addr", 6: "ipv6_addr"}
"""IP family → nft's type of an address."""


def set_text(name: str, type_: str, elements: Iterable[str], *, interval: bool = False) -> str:
    """A named set."""
    return _collection("set", name, type_, list(elements), interval=interval)


def map_text(name: str, type_: str, elements: Mapping[str, str], *, interval: bool = False) -> str:
    """A named map, in the order given; `type_` is KEY : DATA."""
    return _collection("map", name, type_, [f"{key} : {data}" for key, data in elements.items()], interval=interval)


def chain_text(name: str, rules: Sequence[str], *, hook: str | None = None) -> str:
    """A chain; `hook` makes it a base chain: `nat hook prerouting priority -101`."""
    lines = [f"\tchain {name} {{\n"]
    if hook is not None:
        lines.append(f"\t\ttype {hook}; policy accept;\n")
    lines.extend(f"\t\t{rule}\n" for rule in rules)
    lines.append("\t}\n")
    return "".join(lines)


def _collection(kind: str, name: str, type_: str, elements: Sequence[str], *, interval: bool) -> str:
    flags = "\t\tflags interval\n" if interval else ""
    lines = ",\n\t\t\t".join(elements)
    body = f"\t\telements = {{\n\t\t\t{lines}\n\t\t}}\n" if elements else ""
    return f"\t{kind} {name} {{\n\t\ttype {type_}\n{flags}{body}\t}}\n"
