"""The API's socket: whose it is, and what is done with one that is there already."""

from __future__ import annotations

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

from netwright.errors import Busy, Refused
from netwright.reception import bound
from netwright.wiring import make_readable


def listen(path: Path, group: int | None) -> socket.socket:
    """Bound, for root and the members of `group` (None: root alone); not listening yet. A socket that an earlier daemon left is replaced.

    Raises Busy where another one answers, Refused where others could put theirs in its place, and OSError.
    """
    # The group must come by.
    make_readable(path.parent)
    _refuse_strangers(path)
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


def _refuse_strangers(path: Path) -> None:
    """Whoever may change the folder can put a socket of their own in the place of ours, and hears what others want done."""
    found = path.parent.stat()
    if found.st_uid not in {0, os.geteuid()}:
        why = f"the folder belongs to another user (number {found.st_uid})"
    elif found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
        why = "everybody may write to the folder"
    else:
        return
    raise Refused(f"The API's socket cannot be {path}: {why}.", hint="set NETWRIGHT_SOCKET to a path in a folder of root's")


def _answers(path: Path) -> bool:
    """Whether somebody listens there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as door:
        try:
            door.connect(str(path))
        except OSError:
            return False
        return True
