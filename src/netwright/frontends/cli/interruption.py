"""Ctrl-C, and its relatives, while a change is being made: once is a request to roll back, twice is impatience."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from netwright.frontends.cli import say

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""A terminal that is closed, and a service manager that stops us, mean the same as Ctrl-C."""


@contextmanager
def interruptible() -> Iterator[None]:
    """In the body the first of SIGNALS raises KeyboardInterrupt; the next ones are answered, and do not disturb the rolling back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came = False

    def heard(_number: int, _frame: FrameType | None) -> None:
        nonlocal came
        if came:
            say.words("Rolling back already; please wait. (If it has to be: kill -9, then netwright recover.)")
            return
        came = True
        raise KeyboardInterrupt

    # A process that was started with nohup ignores SIGHUP, and shall go on doing so.
    before = {number: signal.getsignal(number) for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, heard)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
