"""Two looks at a host: what is different, and whether it is still so a moment later."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What is different, a line each."""
    found = []
    for key in sorted({*before, *after}):
        one, two = before.get(key), after.get(key)
        if isinstance(one, dict) and isinstance(two, dict):
            found += [f"{key}, {line}" for line in differences(one, two)]
        elif one != two:
            found.append(f"{key}: {_shown(one)} -> {_shown(two)}")
    return found


def _shown(value: Any) -> str:
    return (
        "nothing"
        if value is None
        else "there"
        if value is True
        else str(value)
        if isinstance(value, str)
        else json.dumps(value, sort_keys=True)
    )


def settled(
    before: Mapping[str, Any], now: Callable[[], Mapping[str, Any]], seen: Mapping[str, Any] | None = None, *, seconds: float = 2
) -> list[str]:
    """What is still different after some seconds: the kernel tells of a carrier up to a second late (net/core/link_watch.c).

    `seen`: what was seen just now.
    """
    end = time.monotonic() + seconds
    while (found := differences(before, now() if seen is None else seen)) and time.monotonic() < end:
        seen = None
        time.sleep(0.02)
    return found
