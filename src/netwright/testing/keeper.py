"""The process that keeps a lab: it becomes a throw-away host and does there what the test asks for, until its stdin ends.

→ one JSON object a line on stdin: {"do": …}
← one JSON object a line on stdout: the answer, {"error": …}, or at the start {"ready": true} or {"forbidden": …}
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import sys
from typing import Any

from netwright.backends.netns import run_in
from netwright.errors import ApplyFailed, Missing, NetwrightError, SpecError
from netwright.model.netns import HOST, NetnsRef, named
from netwright.sandbox import throwaway
from netwright.sandbox.building import build
from netwright.sandbox.probe import open_socket, reach
from netwright.sandbox.service import Service, listen
from netwright.sandbox.standins import stand_in
from netwright.spec.load import parse


def main() -> None:
    """`python -m netwright.testing.keeper`."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def tell(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    try:
        throwaway.become()
    except Missing as error:
        tell({"forbidden": str(error), "hint": error.hint})
        return
    tell({"ready": True})
    keeper = Keeper()
    for line in sys.stdin:
        try:
            tell(keeper.answer(json.loads(line)))
        except NetwrightError as error:
            tell({"error": described(error)})
        except OSError as error:
            tell({"error": {"type": "NetwrightError", "message": str(error), "hint": None}})


def described(error: NetwrightError) -> dict[str, Any]:
    """An error as JSON: enough to raise its like elsewhere."""
    told: dict[str, Any] = {"type": type(error).__name__, "message": str(error), "hint": error.hint}
    if isinstance(error, SpecError):
        told |= {"source": error.source, "problems": [dataclasses.astuple(problem) for problem in error.problems]}
    if isinstance(error, ApplyFailed):
        told["rolled_back"] = error.rolled_back
    return told


class Keeper:
    """Answers the requests of one test."""

    def __init__(self) -> None:
        self._services: dict[int, Service] = {}
        self._numbers = itertools.count(1)

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Raises NetwrightError, OSError."""
        match request.pop("do"):
            case "build":
                return self._build(**request)
            case "reach":
                return self._reach(**request)
            case "listen":
                return self._listen(**request)
            case "silence":
                self._services.pop(request["service"]).close()
                return {}
        raise NetwrightError("The lab was asked for something it does not know.")

    def _build(self, *, text: str, source: str, outside: dict[str, list[str]]) -> dict[str, Any]:
        built = build(stand_in(parse(text, source), outside=outside))
        return {
            "namespaces": list(built.namespaces),
            "networks": {name: list(subnets) for name, subnets in built.networks.items()},
            "addresses": {name: [a.cidr for a in addresses] for name, addresses in built.addresses.items()},
            "notes": list(built.sandboxed.notes),
        }

    def _reach(self, *, namespace: str, address: str, port: int, protocol: str, source: str | None, timeout: float) -> dict[str, Any]:
        with run_in(_netns(namespace), lambda: open_socket(address, protocol, source)) as opened:
            return {"reach": reach(opened, address, port, timeout).value}

    def _listen(self, *, namespace: str, address: str, port: int, protocol: str, reply: str) -> dict[str, Any]:
        service = Service(listen(_netns(namespace), address, port, protocol), reply.encode())
        number = next(self._numbers)
        self._services[number] = service
        return {"service": number, "port": service.port}


def _netns(namespace: str) -> NetnsRef:
    return named(namespace) if namespace else HOST


if __name__ == "__main__":
    main()
