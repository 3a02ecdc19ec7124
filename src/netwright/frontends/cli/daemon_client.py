"""Asking the daemon over its socket. The standard library is enough for that."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlencode

from netwright.errors import (
    ApplyFailed,
    BackendError,
    Busy,
    DockerError,
    FirewallError,
    Interrupted,
    InvalidValue,
    KernelError,
    Missing,
    NetwrightError,
    Problem,
    Refused,
    SpecError,
)
from netwright.frontends.cli import say

_KINDS: dict[str, type[NetwrightError]] = {
    "InvalidValue": InvalidValue,
    "Refused": Refused,
    "Busy": Busy,
    "Missing": Missing,
    "Backend": BackendError,
    "Firewall": FirewallError,
    "Docker": DockerError,
    "Interrupted": Interrupted,
}


class Daemon:
    """Each request on a connection of its own. Raises what the command would have raised."""

    def __init__(self, path: str) -> None:
        self._path = path

    def show(self, method: str, path: str, body: dict[str, Any] | None = None, *, as_json: bool, quiet: bool = False) -> int:
        """Ask, and print the answer as the command would have. The exit status."""
        with closing(_Connection(self._path)) as connection:
            try:
                answer = self._ask(connection, method, path, body, as_json=as_json)
            except KeyboardInterrupt:
                say.words("If the daemon has begun with it, it goes on: netwright status tells how it ended.")
                raise
            content = answer.read()
        if not quiet or as_json:
            say.data(content.decode())
        return 0

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The document of the answer."""
        with closing(_Connection(self._path)) as connection:
            return json.loads(self._ask(connection, method, path, body, as_json=True).read())

    def events(self, stack: str | None, *, follow: bool, as_json: bool) -> Iterator[str]:
        """Lines, as they come."""
        query = {**({"stack": stack} if stack else {}), **({"follow": "1"} if follow else {})}
        with closing(_Connection(self._path)) as connection:
            answer = self._ask(connection, "GET", f"/v1/events?{urlencode(query)}", None, as_json=as_json)
            while line := answer.readline():
                yield line.decode()

    def _ask(
        self, connection: _Connection, method: str, path: str, body: dict[str, Any] | None, *, as_json: bool
    ) -> http.client.HTTPResponse:
        headers = {"Content-Type": "application/json"} | ({} if as_json else {"Accept": "text/plain"})
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise BackendError(f"The daemon at {self._path} did not answer: {error}.", hint="journalctl -u netwright") from error
        if answer.status != 200:
            raise _error(json.loads(answer.read())["error"], (body or {}).get("source", ""))
        return answer


class _Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def _error(document: dict[str, Any], source: str) -> NetwrightError:
    kind, message, hint = document["kind"], document["message"], document["hint"]
    if kind == "Spec":
        problems = [Problem(one["line"] or 0, one["column"] or 0, one["path"], one["message"], one["hint"]) for one in document["problems"]]
        return SpecError(source, problems)
    if kind == "ApplyFailed":
        return ApplyFailed(message, rolled_back=bool(document["rolled_back"]), hint=hint)
    if kind == "Kernel":
        return KernelError(0, message, hint=hint)
    return _KINDS.get(kind, BackendError)(message, hint=hint)
