"""The command line. A command is a file of its own, loaded when it is asked for: see `program`."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from typing import NoReturn

OBJECTS = 100_000
"""Made between two collections of cycles: Python's own 700 means hundreds of collections, none of which finds anything."""


def main() -> NoReturn:
    """The console script."""
    gc.set_threshold(OBJECTS)
    _open_what_is_closed()
    try:
        answer()
    except KeyboardInterrupt:
        # Before there is a command: its library is still being loaded.
        os.write(2, b"Interrupted.\n")
        os._exit(130)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        # Giving back every object of a process that ends takes Python longer than many a command.
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _open_what_is_closed() -> None:
    """`netwright plan FILE >&-`: else the next socket would be standard output."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - for as long as the process lives


def answer() -> NoReturn:
    """Do what the words of the command line say. Raises SystemExit."""
    if sys.argv[1:] == ["--version"]:
        # Answered before the command line's library is loaded: programs ask for it, and often.
        from netwright import __version__

        print(f"netwright {__version__}")
        sys.exit(0)
    from netwright.frontends.cli.program import run

    run()
