"""A plan in the making: operations are put into steps, and the steps make the order.

What goes away goes first (from the outside in: rules, then links, then namespaces), so that names and addresses are free again;
then comes what is new (from the inside out). Ports are opened last.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from netwright.model.link import LinkKey
from netwright.model.loan import Loan
from netwright.model.netns import NetnsRef
from netwright.model.operation import AnyOperation, Plan
from netwright.model.state import Claims, Desired


class Step(IntEnum):
    """In this order. Within CONFIGURE the operations of one namespace stand together: they go out in one batch."""

    CLOSE = 1
    """Take away our tables and rules, where they are wanted no more."""
    DISCONNECT = 2
    WITHDRAW = 3
    """Rules, routes and addresses in namespaces that stay."""
    DELETE_LINKS = 4
    RETURN = 5
    """NICs go home, before the namespace they were in is deleted."""
    DELETE_FILES = 6
    DELETE_NETNS = 7
    DELETE_NETWORKS = 8
    FORWARD_FIRST = 9
    """Forwarding, where Docker makes no network without it; and what must be so before forwarding is turned on."""
    CREATE_NETWORKS = 10
    CREATE_NETNS = 11
    GUARD = 12
    """Policies are in force before there is anything that they are about."""
    VACATE = 13
    """NICs that go to another borrower's place, where a new link gets the name that one of them leaves."""
    CREATE_LINKS = 14
    BORROW = 15
    RESTORE = 16
    """What a NIC that has come home had set there, before it goes up."""
    STACK_LINKS = 17
    """Links that stand on others."""
    DELETE_LEFT_NETNS = 18
    """Those that a NIC has just gone from, to another."""
    CONFIGURE = 19
    UNMARK = 20
    """NICs that are given back where they are lose the mark when nothing of ours is on them: without it, that would be somebody else's."""
    CONNECT = 21
    NAME = 22
    OPEN = 23
    """Our tables and rules."""
    FORGET = 24
    """Connections through ports that were closed or moved."""
    FORWARD = 25
    """Forwarding is turned on when the rules stand."""
    RELEASE = 26
    """Policies that are wanted no more go when all that they were about has gone."""


@dataclass(slots=True)
class Draft:
    """Collects operations, conflicts, loans and claims."""

    stack: str
    refused: list[str] = field(default_factory=list)
    loans: list[Loan] = field(default_factory=list)
    forward_first: bool = False
    """Docker makes a network only where the host forwards."""
    claimed_netns: set[NetnsRef] = field(default_factory=set)
    claimed_links: set[LinkKey] = field(default_factory=set)
    claimed_networks: set[str] = field(default_factory=set)
    left: tuple[str, ...] = ()
    """See `Plan`."""
    _steps: dict[Step, list[AnyOperation]] = field(default_factory=dict)

    def add(self, step: Step, *operations: AnyOperation) -> None:
        """Behind what the step already holds."""
        self._steps.setdefault(step, []).extend(operations)

    def plan(self, desired: Desired, refused: tuple[str, ...]) -> Plan:
        """The finished plan; `refused`: what it leaves out, which waits."""
        operations = tuple(operation for step in sorted(self._steps) for operation in self._steps[step])
        claims = Claims(
            netns=frozenset(self.claimed_netns),
            links=frozenset(self.claimed_links),
            docker_networks=frozenset(self.claimed_networks),
        )
        return Plan(
            stack=self.stack,
            operations=operations,
            loans=tuple(self.loans),
            claims=claims,
            waiting=(*desired.waiting, *refused),
            warnings=desired.warnings,
            choices=desired.choices,
            left=self.left,
        )
