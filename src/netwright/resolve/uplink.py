"""The links through which a host's packets leave, and how large these may be."""

from __future__ import annotations

from dataclasses import dataclass

from netwright.model.address import family
from netwright.model.link import Link
from netwright.model.route import PROTOCOL, Route
from netwright.model.state import Namespace
from netwright.resolve.occupied import is_default


@dataclass(frozen=True, slots=True, kw_only=True)
class Uplink:
    """`mtu`: the largest packet, in bytes, that goes through `dev`."""

    dev: str
    mtu: int


def uplink(place: Namespace, version: int) -> Uplink | None:
    """Where packets of one family leave a namespace; None: no default route leads out of it.

    In each table that is the most specific default route of the least metric. A rule may look into any table (wg-quick's own default route
    stands in one, behind a rule with a mark), so among several tables it is the one with the smallest MTU.
    """
    best: dict[int, tuple[tuple[int, int], Uplink]] = {}
    candidates = (route for route in place.routes if is_default(route) and family(route.to) == version)
    for route in sorted(candidates, key=lambda r: (r.to, r.dev or "")):
        link = place.links.get(route.dev or "")
        if not _leads_out(route, link) or link is None or link.mtu is None:
            continue
        found = Uplink(dev=link.name, mtu=min(link.mtu, route.mtu or link.mtu))
        rank = (-int(route.to.rpartition("/")[2]), route.metric or 0)
        there = best.get(route.table)
        if there is None or rank < there[0] or (rank == there[0] and found.mtu < there[1].mtu):
            best[route.table] = rank, found
    return min((found for _, found in best.values()), key=lambda one: one.mtu, default=None)


def _leads_out(route: Route, link: Link | None) -> bool:
    if route.kind != "unicast" or route.protocol == PROTOCOL:
        return False
    return link is not None and link.name != "lo" and link.up is not False and link.owner is None
