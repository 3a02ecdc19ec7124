"""What was decided of a network where the file leaves it open: kept among the stack's leases, so that it stays."""

from __future__ import annotations

_PLACE = "network"
"""In the place of a namespace's key (`host`, `named/NAME`, `container/NAME`)."""


def decision_key(network: str, what: str) -> str:
    """What a decision is remembered by."""
    return f"{network}/{_PLACE}/{what}"


def is_decision(key: str) -> bool:
    """Whether a lease's key is a decision's, rather than an address's."""
    return key.split("/")[1:2] == [_PLACE]
