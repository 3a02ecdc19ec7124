"""The daemon's log of events: a JSON object on each line, in the folder of the state (mode 0600).

`events.log` grows to a limit; then it becomes `events.log.1`, and what was that is gone. Readers need no daemon.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from netwright.backends.new_folder import make_private
from netwright.errors import BackendError
from netwright.model.event import Event, event_document, read_event

LIMIT = 1 << 20
"""Bytes of a file."""


class EventLog:
    """Written by one process, read by any. Raises BackendError where the disk refuses."""

    def __init__(self, folder: str, *, limit: int = LIMIT) -> None:
        self._file = Path(folder) / "events.log"
        self._older = Path(folder) / "events.log.1"
        self._limit = limit

    def add(self, event: Event) -> None:
        """Append; it is not waited for until the disk has it."""
        line = json.dumps(event_document(event), ensure_ascii=False).encode() + b"\n"
        try:
            make_private(self._file.parent)
            descriptor = os.open(self._file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, line if _ends_whole(descriptor) else b"\n" + line)
                full = os.fstat(descriptor).st_size >= self._limit
            finally:
                os.close(descriptor)
            if full:
                self._file.replace(self._older)
        except OSError as error:
            raise BackendError(f"The log {self._file} cannot be written: {error.strerror}.") from error

    def read(self, stack: str | None = None) -> list[Event]:
        """All that is kept, oldest first: of one stack, or of all."""
        lines = [line for path in (self._older, self._file) for line in self._lines(path)]
        return [event for event in map(_event, lines) if event is not None and stack in (None, event.stack)]

    def follow(self, stack: str | None = None) -> Iterator[Event | None]:
        """What is added from now on; None where there is nothing more at the moment (then the caller waits a little)."""
        file = self._open()
        if file is not None:
            file.seek(0, os.SEEK_END)
        rest = b""
        try:
            while True:
                turned = self._turned(file)
                if file is not None:
                    # After it was asked whether the file has been turned over: then nothing more is added to it.
                    rest, events = _whole(rest + file.read())
                    yield from (event for event in events if stack in (None, event.stack))
                if turned:
                    if file is not None:
                        file.close()
                    file, rest = self._open(), b""
                    continue
                yield None
        finally:
            if file is not None:
                file.close()

    def _open(self) -> BinaryIO | None:
        try:
            return self._file.open("rb")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(error) from error

    def _turned(self, file: BinaryIO | None) -> bool:
        """Whether there is another file under the name. One that is open keeps its number to itself."""
        try:
            now = self._file.stat().st_ino
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._unreadable(error) from error
        return file is None or os.fstat(file.fileno()).st_ino != now

    def _lines(self, path: Path) -> list[bytes]:
        try:
            return path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: OSError) -> BackendError:
        return BackendError(f"The log {self._file} cannot be read: {error.strerror}.", hint="run as root, or ask the daemon")


def _ends_whole(descriptor: int) -> bool:
    """Not where a crash, or a disk that was full, has cut off the last line: what is added would be lost with it."""
    size = os.fstat(descriptor).st_size
    return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"


def _whole(data: bytes) -> tuple[bytes, list[Event]]:
    *lines, rest = data.split(b"\n")
    return rest, [event for event in map(_event, lines) if event is not None]


def _event(line: bytes) -> Event | None:
    """None for a line that a crash has cut off, that another version wrote, or that the disk has spoilt."""
    try:
        return read_event(json.loads(line))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
