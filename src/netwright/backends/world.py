"""The outside as one World: each operation goes to the backend that handles it, neighbours of one backend in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Protocol

from netwright.model.docker import DockerState
from netwright.model.firewall import ForeignChain, ForeignRules, ForwardFilter, Table
from netwright.model.netns import HOST, NetnsRef
from netwright.model.operation import AnyOperation
from netwright.model.state import Namespace, State
from netwright.ports import Scope


class Executor(Protocol):
    """Does some kinds of operations."""

    @property
    def HANDLES(self) -> tuple[type[AnyOperation], ...]: ...  # noqa: N802 - a constant of each backend

    def execute(self, operations: Sequence[AnyOperation], done: Callable[[int], None]) -> None: ...


class Kernel(Executor, Protocol):
    def observe(self, namespaces: Iterable[NetnsRef]) -> Mapping[NetnsRef, Namespace]: ...

    def close(self) -> None: ...

    def named(self) -> frozenset[NetnsRef]: ...

    def hollow(self, namespaces: Iterable[NetnsRef]) -> frozenset[NetnsRef]: ...

    def read_sysctls(self, wanted: Mapping[NetnsRef, frozenset[str]]) -> Mapping[NetnsRef, Mapping[str, str]]: ...

    def read_own_sysctls(self, links: Mapping[NetnsRef, frozenset[str]]) -> Mapping[NetnsRef, Mapping[str, str]]: ...

    def read_born(self, keys: frozenset[str]) -> Mapping[str, str]: ...


class Tables(Executor, Protocol):
    def observe_tables(self, tables: Mapping[NetnsRef, str], *, counters: bool = False) -> Mapping[NetnsRef, Table]: ...

    def observe_forward(self) -> ForwardFilter: ...


class ForeignChains(Executor, Protocol):
    def observe_foreign(self, chains: Iterable[ForeignChain], stack: str) -> Mapping[ForeignChain, ForeignRules]: ...


class Docker(Executor, Protocol):
    def observe(self) -> DockerState: ...

    def close(self) -> None: ...


class Files(Executor, Protocol):
    def observe(self, namespaces: frozenset[NetnsRef], stack: str) -> Mapping[NetnsRef, Mapping[str, str]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveWorld:
    """ports.World over the real kernel, nftables, iptables, Docker and /etc/netns."""

    kernel: Kernel
    tables: Tables
    chains: ForeignChains
    conntrack: Executor
    docker: Docker
    files: Files

    def observe(self, scope: Scope) -> State:
        """Only what the scope names is looked at."""
        refs = scope.namespaces | (self.kernel.named() if scope.every_named else frozenset())
        namespaces = dict(self.kernel.observe(refs)) if refs else {}
        hollow = self.kernel.hollow(scope.namespaces - namespaces.keys()) if refs else frozenset()
        details: dict[NetnsRef, dict[str, object]] = {}
        own = self.kernel.read_own_sysctls(scope.own_sysctls) if scope.own_sysctls else {}
        asked = self.kernel.read_sysctls(scope.sysctls) if scope.sysctls else {}
        for ref in {**own, **asked}:
            details[ref] = {"sysctls": {**own.get(ref, {}), **asked.get(ref, {})}}
        for ref, table in self.tables.observe_tables(scope.tables).items() if scope.tables else ():
            details.setdefault(ref, {})["table"] = table
        for ref, table in self.tables.observe_tables(scope.policies, counters=scope.counters).items() if scope.policies else ():
            details.setdefault(ref, {})["policies"] = table
        for ref, table in self.tables.observe_tables(scope.antispoof).items() if scope.antispoof else ():
            details.setdefault(ref, {})["antispoof"] = table
        if scope.foreign:
            details.setdefault(HOST, {})["foreign"] = self.chains.observe_foreign(scope.foreign, scope.stack)
        for ref, found in details.items():
            namespaces[ref] = _with(namespaces.get(ref, Namespace(ref=ref)), found)
        return State(
            namespaces=namespaces,
            hollow=hollow,
            docker=self.docker.observe() if scope.docker else None,
            forward=self.tables.observe_forward() if scope.forward else None,
            files=self.files.observe(scope.files, scope.stack) if scope.files else {},
            born=self.kernel.read_born(scope.born) if scope.born else {},
        )

    def execute(self, operations: Sequence[AnyOperation], done: Callable[[int], None]) -> None:
        """In order; runs of operations of one backend go to it together. Raises OperationFailed."""
        backends: tuple[Executor, ...] = (self.kernel, self.tables, self.chains, self.conntrack, self.docker, self.files)
        handlers = {handled: backend for backend in backends for handled in backend.HANDLES}
        for handled, run in groupby(operations, key=lambda operation: handlers[type(operation)]):
            handled.execute(tuple(run), done)

    def close(self) -> None:
        """Sockets are opened again when they are needed again."""
        self.kernel.close()
        self.docker.close()


def _with(namespace: Namespace, details: dict[str, object]) -> Namespace:
    return replace(namespace, **details)  # type: ignore[arg-type]
