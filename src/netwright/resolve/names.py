"""Names: /etc/netns/NAME/hosts and resolv.conf, so that what runs in a namespace finds the stack's endpoints by name.

All namespaces of a stack have the same names; they are kept once, in the host's entry, and each namespace points there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from netwright.model.address import ip_of
from netwright.model.names import SHARED_FILE
from netwright.model.netns import HOST
from netwright.resolve.docker_addresses import docker_addresses
from netwright.resolve.endpoint import Endpoint, Holder
from netwright.resolve.facts import Facts, matches
from netwright.resolve.network import Network
from netwright.spec.document import Document

SHARED_HOSTS = SHARED_FILE
"""The content of a namespace's `hosts` that stands for: the same as the whole stack's."""


def hosts_file(document: Document, endpoints: Iterable[Endpoint], networks: Mapping[str, Network], facts: Facts) -> str:
    """The stack's names in the format of hosts(5): each holder by its name, and by its name and the stack's.

    Programs try a name's addresses in the file's order: those on networks come before those of NICs, which others reach by routes
    at best. Of a container that is on networks of the stack, its addresses elsewhere (Docker's default bridge) are left out.
    """
    stack = document.spec.name
    lines = [
        f"# netwright:{stack}",
        "127.0.0.1\tlocalhost",
        "::1\tlocalhost ip6-localhost ip6-loopback",
    ]
    for endpoint in sorted(endpoints, key=lambda endpoint: endpoint.network is None):
        if endpoint.netns != HOST:
            name = endpoint.holder.name
            lines += [f"{ip_of(cidr)}\t{name} {name}.{stack}" for cidr in endpoint.addresses]
    known = {network.docker_name for network in networks.values()}
    for key, spec in document.spec.containers.items():
        for container in matches(key, spec, facts.docker):
            names = dict.fromkeys((container.name, key, f"{container.name}.{stack}"))
            attached = docker_addresses(spec, container, networks)
            here = [own for name, own in attached.items() if name in known] or attached.values()
            lines += [f"{address}\t{' '.join(names)}" for own in here for address in own.values()]
    return "\n".join(lines) + "\n"


def resolv_conf(document: Document, holder: Holder) -> str | None:
    """A namespace's resolv.conf (resolv.conf(5)); None where the file says nothing of it."""
    spec = holder.spec
    if spec is None or not (spec.nameservers or spec.search):
        return None
    lines = [f"# netwright:{document.spec.name}", *(f"nameserver {address}" for address in spec.nameservers)]
    if spec.search:
        lines.append("search " + " ".join(spec.search))
    return "\n".join(lines) + "\n"
