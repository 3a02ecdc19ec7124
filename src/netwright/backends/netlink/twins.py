"""Which two links are a pair.

A paired link tells its twin's index and, as a number that only its own namespace understands, the twin's namespace
(IFLA_LINK, IFLA_LINK_NETNSID). Two links whose indexes point at each other may be a pair, or each other's image in other
namespaces: indexes are small and begin anew in each. The number, asked of the kernel (RTM_GETNSID), decides.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from netwright.backends.netlink.channel import Channel
from netwright.backends.netns import location
from netwright.model.link import LinkKey
from netwright.model.netns import NetnsRef
from netwright.rtnl import netnsid
from netwright.rtnl.link import LinkMessage

Place = tuple[NetnsRef, int]
"""A link: its namespace and its index there."""

_OPEN_AT_ONCE = 64


def find_twins(
    paired: Mapping[NetnsRef, Sequence[LinkMessage]], numbers: Callable[[NetnsRef, Sequence[NetnsRef]], Mapping[NetnsRef, int]]
) -> dict[Place, LinkKey]:
    """For each paired link its twin, where that is in one of the namespaces.

    `numbers(a, others)` says by which numbers `a` knows the others.
    """
    twins: dict[Place, LinkKey] = {}
    mutual: dict[tuple[int, int], list[tuple[NetnsRef, LinkMessage]]] = defaultdict(list)
    for netns, links in paired.items():
        here = {link.ifindex: link for link in links}
        for link in links:
            if link.peer_netnsid is not None:
                mutual[link.ifindex, link.peer_index].append((netns, link))
            elif (twin := here.get(link.peer_index)) is not None:
                twins[netns, link.ifindex] = LinkKey(netns, twin.name)
    # Those with many links first: each answer settles both ends, and one namespace is asked rather than many.
    for netns, links in sorted(paired.items(), key=lambda item: -len(item[1])):
        open_ends = [link for link in links if link.peer_netnsid is not None and (netns, link.ifindex) not in twins]
        images = {link.ifindex: [m for m in mutual[link.peer_index, link.ifindex] if m[0] != netns] for link in open_ends}
        others = list(dict.fromkeys(other for found in images.values() for other, _ in found))
        if not others:
            continue
        known = numbers(netns, others)
        for link in open_ends:
            for other, image in images[link.ifindex]:
                if known.get(other) == link.peer_netnsid:
                    twins[netns, link.ifindex] = LinkKey(other, image.name)
                    twins[other, image.ifindex] = LinkKey(netns, link.name)
    return twins


def ask_numbers(channel: Channel, others: Sequence[NetnsRef]) -> dict[NetnsRef, int]:
    """By which numbers the channel's namespace knows `others`; those it does not know, or that are gone, are absent. Raises KernelError."""
    known: dict[NetnsRef, int] = {}
    for start in range(0, len(others), _OPEN_AT_ONCE):
        fds: dict[NetnsRef, int] = {}
        try:
            for netns in others[start : start + _OPEN_AT_ONCE]:
                try:
                    fds[netns] = os.open(location(netns), os.O_RDONLY | os.O_CLOEXEC)
                except OSError:
                    continue
            answers = channel.ask([netnsid.get(fd) for fd in fds.values()], netnsid.decode)
        finally:
            for fd in fds.values():
                os.close(fd)
        known.update({netns: answer for netns, answer in zip(fds, answers, strict=True) if isinstance(answer, int) and answer >= 0})
    return known
