"""What several commands take: a file, a stack's name, --json; how they are read, and how a shell completes them."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from netwright.errors import Problem, SpecError

if TYPE_CHECKING:
    from netwright.spec.document import Document

    TextType = click.ParamType[str]
    NumberType = click.ParamType[float]
else:
    # Generic since click 8.3 only.
    TextType = NumberType = click.ParamType

SUFFIXES = (".yaml", ".yml")
WEEK = 604_800.0
"""Seconds."""


def is_file(argument: str) -> bool:
    """Whether NAME|FILE is a file: it has a `/`, ends in .yaml or .yml, or is `-`."""
    return argument == "-" or "/" in argument or argument.endswith(SUFFIXES)


def read_document(path: str) -> Document:
    """The file's document; `-` is standard input. Raises SpecError, also where there is no such file."""
    from netwright.reading import read_file
    from netwright.spec.load import MOST_BYTES, decode, parse

    source = "<stdin>" if path == "-" else path.encode(errors="replace").decode()
    try:
        content = sys.stdin.buffer.read(MOST_BYTES + 1) if path == "-" else read_file(path, MOST_BYTES + 1)
    except OSError as error:
        near = _near(path) if isinstance(error, FileNotFoundError) else None
        raise SpecError(source, [Problem(0, 0, "", f"cannot be read: {error.strerror}", near)]) from None
    return parse(decode(content, source), source)


def stack_of(argument: str) -> str:
    """The stack's name that NAME|FILE means. Raises SpecError (the file) or InvalidValue (the name)."""
    if is_file(argument):
        return read_document(argument).spec.name
    from netwright.model.names import parse_stack_name

    return parse_stack_name(argument)


class FileType(TextType):
    """A stack's file."""

    name = "file"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's signature
        return _files(incomplete) or [CompletionItem(incomplete, type="file")]


class Seconds(NumberType):
    """How long to wait, as a float: more than nothing, a week at most."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            seconds = float(value)
        except ValueError:
            self.fail(f"{value!r} is not a number of seconds.", param, ctx)
        if not 0 < seconds <= WEEK:
            self.fail(f"{value} is not more than 0 seconds and at most a week ({WEEK:.0f}).", param, ctx)
        return seconds


class StackType(TextType):
    """A stack's name, or its file."""

    name = "name|file"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's signature
        names = [CompletionItem(name) for name in _stacks() if name.startswith(incomplete)]
        return names + _files(incomplete) or [CompletionItem(incomplete, type="file")]


class NamespaceType(TextType):
    """A namespace below /run/netns."""

    name = "namespace"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's signature
        from netwright.frontends.cli.entering import namespaces

        return [CompletionItem(name) for name in namespaces() if name.startswith(incomplete)]


def file_argument(command: Any) -> Any:
    """FILE."""
    return click.argument("file", metavar="FILE", type=FileType())(command)


def stack_argument(command: Any) -> Any:
    """NAME|FILE."""
    return click.argument("stack", metavar="NAME|FILE", type=StackType())(command)


def json_option(command: Any) -> Any:
    """--json."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead, also for a failure.")(command)


def replace_option(command: Any) -> Any:
    """--replace."""
    words = "Make a Docker network anew where it must be, though containers of others are on it: they are put back as they were."
    return click.option("--replace", is_flag=True, help=words)(command)


def no_wait_option(command: Any) -> Any:
    """--no-wait."""
    return click.option("--no-wait", is_flag=True, help="Fail at once if another Netwright is at work, instead of waiting for it.")(command)


def lockout_option(command: Any) -> Any:
    """--allow-lockout."""
    words = "Also where this may cut your SSH session, or takes the host's default route."
    return click.option("--allow-lockout", is_flag=True, help=words)(command)


def _stacks() -> list[str]:
    """As far as this user may know them: a shell that completes must not be disturbed by an error."""
    try:
        from netwright.wiring import open_store

        with closing(open_store()) as store:
            return list(store.commits())
    except Exception:  # noqa: BLE001 - there is nobody to tell
        return []


def _files(incomplete: str) -> list[CompletionItem]:
    if "/" in incomplete:
        return []
    names = sorted(entry.name for entry in Path().iterdir() if entry.name.startswith(incomplete) and entry.name.endswith(SUFFIXES))
    return [CompletionItem(name) for name in names if incomplete or not name.startswith(".")]


def _near(path: str) -> str | None:
    import difflib

    try:
        names = [entry.name for entry in Path(path).parent.iterdir() if entry.name.endswith(SUFFIXES)]
    except OSError:
        return None
    near = difflib.get_close_matches(Path(path).name, names, n=1)
    return f"did you mean {Path(path).with_name(near[0])}?" if near else None
