"""The Docker Engine, as the executor of the plan's Docker operations and as a thing to be looked at.

Which engine: the URL given; else $NETWRIGHT_DOCKER; else $DOCKER_HOST (with $DOCKER_TLS_VERIFY and $DOCKER_CERT_PATH); else the
socket that Docker listens on by itself. Docker's contexts are not looked at.

A container's pid is the one that the engine sees, in the engine's own pid namespace. An engine on this host, started as usual, sees the
pids that Netwright sees; an engine on another machine, in a virtual machine or in a container does not, and its pids mean nothing here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from netwright.backends.docker_answers import Unreachable
from netwright.dockerdriver.records import Records
from netwright.dockerdriver.view import with_records
from netwright.errors import DockerError
from netwright.model.docker import DockerState
from netwright.model.operation import AnyOperation, ConnectContainer, CreateDockerNetwork, DisconnectContainer, RemoveDockerNetwork
from netwright.ports import OperationFailed

if TYPE_CHECKING:
    from netwright.backends.docker_session import DockerSession

DEFAULT_URL = "unix:///var/run/docker.sock"


class DockerEngine:
    """One engine. Nothing is asked of it, and no library is loaded, before `observe` or `execute`."""

    HANDLES: ClassVar[tuple[type[AnyOperation], ...]] = (CreateDockerNetwork, RemoveDockerNetwork, ConnectContainer, DisconnectContainer)
    """The operations that `execute` takes."""

    def __init__(self, base_url: str | None = None, *, driver_records: Callable[[], Records] = Records) -> None:
        """`driver_records`: what is remembered of the networks that have our own driver."""
        self._driver_records = driver_records
        self.url = base_url or os.environ.get("NETWRIGHT_DOCKER") or os.environ.get("DOCKER_HOST") or DEFAULT_URL
        self._session: DockerSession | None = None

    def observe(self) -> DockerState:
        """Networks and containers, stopped ones too. An engine that does not answer is an answer: `reachable` is False.

        Raises DockerError where the engine answers with a refusal.
        """
        try:
            return with_records(self._open().observe(), self._driver_records())
        except Unreachable as silence:
            self.close()
            return DockerState(reachable=False, why=str(silence))

    def execute(self, operations: Sequence[AnyOperation], done: Callable[[int], None]) -> None:
        """Do them one by one; removing or disconnecting what is gone already is done at once.

        Raises OperationFailed with a DockerError.
        """
        for operation in operations:
            try:
                self._do(operation)
            except DockerError as error:
                self.close()
                raise OperationFailed(operation, error) from error
            done(1)

    def close(self) -> None:
        """Give back the connection; a later call opens another."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _do(self, operation: AnyOperation) -> None:
        match operation:
            case CreateDockerNetwork(network=network):
                self._open().create(network)
            case RemoveDockerNetwork(name=name):
                self._open().remove(name)
            case ConnectContainer(container=container, attachment=attachment):
                self._open().connect(container, attachment)
            case DisconnectContainer(container=container, network=name):
                self._open().disconnect(container, name)
            case _:
                raise TypeError(f"a {type(operation).__name__} is nothing that Docker can do")

    def _open(self) -> DockerSession:
        if self._session is None:
            from netwright.backends.docker_session import DockerSession  # noqa: PLC0415 - the SDK loads slower than all the rest

            self._session = DockerSession(self.url)
        return self._session
