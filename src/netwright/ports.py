"""What the engine needs from outside. Small on purpose: the whole outside is one World, the memory one Store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from netwright.dockerdriver.conflicts import Claim
from netwright.model.deed import Deed
from netwright.model.event import Event
from netwright.model.firewall import ForeignChain
from netwright.model.loan import Loan
from netwright.model.netns import NetnsRef
from netwright.model.operation import AnyOperation
from netwright.model.state import Claims, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What to look at. Nothing else is looked at: on a host with a thousand namespaces that matters.

    A named namespace that does not exist, or a container that does not run, is absent from the answer.
    """

    namespaces: frozenset[NetnsRef] = frozenset()
    """Their links, addresses, routes and rules."""
    every_named: bool = False
    """Every namespace below /run/netns as well (to find what a stack owns when nothing is remembered of it)."""
    docker: bool = False
    """Docker's networks and containers."""
    forward: bool = False
    """Whether others drop what is forwarded on the host."""
    sysctls: Mapping[NetnsRef, frozenset[str]] = field(default_factory=dict)
    own_sysctls: Mapping[NetnsRef, frozenset[str]] = field(default_factory=dict)
    """Namespace → links of it: all of their sysctls that can be set, and those for `default`."""
    born: frozenset[str] = frozenset()
    """Sysctls, as a new namespace has them."""
    tables: Mapping[NetnsRef, str] = field(default_factory=dict)
    """Namespace → the name of our table there."""
    policies: Mapping[NetnsRef, str] = field(default_factory=dict)
    """Namespace → the name of our table of policies there."""
    antispoof: Mapping[NetnsRef, str] = field(default_factory=dict)
    """Namespace → the name of our table that guards ports there."""
    counters: bool = False
    """And what it has counted."""
    foreign: frozenset[ForeignChain] = frozenset()
    """Chains of the host in which marked rules of ours may stand."""
    files: frozenset[NetnsRef] = frozenset()
    """Named namespaces whose /etc/netns folder to read."""
    stack: str = ""
    """Whose marks to look for in foreign chains and files."""


class OperationFailed(Exception):
    """Raised by World.execute: the operation that failed, and why (`__cause__` is a NetwrightError)."""

    def __init__(self, operation: AnyOperation, cause: Exception) -> None:
        super().__init__(str(cause))
        self.operation = operation
        self.cause = cause


class World(Protocol):
    """The kernel, nftables, Docker and the few files: all that Netwright touches."""

    def observe(self, scope: Scope) -> State:
        """What is there. Raises BackendError or Missing."""

    def execute(self, operations: Sequence[AnyOperation], done: Callable[[int], None]) -> None:
        """Do them, in order; neighbours may go out in one batch. `done(n)` is told as n more are finished.

        Raises OperationFailed; operations before it are done, and of its batch later ones may be.
        """

    def close(self) -> None:
        """Give back sockets and handles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A stack as last committed."""

    stack: str
    spec: str
    """The file's text."""
    source: str
    """Where the text came from, for messages."""
    committed_at: float
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """A run that has begun and is not committed: what it wanted, and what it announced."""

    stack: str
    spec: str | None
    """The file's text; None: the stack was being destroyed."""
    source: str
    started_at: float
    claims: Claims
    leases: Mapping[str, str] = field(default_factory=dict)
    """Those the run had given out, with the committed ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """An `apply --confirm`: what to go back to, and when."""

    stack: str
    spec: str | None
    """The spec before; None: there was none."""
    source: str
    leases: Mapping[str, str]
    """The addresses that it had given out."""
    deadline: float
    """Seconds since the epoch, by the clock as it is set when this is read: so many seconds are left, whatever it was set to before."""


class Store(Protocol):
    """Netwright's memory. One writer at a time."""

    @property
    def reserved(self) -> frozenset[str]:
        """Names that no stack in it may have: another memory of this host keeps stacks of these names."""

    @property
    def claims(self) -> Callable[[], Sequence[Claim]]:
        """Ports of the host that are published from another memory: Docker's driver netwright."""

    def lock(self, *, wait: bool, waiting: Callable[[str], None]) -> AbstractContextManager[None]:
        """Hold the state for one change. Raises Busy if `wait` is False and another holds it; tells `waiting` who, once, otherwise."""

    def holder(self) -> str | None:
        """Who is changing the host at this moment; None: nobody is."""

    def commits(self) -> Mapping[str, Commit]: ...

    def leases(self, stack: str) -> Mapping[str, str]:
        """`NETWORK/NAMESPACE/INTERFACE/FAMILY` → address."""

    def loans(self, stack: str | None = None) -> Mapping[str, tuple[Loan, ...]]:
        """Stack → its loans, of one stack or of all."""

    def journals(self) -> Mapping[str, Journal]: ...

    def fingerprints(self, stack: str) -> Mapping[str, str]: ...

    def begin(self, journal: Journal, loans: Sequence[Loan]) -> None:
        """Write down what a run is about to do, durably, before it does; loans are added to the stack's."""

    def deeds(self, stack: str | None = None) -> Sequence[Deed]:
        """The log: what was changed and what was refused, as far as it is kept, oldest first; of one stack, or of all."""

    def record(self, deed: Deed) -> None:
        """Write into the log what goes with no commit."""

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
        """The run is done and verified: this is the stack now (None: it is gone). Drops its journal. Atomic, durable.

        `left`: what could not be removed with it, and takes the journal's place: it is as unfinished as what was cut off.
        """

    def trials(self) -> Mapping[str, Trial]: ...

    def set_trial(self, stack: str, trial: Trial | None, deed: Deed | None = None) -> None:
        """None: it is confirmed, or over. `deed`: what to write into the log with it."""

    def close(self) -> None: ...


class Listener(Protocol):
    """Hears what happens on the host, and tells whoever opened it."""

    def follow(self, namespaces: Iterable[NetnsRef], *, docker: bool) -> frozenset[NetnsRef]:
        """From now on hear these namespaces as well as the host, and (`docker`) the Docker Engine. Those that were not heard before.

        Raises KernelError.
        """

    def close(self) -> None:
        """Returns when no notice will be told any more."""


class Log(Protocol):
    """The daemon's memory of what it did."""

    def add(self, event: Event) -> None:
        """Raises BackendError."""

    def read(self, stack: str | None = None) -> Sequence[Event]:
        """All that is kept, oldest first. Raises BackendError."""

    def follow(self, stack: str | None = None) -> Iterator[Event | None]:
        """What is added from now on; None where there is nothing more at the moment. Raises BackendError."""
