"""A port published, or published no more: the new file of the stack that it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from netwright.errors import Refused
from netwright.importing.yaml_text import scalar
from netwright.model.docker import DockerState
from netwright.revising.request import Port
from netwright.revising.surgery import with_item, with_value, without
from netwright.revising.whereabouts import Entry, Holder, entries, holder_for, holders, real_container
from netwright.spec.document import Document, path_text
from netwright.spec.load import parse
from netwright.spec.values import Listen
from netwright.spec.yaml_tree import read

OWN_SOURCE = "netwright publish"
"""What messages call the file of a stack that the command has made."""
CHANGED = " (with netwright publish)"
"""What they add to the name of a file that the command has changed as it was committed, and not where it lies."""

Look = Callable[[], DockerState]


@dataclass(frozen=True, slots=True, kw_only=True)
class Revised:
    """A stack's new file. `document` None: nothing is left of the stack."""

    stack: str
    document: Document | None
    said: str
    """What is different now, for the user."""
    asked: str = ""
    """The path of what is added, in the new file."""
    withdraws: bool = False
    """It only takes away: what the host does not allow (any more) is no reason not to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The file that is to be changed as well: it must be what was committed."""

    stack: str
    text: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """`replace`: in the place of what leads from the same port to the same target."""

    target: str
    port: Port
    stack: str | None = None
    replace: bool = False
    base: Base | None = None

    def __call__(self, documents: Mapping[str, Document], look: Look) -> Revised:
        """Raises Refused, SpecError."""
        _check_base(self.base, documents)
        holder = holder_for(self.target, documents, look(), self.base.stack if self.base else self.stack)
        document = holder.document
        text = document.text if document else _fresh(holder.stack)
        for entry in entries(document) if document else ():
            if entry.port.listen != self.port.listen:
                continue
            if entry.target != holder.name:
                raise Refused(f"{entry.port.listen} of the host is published already, to {entry.target} (stack {holder.stack}).")
            if entry.port.same(self.port):
                said = f"{self.target} has {self.port.words()} published already, in the stack {holder.stack}."
                return Revised(stack=holder.stack, document=document, said=said)
            if not self.replace:
                raise Refused(
                    f"{self.target} has that port published already, otherwise: {entry.port.words()} (stack {holder.stack}).",
                    hint="--replace puts this in its place",
                )
            text = without(text, entry.path)
        if holder.docker is not None and holder.docker != holder.name:
            text = with_value(text, ("containers", holder.name), {"docker": holder.docker})
        text = with_item(text, holder.list_path, self.port.of_container() if holder.container else self.port.of_host(holder.name))
        said = f"{self.target}: {self.port.words()}, in the stack {holder.stack}."
        made = parse(text, _source(document, self.base))
        asked = next(path_text(entry.path) for entry in entries(made) if entry.port.listen == self.port.listen)
        return Revised(stack=holder.stack, document=made, said=said, asked=asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpublish:
    """`listen` None: all that is published to the target."""

    target: str
    listen: Listen | None
    stack: str | None = None
    base: Base | None = None

    def __call__(self, documents: Mapping[str, Document], look: Look) -> Revised:
        """Raises Refused, SpecError."""
        _check_base(self.base, documents)
        docker = look()
        stack = self.base.stack if self.base else self.stack
        there = [
            (holder, entry)
            for holder in holders(self.target, documents, docker)
            if stack in (None, holder.stack) and holder.document is not None
            for entry in entries(holder.document)
            if entry.target == holder.name
        ]
        meant = [(holder, entry) for holder, entry in there if self.listen is None or _means(self.listen, entry.port.listen)]
        exact = [(holder, entry) for holder, entry in meant if entry.port.listen == self.listen]
        meant = exact or meant
        if not meant:
            raise self._nothing(there, docker)
        if len({holder.stack for holder, _ in meant}) > 1 or (self.listen is not None and len(meant) > 1):
            raise Refused(
                f"Several are meant: {'; '.join(f'{entry.port.words()} (stack {holder.stack})' for holder, entry in meant)}.",
                hint="say which one: with its address or interface, as in 10.0.0.1:8080, or --stack NAME",
            )
        holder = meant[0][0]
        return self._without(holder, [entry for _, entry in meant])

    def _without(self, holder: Holder, gone: list[Entry]) -> Revised:
        document = holder.document
        assert document is not None
        text = document.text
        for entry in sorted(gone, key=lambda one: str(one.path[:-1]) + f"{one.path[-1]:09}", reverse=True):
            text = without(text, entry.path)
        if not read(text).values.get("host", True):
            text = without(text, ("host",))
        said = f"{self.target}: {'; '.join(entry.port.words() for entry in gone)}: published no more (stack {holder.stack})."
        left = parse(text, _source(document, self.base))
        if document.source == OWN_SOURCE:
            for key, spec in left.spec.containers.items():
                if spec is None or not spec.publish:
                    if len(left.spec.containers) == 1:
                        return Revised(stack=holder.stack, document=None, said=said, withdraws=True)
                    left = parse(without(left.text, ("containers", key)), OWN_SOURCE)
        return Revised(stack=holder.stack, document=left, said=said, withdraws=True)

    def _nothing(self, there: list[tuple[Holder, Entry]], docker: DockerState) -> Refused:
        what = "nothing" if self.listen is None else str(self.listen)
        has = "; ".join(f"{entry.port.words()} (stack {holder.stack})" for holder, entry in there)
        real = real_container(self.target, docker)
        wanted = self.listen
        if real is not None and wanted is not None:
            ports = range(wanted.ports.first, wanted.ports.last + 1)
            if any(one.protocol == wanted.protocol and one.host_port in ports for one in real.bindings):
                return Refused(
                    f"Docker itself publishes {wanted} to {real.name} (docker run -p), and no stack does.",
                    hint="netwright publish with --from shuts others out; without the port at all, start the container anew",
                )
        text = f"{self.target} has {what} published by a stack" if self.listen is None else f"{what} is not published to {self.target}"
        return Refused(f"{text}.", hint=f"it has {has}" if has else "netwright status lists what stacks publish")


def _check_base(base: Base | None, documents: Mapping[str, Document]) -> None:
    if base is None:
        return
    committed = documents.get(base.stack)
    if committed is None or committed.text != base.text:
        what = f"The stack {base.stack} is not there yet" if committed is None else f"{base.source} is not what was applied last"
        raise Refused(f"{what}: changing it would do more than was asked for.", hint=f"netwright apply {base.source} first")


def _source(document: Document | None, base: Base | None) -> str:
    if base is not None:
        return base.source
    if document is None or document.source == OWN_SOURCE:
        return OWN_SOURCE
    return document.source if document.source.endswith(CHANGED) else document.source + CHANGED


def _means(asked: Listen, listen: Listen) -> bool:
    """A bare port means one that is published on an address or an interface, too."""
    return (asked.ports, asked.protocol) == (listen.ports, listen.protocol) and (
        (asked.interface is None and asked.address is None) or asked == listen
    )


def _fresh(stack: str) -> str:
    return f"# Made by netwright publish; netwright unpublish takes ports out again.\nversion: 1\nname: {scalar(stack)}\n"
