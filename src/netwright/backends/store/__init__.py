"""The memory: a SQLite database in a folder that only root reads.

    FOLDER/            mode 0700
      state.db         the database (mode 0600; `-wal` and `-shm` beside it while it is open)
      lock             held by flock(2) while one process changes the host

What `begin` and `commit` wrote is on the disk when they return (`Database`). Nothing is written, and no folder made, before there is
something to remember.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from netwright.backends.database import Database, Newer
from netwright.backends.new_folder import make_private, unusable
from netwright.backends.store import codec, deeds, schema, trials
from netwright.backends.store.lock import hold, holder
from netwright.dockerdriver.conflicts import Claim
from netwright.errors import BackendError, Refused
from netwright.model.deed import Deed
from netwright.model.loan import Loan
from netwright.ports import Commit, Journal, Trial

T = TypeVar("T")


class SqliteStore:
    """The Store port. Usable from any thread; each process opens its own.

    Every method raises BackendError (the folder or the disk refuses, the file is damaged) or Refused (the database is a
    newer version's), each with a hint.
    """

    def __init__(self, folder: str, *, reserved: frozenset[str] = frozenset(), claims: Callable[[], Sequence[Claim]] = tuple) -> None:
        self.reserved = reserved
        self.claims = claims
        self._folder = Path(folder).absolute()
        self._file = self._folder / "state.db"
        self._database = Database(self._file, lambda: schema.MIGRATIONS, known_by="commits")

    @contextmanager
    def lock(self, *, wait: bool, waiting: Callable[[str], None]) -> Iterator[None]:
        """Hold the state for one change; see `lock.hold` for what `waiting` is told. Raises Busy."""
        with self._explained():
            make_private(self._folder)
            guard: AbstractContextManager[None] = hold(str(self._folder / "lock"), wait=wait, waiting=waiting)
            guard.__enter__()
        try:
            yield
        finally:
            guard.__exit__(None, None, None)

    def holder(self) -> str | None:
        """`PID 123 (netwright apply x.yaml)`; None: nobody changes anything."""
        with self._explained():
            return holder(str(self._folder / "lock"))

    def commits(self) -> Mapping[str, Commit]:
        rows = self._rows("SELECT stack, spec, source, committed_at, digest FROM commits ORDER BY stack")
        return {
            stack: Commit(stack=stack, spec=spec, source=source, committed_at=at, digest=digest) for stack, spec, source, at, digest in rows
        }

    def leases(self, stack: str) -> Mapping[str, str]:
        for (text,) in self._rows("SELECT leases FROM commits WHERE stack = ?", stack):
            return self._read(codec.load_texts, text)
        return {}

    def fingerprints(self, stack: str) -> Mapping[str, str]:
        for (text,) in self._rows("SELECT fingerprints FROM commits WHERE stack = ?", stack):
            return self._read(codec.load_texts, text)
        return {}

    def loans(self, stack: str | None = None) -> Mapping[str, tuple[Loan, ...]]:
        rows = self._rows("SELECT stack, loans FROM loans WHERE ?1 IS NULL OR stack = ?1 ORDER BY stack", stack)
        return {name: self._read(codec.load_loans, text) for name, text in rows}

    def journals(self) -> Mapping[str, Journal]:
        rows = self._rows("SELECT stack, spec, source, started_at, claims, leases FROM journals ORDER BY stack")
        return {
            stack: Journal(
                stack=stack,
                spec=spec,
                source=source,
                started_at=at,
                claims=self._read(codec.load_claims, claims),
                leases=self._read(codec.load_texts, leases),
            )
            for stack, spec, source, at, claims, leases in rows
        }

    def trials(self) -> Mapping[str, Trial]:
        rows = self._rows(f"SELECT {trials.COLUMNS} FROM trials ORDER BY stack")  # noqa: S608 - names of ours
        return {
            stack: Trial(
                stack=stack, spec=spec, source=source, leases=self._read(codec.load_texts, leases), deadline=trials.deadline_of(*moment)
            )
            for stack, spec, source, leases, *moment in rows
        }

    def begin(self, journal: Journal, loans: Sequence[Loan]) -> None:
        """Durable on return. A journal that the stack has already is replaced; of loans of one thing the last counts."""
        with self._transaction() as database:
            _write_journal(database, journal)
            known: tuple[Loan, ...] = ()
            for (text,) in database.execute("SELECT loans FROM loans WHERE stack = ?", (journal.stack,)):
                known = self._read(codec.load_loans, text)
            _write_loans(database, journal.stack, tuple({loan.identity: loan for loan in (*known, *loans)}.values()))

    def deeds(self, stack: str | None = None) -> Sequence[Deed]:
        rows = self._rows("SELECT at, stack, deed FROM deeds WHERE ?1 IS NULL OR stack = ?1 ORDER BY id", stack)
        return [self._read(partial(deeds.load, at, name), text) for at, name, text in rows]

    def record(self, deed: Deed) -> None:
        with self._transaction() as database:
            deeds.write(database, deed)

    def commit(
        self,
        stack: str,
        commit: Commit | None,
        *,
        leases: Mapping[str, str],
        loans: Sequence[Loan],
        fingerprints: Mapping[str, str],
        deed: Deed | None = None,
        left: Journal | None = None,
    ) -> None:
        """All of it or nothing, durable on return. `commit` None: no row of the stack is left but its deeds; with `left` that, and the loans."""
        with self._transaction() as database:
            if deed is not None:
                deeds.write(database, deed)
            if commit is None:
                for table in schema.TABLES:
                    database.execute(f"DELETE FROM {table} WHERE stack = ?", (stack,))  # noqa: S608 - a name of ours
                if left is not None:
                    _write_journal(database, left)
                    _write_loans(database, stack, tuple(loans))
                return
            database.execute(
                "INSERT OR REPLACE INTO commits (stack, spec, source, committed_at, digest, leases, fingerprints) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    stack,
                    commit.spec,
                    commit.source,
                    commit.committed_at,
                    commit.digest,
                    codec.dump_texts(leases),
                    codec.dump_texts(fingerprints),
                ),
            )
            _write_loans(database, stack, tuple(loans))
            database.execute("DELETE FROM journals WHERE stack = ?", (stack,))
            if left is not None:
                _write_journal(database, left)

    def set_trial(self, stack: str, trial: Trial | None, deed: Deed | None = None) -> None:
        with self._transaction() as database:
            if deed is not None:
                deeds.write(database, deed)
            database.execute("DELETE FROM trials WHERE stack = ?", (stack,))
            if trial is not None:
                trials.write(database, trial)

    def close(self) -> None:
        self._database.close()

    def _rows(self, query: str, *values: str | None) -> list[tuple[Any, ...]]:
        with self._explained(), self._database.reading() as database:
            return [] if database is None else database.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._explained(), self._database.writing() as database:
            yield database

    def _read(self, load: Callable[[str], T], text: str) -> T:
        try:
            return load(text)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._damaged(f"a row that does not read: {error}") from error

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what the disk and SQLite say into a sentence with a way out."""
        try:
            yield
        except Newer as error:
            raise Refused(
                f"The state in {self._file} was written by a newer Netwright: it has version {error.version}, "
                f"this one knows up to {len(schema.MIGRATIONS)}. It was left as it is.",
                hint="install that Netwright again, or set NETWRIGHT_STATE to another folder",
            ) from None
        except (OSError, sqlite3.OperationalError) as error:
            # The primary result codes (https://www.sqlite.org/rescode.html) that mean a damaged file come as DatabaseError.
            if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
                # A table or a column is not there.
                raise self._damaged(str(error)) from error
            reason, hint = self._database.explained(error)
            raise unusable(self._folder, reason, hint) from error
        except sqlite3.DatabaseError as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, reason: str) -> BackendError:
        return BackendError(
            f"The state in {self._file} is damaged: {reason}.",
            hint=f"put a backup in its place, or move it away (mv {self._file} {self._file}.damaged, likewise -wal and -shm) and apply each "
            "file again: what a stack made carries its mark and is known again; how borrowed NICs and sysctls were before is lost",
        )


def _write_journal(database: sqlite3.Connection, journal: Journal) -> None:
    claims, leases = codec.dump_claims(journal.claims), codec.dump_texts(journal.leases)
    database.execute(
        "INSERT OR REPLACE INTO journals (stack, spec, source, started_at, claims, leases) VALUES (?, ?, ?, ?, ?, ?)",
        (journal.stack, journal.spec, journal.source, journal.started_at, claims, leases),
    )


def _write_loans(database: sqlite3.Connection, stack: str, loans: tuple[Loan, ...]) -> None:
    database.execute("DELETE FROM loans WHERE stack = ?", (stack,))
    if loans:
        database.execute("INSERT INTO loans (stack, loans) VALUES (?, ?)", (stack, codec.dump_loans(loans)))
