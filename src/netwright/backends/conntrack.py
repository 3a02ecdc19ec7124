"""Forgetting connections that came in through a published port: a rule that is gone does not end them, UDP's least of all."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

from netwright.backends.netns import run_in
from netwright.backends.nfnetlink import NetfilterSocket
from netwright.errors import KernelError, NetwrightError
from netwright.model.address import family
from netwright.model.firewall import Admission, Published
from netwright.model.operation import AnyOperation, FlushConntrack
from netwright.ports import OperationFailed
from netwright.rtnl import conntrack


class Conntrack:
    """The kernel's table of connections (ctnetlink)."""

    HANDLES: ClassVar[tuple[type[AnyOperation], ...]] = (FlushConntrack,)
    """The operations that `execute` takes."""

    def execute(self, operations: Sequence[AnyOperation], done: Callable[[int], None]) -> None:
        """Do them one by one. In a namespace that is gone there is nothing left to forget. Raises OperationFailed with a KernelError."""
        for operation in operations:
            try:
                if not isinstance(operation, FlushConntrack):
                    raise TypeError(f"a {type(operation).__name__} is nothing that is done to tracked connections")
                run_in(operation.netns, partial(_flush, operation))
            except KernelError as error:
                if error.errno != errno.ENOENT:
                    raise OperationFailed(operation, error) from error
            except NetwrightError as error:
                raise OperationFailed(operation, error) from error
            done(1)


def _flush(operation: FlushConntrack) -> None:
    admitted: dict[Published, list[Admission]] = {}
    for admission in operation.admitted:
        admitted.setdefault(admission.published, []).append(admission)
    concerned = operation.published | admitted.keys()
    with NetfilterSocket() as netfilter:
        for version in sorted({family(entry.target) for entry in concerned}):
            entries = [conntrack.decode(*body) for body in netfilter.dump(conntrack.dump(version))]
            requests = [
                conntrack.forget(entry)
                for entry in entries
                if entry is not None
                and entry.published in concerned
                and not any(one.lets_in(entry.source, entry.destination) for one in admitted.get(entry.published, ()))
            ]
            netfilter.send(requests, passing=frozenset({errno.ENOENT}))
