"""Operations: what a plan is made of. Data, each with its reason; nothing in here can be called to do it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netwright.model.docker import Attachment, DockerNetwork
from netwright.model.firewall import ForeignChain, Published, Table
from netwright.model.link import Link
from netwright.model.loan import Loan
from netwright.model.netns import NetnsRef
from netwright.model.route import Address, Route, Rule
from netwright.model.state import Claims


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """The root. `why` is a clause a person can read: "in the file, not on the host"."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateNetns(Operation):
    """Make a named namespace, and write `sysctls` in it before anything else is there."""

    netns: NetnsRef
    sysctls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteNetns(Operation):
    netns: NetnsRef


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateLink(Operation):
    """Make `link` in `netns`, complete: mark, mtu, mac, master, up.

    `twin` is made by the same message, at its place, with name, mac and mtu; its alias and its being up are a ChangeLink of their own.
    """

    netns: NetnsRef
    link: Link
    twin: Link | None = None
    twin_netns: NetnsRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLink(Operation):
    """Set `fields` of the link as `link` has them."""

    netns: NetnsRef
    link: Link
    fields: frozenset[str]
    before: Link | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteLink(Operation):
    netns: NetnsRef
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveLink(Operation):
    """Move a NIC to another namespace under `new_name` (also where only the name changes). It arrives down.

    `alias`: written on it as it arrives; "" erases it. `address_generation`: IFLA_INET6_ADDR_GEN_MODE to restore.
    """

    source: NetnsRef
    name: str
    target: NetnsRef
    new_name: str
    alias: str
    address_generation: int | None = None
    txqlen: int | None = None
    group: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddAddress(Operation):
    netns: NetnsRef
    address: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveAddress(Operation):
    netns: NetnsRef
    address: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class AddRoute(Operation):
    netns: NetnsRef
    route: Route


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveRoute(Operation):
    netns: NetnsRef
    route: Route


@dataclass(frozen=True, slots=True, kw_only=True)
class AddRule(Operation):
    netns: NetnsRef
    rule: Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveRule(Operation):
    netns: NetnsRef
    rule: Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSysctl(Operation):
    netns: NetnsRef
    key: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceTable(Operation):
    """Our table, whole, in one transaction, whether one was there or not."""

    netns: NetnsRef
    table: Table
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteTable(Operation):
    netns: NetnsRef
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetForeignRules(Operation):
    """Our marked rules in a chain of somebody else: take out `old`, put `new` on top, in one transaction."""

    netns: NetnsRef
    chain: ForeignChain
    old: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlushConntrack(Operation):
    """Forget the connections that came in through ports which are published no more, or elsewhere."""

    netns: NetnsRef
    published: frozenset[Published]


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteFile(Operation):
    """A file below /etc/netns/NAME."""

    netns: NetnsRef
    name: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveFile(Operation):
    netns: NetnsRef
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateDockerNetwork(Operation):
    network: DockerNetwork


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveDockerNetwork(Operation):
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectContainer(Operation):
    container: str
    attachment: Attachment


@dataclass(frozen=True, slots=True, kw_only=True)
class DisconnectContainer(Operation):
    container: str
    network: str


AnyOperation = (
    CreateNetns
    | DeleteNetns
    | CreateLink
    | ChangeLink
    | DeleteLink
    | MoveLink
    | AddAddress
    | RemoveAddress
    | AddRoute
    | RemoveRoute
    | AddRule
    | RemoveRule
    | SetSysctl
    | ReplaceTable
    | DeleteTable
    | SetForeignRules
    | FlushConntrack
    | WriteFile
    | RemoveFile
    | CreateDockerNetwork
    | RemoveDockerNetwork
    | ConnectContainer
    | DisconnectContainer
)
"""For `match … assert_never`: an operation that a backend forgot does not pass the type check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do, in order; and what must be written down before the first of it."""

    stack: str
    operations: tuple[AnyOperation, ...] = ()
    loans: tuple[Loan, ...] = ()
    """Newly taken by this plan."""
    claims: Claims = field(default_factory=Claims)
    waiting: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.operations)
