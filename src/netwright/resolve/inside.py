"""What a container has already, and an interface that is put into it would be at odds with."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from netwright.errors import Problem
from netwright.model.address import ip_of
from netwright.model.netns import NetnsKind
from netwright.resolve.endpoint import Endpoint
from netwright.resolve.facts import Facts
from netwright.spec.document import Document, path_text


def at_odds(document: Document, endpoints: Iterable[Endpoint], facts: Facts) -> tuple[list[Problem], list[str]]:
    """Problems: an address that the container has on another interface. Warnings: a subnet that it is on through another one."""
    problems = []
    warnings = []
    for endpoint in endpoints:
        there = facts.observed.namespaces.get(endpoint.netns)
        if endpoint.netns.kind is not NetnsKind.CONTAINER or endpoint.spec.external or there is None:
            continue
        theirs = [
            (ipaddress.ip_interface(address.cidr), address.dev)
            for address in sorted(there.addresses, key=lambda address: (address.dev, address.cidr))
            if (link := there.links.get(address.dev)) is not None
            and not link.innate
            and document.spec.name not in (link.owner, link.borrower)
        ]
        for cidr in endpoint.addresses:
            mine = ipaddress.ip_interface(cidr)
            for one, dev in theirs:
                if mine.ip == one.ip:
                    words = f"the container {endpoint.holder.name} has {ip_of(cidr)} already, on {dev}"
                    problems.append(document.problem(endpoint.path, words, "give this interface another address"))
                elif mine.version == one.version and not mine.network.is_link_local and mine.network.overlaps(one.network):
                    warnings.append(
                        f"{path_text(endpoint.path)}: {mine.network} overlaps {one.network}, which the container {endpoint.holder.name} "
                        f"has on {dev}: only one of the two is used to reach what is in both"
                    )
    return problems, warnings
