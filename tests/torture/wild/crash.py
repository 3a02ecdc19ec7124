"""A run that is cut off at random: an operation fails, or the process gets SIGKILL at an operation or when it would commit."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from netns.cut_off import CutOff, kill, refuse

import netwright
from netwright.backends.store import SqliteStore
from netwright.engine.engine import Engine
from netwright.engine.outcome import Silent
from netwright.wiring import open_world


class _KilledStore(SqliteStore):
    """One whose process ends when a run would be committed."""

    def commit(self, *arguments: Any, **named: Any) -> NoReturn:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("SIGKILL does not return")


def failing(folder: str, number: int) -> Engine:
    """An engine of which an operation fails."""
    return Engine(CutOff(open_world(folder), number, refuse), SqliteStore(folder), Silent())


def killed(folder: str, number: int, change: Callable[[Engine], object]) -> bool:
    """Whether `change`, in a process of its own, was killed at that operation (or at its commit, where it has fewer).

    False: it refused, or there was nothing to do. Raises AssertionError where it ended otherwise.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(reading)
            with Engine(CutOff(open_world(folder), number, kill), _KilledStore(folder), Silent()) as engine:
                change(engine)
            status = 0
        except netwright.NetwrightError:
            status = 0
        except BaseException:  # noqa: BLE001 - told to the parent
            os.write(writing, traceback.format_exc().encode()[-4000:])
        finally:
            sys.stdout.flush()
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        words = told.read().decode()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status in (0, -signal.SIGKILL), words
    return status == -signal.SIGKILL
