"""The log of what was changed: rows beside what they tell of, written in the same transaction.

The newest `MOST` are kept, and the newest `MOST_REPAIRS` of the daemon's own: containers that come and go, or somebody who fights the
daemon, do not sweep out what people did. None is older than `DAYS`. Each new one sweeps out what is too much.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from netwright.model.caller import Caller, Connection
from netwright.model.deed import Act, Deed, Result

MOST = 5000
MOST_REPAIRS = 2000
DAYS = 400
_DAY = 86_400.0


def write(database: sqlite3.Connection, deed: Deed) -> None:
    """Within a transaction."""
    repair = deed.act is Act.REPAIR
    database.execute("INSERT INTO deeds (at, stack, deed, repair) VALUES (?, ?, ?, ?)", (deed.at, deed.stack, dump(deed), int(repair)))
    database.execute(
        "DELETE FROM deeds WHERE repair = ?1 AND id <= (SELECT id FROM deeds WHERE repair = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        (int(repair), MOST_REPAIRS if repair else MOST),
    )
    database.execute("DELETE FROM deeds WHERE at < ?", (deed.at - DAYS * _DAY,))


def dump(deed: Deed) -> str:
    """JSON, field by field, without time and stack, which have columns."""
    return json.dumps(
        {
            "act": deed.act.value,
            "result": deed.result.value,
            "caller": None if deed.caller is None else _caller(deed.caller),
            "done": list(deed.done),
            "more": deed.more,
            "message": deed.message,
            "before": deed.before,
            "after": deed.after,
        },
        separators=(",", ":"),
    )


def load(at: float, stack: str, text: str) -> Deed:
    """The inverse of `dump`. Raises ValueError, KeyError or TypeError on what it did not write."""
    data = json.loads(text)
    return Deed(
        at=at,
        act=Act(data["act"]),
        stack=stack,
        result=Result(data["result"]),
        caller=None if data["caller"] is None else _load_caller(data["caller"]),
        done=tuple(data["done"]),
        more=data["more"],
        message=data["message"],
        before=data["before"],
        after=data["after"],
    )


def _caller(caller: Caller) -> dict[str, Any]:
    return {
        "pid": caller.pid,
        "uid": caller.uid,
        "user": caller.user,
        "sudo_user": caller.sudo_user,
        "login_uid": caller.login_uid,
        "login_user": caller.login_user,
        "command": caller.command,
        "connections": [[one.address, one.port, one.client, one.client_port, one.protocol] for one in caller.connections],
    }


def _load_caller(data: Mapping[str, Any]) -> Caller:
    return Caller(
        pid=data["pid"],
        uid=data["uid"],
        user=data["user"],
        sudo_user=data["sudo_user"],
        login_uid=data["login_uid"],
        login_user=data["login_user"],
        command=data["command"],
        connections=tuple(
            Connection(address=address, port=port, client=client, client_port=client_port, protocol=protocol[0] if protocol else "tcp")
            for address, port, client, client_port, *protocol in data["connections"]
        ),
    )
