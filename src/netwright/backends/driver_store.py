"""The memory of Netwright as Docker's driver: a SQLite database of its own.

    FOLDER/records.db      mode 0600
      pools, leases, networks, endpoints      a row for each, its fields as a JSON object

Apart from the stacks' database, because it is written while Docker waits, and Docker may be asked by a run that holds the stacks'.
What `save` wrote is on the disk when it returns (`Database`). Field names are the format: a renamed field is a new step here, one
that rewrites the rows.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from netwright.backends.database import Database, Newer
from netwright.dockerdriver.options import NetworkOptions
from netwright.dockerdriver.records import Endpoint, Lease, LeaseKind, Network, Pool, PortMapping, Records, Subnet
from netwright.errors import BackendError, NetwrightError, Refused

_TABLES = ("pools", "leases", "networks", "endpoints")
STEPS = (tuple(f"CREATE TABLE {table} (id TEXT PRIMARY KEY, fields TEXT NOT NULL)" for table in _TABLES),)

_Row = Mapping[str, Any]


class DriverStore:
    """Usable from any thread. Every method raises BackendError or Refused, each with a hint."""

    def __init__(self, folder: str) -> None:
        self._file = Path(folder).absolute() / "records.db"
        self._database = Database(self._file, lambda: STEPS, known_by="pools")

    def load(self) -> Records:
        """All that is remembered; nothing, and nothing is made, where there is no database."""
        try:
            with self._database.reading() as database:
                if database is None:
                    return Records()
                rows = {table: database.execute(f"SELECT id, fields FROM {table}").fetchall() for table in _TABLES}  # noqa: S608 - names of ours
            return Records(
                pools={id_: Pool(**json.loads(text)) for id_, text in rows["pools"]},
                leases={id_: _lease(json.loads(text)) for id_, text in rows["leases"]},
                networks={id_: _network(json.loads(text)) for id_, text in rows["networks"]},
                endpoints={id_: _endpoint(json.loads(text)) for id_, text in rows["endpoints"]},
            )
        except (Newer, OSError, sqlite3.Error, ValueError, KeyError, TypeError) as error:
            raise self._explained(error) from error

    def save(self, before: Records, after: Records) -> None:
        """Write what differs, all of it or nothing."""
        try:
            with self._database.writing() as database:
                for table in _TABLES:
                    _write(database, table, getattr(before, table), getattr(after, table))
        except (Newer, OSError, sqlite3.Error) as error:
            raise self._explained(error) from error

    def close(self) -> None:
        self._database.close()

    def _explained(self, error: Exception) -> NetwrightError:
        if isinstance(error, Newer):
            return Refused(
                f"What Docker's driver remembers in {self._file} was written by a newer Netwright. It was left as it is.",
                hint="install that Netwright again",
            )
        if isinstance(error, OSError | sqlite3.OperationalError):
            reason, hint = self._database.explained(error)
            return BackendError(f"The state in {self._file} cannot be used: {reason}.", hint=hint)
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
