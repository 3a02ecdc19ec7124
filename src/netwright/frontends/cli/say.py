"""Data to standard output, words to standard error; and nothing is the matter if nobody listens any more."""

from __future__ import annotations

import io
import os
import sys
from typing import Any, TextIO

from netwright.errors import BackendError
from netwright.report.plain import json_text, plain


def prepare() -> None:
    """For a process of our own: a character that the terminal's encoding lacks is shown as `?`, not as a failure."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def data(text: str, *, verbatim: bool = False) -> None:
    """What the command was asked for. Raises BackendError where it cannot be written (a full disk).

    `verbatim`: something that is read by programs, a file or a script: what others have named is in it as it is, but on a terminal.
    """
    _write(sys.stdout, text if verbatim and not sys.stdout.isatty() else plain(text, coloured=coloured(sys.stdout)))


def document(value: Any, *, indent: int | None = 2) -> None:
    """Data as JSON."""
    _write(sys.stdout, json_text(value, indent=indent))


def words(text: str) -> None:
    """What a person should know beside it: one or more sentences."""
    _write(sys.stderr, plain(text, coloured=coloured(sys.stderr)) + "\n")


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
