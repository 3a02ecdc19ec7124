"""A host to be tortured, with strangers on it and all that a stack needs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from torture import stages
from torture.cycle import Bench
from torture.program import Program

if TYPE_CHECKING:
    from docker_host import DockerHost

IMAGE = "bb:1"
"""The one that every DockerHost has."""


@contextmanager
def bench(stack: stages.Stack, host: DockerHost | None = None) -> Iterator[Bench]:
    """The host that this thread is on; `host`: it is that of a Docker Engine."""
    with tempfile.TemporaryDirectory(prefix="netwright-torture-") as folder, ExitStack() as until:
        memory = Path(folder, "memory")
        until.enter_context(stages.small_disks(memory, "/etc/netns"))
        until.enter_context(stages.strangers())
        if host is not None:
            if stack.uplink:
                until.enter_context(stages.uplink(f"/proc/{os.getpid()}/fd/{host.ext}"))
            until.enter_context(stages.dockers(host.docker, IMAGE, stack))
        environment = {"NETWRIGHT_STATE": str(memory), "NETWRIGHT_SOCKET": f"{folder}/no.sock"}
        if host is not None:
            environment["NETWRIGHT_DOCKER"] = host.url
        program = until.enter_context(Program(environment))
        yield Bench(
            program=program,
            stack=stack,
            folder=Path(folder),
            docker=host.docker if host is not None else None,
            disks=(str(memory), "/etc/netns"),
            environment=environment,
        )
