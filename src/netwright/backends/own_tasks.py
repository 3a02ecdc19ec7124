"""Which threads and processes are, or were, this process's: nf_tables names whoever has made a change, and a short-lived one has ended by then."""

from __future__ import annotations

import os
from collections import deque

_ended: deque[int] = deque(maxlen=1024)
"""The last ones. Numbers are used again, but not so soon."""


def remember(number: int) -> None:
    """A thread or a child of ours, by its number: it is about to end, or has ended. May be called from any thread."""
    _ended.append(number)


def is_own(number: int) -> bool:
    """Whether it is a thread of this process, or was remembered."""
    return number in _ended or os.path.exists(f"/proc/self/task/{number}")  # noqa: PTH110 - for each transaction
