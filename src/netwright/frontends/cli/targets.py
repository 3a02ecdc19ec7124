"""What ports are published to: how a shell completes containers, namespaces and ports."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from netwright.spec.document import Document

    TextType = click.ParamType[str]
else:
    # Generic since click 8.3 only.
    TextType = click.ParamType


class TargetType(TextType):
    """A container, or a namespace of a stack."""

    name = "container"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's signature
        names = {name for document in _documents() for name in (*document.spec.containers, *document.spec.namespaces)}
        return _items({*names, *_containers()}, incomplete)


class PortType(TextType):
    """A port that is published to the target that was said before."""

    name = "port"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's signature
        from netwright.revising.whereabouts import entries

        ports = {str(one.port.listen) for document in _documents() for one in entries(document) if one.target == ctx.params.get("target")}
        return _items(ports, incomplete)


class OwnStackType(TextType):
    """A stack's name; it need not be there yet."""

    name = "name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002 - click's signature
        from netwright.model.names import parse_stack_name

        return parse_stack_name(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's signature
        return _items({document.spec.name for document in _documents()}, incomplete)


def _items(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in sorted(names) if name.startswith(incomplete)]


def _documents() -> list[Document]:
    """As far as this user may know them: a shell that completes must not be disturbed by an error."""
    try:
        from netwright.spec.load import parse
        from netwright.wiring import open_store

        with closing(open_store()) as store:
            return [parse(commit.spec, commit.source) for commit in store.commits().values()]
    except Exception:  # noqa: BLE001 - there is nobody to tell
        return []


def _containers() -> list[str]:
    try:
        from netwright.wiring import open_docker

        with closing(open_docker()) as docker:
            return list(docker.observe().containers)
    except Exception:  # noqa: BLE001 - there is nobody to tell
        return []
