"""A World in memory, as strict as the kernel: for tests of the engine that need no root. It passes the same suite as the real one.

It refuses what the kernel refuses, with the kernel's errno: a second creation is EEXIST, a missing namespace ENOENT, a missing
link ENODEV, a bridge that is not there ENODEV, an address that is there already is replaced, a route that is there already EEXIST.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from netwright.errors import KernelError
from netwright.model.firewall import ForeignRules
from netwright.model.link import Link, LinkKey, Observation
from netwright.model.netns import HOST, NetnsKind, NetnsRef
from netwright.model.operation import (
    AddAddress,
    AddRoute,
    AddRule,
    AnyOperation,
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

_BIRTH = {"net.ipv4.ip_forward": "0", "net.ipv6.conf.all.forwarding": "0", "net.ipv6.conf.default.disable_ipv6": "0"}


def _fail(code: int, what: str) -> KernelError:
    return KernelError(code, f"{what}: {os.strerror(code)}")


class FakeWorld:
    """A host in memory. `loopback` makes the lo of a new namespace, `fail_at` the number (from 0) of an operation to refuse."""

    def __init__(self, host: Namespace, *, loopback: Callable[[], Link]) -> None:
        self._loopback = loopback
        self.namespaces: dict[NetnsRef, Namespace] = {HOST: replace(host, sysctls={**_BIRTH, **host.sysctls})}
        self.files: dict[NetnsRef, dict[str, str]] = {}
        self.executed: list[AnyOperation] = []
        self.fail_at: int | None = None

    def observe(self, scope: Scope) -> State:
        """As the real one: what does not exist is absent."""
        refs = scope.namespaces | {*scope.sysctls, *scope.tables} | (frozenset({HOST}) if scope.foreign else frozenset())
        if scope.every_named:
            refs |= {ref for ref in self.namespaces if ref.kind is NetnsKind.NAMED}
        namespaces = {ref: self._owned(self.namespaces[ref]) for ref in refs if ref in self.namespaces}
        return State(namespaces=namespaces, files={ref: self.files[ref] for ref in scope.files if self.files.get(ref)})

    def execute(self, operations: Sequence[AnyOperation], done: Callable[[int], None]) -> None:
        """One by one. Raises OperationFailed."""
        for operation in operations:
            if self.fail_at is not None and len(self.executed) == self.fail_at:
                self.fail_at = None
                raise OperationFailed(operation, _fail(errno.ENOMEM, "made to fail"))
            try:
                self._do(operation)
            except KernelError as error:
                raise OperationFailed(operation, error) from error
            self.executed.append(operation)
            done(1)

    def close(self) -> None:
        """Nothing is held."""

    def _owned(self, namespace: Namespace) -> Namespace:
        lo = namespace.links.get("lo")
        return replace(namespace, owner=lo.owner if lo is not None and namespace.ref.kind is NetnsKind.NAMED else None)

    def _at(self, ref: NetnsRef) -> Namespace:
        if ref not in self.namespaces:
            raise _fail(errno.ENOENT, f"entering {ref}")
        return self.namespaces[ref]

    def _link(self, ref: NetnsRef, name: str) -> Link:
        link = self._at(ref).links.get(name)
        if link is None:
            raise _fail(errno.ENODEV, f"{name} in {ref}")
        return link

    def _put(self, ref: NetnsRef, link: Link) -> None:
        if link.master and link.master not in self._at(ref).links:
            raise _fail(errno.ENODEV, f"{link.master} in {ref}")
        namespace = self._at(ref)
        seen = {**namespace.seen, link.name: namespace.seen.get(link.name) or Observation(index=100 + len(namespace.seen))}
        self.namespaces[ref] = replace(namespace, links={**namespace.links, link.name: link}, seen=seen)

    def _new(self, ref: NetnsRef, link: Link) -> None:
        if link.name in self._at(ref).links:
            raise _fail(errno.EEXIST, f"{link.name} in {ref}")
        filled = {"alias": link.alias or "", "up": bool(link.up), "mtu": link.mtu or 1500, "master": link.master or ""}
        self._put(ref, replace(link, **{**filled, "mac": link.mac or "02:00:00:00:00:aa"}))  # type: ignore[arg-type]

    def _drop(self, ref: NetnsRef, name: str) -> None:
        namespace = self.namespaces[ref]
        links = {n: replace(x, master="") if x.master == name else x for n, x in namespace.links.items() if n != name}
        self.namespaces[ref] = replace(
            namespace,
            links=links,
            addresses=frozenset(a for a in namespace.addresses if a.dev != name),
            routes=frozenset(r for r in namespace.routes if r.dev != name),
        )

    def _do(self, operation: AnyOperation) -> None:
        match operation:
            case CreateNetns(netns=ref, sysctls=sysctls):
                if ref in self.namespaces:
                    raise _fail(errno.EEXIST, f"{ref}")
                self.namespaces[ref] = Namespace(ref=ref, sysctls={**_BIRTH, **sysctls})
                self._put(ref, self._loopback())
            case DeleteNetns(netns=ref):
                for name in [*self._at(ref).links] if ref in self.namespaces else ():
                    self._delete(LinkKey(ref, name))
                self.namespaces.pop(ref, None)
            case CreateLink(netns=ref, link=link, twin=twin, twin_netns=across):
                self._new(ref, link)
                if twin is not None and across is not None:
                    self._new(across, replace(twin, alias="", up=False, master=None))
            case ChangeLink(netns=ref, link=link, fields=fields):
                have = self._link(ref, link.name)
                self._put(ref, replace(have, **{name: getattr(link, name) for name in fields}))
                if "up" in fields and not link.up:
                    self._flush(ref, link.name)
            case DeleteLink(netns=ref, name=name):
                self._delete(LinkKey(ref, name))
            case MoveLink(source=source, name=name, target=target, new_name=new_name, alias=alias):
                moved = self._link(source, name)
                seen = self._at(source).seen[name]
                self._drop(source, name)
                self._new(target, replace(moved, name=new_name, alias=alias, up=False, master=""))
                there = self.namespaces[target]
                self.namespaces[target] = replace(there, seen={**there.seen, new_name: seen})
            case AddAddress(netns=ref, address=address):
                self._link(ref, address.dev)
                kept = frozenset(a for a in self._at(ref).addresses if a.key != address.key)
                self.namespaces[ref] = replace(self._at(ref), addresses=kept | {address})
            case RemoveAddress(netns=ref, address=address):
                kept = frozenset(a for a in self._at(ref).addresses if a.key != address.key)
                self.namespaces[ref] = replace(self._at(ref), addresses=kept)
            case AddRoute(netns=ref, route=route):
                if any(r.key == route.key for r in self._at(ref).routes):
                    raise _fail(errno.EEXIST, f"route to {route.to} in {ref}")
                self.namespaces[ref] = replace(self._at(ref), routes=self._at(ref).routes | {route})
            case RemoveRoute(netns=ref, route=route):
                kept_routes = frozenset(r for r in self._at(ref).routes if r.key != route.key)
                self.namespaces[ref] = replace(self._at(ref), routes=kept_routes)
            case AddRule(netns=ref, rule=rule):
                self.namespaces[ref] = replace(self._at(ref), rules=self._at(ref).rules | {rule})
            case RemoveRule(netns=ref, rule=rule):
                self.namespaces[ref] = replace(self._at(ref), rules=self._at(ref).rules - {rule})
            case SetSysctl(netns=ref, key=key, value=value):
                self.namespaces[ref] = replace(self._at(ref), sysctls={**self._at(ref).sysctls, key: value})
            case ReplaceTable(netns=ref, table=table):
                self.namespaces[ref] = replace(self._at(ref), table=replace(table, listing=table.digest))
            case DeleteTable(netns=ref):
                self.namespaces[ref] = replace(self._at(ref), table=None)
            case SetForeignRules(netns=ref, chain=chain, new=new):
                self.namespaces[ref] = replace(self._at(ref), foreign={**self._at(ref).foreign, chain: ForeignRules(rules=new)})
            case WriteFile(netns=ref, name=name, content=content):
                self.files[ref] = {**self.files.get(ref, {}), name: content}
            case RemoveFile(netns=ref, name=name):
                self.files[ref] = {n: c for n, c in self.files.get(ref, {}).items() if n != name}
            case FlushConntrack():
                pass
            case _:
                raise _fail(errno.EOPNOTSUPP, f"there is no Docker here for {type(operation).__name__}")

    def _flush(self, ref: NetnsRef, name: str) -> None:
        routes = frozenset(r for r in self._at(ref).routes if r.dev != name)
        self.namespaces[ref] = replace(self._at(ref), routes=routes)

    def _delete(self, key: LinkKey) -> None:
        namespace = self.namespaces.get(key.netns)
        link = namespace.links.get(key.name) if namespace else None
        if link is None:
            return
        twin = link.twin()
        self._drop(key.netns, key.name)
        if twin is not None and twin.netns in self.namespaces:
            self._drop(twin.netns, twin.name)
