"""Deleting links: many of one namespace at the price of one.

Each deletion waits for every processor to forget the link (rcu_barrier(), some 20 ms); a group's waits once for all.
So they are put into a group that nobody uses, and the group is deleted: in one sendmsg(2), so that a run that is killed leaves none in it.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence

from netwright.backends.netlink.channel import Channel
from netwright.backends.netlink.wording import refused
from netwright.model.operation import DeleteLink
from netwright.ports import OperationFailed
from netwright.rtnl import link
from netwright.rtnl.constants import RTM_NEWLINK

TOGETHER = 1000
"""So many fit the send buffer: a hundred bytes each, of at least 208 KiB (socket(7): wmem_default)."""

_FIRST_GROUP = 0x6E770000
"""The first number to try. A group is any number (ip-link(8)); people and systemd use small ones."""


def delete_links(channel: Channel, operations: Sequence[DeleteLink], done: Callable[[int], None]) -> None:
    """Delete links of one namespace; those that are gone already are done. Raises OperationFailed."""
    left = list(operations)
    while len(left) > 1 and _delete_together(channel, left[:TOGETHER]):
        done(len(left[:TOGETHER]))
        left = left[TOGETHER:]
    for operation in left:
        refusal = channel.exchange([link.delete(operation.name)]).get(0)
        if refusal is not None and refusal.code != errno.ENODEV:
            error = refused(operation, refusal)
            raise OperationFailed(operation, error) from error
        done(1)


def _delete_together(channel: Channel, operations: Sequence[DeleteLink]) -> bool:
    """False if one of them was not: one by one it is found which, and those that went are gone."""
    there = {found.name: found for found in channel.dump(link.dump(), RTM_NEWLINK, link.decode)}
    doomed = [operation for operation in operations if operation.name in there]
    if not doomed:
        return True
    used = {found.group for found in there.values()}
    group = next(number for number in range(_FIRST_GROUP, _FIRST_GROUP + len(used) + 1) if number not in used)
    requests = [*(link.change(name=operation.name, group=group) for operation in doomed), link.delete_group(group)]
    refusals = channel.exchange(requests, at_once=len(requests))
    whole = all(answer.code == errno.ENODEV for answer in refusals.values())
    if not whole:
        channel.exchange([link.change(name=operation.name, group=there[operation.name].group) for operation in doomed])
    return whole
