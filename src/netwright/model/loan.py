"""What a stack changes but does not own: recorded before it is changed, given back afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from netwright.model.docker import Attachment
from netwright.model.netns import NetnsRef
from netwright.model.route import Address, Route


@dataclass(frozen=True, slots=True, kw_only=True)
class NicLoan:
    """A NIC as it was before a stack took it: where it lived, what it was called, all that a move makes the kernel forget."""

    home: NetnsRef
    name: str
    netns: NetnsRef
    """Where the stack wants it."""
    new_name: str
    mac: str
    permanent_mac: str | None
    mtu: int
    up: bool
    master: str
    alias: str
    txqlen: int | None
    group: int
    addrgenmode: int | None
    addresses: tuple[Address, ...]
    routes: tuple[Route, ...]
    sysctls: Mapping[str, str] = field(default_factory=dict)
    """Its own, under its name at home: those in which it was not as a new link there."""

    @property
    def identity(self) -> tuple[str, ...]:
        """What is borrowed, and for which place: a second loan of the same takes the place of the first.

        While it goes on to another place there are two: until a run is done it may be where the one says, or the other.
        """
        return ("nic", self.home.key, self.name, self.permanent_mac or self.mac, self.netns.key, self.new_name)


FOLLOWS = {"net.ipv4.conf.all.accept_redirects": "net.ipv4.ip_forward"}
"""Sysctl → another, with which the kernel sets it (net/ipv4/devinet.c: inet_forward_change): it is borrowed and given back with that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SysctlLoan:
    """A sysctl of a namespace that the stack does not own, with the value it had."""

    netns: NetnsRef
    key: str
    value: str

    @property
    def identity(self) -> tuple[str, ...]:
        return ("sysctl", self.netns.key, self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLoan:
    """A container that the stack has put on a Docker network: to be taken off again. What others connected is theirs."""

    container: str
    network: str

    @property
    def identity(self) -> tuple[str, ...]:
        return ("connection", self.container, self.network)


@dataclass(frozen=True, slots=True, kw_only=True)
class DetachmentLoan:
    """A container of somebody else's that is taken off a Docker network for a moment, and how it was on it: put back when the run is over."""

    container: str
    attachment: Attachment

    @property
    def identity(self) -> tuple[str, ...]:
        return ("detachment", self.container, self.attachment.network)


Loan = NicLoan | SysctlLoan | ConnectionLoan | DetachmentLoan


def nic_loans(loans: Iterable[Loan]) -> tuple[NicLoan, ...]:
    """Those of NICs. Where a NIC was replaced by another of its name, and that was lent to the same place, it is the last one's."""
    found = {(x.home, x.name, x.netns, x.new_name): x for x in loans if isinstance(x, NicLoan)}
    return tuple(found.values())
