"""Where the other end of a veth is: a namespace of the file, the host, or a container that runs."""

from __future__ import annotations

from netwright.errors import Problem
from netwright.model.netns import HOST, NetnsRef, named
from netwright.resolve.endpoint import Endpoint
from netwright.resolve.facts import Facts, matches, netns_of
from netwright.resolve.shared import borrowed_network
from netwright.spec.document import Document, path_text


class PeerEnds:
    """Looks them up for one stack. What is not there yet is said to be waited for."""

    def __init__(self, document: Document, facts: Facts, problems: list[Problem], waiting: list[str]) -> None:
        self._document = document
        self._facts = facts
        self._problems = problems
        self._waiting = waiting
        self._paired: set[tuple[str | int, ...]] = set()

    def other(self, endpoint: Endpoint) -> NetnsRef | None:
        """The namespace of the other end; None: there is none now, or none that can be meant."""
        peer = endpoint.spec.peer
        assert peer is not None
        if endpoint.path in self._paired:
            # Several containers with one label: the first has it.
            self._problem(endpoint, f"{endpoint.path[1]} is several containers, and a veth has two ends")
            return None
        self._paired.add(endpoint.path)
        if peer.container is None:
            return HOST if peer.namespace == "host" else named(peer.place)
        docker = self._facts.docker
        found = [one for one in matches(peer.container, self._document.spec.containers.get(peer.container), docker) if one.running]
        if not found:
            why = "" if docker.reachable else f": {docker.why}"
            self._waiting.append(f"{path_text(endpoint.path)} waits for the container {peer.container} to run{why}")
            return None
        if len(found) > 1:
            self._problem(
                endpoint, f"{peer.container} is {len(found)} containers ({', '.join(c.name for c in found)}), and a veth has two ends"
            )
            return None
        if (whose := borrowed_network(found[0], docker)) is not None:
            self._problem(endpoint, f"{found[0].name} has no network of its own: it uses {whose}")
            return None
        return netns_of(found[0])

    def _problem(self, endpoint: Endpoint, message: str) -> None:
        self._problems.append(self._document.problem((*endpoint.path, "peer"), message, "name one container"))
