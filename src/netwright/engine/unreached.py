"""What a run had begun in Docker, on a way back on which no engine answers."""

from __future__ import annotations

from collections.abc import Mapping

from netwright.model.state import State
from netwright.ports import Journal
from netwright.spec.document import Document
from netwright.spec.load import parse


def left_in_docker(observed: State, journal: Journal, previous: Document | None) -> str | None:
    """Why what the run wanted to change in Docker cannot be looked at; None: it wanted nothing there, or the engine answers.

    Raises SpecError where the run's file is not understood.
    """
    docker = observed.docker
    if docker is None or docker.reachable:
        return None
    begun = parse(journal.spec, journal.source) if journal.spec is not None else None
    if _wanted(begun) == _wanted(previous) and not journal.claims.docker_networks:
        return None
    return f"what was begun in Docker stays there until it answers, all else is back ({docker.why})"


def _wanted(document: Document | None) -> Mapping[str, object]:
    """Of Docker, by place in the file."""
    if document is None:
        return {}
    spec = document.spec
    made = {f"networks.{key}": one for key, one in spec.networks.items() if one is not None and one.managed_by == "docker"}
    joined = {f"containers.{key}": one.networks for key, one in spec.containers.items() if one is not None and one.networks}
    return {**made, **joined}
