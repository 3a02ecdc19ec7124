"""Operations: what a plan is made of. Data, each with its reason; nothing in here can be called to do it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netwright.model.docker import Attachment, DockerNetwork
from netwright.model.firewall import Admission, ForeignChain, Published, Table
from netwright.model.link import Link
from netwright.model.loan import Loan
from netwright.model.netns import NetnsRef
from netwright.model.nft_text import Elements
from netwright.model.route import Address, Route, Rule
from netwright.model.state import Claims


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """The root. `why` is a clause a person can read: "in the file, not on the host".

    Each has a docstring: for a class without one dataclass() makes one from the signature, which doubles the time to load it.
    """

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateNetns(Operation):
    """Make a named namespace, and write `sysctls` in it before anything else is there."""

    netns: NetnsRef
    sysctls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteNetns(Operation):
    """Take the name away; what is in it goes with its last user."""

    netns: NetnsRef


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateLink(Operation):
    """Make `link` in `netns`, complete: mark, mtu, mac, master, up.

    `twin` is made by the same message, at its place, with name, mac and mtu; its alias and its being up are a ChangeLink of their own.
    So they are for a link that stands on another one (`beneath`). `sysctls` are the link's own, and set before anything after it is done.
    """

    netns: NetnsRef
    link: Link
    twin: Link | None = None
    twin_netns: NetnsRef | None = None
    sysctls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLink(Operation):
    """Set `fields` of the link as `link` has them."""

    netns: NetnsRef
    link: Link
    fields: frozenset[str]
    before: Link | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteLink(Operation):
    """And its twin with it."""

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
    """To a link of the namespace."""

    netns: NetnsRef
    address: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveAddress(Operation):
    """Nothing happens where it is gone."""

    netns: NetnsRef
    address: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class AddRoute(Operation):
    """Its protocol number says that it is ours."""

    netns: NetnsRef
    route: Route


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveRoute(Operation):
    """Nothing happens where it is gone."""

    netns: NetnsRef
    route: Route


@dataclass(frozen=True, slots=True, kw_only=True)
class AddRule(Operation):
    """A policy rule (ip-rule(8))."""

    netns: NetnsRef
    rule: Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveRule(Operation):
    """Nothing happens where it is gone."""

    netns: NetnsRef
    rule: Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSysctl(Operation):
    """A kernel parameter of the namespace. `optional`: where the kernel refuses it, it stays as it is."""

    netns: NetnsRef
    key: str
    value: str
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceTable(Operation):
    """Our table, whole, in one transaction, whether one was there or not."""

    netns: NetnsRef
    table: Table
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeElements(Operation):
    """What is in the sets and maps of our table, in one transaction. Its rules, their handles and counters stay as they are."""

    netns: NetnsRef
    table: str
    remove: Elements
    add: Elements


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteTable(Operation):
    """Our table, with all that is in it."""

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
    """Forget the connections that came in through ports which are published no more, or elsewhere; or are, to fewer.

    Of a port of `admitted` those that none of its admissions lets in.
    """

    netns: NetnsRef
    published: frozenset[Published] = frozenset()
    admitted: frozenset[Admission] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteFile(Operation):
    """A file below /etc/netns/NAME."""

    netns: NetnsRef
    name: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveFile(Operation):
    """A file below /etc/netns/NAME."""

    netns: NetnsRef
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateDockerNetwork(Operation):
    """By the Engine, with our label."""

    network: DockerNetwork


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveDockerNetwork(Operation):
    """One that carries our label."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectContainer(Operation):
    """To one of its networks; Docker gives the address where none is stated."""

    container: str
    attachment: Attachment


@dataclass(frozen=True, slots=True, kw_only=True)
class DisconnectContainer(Operation):
    """From a network that we connected it to."""

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
    | ChangeElements
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
    warnings: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    """What should go and cannot, now that Docker is away; `waiting` tells why. It must not be forgotten."""

    def __bool__(self) -> bool:
        return bool(self.operations)
