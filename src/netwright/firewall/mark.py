"""How a table of ours is told from another's, and read back.

The mark is the table's comment, `netwright:STACK DIGEST`: kernel and nft keep it with the table, 128 bytes at most.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from netwright.model.firewall import Published, Table
from netwright.model.names import OWNER_PREFIX
from netwright.model.nft_text import Elements, split

_COMMENT = re.compile(rf"{OWNER_PREFIX}(?P<owner>[a-z0-9][a-z0-9-]*) (?P<digest>[0-9a-f]+)")
_ELEMENT = re.compile(r"(?P<protocol>\w+) \. (?P<port>\d+) \. (?P<target>[0-9a-f.:]+) \. (?P<target_port>\d+) : (?:goto|accept)")
PROTOCOLS_BY_NUMBER = {"6": "tcp", "17": "udp", "132": "sctp"}


@dataclass(frozen=True, slots=True)
class Mark:
    """What a table's comment says."""

    owner: str
    digest: str


def parse_mark(comment: str | None) -> Mark | None:
    """The mark in a table's comment; None: the table is somebody else's."""
    match = _COMMENT.fullmatch(comment or "")
    return Mark(match["owner"], match["digest"]) if match else None


def observed(name: str, mark: Mark, listing: str) -> Table:
    """The table as `nft list table` shows it, without handles and counters."""
    rules, elements = split(listing)
    digest = hashlib.blake2s(rules.encode(), digest_size=16).hexdigest()
    return Table(name=name, digest=mark.digest, published=published_in(elements), listing=digest, elements=elements)


def published_in(elements: Elements) -> frozenset[Published]:
    """The ports that a table of these elements translates."""
    return frozenset(
        Published(
            PROTOCOLS_BY_NUMBER.get(found["protocol"], found["protocol"]), int(found["port"]), found["target"], int(found["target_port"])
        )
        for there in elements.values()
        for element in there
        if (found := _ELEMENT.match(element)) is not None
    )
