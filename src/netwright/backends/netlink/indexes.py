"""The indexes of links by name: messages about addresses, routes and ports name a link by its number."""

from __future__ import annotations

import errno
from collections.abc import Iterable

from netwright.backends.netlink.channel import Channel, reason
from netwright.errors import KernelError
from netwright.model.netns import NetnsRef
from netwright.rtnl import link
from netwright.rtnl.message import Answer

_LOOPBACK_INDEX = 1
"""net/flow.h: LOOPBACK_IFINDEX, in every namespace."""


class Indexes:
    """Looked up when first needed, in one batch; forgotten when a link may have got another."""

    def __init__(self) -> None:
        self._known: dict[NetnsRef, dict[str, int]] = {}

    def learn(self, netns: NetnsRef, channel: Channel, names: Iterable[str]) -> None:
        """Look up those of `names` that are not known; one that no link has stays unknown. Raises KernelError."""
        known = self._known.setdefault(netns, {"lo": _LOOPBACK_INDEX})
        missing = [name for name in dict.fromkeys(names) if name not in known]
        if not missing:
            return
        for name, answer in zip(missing, channel.ask([link.get(name) for name in missing], link.decode_index), strict=True):
            if not isinstance(answer, Answer):
                known[name] = answer
            elif answer.code != errno.ENODEV:
                raise KernelError(answer.code, f"looking for the link {name} in {netns}: {reason(answer)}")

    def find(self, netns: NetnsRef, name: str) -> int | None:
        return self._known.get(netns, {}).get(name)

    def forget(self) -> None:
        self._known.clear()
