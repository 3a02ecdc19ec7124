"""What the file describes as somebody else's, and the host does not have, or has otherwise.

It is no error: a file must not stand or fall with what somebody else does. It is said, as something that is waited for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from netwright.model.route import Route
from netwright.model.state import Namespace
from netwright.resolve.endpoint import Endpoint, Holder
from netwright.resolve.facts import Facts
from netwright.resolve.routing import stated_route
from netwright.spec.document import path_text
from netwright.spec.schema import RouteSpec


def missing(holding: Iterable[Holder], endpoints: Iterable[Endpoint], facts: Facts) -> Iterator[str]:
    """Sentences: of external interfaces and routes, what is waited for."""
    own: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        own.setdefault(endpoint.netns.key, []).append(endpoint)
    for holder in holding:
        theirs = [endpoint for endpoint in own.get(holder.netns.key, ()) if endpoint.spec.external]
        routes = [(number, route) for number, route in enumerate(holder.routes) if route.external]
        there = facts.observed.namespaces.get(holder.netns)
        if there is None:
            if theirs or routes:
                yield f"{path_text(holder.path)} waits for somebody else to make it"
            continue
        for endpoint in theirs:
            yield from _lacking(endpoint, there)
        for number, route in routes:
            if not _has(there, route, own.get(holder.netns.key, [])):
                yield f"{path_text((*holder.path, 'routes', number))} waits for somebody else to add the route to {route.to}"


def _lacking(endpoint: Endpoint, there: Namespace) -> Iterator[str]:
    path, spec = path_text(endpoint.path), endpoint.spec
    link = there.links.get(endpoint.interface)
    if link is None:
        yield f"{path} waits for somebody else to make it"
        return
    has = {address.cidr for address in there.addresses if address.dev == endpoint.interface}
    for cidr in endpoint.addresses:
        if cidr not in has:
            yield f"{path} waits for somebody else to give it the address {cidr}"
    for key, want, have in (("mtu", spec.mtu, link.mtu), ("mac", spec.mac, link.mac)):
        if want not in (None, have):
            yield f"{path} waits for somebody else to make its {key} {want}: it is {have}"
    if "up" in spec.model_fields_set and spec.up != link.up:
        yield f"{path} waits for somebody else to {'set it up' if spec.up else 'take it down'}"


def _has(there: Namespace, spec: RouteSpec, endpoints: list[Endpoint]) -> bool:
    want = stated_route(spec, endpoints)
    return any(_key(route, want) == want.key for route in there.routes)


def _key(route: Route, want: Route) -> object:
    return route.key if want.dev is not None else replace(route, dev=None).key
