"""An apply that is cut off at an operation: by an error, or by SIGKILL. Run as a program for the latter:

python cut_off.py FILE STATE_FOLDER NUMBER
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

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


def engine(folder: str, number: int, cut: Callable[[AnyOperation], NoReturn]) -> Engine:
    """An Engine over the real kernel that is cut off at an operation."""
    return Engine(CutOff(open_world(), number, cut), SqliteStore(folder), Silent())


if __name__ == "__main__":
    import netwright

    path, folder, number = sys.argv[1:]
    with engine(folder, int(number), kill) as cut_off:
        cut_off.apply(netwright.load(path))
