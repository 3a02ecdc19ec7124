"""The API's socket: whose it is, and what is done with one that is there already."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

from netwright.errors import Busy
from netwright.reception import bound
from netwright.wiring import make_readable


def listen(path: Path, group: int | None) -> socket.socket:
    """Bound, for root and the members of `group` (None: root alone); not listening yet. A socket that an earlier daemon left is replaced.

    Raises Busy where another one answers, and OSError.
    """
    # The group must come by.
    make_readable(path.parent)
    if _answers(path):
        words = f"Another daemon serves {path}, with another folder of state."
        raise Busy(words, hint="stop that one first, or set NETWRIGHT_SOCKET to another place for this one")
    with suppress(FileNotFoundError):
        path.unlink()
    sock = bound(str(path))
    if group is not None:
        os.chown(path, -1, group)
        path.chmod(0o660)
    return sock


def _answers(path: Path) -> bool:
    """Whether somebody listens there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as door:
        try:
            door.connect(str(path))
        except OSError:
            return False
        return True
