"""The kernel's side of the world, by rtnetlink: namespaces, links, addresses, routes, rules, and sysctls."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar

from netwright.backends.netlink import names, observer, sysctls
from netwright.backends.netlink.executor import Executor
from netwright.backends.netlink.sockets import Sockets
from netwright.model.netns import NETNS_FOLDER, NetnsRef, named
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
    MoveLink,
    RemoveAddress,
    RemoveRoute,
    RemoveRule,
    SetSysctl,
)
from netwright.model.state import Namespace


class NetlinkKernel:
    """Keeps a socket in each namespace that it has seen. One thread at a time; the host is the namespace of that thread."""

    HANDLES: ClassVar[tuple[type[AnyOperation], ...]] = (
        CreateNetns,
        DeleteNetns,
        CreateLink,
        ChangeLink,
        DeleteLink,
        MoveLink,
        AddAddress,
        RemoveAddress,
        AddRoute,
        RemoveRoute,
        AddRule,
        RemoveRule,
        SetSysctl,
    )
    """The operations that `execute` takes."""

    def __init__(self) -> None:
        self._sockets = Sockets()

    def named(self) -> frozenset[NetnsRef]:
        """Every namespace below /run/netns, whoever made it."""
        try:
            return frozenset(named(entry.name) for entry in os.scandir(NETNS_FOLDER))
        except OSError:
            return frozenset()

    def hollow(self, namespaces: Iterable[NetnsRef]) -> frozenset[NetnsRef]:
        """Those of which there is only the name: an empty file."""
        return frozenset(ref for ref in namespaces if names.is_hollow(ref))

    def observe(self, namespaces: Iterable[NetnsRef]) -> dict[NetnsRef, Namespace]:
        """Links, addresses, rules, and the routes of all tables but local. A namespace that is not there is absent.

        A pair's two ends know each other if both were looked at. Raises KernelError.
        """
        return observer.observe(self._sockets, namespaces)

    def read_sysctls(self, wanted: Mapping[NetnsRef, frozenset[str]]) -> dict[NetnsRef, dict[str, str]]:
        """Dotted keys, `/` for a dot in an interface's name. Keys and namespaces that are not there are absent. Raises KernelError."""
        return sysctls.read_all(wanted)

    def read_own_sysctls(self, links: Mapping[NetnsRef, frozenset[str]]) -> dict[NetnsRef, dict[str, str]]:
        """All of these links' that can be set, and those for `default`. Raises KernelError."""
        return sysctls.read_own(links)

    def read_born(self, keys: frozenset[str]) -> dict[str, str]:
        """What a namespace has of them that is made for this question, and gone with its answer. Raises KernelError."""
        return sysctls.read_born(keys)

    def execute(self, operations: Sequence[AnyOperation], done: Callable[[int], None]) -> None:
        """Do operations of `HANDLES`, in order. `done(n)`: n more are finished.

        Removing what is gone already succeeds. Raises ports.OperationFailed with a KernelError: the operations before
        it are done, some of its batch behind it may be.
        """
        Executor(self._sockets, operations, done).run()

    def close(self) -> None:
        """Close the sockets. Namespaces without a name and a process end with them."""
        self._sockets.close()
