"""What happens, told while it happens: sentences always, a bar where a person watches and it takes a while."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from netwright.frontends.cli import say
from netwright.report.plain import plain

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from netwright.engine.outcome import Progress
    from netwright.model.operation import Plan

LONG = 100
"""A plan of fewer operations is done before a bar could be read."""

_TOLD = ("waiting", "rolling back")
"""Phases that a person must know of even where there is no bar."""


class Sentences:
    """For a log, a pipe, and short work on a terminal. `quiet`: only what must be known."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet

    def phase(self, name: str) -> None:
        if name.startswith(_TOLD):
            self._tell(f"{name[0].upper()}{name[1:]}…")

    def planned(self, plan: Plan) -> None: ...

    def done(self, operations: int) -> None: ...

    def note(self, sentence: str) -> None:
        if not self._quiet:
            self._tell(sentence)

    def close(self) -> None: ...

    def _tell(self, sentence: str) -> None:
        say.words(sentence)


class Bar(Sentences):
    """For a terminal. The bar is gone when the work is done; the sentences stay."""

    def __init__(self) -> None:
        super().__init__()
        self._phase = ""
        self._shown: RichProgress | None = None
        self._task: TaskID | None = None

    def phase(self, name: str) -> None:
        self._phase = name
        if self._shown is not None and self._task is not None:
            self._shown.update(self._task, description=name)
        super().phase(name)

    def planned(self, plan: Plan) -> None:
        total = len(plan.operations)
        if self._shown is None:
            if total < LONG:
                return
            self._shown = _bar()
            self._shown.start()
            self._task = self._shown.add_task(self._phase, total=total)
        elif self._task is not None:
            self._shown.reset(self._task, total=total, description=self._phase)

    def done(self, operations: int) -> None:
        if self._shown is not None and self._task is not None:
            self._shown.advance(self._task, operations)

    def close(self) -> None:
        if self._shown is not None:
            self._shown.stop()
            self._shown = None

    def _tell(self, sentence: str) -> None:
        if self._shown is not None:
            self._shown.console.print(plain(sentence), markup=False, highlight=False)
        else:
            super()._tell(sentence)


@contextmanager
def shown(*, quiet: bool = False) -> Iterator[Progress]:
    """A Progress for the body; what it has drawn is wiped at the end."""
    progress = Sentences(quiet=quiet) if quiet or not sys.stderr.isatty() else Bar()
    try:
        yield progress
    finally:
        progress.close()


def _bar() -> RichProgress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)
