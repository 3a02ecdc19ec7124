"""What a plan would take away from those who work on the host: the way their session comes in, and the host's own way out.

Told by comparing the host before and after the plan; what is cut for a moment and is there again is no loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from netwright.model.caller import Connection
from netwright.model.operation import AnyOperation, Plan
from netwright.model.route import Route
from netwright.model.state import State
from netwright.planning.foresight import Foresight
from netwright.planning.sentence import sentence


@dataclass(frozen=True, slots=True)
class _Need:
    """Something that must stay as it is. `now` tells how it is; equal answers are as good."""

    subject: str
    connection: Connection | None = None
    version: int = 4

    def now(self, host: Foresight) -> object:
        if self.connection is None:
            # Another default route is as good: what counts is that there is one.
            return host.default(self.version) is not None
        dev = host.holder(self.connection.address)
        way = None if self.connection.client.startswith("fe80:") else host.way(self.connection.client)
        return (
            host.origins.get(dev) if dev is not None else None,
            None if way is None else (host.origins.get(way.dev or "", way.dev), way.via, way.kind),
            host.ports(dev) if dev is not None else frozenset(),
        )


def lockout(connections: Sequence[Connection], observed: State, plan: Plan) -> tuple[str, ...]:
    """Sentences: what would be cut, and by which operation. Empty: nothing would."""
    before, after = Foresight(observed), Foresight(observed)
    for operation in plan.operations:
        after.pass_by(operation)
    lost = [need for need in _needs(connections, before) if _is_lost(need.now(before), need.now(after))]
    return tuple(_reason(need, before, after, observed, plan.operations) for need in lost)


def _needs(connections: Sequence[Connection], host: Foresight) -> Iterator[_Need]:
    for connection in sorted(set(connections)):
        # Another namespace's, or one that begins and ends here.
        if host.holder(connection.address) is not None and host.holder(connection.client) is None:
            yield _Need(f"{connection.session} from {connection.client} to {connection.address}", connection)
    for version in (4, 6):
        route = host.default(version)
        if route is not None:
            yield _Need(f"the host's IPv{version} default route{_through(route)}", version=version)


def _is_lost(before: object, after: object) -> bool:
    if isinstance(before, tuple) and isinstance(after, tuple):
        (dev, way, ports), (dev_then, way_then, ports_then) = before, after
        return dev_then != dev or way_then != way or not ports_then >= ports
    return before != after


def _reason(need: _Need, before: Foresight, after: Foresight, observed: State, operations: Sequence[AnyOperation]) -> str:
    culprit = _culprit(need, observed, operations)
    by = f"; it is cut by: {sentence(culprit)}" if culprit is not None else ""
    if need.connection is None:
        return f"{need.subject} would be gone{by}"
    there = before.holder(need.connection.address)
    then = after.holder(need.connection.address)
    if then is None:
        return f"{need.subject} comes in by {there}, and the address would not be there any more{by}"
    if before.origins.get(there or "") != after.origins.get(then):
        return f"{need.subject} comes in by {there}, and the address would be on {then}{by}"
    old, new = before.way(need.connection.client), after.way(need.connection.client)
    if new is None:
        return f"{need.subject} would have no way back{by}"
    if old is None or (before.origins.get(old.dev or "", old.dev), old.via) != (after.origins.get(new.dev or "", new.dev), new.via):
        return f"{need.subject} is answered{_through(old)}, and would be answered{_through(new)}{by}"
    return f"{need.subject} comes in by a port of {there}, which would lose it{by}"


def _culprit(need: _Need, observed: State, operations: Sequence[AnyOperation]) -> AnyOperation | None:
    """The last operation after which it is lost, and not before."""
    host = Foresight(observed)
    first = need.now(host)
    found, was_lost = None, False
    for operation in operations:
        host.pass_by(operation)
        is_lost = _is_lost(first, need.now(host))
        if is_lost and not was_lost:
            found = operation
        was_lost = is_lost
    return found


def _through(route: Route | None) -> str:
    if route is None:
        return " by policy routing"
    if route.dev is None:
        return f" by no interface (the route to {route.to} is {route.kind})"
    return f"{f' via {route.via}' if route.via else ''} through {route.dev}"
