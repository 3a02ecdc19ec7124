"""A stack's policies with what they have counted since they were loaded: in all namespaces in which they are in force."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netwright.errors import SpecError
from netwright.firewall.policies import CLOSED, CONFINED
from netwright.firewall.policing import counter_name

if TYPE_CHECKING:
    from netwright.engine.outcome import StackStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Policed:
    """A policy, as the file has it. Packets and bytes in both directions of its connections; None: it is not in force."""

    name: str
    action: str
    """allow | deny."""
    sources: tuple[str, ...] | None
    targets: tuple[str, ...] | None
    ports: tuple[str, ...] | None
    log: bool
    packets: int | None
    size: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """`refused` and `refused_bytes`: what no policy allows."""

    written: tuple[Policed, ...]
    refused: int
    refused_bytes: int


def policies_of(status: StackStatus) -> Policies | None:
    """None where the stack has none, or its file cannot be read any more."""
    from netwright.spec.load import parse

    try:
        written = parse(status.spec_text, status.source).spec.policies
    except SpecError:
        return None
    counted: dict[str, tuple[int, int]] = {}
    for namespace in status.observed.namespaces.values():
        for name, (packets, size) in (namespace.policies.counters if namespace.policies else {}).items():
            before = counted.get(name, (0, 0))
            counted[name] = before[0] + packets, before[1] + size
    refused = [counted.get(name, (0, 0)) for name in (CLOSED, CONFINED)]
    policies = [
        Policed(
            name=one.name,
            action=one.action,
            sources=None if one.from_ is None else tuple(map(str, one.from_)),
            targets=None if one.to is None else tuple(map(str, one.to)),
            ports=None if one.ports is None else tuple(map(str, one.ports)),
            log=one.log,
            packets=counted.get(counter_name(one.name), (None, None))[0],
            size=counted.get(counter_name(one.name), (None, None))[1],
        )
        for one in written
    ]
    if not policies:
        return None
    return Policies(written=tuple(policies), refused=sum(one[0] for one in refused), refused_bytes=sum(one[1] for one in refused))
