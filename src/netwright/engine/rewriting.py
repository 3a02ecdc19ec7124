"""A stack's committed file, rewritten by a command rather than by its author."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from netwright.engine.outcome import Outcome, Revision
from netwright.engine.tolerance import EVERYTHING, Tolerance
from netwright.errors import NetwrightError
from netwright.model.docker import DockerState
from netwright.model.operation import Plan
from netwright.ports import Scope, Store, World
from netwright.revising.publication import Revised
from netwright.spec.document import Document
from netwright.spec.load import parse


class Change(Protocol):
    """Which stack, and its new file; from what is committed at that moment, and from what Docker has (asked only if it is called)."""

    def __call__(self, documents: Mapping[str, Document], look: Callable[[], DockerState], /) -> Revised: ...


def rewritten(world: World, store: Store, change: Change) -> Revised:
    """Raises what `change` raises, and DockerError."""
    documents = {}
    for stack, commit in store.commits().items():
        try:
            documents[stack] = parse(commit.spec, commit.source)
        except NetwrightError:
            # Written by another version: its owner is told so by whatever is done with it next.
            continue
    return change(documents, lambda: world.observe(Scope(docker=True)).docker or DockerState(reachable=False, why="Docker was not asked"))


def tolerance_of(revised: Revised) -> Tolerance:
    """What a command changes is not refused for what was so before."""
    return EVERYTHING if revised.withdraws else Tolerance(standing=True, asked=revised.asked)


def revision(revised: Revised, plan: Plan, outcome: Outcome | None) -> Revision:
    """What is told of it."""
    text = revised.document.text if revised.document is not None else None
    return Revision(stack=revised.stack, said=revised.said, spec=text, plan=plan, outcome=outcome)
