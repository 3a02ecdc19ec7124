"""An nft table's text as two things: what it is made of, and what is in its sets and maps.

The first is chains, rules and the declarations of sets and maps; a change of it replaces the table. The second comes and goes with
addresses and ports, and is changed element by element. The shape is that of nft(8), as we write it and as it lists it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from netwright.model.names import table_family

Elements = Mapping[str, frozenset[str]]
"""Set or map → its elements: `10.0.0.0/8`, `6 . 80 : goto CHAIN`. Protocols are numbers; a whole address has no length."""

_COLLECTION = re.compile(r"^\t(?:set|map) (?P<name>\S+) \{\n(?P<body>.*?)^\t\}\n", re.MULTILINE | re.DOTALL)
_ELEMENTS = re.compile(r"^\t\telements = \{(?P<elements>[^}]*)\}\n", re.MULTILINE)
_COUNTER = re.compile(r"^\tcounter (?P<name>\S+) \{\n\t\}\n", re.MULTILINE)
_COUNTED = re.compile(r"^\tcounter (?P<name>\S+) \{\n\t\tpackets (?P<packets>\d+) bytes (?P<bytes>\d+)", re.MULTILINE)
_PROTOCOLS = {"tcp": "6", "udp": "17", "sctp": "132"}


def split(text: str) -> tuple[str, dict[str, frozenset[str]]]:
    """A table's text without the elements, and the elements."""
    elements: dict[str, frozenset[str]] = {}

    def without(match: re.Match[str]) -> str:
        found = _ELEMENTS.search(match["body"])
        listed = found["elements"].split(",") if found else ()
        elements[match["name"]] = frozenset(_canonical(one) for one in listed if one.strip())
        return _ELEMENTS.sub("", match[0])

    return _COLLECTION.sub(without, text), elements


def _canonical(element: str) -> str:
    key, colon, data = " ".join(element.split()).partition(" : ")
    return " . ".join(_word(word) for word in key.split(" . ")) + (f" : {data}" if colon else "")


def _word(word: str) -> str:
    if word in _PROTOCOLS:
        return _PROTOCOLS[word]
    return word.removesuffix("/128") if ":" in word else word.removesuffix("/32")


def counts(listing: str) -> dict[str, tuple[int, int]]:
    """What nft lists of named counters: name → packets and bytes."""
    return {found["name"]: (int(found["packets"]), int(found["bytes"])) for found in _COUNTED.finditer(listing)}


def with_counts(text: str, counted: Mapping[str, tuple[int, int]]) -> str:
    """A table's text whose counters go on from `counted`."""

    def go_on(match: re.Match[str]) -> str:
        packets, size = counted.get(match["name"], (0, 0))
        return f"\tcounter {match['name']} {{\n\t\tpackets {packets} bytes {size}\n\t}}\n" if packets else match[0]

    return _COUNTER.sub(go_on, text)


def element_commands(table: str, remove: Elements, add: Elements) -> str:
    """nft(8) text that takes elements out of a table's sets and maps and puts others in; as one transaction if run at once."""
    lines = [
        f"delete element {table_family(table)} {table} {name} {{ {', '.join(sorted(one.partition(' : ')[0] for one in gone))} }}\n"
        for name, gone in sorted(remove.items())
    ]
    lines += [f"add element {table_family(table)} {table} {name} {{ {', '.join(sorted(come))} }}\n" for name, come in sorted(add.items())]
    return "".join(lines)
