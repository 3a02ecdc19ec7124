"""What stacks have that Docker's containers must not get: addresses on Docker's networks, and ports of the host."""

from __future__ import annotations

from collections.abc import Iterator

from netwright.dockerdriver.conflicts import Claim
from netwright.errors import NetwrightError
from netwright.model.address import ip_of
from netwright.ports import Store
from netwright.resolve.decision import is_decision
from netwright.spec.document import Document
from netwright.spec.load import parse
from netwright.spec.schema import InterfaceSpec, Spec


class Stacks:
    """Read from the stacks' memory at each question; a file is parsed once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._parsed: dict[tuple[str, str], Document | None] = {}

    def taken(self) -> dict[str, str]:
        """Address on a network of Docker's → whose it is, in words. Those of a run that has just begun are among them."""
        found: dict[str, str] = {}
        for stack, document in self._documents():
            docker = {key for key, network in document.spec.networks.items() if network is not None and network.managed_by == "docker"}
            for holder, interface in _interfaces(document.spec):
                if interface.network in docker:
                    for address in (*(interface.address or ()), *map(ip_of, interface.addresses)):
                        found[address] = f"{holder}'s (stack {stack})"
            for key, address in self._leases(stack):
                if is_decision(key):
                    continue
                network, _, place = key.partition("/")
                if network in docker:
                    found[address] = f"{_holder(place)}'s (stack {stack})"
        return found

    def kept(self) -> frozenset[str]:
        """Addresses that files state for containers on Docker's networks."""
        return frozenset(
            address
            for _, document in self._documents()
            for container in document.spec.containers.values()
            for attachment in (container.networks.values() if container is not None else ())
            for address in (attachment.address if attachment is not None else None) or ()
        )

    def claims(self) -> tuple[Claim, ...]:
        """Ports of the host that stacks publish."""
        return tuple(claim for stack, document in self._documents() for claim in _claims(stack, document.spec))

    def _leases(self, stack: str) -> Iterator[tuple[str, str]]:
        yield from self._store.leases(stack).items()
        journal = self._store.journals().get(stack)
        if journal is not None:
            yield from journal.leases.items()

    def _documents(self) -> Iterator[tuple[str, Document]]:
        texts = [(stack, commit.spec) for stack, commit in self._store.commits().items()]
        texts += [(stack, journal.spec) for stack, journal in self._store.journals().items() if journal.spec is not None]
        self._parsed = {key: self._parsed[key] if key in self._parsed else _parse(key[1]) for key in texts}
        yield from ((stack, document) for (stack, _), document in self._parsed.items() if document is not None)


def _parse(text: str) -> Document | None:
    try:
        return parse(text, "")
    except NetwrightError:
        # Written by another version: its owner is told so by whatever is done with it next.
        return None


def _interfaces(spec: Spec) -> Iterator[tuple[str, InterfaceSpec]]:
    for name, namespace in (*spec.namespaces.items(), ("host", spec.host)):
        if namespace is not None:
            yield from ((name, interface) for interface in namespace.interfaces.values())
    for name, container in spec.containers.items():
        if container is not None:
            yield from ((name, interface) for interface in container.interfaces.values())


def _holder(place: str) -> str:
    """`named/web/eth0/10.0.0.0/8` → web."""
    kind, _, rest = place.partition("/")
    return "the host" if kind == "host" else rest.partition("/")[0]


def _claims(stack: str, spec: Spec) -> Iterator[Claim]:
    listens = [publish.listen for publish in (spec.host.publish if spec.host else ())]
    listens += [publish.listen for container in spec.containers.values() if container is not None for publish in container.publish]
    for listen in listens:
        yield Claim(stack=stack, protocol=listen.protocol, first=listen.ports.first, last=listen.ports.last, address=listen.address)
