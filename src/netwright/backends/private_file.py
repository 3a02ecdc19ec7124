"""A database's file, made before SQLite opens it, so that it is nobody else's to read at any moment."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path


def make_private_file(path: Path) -> None:
    """Mode 0600, empty; one that is there already stays as it is. Raises OSError.

    It is made without being opened: closing any descriptor of a file drops all locks that the process has on it, those of SQLite's
    connections in other threads as well (fcntl(2)). Without them another process takes itself for the last one, and deletes the log
    that those connections go on writing to (https://www.sqlite.org/howtocorrupt.html, 2.2).
    """
    with suppress(FileExistsError):
        os.mknod(path, 0o600 | stat.S_IFREG)
