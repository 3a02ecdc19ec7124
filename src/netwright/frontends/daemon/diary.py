"""What the daemon tells, in its journal and its log: each thing once, however often it is found to be so."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from netwright.errors import NetwrightError
from netwright.model.event import Event, What
from netwright.ports import Log
from netwright.report.event_text import event_text


class Diary:
    """`told` hears the sentences, the log keeps the events. A log that cannot be written to is told, and hinders nothing."""

    def __init__(self, log: Log, told: Callable[[str], None]) -> None:
        self._log = log
        self._told = told
        self._standing: dict[tuple[str, What], tuple[str, ...]] = {}
        """What was told of a stack last and has been so since."""

    def say(self, sentence: str) -> None:
        """To the journal alone."""
        self._told(sentence)

    def add(self, what: What, stack: str = "", **more: Any) -> None:
        """An event of this moment; `more`: its other fields."""
        event = Event(at=time.time(), what=what, stack=stack, **more)
        self._told(event_text(event))
        try:
            self._log.add(event)
        except NetwrightError as error:
            self._told(str(error))

    def stands(self, what: What, stack: str, sentences: tuple[str, ...], **more: Any) -> bool:
        """Something that lasts; none: it is over, and not told. True: it is not what it was."""
        if sentences == self._standing.get((stack, what), ()):
            return False
        self._standing[stack, what] = sentences
        if sentences:
            self.add(what, stack, message="; ".join(sentences), **more)
        return True

    def forget(self, stack: str) -> None:
        """There is no such stack any more."""
        self._standing = {key: value for key, value in self._standing.items() if key[0] != stack}
