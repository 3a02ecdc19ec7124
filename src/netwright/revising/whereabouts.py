"""Which stack a target of a published port belongs to, and what it is called in its file."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from netwright.errors import Refused
from netwright.model.docker import Container, DockerState
from netwright.model.names import short_hash
from netwright.resolve.facts import matches
from netwright.revising.request import Port
from netwright.spec.document import Document, Path
from netwright.spec.schema import ContainerSpec
from netwright.spec.schema_containers import LabelSelector
from netwright.spec.values import Ports

OWN_STACK = "published"
"""The stack of ports that were published to containers of which no file speaks."""

_LONGEST = 63
"""Letters of a name in a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Something that a stack's file has a name for. `document` None: there is no such stack yet."""

    stack: str
    name: str
    document: Document | None
    container: bool
    docker: str | None = None
    """The container's name in Docker, where the file does not speak of it yet."""

    @property
    def list_path(self) -> Path:
        """Where its ports are."""
        return ("containers", self.name, "publish") if self.container else ("host", "publish")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A port that a file publishes on the host."""

    path: Path
    target: str
    port: Port


def real_container(target: str, docker: DockerState) -> Container | None:
    """By its name, or by the beginning of its id."""
    return next(iter(matches(target, None, docker)), None)


def holders(target: str, documents: Mapping[str, Document], docker: DockerState) -> list[Holder]:
    """Every stack's name for it: containers before namespaces."""
    real = real_container(target, docker)
    found = []
    for stack, document in documents.items():
        keys = [key for key, spec in document.spec.containers.items() if _means(key, spec, target, real, docker)]
        if keys:
            key = target if target in keys else keys[0]
            found.append(Holder(stack=stack, name=key, document=document, container=True))
    for stack, document in documents.items():
        if target in document.spec.namespaces:
            found.append(Holder(stack=stack, name=target, document=document, container=False))
    return found


def holder_for(target: str, documents: Mapping[str, Document], docker: DockerState, stack: str | None) -> Holder:
    """The one that a port is to be published to; `stack`: of this stack, which need not be there. Raises Refused."""
    known = holders(target, {name: one for name, one in documents.items() if stack in (None, name)}, docker)
    if any(holder.container for holder in known):
        known = [holder for holder in known if holder.container]
    elif len(known) > 1:
        known = [holder for holder in known if not _external(holder)] or known
    if len(known) > 1:
        raise Refused(f"{target} is in several stacks: {', '.join(holder.stack for holder in known)}.", hint="say which one: --stack NAME")
    if known:
        return known[0]
    real = real_container(target, docker)
    if real is None:
        raise _unknown(target, documents, docker, stack)
    name = stack or OWN_STACK
    document = documents.get(name)
    return Holder(stack=name, name=_free_name(real.name, document), document=document, container=True, docker=real.name)


def entries(document: Document) -> Iterator[Entry]:
    """What it publishes on the host."""
    for index, publish in enumerate(document.spec.host.publish if document.spec.host else ()):
        port = Port(listen=publish.listen, to=publish.to.ports, sources=_tuple(publish.from_), source=publish.source)
        yield Entry(path=("host", "publish", index), target=publish.to.name or publish.to.address or "", port=port)
    for key, container in document.spec.containers.items():
        for index, short in enumerate(container.publish if container else ()):
            to: Ports = short.to or short.listen.ports
            port = Port(listen=short.listen, to=to, sources=_tuple(short.from_), source=short.source)
            yield Entry(path=("containers", key, "publish", index), target=key, port=port)


def _means(key: str, spec: ContainerSpec | None, target: str, real: Container | None, docker: DockerState) -> bool:
    wanted = spec.docker if spec is not None and spec.docker is not None else key
    if real is None:
        return target in (key, wanted)
    found = matches(key, spec, docker)
    # A label may mean several: a port goes to one.
    return real in found and (not isinstance(wanted, LabelSelector) or len(found) == 1)


def _external(holder: Holder) -> bool:
    assert holder.document is not None
    spec = holder.document.spec.namespaces[holder.name]
    return spec is not None and spec.external


def _unknown(target: str, documents: Mapping[str, Document], docker: DockerState, stack: str | None) -> Refused:
    where = f"the stack {stack}" if stack in documents else "any stack"
    if not docker.reachable:
        return Refused(f"{target} is no container and no namespace of {where}, and Docker cannot be asked: {docker.why}.")
    names = [
        *docker.containers,
        *(name for document in documents.values() for name in (*document.spec.containers, *document.spec.namespaces)),
    ]
    near = difflib.get_close_matches(target, names, n=1)
    hint = f"did you mean {near[0]}?" if near else "docker ps --all lists containers, netwright status the namespaces of stacks"
    return Refused(f"There is no container {target}, and no namespace of that name in {where}.", hint=hint)


def _free_name(docker: str, document: Document | None) -> str:
    """The container's own name, if a file can have it and does not have it yet."""
    taken = {"host", *(document.spec.containers if document else ()), *(document.spec.namespaces if document else ())}
    name = docker
    if len(name) > _LONGEST or name in taken:
        name = f"{docker[: _LONGEST - 9]}-{short_hash(docker, 8)}"
    return name


def _tuple(prefixes: list[str] | None) -> tuple[str, ...] | None:
    return None if prefixes is None else tuple(prefixes)
