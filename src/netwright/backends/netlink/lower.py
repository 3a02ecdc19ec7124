"""On which link another one stands.

It tells that link's index and, where that is elsewhere, its namespace, as a number that only its own namespace understands
(IFLA_LINK, IFLA_LINK_NETNSID).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from netwright.backends.netlink.twins import Place
from netwright.model.link import LinkKey
from netwright.model.netns import HOST, NetnsRef
from netwright.rtnl.link import LinkMessage


def find_lower(
    links: Mapping[NetnsRef, Sequence[LinkMessage]],
    stacked: Mapping[NetnsRef, Sequence[LinkMessage]],
    numbers: Callable[[NetnsRef, Sequence[NetnsRef]], Mapping[NetnsRef, int]],
) -> dict[Place, LinkKey]:
    """For each of `stacked` the link it stands on, where that is among `links`.

    `numbers(a, others)` says by which numbers `a` knows the others. The host is asked for first: mostly it is there.
    """
    found: dict[Place, LinkKey] = {}
    for netns, upper in stacked.items():
        here = {link.ifindex: link.name for link in links[netns]}
        away = []
        for link in upper:
            if link.peer_netnsid is not None:
                away.append(link)
            elif link.peer_index in here:
                found[netns, link.ifindex] = LinkKey(netns, here[link.peer_index])
        rest = [other for other in links if other not in (netns, HOST)]
        for others in ([HOST] if netns != HOST and HOST in links else [], rest):
            if not away or not others:
                continue
            known = {number: other for other, number in numbers(netns, others).items()}
            for link in away:
                other = known.get(link.peer_netnsid) if link.peer_netnsid is not None else None
                name = next((one.name for one in links[other] if one.ifindex == link.peer_index), None) if other is not None else None
                if other is not None and name is not None:
                    found[netns, link.ifindex] = LinkKey(other, name)
            away = [link for link in away if (netns, link.ifindex) not in found]
    return found
