"""What a namespace's policies shall do, before they are written as rules: the input of `netwright.firewall.policing`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

CLOSED, CONFINED = "closed", "confined"
"""The counters of what is refused since no policy allows it: to closed targets, and from those who are confined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxied:
    """A port that Docker's proxy listens on. `address`: a prefix, of all addresses or of one."""

    address: str
    protocol: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a policy, as one namespace sees it.

    Which of the flags are set depends on the file alone; the prefixes change as containers come and go.
    """

    anyone: bool = False
    itself: bool = False
    """This namespace."""
    addressed: bool = False
    """Somebody is known by addresses; `prefixes` may still be empty."""
    prefixes: tuple[str, ...] = ()
    """Of both IP families."""
    addressed_here: bool = False
    """This namespace may be meant by an address of its own, too."""
    here: tuple[str, ...] | None = None
    """Then by these; None: by `prefixes`."""
    by_proxy: bool = False
    """Ports of this namespace may lead to somebody meant: Docker's proxy takes what comes to a published port untranslated."""
    proxied: tuple[Proxied, ...] = ()


def union(sides: Iterable[Side]) -> Side:
    """All who are on one of these sides, but by what Docker's proxy hands on."""
    every = tuple(sides)
    here = None
    if any(side.here is not None for side in every):
        here = tuple(prefix for side in every for prefix in (side.prefixes if side.here is None else side.here))
    return Side(
        anyone=any(side.anyone for side in every),
        itself=any(side.itself for side in every),
        addressed=any(side.addressed for side in every),
        prefixes=tuple(prefix for side in every for prefix in side.prefixes),
        addressed_here=any(side.addressed_here for side in every),
        here=here,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """`protocol`: tcp | udp | sctp with first and last port as the client asked for them; or icmp, without."""

    protocol: str
    ports: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """`services` None: everything."""

    name: str
    sources: Side
    targets: Side
    services: tuple[Service, ...] | None = None
    deny: bool = False
    log: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """What another namespace publishes: it has judged the client, whose address is not to be seen here any more."""

    source: str
    """A prefix."""
    target: str
    """An address."""
    protocol: str
    ports: tuple[int, int]
    """Of the target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policing:
    """All policies, as they are in force in one namespace."""

    policies: tuple[Policy, ...]
    closed: Side = Side()
    """Targets of allows: connections to them that no policy allows are refused."""
    confined: Side = Side()
    """Sources of allows to the outside: what they open to anything but `inside` and no policy allows is refused."""
    inside: tuple[str, ...] = ()
    passages: tuple[Passage, ...] = ()
    passing: frozenset[str] = frozenset()
    """Protocols that passages may have."""
    preserved: tuple[Passage, ...] = ()
    """Passages of clients who are still to be seen. On the host only what is within a bridge: there it comes from the publisher."""
    preserving: frozenset[str] = frozenset()
    judged: tuple[str, ...] = ()
    """Addresses behind which another namespace hides those whose connections it has judged."""
    on_host: bool = False
    bridges: tuple[str, ...] = ()
    """Of the host. On these nobody uses link-local addresses: such an address does not tell whose it is."""
    bridged: tuple[str, ...] = ()
    """The subnets on these bridges."""
    joined: tuple[str, ...] = ()
    """Other interfaces of the host that lead to namespaces of the stack."""

    def chosen(self, *, deny: bool) -> Iterator[Policy]:
        """The denies, or the allows."""
        return (policy for policy in self.policies if policy.deny is deny)
