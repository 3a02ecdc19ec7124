"""Whether a file publishes the very port by which somebody works on the host: who connects anew would be led elsewhere."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from netwright.model.caller import Connection
from netwright.model.netns import HOST
from netwright.model.state import Namespace, State
from netwright.resolve.protection import ANY_ADDRESS
from netwright.spec.document import Document
from netwright.spec.schema import ContainerPublishSpec, PublishSpec


def taken_ports(
    connections: Sequence[Connection], document: Document, observed: State, desired: State, *, previous: Document | None = None
) -> tuple[str, ...]:
    """Sentences; only about ports that shall be published, and are not yet, or not to this client: `previous` is what was committed."""
    host = observed.namespaces.get(HOST, Namespace(ref=HOST))
    before = host.table.published if host.table is not None else frozenset()
    wanted = desired.namespaces.get(HOST, Namespace(ref=HOST)).table
    fresh = {(entry.protocol, entry.port) for entry in (wanted.published if wanted is not None else frozenset()) - before}

    def led_there(connection: Connection) -> bool:
        return previous is None or any(_takes(publish, connection, host) for _, publish in _publishes(previous))

    return tuple(
        f"port {connection.port} of {connection.address}, on which {connection.session} from {connection.client} came in, "
        f"would be published: who connects there next reaches {goal}"
        for connection in sorted(set(connections))
        if (connection.protocol, connection.port) in fresh or not led_there(connection)
        for goal, publish in _publishes(document)
        if _takes(publish, connection, host)
    )


def _publishes(document: Document) -> Iterator[tuple[str, PublishSpec | ContainerPublishSpec]]:
    spec = document.spec
    for publish in spec.host.publish if spec.host is not None else ():
        yield str(publish.to), publish
    for name, container in spec.containers.items():
        for short in container.publish if container is not None else ():
            yield f"the container {name}", short


def _takes(publish: PublishSpec | ContainerPublishSpec, connection: Connection, host: Namespace) -> bool:
    listen = publish.listen
    if listen.protocol != connection.protocol or not listen.ports.first <= connection.port <= listen.ports.last:
        return False
    if listen.address is not None and listen.address not in (*ANY_ADDRESS, connection.address):
        return False
    if listen.interface is not None and not any(
        address.dev == listen.interface and address.cidr.partition("/")[0] == connection.address for address in host.addresses
    ):
        return False
    client = ipaddress.ip_address(connection.client)
    return publish.from_ is None or any(client in ipaddress.ip_network(prefix) for prefix in publish.from_)
