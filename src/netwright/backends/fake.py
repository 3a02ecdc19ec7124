"""A World in memory, as strict as the kernel: for tests of the engine that need no root. It passes the same suite as the real one.

There is no Docker, and no route is to be seen that the kernel makes by itself.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace

from netwright.backends.fake_network import BORN, FakeNetwork, fail
from netwright.errors import KernelError
from netwright.firewall.mark import published_in
from netwright.model.firewall import ForeignRules, Table
from netwright.model.link import Link, LinkKey
from netwright.model.netns import HOST, NetnsKind, NetnsRef
from netwright.model.operation import (
    AddAddress,
    AddRoute,
    AddRule,
    AnyOperation,
    ChangeElements,
    ChangeLink,
    CreateLink,
    CreateNetns,
    DeleteLink,
    DeleteNetns,
    DeleteTable,
    FlushConntrack,
    MoveLink,
    RemoveAddress,
    RemoveFile,
    RemoveRoute,
    RemoveRule,
    ReplaceTable,
    SetForeignRules,
    SetSysctl,
    WriteFile,
)
from netwright.model.state import Namespace, State
from netwright.ports import OperationFailed, Scope


class FakeWorld(FakeNetwork):
    """A host in memory. `loopback` makes the lo of a new namespace, `fail_at` the number (from 0) of an operation to refuse."""

    def __init__(self, host: Namespace, *, loopback: Callable[[], Link]) -> None:
        super().__init__(host, loopback)
        self.tables: dict[tuple[NetnsRef, str], Table] = {}
        self.files: dict[tuple[NetnsRef, str], dict[str, str]] = {}
        """By namespace, and for the host by stack: the one that was looked at last."""
        self._stack = ""
        self.executed: list[AnyOperation] = []
        self.fail_at: int | None = None

    def observe(self, scope: Scope) -> State:
        """As the real one: what does not exist is absent."""
        refs = (
            scope.namespaces
            | {*scope.sysctls, *scope.own_sysctls, *scope.tables, *scope.policies, *scope.antispoof}
            | (frozenset({HOST}) if scope.foreign else frozenset())
        )
        if scope.every_named:
            refs |= {ref for ref in self.namespaces if ref.kind is NetnsKind.NAMED}
        if scope.files:
            self._stack = scope.stack
        return State(
            namespaces={ref: self._seen(ref, scope) for ref in refs if ref in self.namespaces},
            files={ref: dict(found) for ref in scope.files if (found := self._folder(ref))},
            born={key: value for key, value in BORN.items() if key in scope.born},
        )

    def execute(self, operations: Sequence[AnyOperation], done: Callable[[int], None]) -> None:
        """One by one. Raises OperationFailed."""
        for operation in operations:
            if self.fail_at is not None and len(self.executed) == self.fail_at:
                self.fail_at = None
                raise OperationFailed(operation, fail(errno.ENOMEM, "made to fail"))
            try:
                self._do(operation)
            except KernelError as error:
                raise OperationFailed(operation, error) from error
            self.executed.append(operation)
            done(1)

    def close(self) -> None:
        """Nothing is held."""

    def _folder(self, ref: NetnsRef) -> dict[str, str]:
        return self.files.setdefault((ref, self._stack if ref == HOST else ""), {})

    def _seen(self, ref: NetnsRef, scope: Scope) -> Namespace:
        there = self.namespaces[ref]
        lo = there.links.get("lo")
        return replace(
            there,
            table=self.tables.get((ref, scope.tables.get(ref, ""))),
            policies=self.tables.get((ref, scope.policies.get(ref, ""))),
            antispoof=self.tables.get((ref, scope.antispoof.get(ref, ""))),
            owner=lo.owner if lo is not None and ref.kind is NetnsKind.NAMED else None,
            sysctls={
                **self.own_sysctls(ref, scope.own_sysctls.get(ref, frozenset())),
                **{key: value for key in scope.sysctls.get(ref, ()) if (value := self.sysctl(ref, key)) is not None},
            },
        )

    def _do(self, operation: AnyOperation) -> None:
        match operation:
            case CreateNetns():
                self.create_netns(operation)
            case DeleteNetns(netns=ref):
                self.delete_netns(ref)
                self.tables = {key: table for key, table in self.tables.items() if key[0] != ref}
            case CreateLink():
                self.create_link(operation)
            case ChangeLink():
                self.change_link(operation)
            case DeleteLink(netns=ref, name=name):
                self.delete_link(LinkKey(ref, name))
            case MoveLink():
                self.move_link(operation)
            case AddAddress(netns=ref, address=address):
                self.add_address(ref, address)
            case RemoveAddress(netns=ref, address=address):
                self.remove_address(ref, address)
            case AddRoute(netns=ref, route=route):
                self.add_route(ref, route)
            case SetSysctl(netns=ref, key=key, value=value, optional=optional):
                with suppress(KernelError) if optional else nullcontext():
                    self.set_sysctl(ref, key, value)
            case WriteFile(netns=ref, name=name, content=content):
                self._folder(ref)[name] = content
            case RemoveFile(netns=ref, name=name):
                self._folder(ref).pop(name, None)
            case ReplaceTable(netns=ref, table=table):
                self.netns(ref)
                self.tables[ref, table.name] = replace(table, listing=table.digest)
            case ChangeElements():
                self._change_elements(operation)
            case DeleteTable(netns=ref, name=name):
                self.tables.pop((ref, name), None)
            case RemoveRoute() | RemoveRule():
                if operation.netns in self.namespaces:
                    self._set(operation)
            case AddRule() | SetForeignRules():
                self._set(operation)
            case FlushConntrack():
                pass
            case _:
                raise fail(errno.EOPNOTSUPP, f"there is no Docker here for {type(operation).__name__}")

    def _change_elements(self, operation: ChangeElements) -> None:
        """ENOENT where the table or an element to take out is not there, as the kernel."""
        key = operation.netns, operation.table
        table = self.tables.get(key)
        if table is None or not all(gone <= table.elements.get(name, frozenset()) for name, gone in operation.remove.items()):
            raise fail(errno.ENOENT, f"elements of {operation.table}")
        elements = {
            name: (there - operation.remove.get(name, frozenset())) | operation.add.get(name, frozenset())
            for name, there in table.elements.items()
        }
        self.tables[key] = replace(table, elements=elements, published=published_in(elements))

    def _set(self, operation: RemoveRoute | RemoveRule | AddRule | SetForeignRules) -> None:
        there = self.netns(operation.netns)
        match operation:
            case RemoveRoute(route=route):
                there = replace(there, routes=frozenset(r for r in there.routes if r.key != route.key))
            case AddRule(rule=rule):
                if rule in there.rules:
                    raise fail(errno.EEXIST, f"a rule in {operation.netns}")
                there = replace(there, rules=there.rules | {rule})
            case RemoveRule(rule=rule):
                there = replace(there, rules=there.rules - {rule})
            case SetForeignRules(chain=chain, new=new):
                there = replace(there, foreign={**there.foreign, chain: ForeignRules(rules=new)})
        self.namespaces[operation.netns] = there
