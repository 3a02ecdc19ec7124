"""How the host stands to what was committed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from netwright.engine.outcome import StackStatus
from netwright.engine.target import Draw, draw
from netwright.engine.tolerance import EVERYTHING, NOTHING
from netwright.errors import NetwrightError
from netwright.model.names import policy_table_name
from netwright.model.state import State
from netwright.ports import Commit, Journal, Scope, Store, Trial, World
from netwright.spec.load import parse

T = TypeVar("T")


PAUSE = 0.05
"""Seconds before another look, where what was looked at went away."""
LOOKS = 3
"""How often is looked while others change what is looked at: a glimpse of half a change says nothing."""


def standing(world: World, store: Store, stack: str | None = None, *, lenient: bool = False) -> tuple[StackStatus, ...]:
    """Every committed stack (or one), with its drift. `lenient`: what the host does not allow is left out. Touches nothing."""
    seen, changed = in_one_piece(store, lambda: _look(world, store, stack, lenient=lenient))
    busy = (store.holder() or "another process") if changed else None
    return tuple(replace(one, changing=busy, unfinished=False) if one.name in changed else one for one in seen)


def in_one_piece(store: Store, look: Callable[[], T]) -> tuple[T, frozenset[str]]:
    """What is seen while nobody commits or begins anything; with the stacks that others changed meanwhile each time, if they did.

    Raises what `look` raises, but not because something has gone while others were at work.
    """
    for left in reversed(range(LOOKS)):
        before = _moment(store)
        try:
            seen = look()
        except NetwrightError:
            if not left or (not store.journals() and _moment(store) == before):
                raise
            time.sleep(PAUSE)
            continue
        after = _moment(store)
        changed = frozenset(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        if not changed:
            break
    return seen, changed


def _moment(store: Store) -> dict[str, tuple[float | None, float | None]]:
    """By stack: when it was committed last, and when what is not committed yet was begun."""
    journals, commits = store.journals(), store.commits()
    return {
        name: (
            commits[name].committed_at if name in commits else None,
            journals[name].started_at if name in journals else None,
        )
        for name in commits.keys() | journals.keys()
    }


def _look(world: World, store: Store, stack: str | None, *, lenient: bool) -> tuple[StackStatus, ...]:
    commits = store.commits()
    journals = store.journals()
    changing = store.holder() if journals else None
    if journals and changing is None:
        # What was begun and is done meanwhile was not cut short.
        now = store.journals()
        journals = {name: journal for name, journal in journals.items() if now.get(name) == journal}
        commits = store.commits()
    trials = store.trials()
    names = [name for name in sorted({*commits, *journals}) if stack in (None, name)]
    return tuple(
        _standing(world, store, name, commits.get(name), journals.get(name), trials.get(name), changing, lenient=lenient) for name in names
    )


def _standing(
    world: World,
    store: Store,
    name: str,
    commit: Commit | None,
    journal: Journal | None,
    trial: Trial | None,
    changing: str | None,
    *,
    lenient: bool,
) -> StackStatus:
    drawn: Draw | None = None
    trouble: str | None = None
    observed = State()
    try:
        document = parse(commit.spec, commit.source) if commit else None
        drawn = draw(world, store, name, document, journal=journal, tolerance=EVERYTHING if lenient else NOTHING)
        observed = _counted(world, name, drawn.observed)
    except NetwrightError as error:
        trouble = str(error)
    return StackStatus(
        name=name,
        source=commit.source if commit else journal.source if journal else "",
        committed_at=commit.committed_at if commit else 0.0,
        spec_text=commit.spec if commit else "",
        drift=drawn.plan if drawn else None,
        trouble=trouble,
        observed=observed,
        desired=drawn.target.state if drawn else State(),
        unfinished=journal is not None and changing is None,
        changing=changing if journal is not None else None,
        neighbours=tuple(other.spec for other_name, other in sorted(store.commits().items()) if other_name != name),
        confirm_before=trial.deadline if trial else None,
    )


def _counted(world: World, stack: str, observed: State) -> State:
    """With what the policies have counted."""
    policed = {ref: policy_table_name(stack) for ref, there in observed.namespaces.items() if there.policies is not None}
    if not policed:
        return observed
    counted = world.observe(Scope(policies=policed, counters=True)).namespaces
    namespaces = {
        ref: replace(there, policies=counted[ref].policies) if ref in counted else there for ref, there in observed.namespaces.items()
    }
    return replace(observed, namespaces=namespaces)
