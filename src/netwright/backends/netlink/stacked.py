"""Making links that stand on others: the message goes where the lower link is, and the new one is born where it belongs."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import groupby

from netwright.backends.netlink.indexes import Indexes
from netwright.backends.netlink.sockets import Sockets
from netwright.backends.netlink.wording import phrase, refused
from netwright.backends.netns import location
from netwright.errors import KernelError
from netwright.model.link import LinkKey
from netwright.model.names import short_hash
from netwright.model.operation import CreateLink
from netwright.ports import OperationFailed
from netwright.rtnl import link
from netwright.rtnl.message import Answer

_OPEN_AT_ONCE = 64


def create_stacked(sockets: Sockets, indexes: Indexes, operations: Sequence[CreateLink], done: Callable[[int], None]) -> None:
    """Make them, down and without a mark. Raises OperationFailed: those before it are done, some behind it may be; KernelError."""
    for netns, group in groupby(operations, key=lambda operation: _lower(operation).netns):
        run = list(group)
        channel = sockets.get(netns)
        names = {name for operation in run for name in (_lower(operation).name, operation.link.name)}
        indexes.learn(netns, channel, names)
        for start in range(0, len(run), _OPEN_AT_ONCE):
            _create(sockets, indexes, run[start : start + _OPEN_AT_ONCE], done)
    indexes.forget()


def _create(sockets: Sockets, indexes: Indexes, run: Sequence[CreateLink], done: Callable[[int], None]) -> None:
    requests = []
    renamed: dict[int, str] = {}
    with ExitStack() as files:
        for position, operation in enumerate(run):
            lower, born = _lower(operation), operation.link
            index = indexes.find(lower.netns, lower.name)
            if index is None:
                raise _failed(operation, errno.ENODEV, f"there is no link {lower.name} in {lower.netns}")
            elsewhere = operation.netns != lower.netns
            name = born.name
            if elsewhere and indexes.find(lower.netns, name) is not None:
                # Kernels before 6.13 look for the new name where the message arrives (net/core/rtnetlink.c: __rtnl_newlink).
                name = renamed[position] = f"nw-{short_hash(f'{operation.netns.key}/{name}', 11)}"
                sockets.get(operation.netns).exchange([link.delete(name)])
            requests.append(
                link.create(
                    name=name,
                    kind=born.kind,
                    data=born.birth_data(None, None),
                    mtu=born.mtu,
                    mac=born.mac,
                    queues=born.queues,
                    lower=index,
                    netns_fd=_open(operation, files) if elsewhere else None,
                )
            )
        refusals = sockets.get(_lower(run[0]).netns).exchange(requests)
    for position, name in renamed.items():
        if position not in refusals and (refusal := _rename(sockets, run[position], name)) is not None:
            refusals[position] = refusal
    if refusals:
        first = min(refusals)
        done(first)
        error = refused(run[first], refusals[first])
        raise OperationFailed(run[first], error) from error
    done(len(run))


def _rename(sockets: Sockets, operation: CreateLink, name: str) -> Answer | None:
    """The kernel's refusal; then nothing is left of the link."""
    channel = sockets.get(operation.netns)
    (index,) = channel.ask([link.get(name)], link.decode_index)
    if isinstance(index, Answer):
        return index
    refusal = channel.exchange([link.rename(index, operation.link.name)]).get(0)
    if refusal is not None:
        channel.exchange([link.delete(name)])
    return refusal


def _open(operation: CreateLink, files: ExitStack) -> int:
    try:
        fd = os.open(location(operation.netns), os.O_RDONLY | os.O_CLOEXEC)
    except OSError as problem:
        raise _failed(operation, problem.errno or 0, f"entering {operation.netns}: {problem.strerror}") from problem
    files.callback(os.close, fd)
    return fd


def _lower(operation: CreateLink) -> LinkKey:
    lower = operation.link.beneath()
    assert lower is not None
    return lower


def _failed(operation: CreateLink, code: int, what: str) -> OperationFailed:
    return OperationFailed(operation, KernelError(code, f"the kernel refused to {phrase(operation)}: {what}"))
