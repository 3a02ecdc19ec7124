"""What another stack has: a port that it publishes (two tables that translate one port would be a matter of luck), a NIC that it stands on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netwright.dockerdriver.conflicts import Claim
from netwright.errors import Problem
from netwright.model.address import family, parse_ip
from netwright.model.link import LinkKey
from netwright.model.netns import HOST, NetnsKind
from netwright.model.state import Desired
from netwright.spec.document import Document, Path
from netwright.spec.values import Listen, Ports

_ANY = (None, "0.0.0.0", "::")  # noqa: S104 - read, not bound


def taken(document: Document, others: Iterable[Document]) -> list[Problem]:
    """A problem for each published port of `document` that one of the others publishes in the same namespace."""
    mine = list(_listens(document))
    if not mine:
        return []
    problems = []
    for other in others:
        theirs = list(_listens(other))
        for path, place, listen in mine:
            met = next((one for _, there, one in theirs if there == place and _meet(listen, one)), None)
            if met is not None:
                whose = "the host" if place == "host" else place
                problems.append(
                    document.problem(
                        path,
                        f"port {met} of {whose} is published already, by the stack {other.spec.name}",
                        "choose another port, or take it out there",
                    )
                )
    return problems


def taken_parents(document: Document, desired: Desired, others: Iterable[Document]) -> list[Problem]:
    """A problem for each NIC that `document` moves away from the host, and that a network of one of the others stands on."""
    moved = moved_nics(desired)
    problems = []
    for other in others if moved else ():
        for name, network in other.spec.networks.items():
            place = moved.get(network.parent or "") if network is not None else None
            if place is not None:
                problems.append(
                    document.problem(
                        _interface_path(place),
                        f"networks.{name} of the stack {other.spec.name} stands on {network.parent if network else ''}, which has to stay on the host",
                        f"take another NIC, or take the network out there: netwright destroy {other.spec.name} removes all of it",
                    )
                )
    return problems


def moved_nics(desired: Desired) -> dict[str, LinkKey]:
    """The host's NICs that are wanted elsewhere: by the name that they have on the host, where."""
    found = {}
    for ref, place in desired.state.namespaces.items():
        for name, link in place.links.items():
            home = link.belongs()
            if ref != HOST and home is not None and home.netns == HOST:
                found[home.name] = LinkKey(ref, name)
    return found


def _interface_path(key: LinkKey) -> Path:
    return ("namespaces" if key.netns.kind is NetnsKind.NAMED else "containers", key.netns.name, "interfaces", key.name, "nic")


def taken_by_driver(document: Document, claims: Iterable[Claim]) -> list[Problem]:
    """The same, of ports that Docker's driver netwright publishes. A file that speaks of containers is compared with what Docker has of them."""
    if document.spec.containers:
        return []
    problems = []
    for claim in claims:
        theirs = Listen(Ports(claim.first, claim.last), claim.protocol, address=parse_ip(claim.address) if claim.address else None)
        for path, place, listen in _listens(document):
            if place == "host" and _meet(listen, theirs):
                words = f"port {theirs} of the host is published already, by Docker's driver netwright"
                problems.append(document.problem(path, words, "choose another port; netwright docker-plugin --list shows whose it is"))
    return problems


def publishes(text: str) -> bool:
    """Whether a file may publish anything: asked before it is parsed."""
    return "publish" in text


def _listens(document: Document) -> Iterator[tuple[Path, str, Listen]]:
    """Where several stacks can publish: on the host, and in namespaces that are nobody's."""
    spec = document.spec
    for index, publish in enumerate(spec.host.publish if spec.host else ()):
        yield ("host", "publish", index), "host", publish.listen
    for name, namespace in spec.namespaces.items():
        for index, publish in enumerate(namespace.publish if namespace is not None and namespace.external else ()):
            yield ("namespaces", name, "publish", index), name, publish.listen
    for key, container in spec.containers.items():
        for index, short in enumerate(container.publish if container else ()):
            yield ("containers", key, "publish", index), "host", short.listen


def _meet(one: Listen, other: Listen) -> bool:
    """Whether a packet can be meant by both, as far as two files tell: an interface and an address may be two places."""
    if one.protocol != other.protocol or not one.ports.overlaps(other.ports):
        return False
    if one.address is not None and other.address is not None:
        either = one.address in _ANY or other.address in _ANY
        return family(one.address) == family(other.address) and (either or one.address == other.address)
    if one.interface is not None and other.interface is not None:
        return one.interface == other.interface
    return not ((one.interface and other.address not in _ANY) or (other.interface and one.address not in _ANY))
