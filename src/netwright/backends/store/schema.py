"""The database's tables, as the steps that lead to them (`Database`).

commits    a stack as last committed, with the addresses it has given out (leases) and, for each of its tables'
           digests, the listing the kernel showed when it was loaded (fingerprints)
loans      what the stack has changed but does not own, as it was before
journals   a run that has begun and is not committed
trials     an `apply --confirm` that nobody has confirmed yet; its deadline by two clocks (trials.py)
deeds      what was changed, by whom, and what was refused: the log
"""

from __future__ import annotations

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
    (
        "ALTER TABLE deeds ADD COLUMN repair INTEGER NOT NULL DEFAULT 0",
        """UPDATE deeds SET repair = 1 WHERE deed LIKE '{"act":"repair",%'""",
        "CREATE INDEX deeds_by_kind ON deeds (repair, id)",
        "CREATE INDEX deeds_by_age ON deeds (at)",
    ),
    # A NIC's loan has its sysctls; none that was written before. Within a JSON string the quotes would be escaped.
    ("""UPDATE loans SET loans = replace(loans, '"loan":"nic",', '"loan":"nic","sysctls":{},')""",),
)

TABLES = ("commits", "loans", "journals", "trials")
"""Those that a stack leaves with: the log stays."""
