"""The outside as one World: each operation goes to the backend that handles it, neighbours of one backend in one call."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import Callable, Mapping, Protocol, Sequence

from netwright.model.docker import DockerState
from netwright.model.firewall import ForeignChain, ForeignRules, ForwardFilter, Table
from netwright.model.netns import HOST, NetnsRef
from netwright.model.operation import AnyOperation
from netwright.model.state import Namespace, State
from netwright.ports import Scope


class Executor(Protocol):
    """Does some kinds of operations."""

    @property
    def HANDLES(self) -> tuple[type, ...]: ...  # noqa: N802 - a constant of each backend

    def execute(self, operations: Sequence[AnyOperation], done: Callable[[int], None]) -> None: ...

    def close(self) -> None: ...


class Kernel(Executor, Protocol):
    def observe(self, refs: frozenset[NetnsRef]) -> Mapping[NetnsRef, Namespace]: ...

    def named(self) -> frozenset[NetnsRef]: ...

    def read_sysctls(self, wanted: Mapping[NetnsRef, frozenset[str]]) -> Mapping[NetnsRef, Mapping[str, str]]: ...


class PacketFilter(Executor, Protocol):
    def observe_tables(self, tables: Mapping[NetnsRef, str]) -> Mapping[NetnsRef, Table]: ...

    def observe_forward(self) -> ForwardFilter: ...

    def observe_foreign(self, chains: frozenset[ForeignChain], stack: str) -> Mapping[ForeignChain, ForeignRules]: ...


class Docker(Executor, Protocol):
    def observe(self) -> DockerState: ...


class Files(Executor, Protocol):
    def observe(self, refs: frozenset[NetnsRef], stack: str) -> Mapping[NetnsRef, Mapping[str, str]]: ...


class LiveWorld:
    """ports.World over the real kernel, nftables, Docker and /etc/netns."""

    def __init__(self, kernel: Kernel, packet_filter: PacketFilter, docker: Docker, files: Files) -> None:
        self._kernel = kernel
        self._filter = packet_filter
        self._docker = docker
        self._files = files
        backends: tuple[Executor, ...] = (kernel, packet_filter, docker, files)
        self._handlers = {handled: backend for backend in backends for handled in backend.HANDLES}
        self._backends = backends

    def observe(self, scope: Scope) -> State:
        """Only what the scope names is looked at."""
        refs = scope.namespaces | (self._kernel.named() if scope.every_named else frozenset())
        namespaces = dict(self._kernel.observe(refs)) if refs else {}
        details: dict[NetnsRef, dict[str, object]] = {}
        for ref, values in self._kernel.read_sysctls(scope.sysctls).items() if scope.sysctls else ():
            details.setdefault(ref, {})["sysctls"] = values
        for ref, table in self._filter.observe_tables(scope.tables).items() if scope.tables else ():
            details.setdefault(ref, {})["table"] = table
        for ref, files in self._files.observe(scope.files, scope.stack).items() if scope.files else ():
            details.setdefault(ref, {})["files"] = files
        if scope.foreign:
            details.setdefault(HOST, {})["foreign"] = self._filter.observe_foreign(scope.foreign, scope.stack)
        for ref, found in details.items():
            namespaces[ref] = _with(namespaces.get(ref, Namespace(ref=ref)), found)
        return State(
            namespaces=namespaces,
            docker=self._docker.observe() if scope.docker else None,
            forward=self._filter.observe_forward() if scope.forward else None,
        )

    def execute(self, operations: Sequence[AnyOperation], done: Callable[[int], None]) -> None:
        """In order; runs of operations of one backend go to it together. Raises OperationFailed."""
        for backend, run in groupby(operations, key=lambda operation: self._handlers[type(operation)]):
            backend.execute(tuple(run), done)

    def close(self) -> None:
        """Sockets are opened again when they are needed again."""
        for backend in self._backends:
            backend.close()


def _with(namespace: Namespace, details: dict[str, object]) -> Namespace:
    return replace(namespace, **details)  # type: ignore[arg-type]
