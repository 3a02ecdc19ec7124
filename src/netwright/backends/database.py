"""A SQLite database that outlives crashes, power cuts and versions of Netwright.

WAL with synchronous=FULL: what a transaction wrote is on the disk when it returns, and a reader never waits for a writer
(https://www.sqlite.org/wal.html). `PRAGMA user_version` is the number of steps that the database has seen.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from netwright.backends.new_folder import ANOTHER_FOLDER, make_private
from netwright.backends.private_file import make_private_file
from netwright.backends.written_version import written_version

Steps = Sequence[Sequence[str]]
"""SQL statements. A step is never edited once it was released: a change is a new step at the end."""

BUSY_SECONDS = 30.0
"""How long SQLite waits for another connection's write, which takes milliseconds."""
_PAUSE = 0.005
LITTLE = 1 << 18
"""Bytes of room on a file system, below which SQLite may have failed for want of it: its error does not always say so."""


class Newer(Exception):
    """Another version wrote it, which knows more steps. It was left byte for byte as it is."""

    def __init__(self, version: int) -> None:
        super().__init__(f"version {version}")
        self.version = version


class Database:
    """One connection, opened when it is needed, usable from any thread. Nothing is made before there is something to write.

    Every method raises OSError, sqlite3.Error and Newer; Refused where the folder is somebody else's.
    """

    def __init__(self, file: Path, steps: Callable[[], Steps], *, known_by: str) -> None:
        """`known_by`: a table that each version has."""
        self.file = file
        self._known_by = known_by
        self._steps = steps
        self._connection: sqlite3.Connection | None = None
        self._turn = threading.RLock()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """None: there is no database."""
        with self._turn:
            yield self._open(create=False)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it or nothing, durable at the end of the block."""
        with self._turn:
            connection = self._open(create=True)
            assert connection is not None
            with _transaction(connection):
                yield connection

    def explained(self, error: OSError | sqlite3.OperationalError) -> tuple[str, str]:
        """What is the matter with the disk, in words, and what to do."""
        folder = self.file.parent
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        number = error.errno if isinstance(error, OSError) else None
        if isinstance(error, OSError) and number == errno.EISDIR:
            name = Path(os.fsdecode(error.filename)).name
            return f"{name} is a folder", f"move it away: mv {folder}/{name} {folder}/{name}.old"
        if number == errno.ENOENT and self.file.is_symlink():
            return f"{self.file.name} leads to {self.file.readlink()}, which is not there", "mount the disk that it is on"
        if isinstance(error, sqlite3.OperationalError) and "I/O error" in reason and (room := self._room()) < LITTLE:
            reason = f"{reason}, and {room >> 10} KiB are left on its file system"
        if number in (errno.ENOSPC, errno.EDQUOT) or "full" in reason or "KiB are left" in reason:
            return reason, f"make room on the file system of {folder}, then try again"
        if number == errno.EROFS:
            return reason, f"mount the file system of {folder} writable, or set NETWRIGHT_STATE to a folder that you may write to"
        if "readonly" in reason:
            return reason, f"look at the owners and modes of {self.file} and of what stands beside it"
        return reason, ANOTHER_FOLDER

    def _room(self) -> int:
        """Bytes."""
        try:
            there = os.statvfs(self.file.parent)
        except OSError:
            return LITTLE
        return there.f_bavail * there.f_frsize

    def close(self) -> None:
        with self._turn:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _open(self, *, create: bool) -> sqlite3.Connection | None:
        if self._connection is None:
            if not self._is_there():
                if not create:
                    return None
                self._make()
            else:
                make_private(self.file.parent)
            self._refuse_strange()
            self._refuse_newer(written_version(self.file))
            self._connection = self._connect()
        return self._connection

    def _is_there(self) -> bool:
        """Also a link that leads nowhere: to a disk that is not mounted, say."""
        try:
            self.file.lstat()
        except FileNotFoundError:
            return False
        return True

    def _refuse_strange(self) -> None:
        """What a crash has never left of ours: it is made under another name."""
        there = self.file.stat()
        if stat.S_ISDIR(there.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(self.file))
        if not stat.S_ISREG(there.st_mode):
            raise sqlite3.DatabaseError("it is no file")
        if there.st_size == 0:
            raise sqlite3.DatabaseError("it is empty")

    def _refuse_newer(self, version: int) -> None:
        if version > len(self._steps()):
            raise Newer(version)

    def _refuse_foreign(self, connection: sqlite3.Connection) -> None:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        if tables and self._known_by not in tables:
            raise sqlite3.DatabaseError("it is another program's database")

    def _make(self) -> None:
        """Whole, or not at all, and by one process; with its folder and all above on the disk when it has its name."""
        folder = self.file.parent
        make_private(folder)
        with _alone(self.file):
            if self._is_there():
                return
            new = self.file.with_name(f"{self.file.name}.new")
            _remove(new)
            try:
                make_private_file(new)
                with closing(sqlite3.connect(new, isolation_level=None)) as connection:
                    self._migrate(connection)
                    # Last: what is in a write-ahead log when the disk is full, its connection's end does not tell.
                    connection.execute("PRAGMA journal_mode = WAL")
                self._put_aside_what_is_left()
                new.rename(self.file)
            except BaseException:
                _remove(new)
                raise
            _keep_names(folder)

    def _put_aside_what_is_left(self) -> None:
        """Of a database that was moved away: SQLite would take its log for the new one's."""
        for end in ("-journal", "-wal", "-shm"):
            left = self.file.with_name(self.file.name + end)
            if left.is_file():
                left.rename(left.with_name(f"{left.name}.old"))

    def _connect(self) -> sqlite3.Connection:
        # Turns are taken by self._turn; SQLite itself would refuse a second thread.
        connection = sqlite3.connect(self.file, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            self._refuse_foreign(connection)
            if _version(connection) < len(self._steps()):
                _write_ahead(connection)
                self._migrate(connection)
            self._refuse_newer(_version(connection))
            connection.execute("PRAGMA synchronous = FULL")
        except BaseException as error:
            connection.close()
            if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF in (
                sqlite3.SQLITE_CANTOPEN,
                sqlite3.SQLITE_READONLY,
            ):
                # SQLite does not say why it cannot open a file.
                os.close(os.open(self.file, os.O_RDWR | os.O_CLOEXEC))
            raise
        return connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        """Take the steps that are missing, all in one transaction."""
        steps = self._steps()
        with _transaction(connection):
            if (version := _version(connection)) < len(steps):
                for step in steps[version:]:
                    for statement in step:
                        connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {len(steps)}")


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite has rolled back by itself where the disk is full (https://www.sqlite.org/lang_transaction.html).
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    (number,) = connection.execute("PRAGMA user_version").fetchone()
    return int(number)


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """While it is made: by one thread of one process. Not the lock of those who change the host, who hold that one already."""
    place = file.with_name(f"{file.name}.making")
    while True:
        lock = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_at(place, lock):
            break
        os.close(lock)
    try:
        yield
    finally:
        place.unlink(missing_ok=True)
        os.close(lock)


def _is_at(place: Path, descriptor: int) -> bool:
    """Whoever had the lock before has taken it away."""
    try:
        return os.path.samestat(place.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _remove(new: Path) -> None:
    """Also what stands beside it."""
    for end in ("", "-journal", "-wal", "-shm"):
        new.with_name(new.name + end).unlink(missing_ok=True)


def _keep_names(folder: Path) -> None:
    """SQLite syncs what is in its folder; that the folder itself, and those above it, are there after a power loss is seen to here."""
    for place in (folder, *folder.parents):
        try:
            descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except PermissionError:
            # Not ours to read, so not made by us.
            return
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Change to WAL. SQLite does not wait for other connections here as it does for a transaction: it is asked again and again."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(_PAUSE)
        else:
            return
