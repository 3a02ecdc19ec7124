"""The memory of Netwright as Docker's driver: a SQLite database of its own.

    FOLDER/records.db      mode 0600
      pools, leases, networks, endpoints      a row for each, its fields as a JSON object

Apart from the stacks' database, because it is written while Docker waits, and Docker may be asked by a run that holds the stacks'.
What `save` wrote is on the disk when it returns (WAL, synchronous=FULL). Field names are the format: a renamed field is a new
version here (`PRAGMA user_version`), with a step that rewrites the rows.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from netwright.backends.private_file import make_private
from netwright.dockerdriver.options import NetworkOptions
from netwright.dockerdriver.records import Endpoint, Lease, LeaseKind, Network, Pool, PortMapping, Records, Subnet
from netwright.errors import BackendError, Refused

VERSION = 1
BUSY_SECONDS = 30.0
_TABLES = ("pools", "leases", "networks", "endpoints")

_Row = Mapping[str, Any]


class DriverStore:
    """Usable from any thread. Every method raises BackendError or Refused, each with a hint."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder).absolute()
        self._file = self._folder / "records.db"
        self._connection: sqlite3.Connection | None = None
        self._turn = threading.RLock()

    def load(self) -> Records:
        """All that is remembered; nothing, and nothing is made, where there is no database."""
        with self._turn:
            try:
                if self._connection is None and not self._file.exists():
                    return Records()
                database = self._open()
                rows = {table: database.execute(f"SELECT id, fields FROM {table}").fetchall() for table in _TABLES}  # noqa: S608 - names of ours
                return Records(
                    pools={id_: Pool(**json.loads(text)) for id_, text in rows["pools"]},
                    leases={id_: _lease(json.loads(text)) for id_, text in rows["leases"]},
                    networks={id_: _network(json.loads(text)) for id_, text in rows["networks"]},
                    endpoints={id_: _endpoint(json.loads(text)) for id_, text in rows["endpoints"]},
                )
            except (OSError, sqlite3.Error, ValueError, KeyError, TypeError) as error:
                raise self._explained(error) from error

    def save(self, before: Records, after: Records) -> None:
        """Write what differs, all of it or nothing."""
        with self._turn:
            try:
                database = self._open()
                database.execute("BEGIN IMMEDIATE")
                try:
                    for table in _TABLES:
                        _write(database, table, getattr(before, table), getattr(after, table))
                    database.execute("COMMIT")
                except BaseException:
                    database.execute("ROLLBACK")
                    raise
            except (OSError, sqlite3.Error) as error:
                raise self._explained(error) from error

    def close(self) -> None:
        with self._turn:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None:
            return self._connection
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_private(self._file)
        connection = sqlite3.connect(self._file, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            if self._version(connection) < VERSION:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("BEGIN IMMEDIATE")
                for table in _TABLES:
                    connection.execute(f"CREATE TABLE IF NOT EXISTS {table} (id TEXT PRIMARY KEY, fields TEXT NOT NULL)")
                connection.execute(f"PRAGMA user_version = {VERSION}")
                connection.execute("COMMIT")
            connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _version(self, connection: sqlite3.Connection) -> int:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise Refused(
                f"What Docker's driver remembers in {self._file} was written by a newer Netwright. It was left as it is.",
                hint="install that Netwright again",
            )
        return int(version)

    def _explained(self, error: Exception) -> BackendError:
        if isinstance(error, OSError | sqlite3.OperationalError):
            return BackendError(f"The state in {self._file} cannot be used: {error}.", hint="run as root, and make room on the disk")
        return BackendError(
            f"The state in {self._file} is damaged: {error}.",
            hint="put a backup in its place, or move it away and create the Docker networks of the driver netwright again",
        )


def _write(database: sqlite3.Connection, table: str, before: Mapping[str, object], after: Mapping[str, object]) -> None:
    gone = [(id_,) for id_ in before if id_ not in after]
    changed = [(id_, _dump(value)) for id_, value in after.items() if before.get(id_) != value]
    database.executemany(f"DELETE FROM {table} WHERE id = ?", gone)  # noqa: S608 - a name of ours
    database.executemany(f"INSERT OR REPLACE INTO {table} (id, fields) VALUES (?, ?)", changed)  # noqa: S608 - the same


def _dump(value: Any) -> str:
    return json.dumps(asdict(value), default=_plain, sort_keys=True)


def _plain(kind: LeaseKind) -> str:
    return kind.value


def _lease(row: _Row) -> Lease:
    return Lease(pool=row["pool"], address=row["address"], kind=LeaseKind(row["kind"]), active=row["active"])


def _network(row: _Row) -> Network:
    options = row["options"]
    return Network(
        id=row["id"],
        bridge=row["bridge"],
        subnets=tuple(Subnet(**subnet) for subnet in row["subnets"]),
        internal=row["internal"],
        mtu=row["mtu"],
        options=NetworkOptions(
            **{**options, "sources": _texts(options["sources"]), "routes": tuple((to, via) for to, via in options["routes"])}
        ),
    )


def _endpoint(row: _Row) -> Endpoint:
    return Endpoint(**{**row, "sources": _texts(row["sources"]), "ports": tuple(PortMapping(**port) for port in row["ports"])})


def _texts(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)
