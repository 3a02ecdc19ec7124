"""The log of changes, as `netwright log` shows it: for a person, and as a JSON document.

    {version, entries: [{at, act, stack, result, message, done: [SENTENCE…], more, before, after,
      caller: {pid, uid, user, sudo_user, login_uid, login_user, command, sessions: [{address, port, client, client_port, protocol}]}}]}

`at`: seconds since the epoch. `before`, `after`: SHA-256 of the committed file, null where there is none. `more`: operations beyond
those in `done`. `caller` is null where it is not known.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from netwright.model.caller import Caller
from netwright.model.deed import Act, Deed, Result

NOTHING = "Nothing was changed here yet, as far as the log goes back."
_SHOWN = 5
_HEADS = {Act.REVISE: "publish", Act.EXPIRE: "not confirmed in time"}


def log_document(deeds: Sequence[Deed]) -> dict[str, Any]:
    return {"version": 1, "entries": [_entry(deed) for deed in deeds]}


def log_text(deeds: Sequence[Deed], *, full: bool = False) -> str:
    """A paragraph for each. `full`: with all operations that were kept."""
    return "".join(_paragraph(deed, full=full) for deed in deeds)


def _entry(deed: Deed) -> dict[str, Any]:
    caller = None
    if deed.caller is not None:
        caller = asdict(deed.caller)
        caller["sessions"] = list(caller.pop("connections"))
    return {
        "at": deed.at,
        "act": deed.act.value,
        "stack": deed.stack,
        "result": deed.result.value,
        "message": deed.message or None,
        "done": list(deed.done),
        "more": deed.more,
        "before": deed.before or None,
        "after": deed.after or None,
        "caller": caller,
    }


def _paragraph(deed: Deed, *, full: bool) -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(deed.at))
    head = f"{when}  {deed.stack}: {_HEADS.get(deed.act, deed.act.value)}, {deed.result.value}"
    lines = [f"{head}{_who(deed.caller)}", *(f"    {line}" for line in deed.message.splitlines())]
    shown = deed.done if full else deed.done[:_SHOWN]
    verb = "began to " if deed.result in (Result.ROLLED_BACK, Result.BETWEEN) else ""
    lines += [f"    {verb}{sentence}" for sentence in shown]
    left = deed.more + len(deed.done) - len(shown)
    if left:
        lines.append(f"    and {left} more")
    if deed.before != deed.after:
        lines.append(f"    the file was {_short(deed.before)}, is {_short(deed.after)}")
    return "".join(f"{line}\n" for line in lines)


def _who(caller: Caller | None) -> str:
    if caller is None:
        return ""
    user = caller.user or str(caller.uid)
    others = []
    if caller.sudo_user and caller.sudo_user != user:
        others.append(f"by sudo from {caller.sudo_user}")
    elif caller.login_user and caller.login_user != user:
        others.append(f"logged in as {caller.login_user}")
    others += [f"from {connection.client}" for connection in caller.connections]
    aside = f" ({', '.join(others)})" if others else ""
    return f", by {user}{aside}: {caller.command}" if caller.command else f", by {user}{aside}"


def _short(digest: str) -> str:
    return digest[:12] if digest else "none"
