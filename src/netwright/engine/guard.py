"""Before a change: would it saw off the branch that its caller sits on?"""

from __future__ import annotations

from netwright.engine.target import Draw
from netwright.errors import Refused
from netwright.model.caller import Caller
from netwright.planning.lockout import lockout
from netwright.ports import Commit
from netwright.resolve.lockout import taken_ports
from netwright.resolve.policy_lockout import shut_out
from netwright.spec.document import Document
from netwright.spec.load import parse

HINTS = {
    True: "if that is meant: apply with --confirm 60 --allow-lockout; it goes back by itself after a minute unless you say netwright confirm",
    False: "if that is meant: destroy with --allow-lockout",
}
"""Is there a file?"""


def lockout_reasons(caller: Caller | None, document: Document | None, drawn: Draw, previous: Commit | None) -> tuple[str, ...]:
    """Sentences: what the plan takes away of what carries the caller's session, or of the host's default routes. `previous`: as it is."""
    connections = caller.connections if caller is not None else ()
    reasons = lockout(connections, drawn.observed, drawn.plan)
    if document is None:
        return reasons
    target = drawn.target.state
    before = parse(previous.spec, previous.source) if previous is not None and connections else None
    taken = taken_ports(connections, document, drawn.observed, target, previous=before)
    return (*reasons, *taken, *shut_out(connections, document, target))


def refuse_lockout(caller: Caller | None, document: Document | None, drawn: Draw, previous: Commit | None) -> None:
    """Raises Refused where there is any."""
    reasons = lockout_reasons(caller, document, drawn, previous)
    if reasons:
        raise Refused("\n".join(["This may lock you out:", *(f"- {reason}" for reason in reasons)]), hint=HINTS[document is not None])
