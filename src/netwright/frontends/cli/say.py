"""Data to standard output, words to standard error; and nothing is the matter if nobody listens any more."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import Any, TextIO

from netwright.errors import BackendError


def prepare() -> None:
    """For a process of our own: a character that the terminal's encoding lacks is shown as `?`, not as a failure."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def data(text: str) -> None:
    """What the command was asked for. Raises BackendError where it cannot be written (a full disk)."""
    _write(sys.stdout, text)


def document(value: Any) -> None:
    """Data as JSON."""
    data(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def words(text: str) -> None:
    """What a person should know beside it: one or more sentences."""
    _write(sys.stderr, text + "\n")


def coloured(stream: TextIO) -> bool:
    """Whether colours are wanted there (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except OSError as error:
        # `netwright plan | head`: the rest of the work, and the exit status, are as if somebody had read it.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        if stream is sys.stdout and not isinstance(error, BrokenPipeError):
            raise BackendError(f"Standard output cannot be written: {error.strerror}. All else is done.") from None
