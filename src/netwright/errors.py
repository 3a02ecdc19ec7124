"""Every exception that Netwright raises on purpose.

    NetwrightError
    ├── InvalidValue (ValueError)      a single value is malformed: the sentence says what is wrong with it
    ├── SpecError (ValueError)         the file is wrong; carries every Problem found, each with its place
    ├── Refused                        the file is fine, the host is not: found before anything was touched
    ├── Busy                           another Netwright holds the state and waiting was not wanted
    ├── Missing                        a part of the system is absent; the sentence names the package
    ├── BackendError                   the kernel, nftables or Docker refused something
    │   ├── KernelError (OSError)      with errno and the kernel's own extended-ack text
    │   ├── FirewallError              nftables or iptables said no
    │   └── DockerError                the Docker Engine said no, or is not there
    ├── ApplyFailed                    an operation failed; says what the state is now
    └── Interrupted                    Ctrl-C; says what the state is now

Messages are whole sentences for the person who typed the command. `hint`, where there is one, says what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LONGEST = 1_000
"""Characters of a sentence: what others have written into a file or a request may be quoted in it, and have any length."""


def shortened(text: str) -> str:
    """Its beginning and its end, where the sentence's own words are, and how much is left out between them."""
    if len(text) <= LONGEST:
        return text
    kept = LONGEST // 2
    return f"{text[:kept]} … ({len(text) - 2 * kept:,} more characters) … {text[-kept:]}"


class NetwrightError(Exception):
    """The root. `str()` is what a user reads; `hint` is what they can do about it."""

    hint: str | None = None

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(shortened(message))
        self.hint = hint and shortened(hint)


class InvalidValue(NetwrightError, ValueError):
    """One value is malformed. The message continues the sentence "PATH: …"."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong in a file, with its place (1-based line and column; 0 where there is none)."""

    line: int
    column: int
    path: str
    message: str
    hint: str | None = None

    def __post_init__(self) -> None:
        # Seldom: a file can have a hundred thousand problems.
        if len(self.path) > LONGEST or len(self.message) > LONGEST or (self.hint and len(self.hint) > LONGEST):
            for name in ("path", "message", "hint"):
                object.__setattr__(self, name, getattr(self, name) and shortened(getattr(self, name)))

    def text(self, source: str) -> str:
        """The line a user reads: `FILE:LINE:COLUMN: PATH: what is wrong`."""
        place = f"{source}:{self.line}:{self.column}: " if self.line else f"{source}: "
        where = f"{self.path}: " if self.path else ""
        hint = f"\n    hint: {self.hint}" if self.hint else ""
        return f"{place}{where}{self.message}{hint}"


MOST_TOLD = 100
"""Problems in the text of a SpecError; `problems` has them all."""


class SpecError(NetwrightError, ValueError):
    """The file is wrong. All problems at once, in the order of their place."""

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        self.source = source
        self.problems = tuple(sorted(problems, key=lambda p: (p.line, p.column, p.path, p.message)))
        told = [problem.text(source) for problem in self.problems[:MOST_TOLD]]
        more = len(self.problems) - len(told)
        # Each of them is short enough.
        Exception.__init__(self, "\n".join([*told, *([f"{source}: and {more} more"] if more > 0 else [])]))


class Refused(NetwrightError):
    """Found before the first change: the host is not what the file needs. Nothing was touched."""


class Busy(NetwrightError):
    """Another Netwright is changing this state."""


class Missing(NetwrightError):
    """A part of the system that is needed is not there. The hint names the package."""


class BackendError(NetwrightError):
    """Something outside refused."""


class KernelError(BackendError, OSError):
    """The kernel refused a netlink message. `errno` is positive."""

    def __init__(self, code: int, message: str, *, hint: str | None = None) -> None:
        BackendError.__init__(self, message, hint=hint)
        self.errno = code


class FirewallError(BackendError):
    """nftables or iptables refused."""


class DockerError(BackendError):
    """The Docker Engine refused, or cannot be reached."""


class ApplyFailed(NetwrightError):
    """An operation failed. `rolled_back` tells which of the two states the host is in now."""

    def __init__(self, message: str, *, rolled_back: bool, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.rolled_back = rolled_back


class Interrupted(NetwrightError):
    """The user pressed Ctrl-C; the message says what the state is now."""
