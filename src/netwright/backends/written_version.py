"""A database's `PRAGMA user_version`, without opening it to work on it: SQLite would make files beside it, and change or remove those of another.

Formats: https://www.sqlite.org/fileformat2.html
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

_HEADER = 100
_WAL_HEADER = 32
_FRAME_HEADER = 24


def written_version(file: Path) -> int:
    """0 for what is no database. Raises OSError and sqlite3.OperationalError.

    The database itself is read by SQLite only: closing a descriptor of it that SQLite does not know would drop its other connections' locks
    (`private_file`). As `immutable` no file is made or looked at beside it (https://www.sqlite.org/uri.html).
    """
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)) as database:
        try:
            version = _asked(database)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            return 0
        log = file.with_name(f"{file.name}-wal")
        try:
            with log.open("rb") as frames:
                logged = _highest(frames)
        except FileNotFoundError:
            return version
        if logged <= version:
            return version
        # It counts only if its transaction came to its end: that is for SQLite to say, of a copy.
        with tempfile.TemporaryDirectory(prefix="netwright-") as place:
            copied = Path(place, file.name)
            copied.write_bytes(database.serialize())
            shutil.copyfile(log, Path(place, log.name))
            with closing(sqlite3.connect(copied)) as copy:
                return _asked(copy)


def _asked(database: sqlite3.Connection) -> int:
    (number,) = database.execute("PRAGMA user_version").fetchone()
    return int(number)


def _highest(frames: BinaryIO) -> int:
    """The highest that a first page in a write-ahead log has; 0: none is there."""
    header = frames.read(_WAL_HEADER)
    if len(header) < _WAL_HEADER:
        return 0
    size, salts = int.from_bytes(header[8:12], "big"), header[16:24]
    found = 0
    while len(frame := frames.read(_FRAME_HEADER + _HEADER)) == _FRAME_HEADER + _HEADER and frame[8:16] == salts:
        if frame[:4] == b"\0\0\0\1":
            found = max(found, _user_version(frame[_FRAME_HEADER:]))
        frames.seek(size - _HEADER, 1)
    return found


def _user_version(page: bytes) -> int:
    return int.from_bytes(page[60:64], "big", signed=True)
