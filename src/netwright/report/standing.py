"""How a committed stack stands, made out of what the engine saw: what `status` prints, as words and as a document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netwright.errors import SpecError
from netwright.model.netns import NetnsRef
from netwright.model.route import Route
from netwright.model.state import Namespace
from netwright.report.policed import Policies, policies_of
from netwright.report.protected import ProtectedPort, protected_ports, specs_of

if TYPE_CHECKING:
    from netwright.engine.outcome import StackStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStanding:
    """A link that the stack wants; as observed, or as wanted where it is not there."""

    name: str
    kind: str
    """Lower case: bridge, veth, nic, …"""
    there: bool
    up: bool | None
    mtu: int | None
    mac: str | None
    master: str | None
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A namespace with what the stack has there."""

    key: str
    title: str
    there: bool
    links: tuple[LinkStanding, ...]
    routes: tuple[Route, ...]
    """Those of the stack that are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A publish, as the file has it."""

    on: str
    """The namespace's key."""
    listen: str
    sources: tuple[str, ...] | None
    to: str
    source: str
    """masquerade | preserve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    in_order: bool
    places: tuple[Place, ...]
    publishes: tuple[Published, ...]
    protected: tuple[ProtectedPort, ...] | None = None
    """None: the stack does not ask for protection, or Docker does not answer."""
    policies: Policies | None = None
    """None: it has none."""


def standing_of(status: StackStatus) -> Standing:
    """The committed file is read again for its publishes; there are none where it cannot be (then `trouble` says so)."""
    wanted = status.desired.namespaces
    places = tuple(_place(ref, wanted[ref], status.observed.namespaces.get(ref)) for ref in sorted(wanted, key=_order))
    still = not status.unfinished and status.changing is None
    in_order = status.drift is not None and not status.drift and still and status.trouble is None
    return Standing(
        in_order=in_order,
        places=tuple(place for place in places if _worth(place)),
        publishes=_publishes(status),
        protected=_protected(status),
        policies=policies_of(status),
    )


def _protected(status: StackStatus) -> tuple[ProtectedPort, ...] | None:
    own = specs_of([status.spec_text])
    docker = status.observed.docker
    if not own or docker is None or not docker.reachable:
        return None
    return protected_ports([*own, *specs_of(status.neighbours)], docker)


def _order(ref: NetnsRef) -> tuple[int, str]:
    return (["host", "named", "container"].index(ref.kind.value), ref.name)


def _worth(place: Place) -> bool:
    return bool(place.links or place.routes or not place.there or place.key != "host")


def _place(ref: NetnsRef, wanted: Namespace, observed: Namespace | None) -> Place:
    links = []
    for name, want in wanted.links.items():
        have = None if observed is None else observed.links.get(name)
        if want.innate:
            continue
        shown = want if have is None else have
        addresses = wanted.addresses if observed is None or have is None else observed.addresses
        links.append(
            LinkStanding(
                name=name,
                kind=type(want).__name__.lower(),
                there=have is not None,
                up=shown.up,
                mtu=shown.mtu,
                mac=shown.mac,
                master=shown.master,
                addresses=tuple(
                    sorted(address.cidr for address in addresses if address.dev == name and not address.cidr.startswith("fe80:"))
                ),
            )
        )
    there = frozenset() if observed is None else frozenset(route.key for route in observed.routes)
    routes = tuple(
        sorted((route for route in wanted.routes if route.key in there), key=lambda r: (r.table, r.to, r.via or "", r.dev or ""))
    )
    return Place(key=ref.key, title=str(ref), there=observed is not None, links=tuple(links), routes=routes)


def _publishes(status: StackStatus) -> tuple[Published, ...]:
    from netwright.spec.load import parse

    try:
        spec = parse(status.spec_text, status.source).spec
    except SpecError:
        return ()
    found = []
    for key, namespace in (("host", spec.host), *((f"named/{name}", one) for name, one in spec.namespaces.items())):
        for publish in namespace.publish if namespace is not None else ():
            sources = None if publish.from_ is None else tuple(publish.from_)
            found.append(Published(on=key, listen=str(publish.listen), sources=sources, to=str(publish.to), source=publish.source))
    for name, container in spec.containers.items():
        for own in container.publish if container is not None else ():
            sources = None if own.from_ is None else tuple(own.from_)
            to = f"{name}:{own.to or own.listen.ports}"
            found.append(Published(on="host", listen=str(own.listen), sources=sources, to=to, source=own.source))
    return tuple(found)


def instead_of(name: str, names: Sequence[str]) -> str:
    """A hint for whoever named a stack that is not there; `names`: those that are."""
    import difflib

    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else f"there are: {', '.join(names)}" if names else "netwright apply FILE makes one"
