"""What is done in a thread of its own, because it enters another namespace there, and Ctrl-C meanwhile."""

from __future__ import annotations

import errno
import os
import signal
import threading

import pytest

from netwright.backends.netns import in_thread, in_threads
from netwright.errors import KernelError


def test_the_result_and_the_exception_are_the_callers() -> None:
    assert in_thread(threading.get_ident) != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        in_thread(lambda: 1 // 0)


def test_ctrl_c_is_raised_when_the_thread_has_ended_and_not_before() -> None:
    made: list[str] = []

    def work() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        # Time enough for a caller that does not wait for the end.
        threading.Event().wait(0.2)
        made.append("a namespace")

    with pytest.raises(KeyboardInterrupt):
        in_thread(work)
    assert made == ["a namespace"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_where_the_system_gives_no_thread_the_caller_is_told_so() -> None:
    # No address space has room for such a stack.
    size = threading.stack_size(1 << 46)
    try:
        with pytest.raises(KernelError, match=r"^entering a network namespace: can't start new thread$") as told:
            in_threads((threading.get_ident, threading.get_ident))
    finally:
        threading.stack_size(size)
    assert told.value.errno == errno.EAGAIN
