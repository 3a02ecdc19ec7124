"""Doing operations: neighbours of one sort and one namespace go out together."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from itertools import groupby
from typing import cast

from netwright.backends.netlink import names, sysctls
from netwright.backends.netlink.batch import REMOVALS, Batch, Local
from netwright.backends.netlink.channel import Channel
from netwright.backends.netlink.deletion import delete_links
from netwright.backends.netlink.indexes import Indexes
from netwright.backends.netlink.sockets import CHUNK, Sockets
from netwright.backends.netlink.stacked import create_stacked
from netwright.backends.netlink.wording import phrase, refused
from netwright.backends.netns import enter, in_thread, in_threads, location
from netwright.errors import BackendError, KernelError
from netwright.model.netns import HOST, NetnsRef
from netwright.model.operation import AnyOperation, CreateLink, CreateNetns, DeleteLink, DeleteNetns, MoveLink, SetSysctl
from netwright.model.sysctl import ADVERTISEMENTS
from netwright.ports import OperationFailed
from netwright.rtnl import link
from netwright.rtnl.message import Answer, Request

_NETNS_CHUNK = 128
"""Namespaces made at a stretch: then progress is told."""
_MAKERS = 2
"""Threads that make namespaces: more gain nothing, for part of the kernel's work (setup_net()) is one at a time."""


class Executor:
    """One run through a list of operations."""

    def __init__(self, sockets: Sockets, operations: Sequence[AnyOperation], done: Callable[[int], None]) -> None:
        self._sockets = sockets
        self._operations = operations
        self._done = done
        self._indexes = Indexes()
        self._ready: set[NetnsRef] = set()

    def run(self) -> None:
        """Raises OperationFailed."""
        position = 0
        for (sort, netns, _), group in groupby(self._operations, key=_lane):
            run = list(group)
            try:
                self._do(sort, netns, run, position)
            except BackendError as error:
                raise OperationFailed(run[0], error) from error
            except OSError as error:
                told = KernelError(error.errno or 0, f"could not {phrase(run[0])}: {error}")
                raise OperationFailed(run[0], told) from error
            position += len(run)

    def _do(self, sort: type[AnyOperation] | None, netns: NetnsRef | None, run: list[AnyOperation], position: int) -> None:
        if sort is CreateNetns:
            self._create_namespaces(cast("list[CreateNetns]", run))
        elif sort is DeleteNetns:
            self._delete_namespaces(cast("list[DeleteNetns]", run))
        elif sort is SetSysctl:
            self._set_sysctls(cast("list[SetSysctl]", run))
        elif sort is MoveLink:
            for operation in cast("list[MoveLink]", run):
                self._move(operation)
        elif sort is CreateLink:
            create_stacked(self._sockets, self._indexes, cast("list[CreateLink]", run), self._done)
        elif netns is None or (channel := self._channel(netns, position, run)) is None:
            self._done(len(run))
        elif sort is DeleteLink:
            self._indexes.forget()
            delete_links(channel, cast("list[DeleteLink]", run), self._done)
        elif isinstance(run[0], CreateLink) and run[0].sysctls:
            Batch(netns, channel, self._indexes, _untold).run(cast("list[Local]", run))
            self._settle(cast("list[CreateLink]", run))
        else:
            Batch(netns, channel, self._indexes, self._done).run(cast("list[Local]", run))

    def _channel(self, netns: NetnsRef, position: int, run: Sequence[AnyOperation]) -> Channel | None:
        """None where the namespace is gone, and with it what the run would remove."""
        if netns not in self._ready:
            coming = dict.fromkeys(other for operation in self._operations[position:] if (other := _lane(operation)[1]) is not None)
            self._ready.clear()
            self._ready.update(self._sockets.open(list(coming)[:CHUNK]))
        first = next((operation for operation in run if not isinstance(operation, (*REMOVALS, DeleteLink))), None)
        try:
            return self._sockets.get(netns)
        except KernelError as error:
            if first is None and error.errno == errno.ENOENT:
                return None
            raise OperationFailed(first or run[0], error) from error

    def _create_namespaces(self, operations: Sequence[CreateNetns]) -> None:
        for start in range(0, len(operations), _NETNS_CHUNK):
            part = operations[start : start + _NETNS_CHUNK]
            makers = [_Maker(part[maker::_MAKERS]) for maker in range(min(_MAKERS, len(part)))]
            try:
                names.prepare_folder()
            except KernelError as error:
                raise _failed(part[0], error) from error
            in_threads([maker.make for maker in makers])
            for maker in makers:
                for operation, channel in zip(maker.operations, maker.made, strict=False):
                    self._sockets.adopt(operation.netns, channel)
            failures = [maker.failure for maker in makers if maker.failure is not None]
            self._done(sum(len(maker.made) for maker in makers))
            if failures:
                raise min(failures, key=lambda failure: part.index(cast("CreateNetns", failure.operation)))

    def _delete_namespaces(self, operations: Sequence[DeleteNetns]) -> None:
        self._indexes.forget()
        for operation in operations:
            self._sockets.drop(operation.netns)
            try:
                names.delete(operation.netns)
            except KernelError as error:
                raise _failed(operation, error) from error
            self._done(1)

    def _set_sysctls(self, operations: Sequence[SetSysctl]) -> None:
        for at_home, group in groupby(operations, key=lambda operation: operation.netns == HOST):
            run = list(group)
            finished: list[SetSysctl] = []

            def write(run: Sequence[SetSysctl] = run, finished: list[SetSysctl] = finished) -> None:
                there: NetnsRef | None = HOST
                for operation in run:
                    if operation.netns != there:
                        enter(operation.netns)
                        there = operation.netns
                    if sysctls.has_family(operation.key) or not operation.key.endswith(ADVERTISEMENTS):
                        with suppress(KernelError) if operation.optional else nullcontext():
                            sysctls.write(operation.key, operation.value)
                    finished.append(operation)

            failure: KernelError | None = None
            try:
                if at_home:
                    write()
                else:
                    in_thread(write)
            except KernelError as error:
                failure = error
            if finished:
                self._done(len(finished))
            if failure is not None:
                raise _failed(run[len(finished)], failure) from failure

    def _settle(self, made: Sequence[CreateLink]) -> None:
        for operation in made:
            self._write(operation, operation.netns, operation.sysctls)
            self._done(1)

    def _write(self, operation: AnyOperation, netns: NetnsRef, values: Mapping[str, str]) -> None:
        def write() -> None:
            if netns != HOST:
                enter(netns)
            for key, value in values.items():
                if sysctls.has_family(key):
                    sysctls.write(key, value)

        try:
            if netns == HOST:
                write()
            else:
                in_thread(write)
        except KernelError as error:
            raise _failed(operation, error) from error

    def _move(self, operation: MoveLink) -> None:
        self._indexes.forget()
        try:
            refusals = self._relocate(operation)
        except KernelError as error:
            raise _failed(operation, error) from error
        for answer in refusals.values():
            refusal = refused(operation, answer)
            raise OperationFailed(operation, refusal) from refusal
        self._indexes.forget()
        self._done(1)

    def _relocate(self, operation: MoveLink) -> dict[int, Answer]:
        channel = self._sockets.get(operation.source)
        self._indexes.learn(operation.source, channel, (operation.name,))
        index = self._indexes.find(operation.source, operation.name)
        if index is None:
            raise KernelError(errno.ENODEV, f"there is no link {operation.name} in {operation.source}")
        if operation.source == operation.target:
            return channel.exchange([link.change(name=operation.name, up=False), _relocation(operation, index, None)])
        # The kernel moves first and renames then: a name that is taken there would leave the link halfway.
        self._indexes.learn(operation.target, self._sockets.get(operation.target), (operation.new_name,))
        if self._indexes.find(operation.target, operation.new_name) is not None:
            raise KernelError(errno.EEXIST, f"there is a link {operation.new_name} in {operation.target} already")
        fd = _open(operation.target)
        try:
            return channel.exchange([_relocation(operation, index, fd)])
        finally:
            os.close(fd)


