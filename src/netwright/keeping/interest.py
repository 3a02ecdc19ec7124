"""Which notices concern which stack. Pure.

A namespace that a stack made is its own: whatever happens there is looked at. On the host, and in namespaces and containers of others,
only what has a name of the stack's: a host on which containers come and go all day must not make the daemon look all day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from netwright.engine.outcome import StackStatus
from netwright.engine.survey import forwards, needs_docker, protects
from netwright.errors import NetwrightError
from netwright.model.names import TABLE_PREFIXES, antispoof_table_name, policy_table_name, table_name
from netwright.model.netns import HOST, NetnsRef
from netwright.model.notice import Kind, Notice
from netwright.model.state import Namespace
from netwright.spec.load import parse
from netwright.spec.schema import Spec

ROUTE_PROTOCOL = 78
"""The number of routes and rules of ours."""

FOREIGN_TABLE = "filter"
"""Where iptables-nft keeps the chains in which marked rules of ours may stand."""
FOREIGN_CHAINS = frozenset({"DOCKER-USER", "FORWARD"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a stack has in one namespace."""

    owned: bool
    """All of it."""
    links: frozenset[str] = frozenset()
    indexes: frozenset[int] = frozenset()
    destinations: frozenset[str] = frozenset()
    rules: bool = False
    settings: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """What a stack cares about."""

    stack: str
    table: str
    places: Mapping[NetnsRef, Place] = field(default_factory=dict)
    forwards: bool = False
    """Other people's rules can be in the way of what it forwards."""
    docker: bool = False
    containers: frozenset[str] | None = frozenset()
    """By name; None: any (it chooses by label or id, or closes what any of them publishes)."""
    docker_networks: frozenset[str] | None = frozenset()
    """By name; None: any (it closes what Docker publishes on whatever network, or knows containers by their addresses)."""

    @property
    def namespaces(self) -> frozenset[NetnsRef]:
        return frozenset(self.places)


def interest_of(status: StackStatus) -> Interest:
    """From what the engine has just seen of a stack. A file that cannot be read any more leaves its namespaces."""
    try:
        spec = parse(status.spec_text, status.source).spec
    except NetwrightError:
        spec = None
    observed = status.observed.namespaces
    there = {ref: ref for ref in observed}
    return Interest(
        stack=status.name,
        table=table_name(status.name),
        places={
            # The observed one knows where a container's namespace is.
            there.get(ref, ref): _place(status.name, wanted, observed.get(ref))
            for ref, wanted in status.desired.namespaces.items()
        },
        forwards=spec is not None and forwards(spec),
        docker=spec is not None and needs_docker([spec]),
        containers=frozenset() if spec is None else _containers(spec),
        docker_networks=frozenset() if spec is None else _docker_networks(spec),
    )


def _place(stack: str, wanted: Namespace, there: Namespace | None) -> Place:
    seen = {} if there is None else there.seen
    links = frozenset(wanted.links) | {route.dev for route in wanted.routes if route.dev} | {a.dev for a in wanted.addresses}
    return Place(
        owned=wanted.owner == stack,
        links=links,
        indexes=frozenset(seen[name].index for name in links if name in seen),
        destinations=frozenset(route.to for route in wanted.routes),
        rules=bool(wanted.rules),
        settings=bool(wanted.sysctls),
    )


def _containers(spec: Spec) -> frozenset[str] | None:
    if protects(spec):
        return None
    names = set()
    for key, container in spec.containers.items():
        wanted = key if container is None or container.docker is None else container.docker
        if not isinstance(wanted, str) or len(wanted) >= 12:
            return None
        names.add(wanted)
    return frozenset(names)


def _docker_networks(spec: Spec) -> frozenset[str] | None:
    if protects(spec) or (spec.policies and spec.containers):
        return None
    own = {(n.name or key) for key, n in spec.networks.items() if n is not None and n.managed_by == "docker"}
    return frozenset(own)


