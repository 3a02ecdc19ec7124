"""The exit status that belongs to an error; the daemon's API tells it as well."""

from __future__ import annotations

from netwright.errors import Interrupted, InvalidValue, NetwrightError, SpecError

FAILED = 1
USAGE = 2
DIFFERENT = 3
INTERRUPTED = 130


def exit_status(error: NetwrightError) -> int:
    """The one that `netwright --help` promises for it."""
    if isinstance(error, (SpecError, InvalidValue)):
        return USAGE
    return INTERRUPTED if isinstance(error, Interrupted) else FAILED