class _Maker:
    """Makes namespaces, in a thread that enters each and ends in the last."""

    def __init__(self, operations: Sequence[CreateNetns]) -> None:
        self.operations = operations
        self.made: list[Channel] = []
        """What is made counts if a later one fails."""
        self.failure: OperationFailed | None = None

    def make(self) -> None:
        for operation in self.operations:
            try:
                self.made.append(names.create(operation.netns, operation.sysctls))
            except KernelError as error:
                self.failure = _failed(operation, error)
                self.failure.__cause__ = error
                return


def _relocation(operation: MoveLink, index: int, netns_fd: int | None) -> Request:
    return link.relocate(
        index=index,
        name=operation.new_name,
        netns_fd=netns_fd,
        alias=operation.alias,
        addrgenmode=operation.address_generation,
        txqlen=operation.txqlen,
        group=operation.group,
    )


def _open(netns: NetnsRef) -> int:
    try:
        return os.open(location(netns), os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise KernelError(error.errno or 0, f"entering {netns}: {error.strerror}") from error


def _failed(operation: AnyOperation, error: KernelError) -> OperationFailed:
    told = KernelError(error.errno or 0, f"could not {phrase(operation)}: {error}", hint=error.hint)
    return OperationFailed(operation, told)


def _lane(operation: AnyOperation) -> tuple[type[AnyOperation] | None, NetnsRef | None, bool]:
    """What may go out together: of one sort, in one namespace where a socket is needed, and nothing with what must be settled before it."""
    if isinstance(operation, CreateNetns | DeleteNetns | SetSysctl | MoveLink):
        return type(operation), None, False
    if isinstance(operation, CreateLink) and operation.link.beneath() is not None:
        return CreateLink, None, False
    if isinstance(operation, DeleteLink):
        return DeleteLink, operation.netns, False
    return None, cast("Local", operation).netns, isinstance(operation, CreateLink) and bool(operation.sysctls)


def _untold(_: int) -> None:
    """What is made is done when its sysctls are set."""
