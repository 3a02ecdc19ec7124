"""What went wrong, as sentences (or as a document), and the exit status that belongs to it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from netwright.errors import BackendError, Missing, NetwrightError, Refused, SpecError, shortened
from netwright.frontends.cli import say
from netwright.report.exit_status import DIFFERENT, FAILED, INTERRUPTED, USAGE, exit_status

__all__ = [
    "DIFFERENT",
    "FAILED",
    "INTERRUPTED",
    "USAGE",
    "exit_status",
    "tell",
    "tell_interrupted",
    "tell_unexpected",
    "tell_usage",
    "untouched",
]


_UNTOUCHED = "Nothing was touched."


@contextmanager
def untouched() -> Iterator[None]:
    """For what changes the host: what the engine raises by itself comes before its first change, and that is said."""
    try:
        yield
    except (Refused, BackendError, Missing) as error:
        if not str(error).endswith(_UNTOUCHED):
            error.args = (f"{error}\n{_UNTOUCHED}",)
        raise


def tell(error: NetwrightError, *, as_json: bool) -> int:
    """Say it on standard error; with `as_json` the document goes to standard output as well."""
    status = exit_status(error)
    if as_json:
        from netwright.report.documents import error_document

        say.document(error_document(error, status))
    if isinstance(error, SpecError):
        count = len(error.problems)
        say.words(f"{error}\n{_red('error')}: {count} problem{'s' * (count != 1)} in {error.source}; nothing was touched")
        if error.hint:
            say.words(f"hint: {error.hint}")
        return status
    _say(str(error), error.hint)
    return status


def tell_usage(error: click.ClickException, *, as_json: bool) -> int:
    """The command line was wrong."""
    message = error.format_message()
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"{context.command_path} --help tells more" if context is not None else None
    if as_json:
        from netwright.report.documents import plain_error_document

        say.document(plain_error_document("Usage", message, hint, USAGE))
    _say(message, hint)
    return USAGE


def tell_interrupted(*, as_json: bool) -> int:
    """Ctrl-C where there was nothing to roll back."""
    if as_json:
        from netwright.report.documents import plain_error_document

        say.document(plain_error_document("Interrupted", "Interrupted.", None, INTERRUPTED))
    say.words("Interrupted.")
    return INTERRUPTED


def tell_unexpected(error: Exception, *, as_json: bool) -> int:
    """A mistake in Netwright, or a machine that is too small."""
    message = shortened(f"This should not happen: {type(error).__name__}: {error}".replace("\n", " "))
    hint = "run it again with NETWRIGHT_DEBUG=1 and report what it prints, with your file; netwright status tells how the host stands"
    if isinstance(error, MemoryError):
        message, hint = (
            "There is not enough memory for this.",
            "netwright status tells how the host stands; netwright recover brings it back",
        )
    if as_json:
        from netwright.report.documents import plain_error_document

        say.document(plain_error_document("Unexpected", message, hint, FAILED))
    _say(message, hint)
    return FAILED


def _say(message: str, hint: str | None) -> None:
    say.words(f"{_red('error')}: {message}")
    if hint:
        say.words(f"hint: {hint}")


def _red(text: str) -> str:
    return click.style(text, fg="red", bold=True) if say.coloured(sys.stderr) else text
