"""A run that is cut off at random: an operation fails, or the process gets SIGKILL at an operation or when it would commit."""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import netwright
from netwright.backends.store import SqliteStore
from netwright.engine.engine import Engine
from netwright.engine.outcome import Silent
from netwright.errors import KernelError
from netwright.model.operation import AnyOperation
from netwright.model.state import State
from netwright.ports import OperationFailed, Scope, World
from netwright.wiring import open_world


class CutOff:
    """A World whose operation `number` (from 0) does not come to be."""

    def __init__(self, world: World, number: int, cut: Callable[[AnyOperation], NoReturn]) -> None:
        self._world = world
        self._left: int | None = number
        self._cut = cut

    def observe(self, scope: Scope) -> State:
        return self._world.observe(scope)

    def execute(self, operations: Sequence[AnyOperation], done: Callable[[int], None]) -> None:
        if self._left is None or self._left >= len(operations):
            if self._left is not None:
                self._left -= len(operations)
            self._world.execute(operations, done)
            return
        number, self._left = self._left, None
        self._world.execute(operations[:number], done)
        self._cut(operations[number])

    def close(self) -> None:
        self._world.close()


def refuse(operation: AnyOperation) -> NoReturn:
    """As the kernel does when it has no memory."""
    raise OperationFailed(operation, KernelError(errno.ENOMEM, "made to fail"))


def kill(_operation: AnyOperation) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("SIGKILL does not return")


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
