"""Our table of one stack in each namespace: looked at, put in place of the old one, and taken away."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

from netwright.backends.forward_filter import observe_forward
from netwright.backends.libnftables import run_nft
from netwright.backends.netns import run_in
from netwright.backends.nfnetlink import NetfilterSocket
from netwright.errors import FirewallError, KernelError, NetwrightError, Refused
from netwright.firewall.mark import Mark, observed, parse_mark
from netwright.model.firewall import ForwardFilter, Table
from netwright.model.names import antispoof_table_name, policy_table_name, table_family, table_name
from netwright.model.netns import NetnsRef
from netwright.model.nft_text import counts, element_commands, with_counts
from netwright.model.operation import AnyOperation, ChangeElements, DeleteTable, ReplaceTable
from netwright.ports import OperationFailed
from netwright.rtnl.nftables import decode_comment, get_table


class Nft:
    """nftables. No library is loaded before a table of ours is found, or one is to be made."""

    HANDLES: ClassVar[tuple[type[AnyOperation], ...]] = (ReplaceTable, ChangeElements, DeleteTable)
    """The operations that `execute` takes."""

    def observe_tables(self, tables: Mapping[NetnsRef, str], *, counters: bool = False) -> dict[NetnsRef, Table]:
        """Of the named tables those that are there, by namespace; `counters`: and what they have counted. A namespace that is gone has none.

        Raises Refused where a table of that name carries no mark of ours, FirewallError, KernelError, Missing.
        """
        found = {}
        for netns, name in tables.items():
            try:
                table = run_in(netns, partial(_observe, netns, name, counters=counters))
            except KernelError as error:
                if error.errno != errno.ENOENT:
                    raise
                continue
            if table is not None:
                found[netns] = table
        return found

    def observe_forward(self) -> ForwardFilter:
        """What others drop of what is forwarded in the namespace we run in. Raises FirewallError, Missing."""
        return observe_forward()

    def execute(self, operations: Sequence[AnyOperation], done: Callable[[int], None]) -> None:
        """Do them one by one, each in one transaction. Deleting what is gone is done at once.

        Raises OperationFailed with a FirewallError, KernelError, Refused or Missing.
        """
        for operation in operations:
            try:
                match operation:
                    case ReplaceTable(netns=netns, table=table, owner=owner):
                        run_in(netns, partial(_replace, netns, table, owner))
                    case ChangeElements(netns=netns, table=name, remove=remove, add=add):
                        run_in(netns, partial(_change, netns, name, element_commands(name, remove, add)))
                    case DeleteTable(netns=netns, name=name):
                        _delete_in(netns, name)
                    case _:
                        raise TypeError(f"a {type(operation).__name__} is nothing that is done to an nft table")
            except NetwrightError as error:
                raise OperationFailed(operation, error) from error
            done(1)


def _observe(netns: NetnsRef, name: str, *, counters: bool) -> Table | None:
    mark = _mark(netns, name)
    if mark is None:
        return None
    table = observed(name, mark, run_nft(f"list table {table_family(name)} {name}"))
    return replace(table, counters=_counted(name)) if counters else table


def _counted(name: str) -> dict[str, tuple[int, int]]:
    return counts(run_nft(f"list counters table {table_family(name)} {name}", counters=True))


def _replace(netns: NetnsRef, table: Table, owner: str) -> None:
    there = _mark(netns, table.name)
    text = table.replacement(owner)
    if there is not None and "\tcounter " in text:
        text = with_counts(text, _counted(table.name))
    try:
        run_nft(text)
    except FirewallError as error:
        raise FirewallError(f"the nft table {table.name} was not taken in {netns}: {error}", hint=error.hint) from error


def _change(netns: NetnsRef, name: str, text: str) -> None:
    _mark(netns, name)
    try:
        run_nft(text)
    except FirewallError as error:
        raise FirewallError(f"what is in the nft table {name} was not changed in {netns}: {error}", hint=error.hint) from error


def _delete_in(netns: NetnsRef, name: str) -> None:
    try:
        run_in(netns, partial(_delete, netns, name))
    except KernelError as error:
        # A namespace that is gone took its table with it.
        if error.errno != errno.ENOENT:
            raise


def _delete(netns: NetnsRef, name: str) -> None:
    if _mark(netns, name) is not None:
        run_nft(f"delete table {table_family(name)} {name}")


def _mark(netns: NetnsRef, name: str) -> Mark | None:
    """The mark of the table of this name; None: there is no such table. Raises Refused where it is somebody else's."""
    with NetfilterSocket() as netfilter:
        answer = netfilter.get(get_table(table_family(name), name))
    if answer is None:
        return None
    mark = parse_mark(decode_comment(*answer))
    if mark is None or name not in (table_name(mark.owner), policy_table_name(mark.owner), antispoof_table_name(mark.owner)):
        raise Refused(
            f"in {netns} there is an nft table {table_family(name)} {name} that Netwright did not make, and it is left alone",
            hint=f"look at it with `nft list table {table_family(name)} {name}`, and rename or delete it if nobody needs it, or rename the stack",
        )
    return mark