def concerns(interest: Interest, notice: Notice) -> bool:
    """Whether the stack should be looked at."""
    if notice.own:
        return False
    match notice.kind:
        case Kind.LOST:
            return True
        case Kind.STATE:
            return False
        case Kind.ENGINE:
            return not notice.gone and (interest.docker or interest.forwards)
        case Kind.CONTAINER:
            return interest.docker and (interest.containers is None or notice.subject in interest.containers or notice.action == "rename")
        case Kind.DOCKER_NETWORK:
            return interest.docker_networks is None or notice.subject in interest.docker_networks
        case Kind.NAMESPACE:
            return notice.netns in interest.places
        case Kind.TABLE:
            return _table_concerns(interest, notice)
        case _:
            return _place_concerns(interest, notice)


def follows(notices: Iterable[Notice]) -> bool:
    """Whether a repair after these follows Docker, rather than undoes what somebody has done: a container that comes and goes is no fight."""
    return any(notice.kind in {Kind.CONTAINER, Kind.DOCKER_NETWORK, Kind.ENGINE} for notice in notices)


def displaces(notice: Notice) -> bool:
    """Whether what a stack has may be under other numbers after it: a link's index, the namespace behind a name or a container."""
    return notice.kind in {Kind.LOST, Kind.LINK, Kind.NAMESPACE, Kind.CONTAINER, Kind.ENGINE}


def _place_concerns(interest: Interest, notice: Notice) -> bool:
    place = None if notice.netns is None else interest.places.get(notice.netns)
    if place is None:
        return False
    if place.owned:
        return True
    match notice.kind:
        case Kind.LINK:
            return notice.subject in place.links or notice.index in place.indexes
        case Kind.ADDRESS:
            return notice.index in place.indexes
        case Kind.ROUTE:
            return notice.protocol == ROUTE_PROTOCOL or notice.subject in place.destinations
        case Kind.RULE:
            return place.rules
        case Kind.SETTING:
            return place.settings
        case _:
            return False


def _table_concerns(interest: Interest, notice: Notice) -> bool:
    if notice.netns not in interest.places:
        return False
    if notice.subject in (interest.table, policy_table_name(interest.stack), antispoof_table_name(interest.stack)):
        return True
    if notice.netns != HOST or not interest.forwards:
        return False
    # A whole table or chain: somebody's firewall has come or gone. A rule: only where ours stand.
    if notice.subject == FOREIGN_TABLE and notice.part in FOREIGN_CHAINS:
        return True
    return notice.part == "table" and not notice.subject.startswith(TABLE_PREFIXES)


def clause(notice: Notice) -> str:
    """A notice in words: "the nft table nw_shop is gone from host, by nft (PID 123)"."""
    where = "" if notice.netns is None or notice.kind is Kind.NAMESPACE else f" {'from' if notice.gone else 'in'} {_where(notice.netns)}"
    by = f", by {notice.by}" if notice.by else ""
    match notice.kind:
        case Kind.LOST:
            return "notices were lost"
        case Kind.ENGINE:
            return "the Docker Engine is there"
        case Kind.CONTAINER:
            return f"the container {notice.subject}: {notice.action}"
        case Kind.DOCKER_NETWORK:
            return f"the Docker network {notice.subject}: {notice.action}"
        case Kind.SETTING:
            return f"settings changed{where}"
        case Kind.RULE:
            return f"the rule with priority {notice.subject} {'is gone' if notice.gone else 'changed'}{where}"
        case Kind.LINK if not notice.subject:
            return f"a link {'is gone' if notice.gone else 'changed'}{where}"
        case Kind.ROUTE:
            return f"the route to {notice.subject} {'is gone' if notice.gone else 'changed'}{where}"
        case _:
            return f"the {notice.kind.value} {notice.subject} {'is gone' if notice.gone else 'changed'}{where}{by}"


def _where(netns: NetnsRef) -> str:
    return "the host" if netns == HOST else str(netns)
