"""The Python API: what the command line does, as functions.

    import netwright

    document = netwright.load("article.yaml")
    for operation in netwright.plan(document).operations:
        print(operation.why)
    netwright.apply(document)
    netwright.destroy("article")

Every function raises subclasses of `netwright.NetwrightError`, whose text is a whole sentence (see `netwright.errors`). Changing
or reading the host takes root. For several calls in a row, or to be told of the progress, open one `Engine` and keep it:

    with netwright.open_engine(progress=my_progress) as engine:
        engine.apply(document)
"""

from __future__ import annotations

from pathlib import Path

from netwright.engine.engine import Engine
from netwright.engine.outcome import Outcome, Progress, Silent, StackStatus
from netwright.errors import NetwrightError, Problem, SpecError
from netwright.model.operation import Plan
from netwright.spec.document import Document
from netwright.spec.load import decode, parse
from netwright.wiring import open_engine

__all__ = [
    "Document",
    "Engine",
    "NetwrightError",
    "Outcome",
    "Plan",
    "Progress",
    "Silent",
    "StackStatus",
    "apply",
    "destroy",
    "load",
    "open_engine",
    "parse",
    "plan",
    "recover",
    "status",
]


def load(path: str | Path) -> Document:
    """Read and check a file. Raises SpecError with everything that is wrong in it, or if it cannot be read."""
    source = str(path)
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise SpecError(source, [Problem(0, 0, "", f"cannot be read: {error.strerror}")]) from error
    return parse(decode(data, source), source)


def plan(document: Document, *, state_folder: str | None = None) -> Plan:
    """What `apply` would do. Touches nothing."""
    with open_engine(state_folder=state_folder) as engine:
        return engine.plan(document)


def apply(document: Document, *, wait: bool = True, confirm_seconds: float | None = None, state_folder: str | None = None) -> Outcome:
    """Make the host match, verified and committed; or leave it as it was and raise."""
    with open_engine(state_folder=state_folder) as engine:
        return engine.apply(document, wait=wait, confirm_seconds=confirm_seconds)


def destroy(stack: str, *, wait: bool = True, state_folder: str | None = None) -> Outcome:
    """Remove all that the stack owns and give back what it borrowed."""
    with open_engine(state_folder=state_folder) as engine:
        return engine.destroy(stack, wait=wait)


def recover(*, wait: bool = True, state_folder: str | None = None) -> tuple[str, ...]:
    """After a crash: back to the last committed state. The names of the stacks that were brought back."""
    with open_engine(state_folder=state_folder) as engine:
        return engine.recover(wait=wait)


def status(stack: str | None = None, *, state_folder: str | None = None) -> tuple[StackStatus, ...]:
    """Committed stacks and how the host stands to them."""
    with open_engine(state_folder=state_folder) as engine:
        return engine.status(stack)
