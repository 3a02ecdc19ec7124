"""The database's tables, as the steps that lead to them.

A step is never edited once it was released: a change is a new step at the end. `PRAGMA user_version` is the number of
steps that a database has seen.

    commits    a stack as last committed, with the addresses it has given out (leases) and, for each of its tables'
               digests, the listing the kernel showed when it was loaded (fingerprints)
    loans      what the stack has changed but does not own, as it was before
    journals   a run that has begun and is not committed
    trials     an `apply --confirm` that nobody has confirmed yet; its deadline by two clocks (trials.py)
    deeds      what was changed, by whom, and what was refused: the log
"""

from __future__ import annotations

import sqlite3
import time

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE commits (
            stack TEXT PRIMARY KEY, spec TEXT NOT NULL, source TEXT NOT NULL, committed_at REAL NOT NULL, digest TEXT NOT NULL,
            leases TEXT NOT NULL, fingerprints TEXT NOT NULL)""",
        "CREATE TABLE loans (stack TEXT PRIMARY KEY, loans TEXT NOT NULL)",
        """CREATE TABLE journals (
            stack TEXT PRIMARY KEY, spec TEXT, source TEXT NOT NULL, started_at REAL NOT NULL,
            claims TEXT NOT NULL, leases TEXT NOT NULL)""",
        """CREATE TABLE trials (
            stack TEXT PRIMARY KEY, spec TEXT, source TEXT NOT NULL, deadline REAL NOT NULL)""",
    ),
    ("ALTER TABLE trials ADD COLUMN leases TEXT NOT NULL DEFAULT '{}'",),
    (
        "CREATE TABLE deeds (id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, stack TEXT NOT NULL, deed TEXT NOT NULL)",
        "CREATE INDEX deeds_of_stack ON deeds (stack)",
    ),
    (
        "ALTER TABLE trials ADD COLUMN written REAL NOT NULL DEFAULT 0",
        "ALTER TABLE trials ADD COLUMN boot TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE trials ADD COLUMN since_boot REAL NOT NULL DEFAULT 0",
    ),
)

TABLES = ("commits", "loans", "journals", "trials")
"""Those that a stack leaves with: the log stays."""


_PAUSE = 0.005


def version(connection: sqlite3.Connection) -> int:
    """How many steps this database has seen; 0: it is new."""
    (number,) = connection.execute("PRAGMA user_version").fetchone()
    return int(number)


def write_ahead(connection: sqlite3.Connection, seconds: float) -> None:
    """Change to WAL. SQLite does not wait for other connections here as it does for a transaction: it is asked until `seconds` are over."""
    end = time.monotonic() + seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(_PAUSE)
        else:
            return


def migrate(connection: sqlite3.Connection) -> None:
    """Take the steps that are missing, all in one transaction. The connection is in autocommit mode, WAL and alone."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in MIGRATIONS[version(connection) :]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        # SQLite has rolled back by itself where the disk is full (https://www.sqlite.org/lang_transaction.html).
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
