"""The state of a host's container networks. Desired and observed are the same types.

Where a desired value is None it is "not managed". Where an observed one is None it was not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netwright.model.docker import Attachment, DockerNetwork, DockerState
from netwright.model.firewall import ForeignChain, ForeignRules, ForwardFilter, Table
from netwright.model.link import Link, LinkKey, Observation
from netwright.model.loan import NicLoan, SysctlLoan
from netwright.model.netns import NetnsKind, NetnsRef
from netwright.model.route import Address, Route, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """One network namespace."""

    ref: NetnsRef
    owner: str | None = None
    """The stack that made it (its loopback carries the stack's mark); None: not ours."""
    links: Mapping[str, Link] = field(default_factory=dict)
    seen: Mapping[str, Observation] = field(default_factory=dict)
    """Observed only: what the kernel alone knows, by link name."""
    addresses: frozenset[Address] = frozenset()
    routes: frozenset[Route] = frozenset()
    rules: frozenset[Rule] = frozenset()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    """Dotted keys, `net.ipv4.ip_forward`; a dot that belongs to an interface's name is written `/`, as sysctl(8) does."""
    table: Table | None = None
    """Our table of this stack. Desired None: none of ours shall be there."""
    policies: Table | None = None
    """The one that keeps its policies; likewise."""
    antispoof: Table | None = None
    """The one that keeps ports from speaking for others; likewise (the host's only)."""
    foreign: Mapping[ForeignChain, ForeignRules] = field(default_factory=dict)
    """Our marked rules in chains of others (the host's only)."""

    @property
    def shared(self) -> bool:
        """Not made by us to be deleted by us: only what we put there may be removed."""
        return self.ref.kind is not NetnsKind.NAMED or self.owner is None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All of it. A desired state holds one stack; an observed one, what a Scope asked for."""

    namespaces: Mapping[NetnsRef, Namespace] = field(default_factory=dict)
    docker: DockerState | None = None
    forward: ForwardFilter | None = None
    """Observed only."""
    files: Mapping[NetnsRef, Mapping[str, str]] = field(default_factory=dict)
    """`hosts` and `resolv.conf` below /etc/netns/NAME: name → content. They can outlive their namespace."""
    hollow: frozenset[NetnsRef] = frozenset()
    """Observed only: names with no namespace behind them, as a run leaves them that is cut off between the one and the other."""
    born: Mapping[str, str] = field(default_factory=dict)
    """Observed only: sysctls that were asked for, as a namespace has them that was just made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """What a stack wants, and what it wants no more.

    `earlier` holds what the stack has (or may have, after a crash) placed in namespaces it does not own: only that is
    removed from there. `claims` are the names a crashed run had announced: they count as ours though unmarked.
    """

    stack: str
    state: State
    docker_networks: Mapping[str, DockerNetwork] = field(default_factory=dict)
    attachments: Mapping[str, Mapping[str, Attachment]] = field(default_factory=dict)
    """Container → network → how it is to be on it."""
    earlier: State = field(default_factory=State)
    earlier_attachments: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Container → networks that we, and nobody else, connected it to."""
    detached: Mapping[str, Mapping[str, Attachment]] = field(default_factory=dict)
    """Container → network that a run has taken it off for a moment → how it was on it."""
    claims: Claims = field(default_factory=lambda: Claims())  # noqa: PLW0108 - Claims stands below
    nic_loans: tuple[NicLoan, ...] = ()
    """NICs that the stack holds now."""
    sysctl_loans: tuple[SysctlLoan, ...] = ()
    waiting: tuple[str, ...] = ()
    """Sentences: what cannot be done yet, and what it waits for."""
    warnings: tuple[str, ...] = ()
    """Sentences: what is done as the file says, and will not work as its writer may think."""
    choices: tuple[str, ...] = ()
    """Sentences: what the file leaves open, and was chosen just now. What was chosen before is no choice any more."""
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    """Table digest → the listing it had when it was loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a plan is about to make, written down before it does: after a crash it is known to be ours."""

    netns: frozenset[NetnsRef] = frozenset()
    links: frozenset[LinkKey] = frozenset()
    docker_networks: frozenset[str] = frozenset()

    def and_also(self, other: Claims) -> Claims:
        """Both together."""
        return Claims(
            netns=self.netns | other.netns,
            links=self.links | other.links,
            docker_networks=self.docker_networks | other.docker_networks,
        )
