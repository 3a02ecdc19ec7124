"""A user's file as bytes: no more of it than a file may have, and without waiting for what may never come."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from netwright.errors import Problem, SpecError


def read_file(path: str | Path, most: int) -> bytes:
    """`most` bytes of it at most. A named pipe is refused, since nobody may ever write to it; those of a shell (`<(…)`, /dev/fd/N) have no name.

    Raises OSError, SpecError.
    """
    # A name below /proc/PID/fd that leads to no file: a pipe of a shell's.
    if stat.S_ISFIFO(Path(path).stat().st_mode) and os.path.lexists(os.path.realpath(path)):
        hint = "write it to a file, or hand it on as standard input: netwright … - < PIPE"
        raise SpecError(os.fsencode(path).decode(errors="replace"), [Problem(0, 0, "", "is a named pipe, and no file", hint)])
    with Path(path).open("rb") as file:
        return file.read(most)
