"""The plugin as a process: one a host, in the foreground, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from netwright.engine.engine import Engine
from netwright.engine.outcome import Silent
from netwright.errors import Busy, NetwrightError
from netwright.frontends.docker_plugin.driver import Driver
from netwright.frontends.docker_plugin.fabric import Fabric
from netwright.frontends.docker_plugin.server import PluginServer
from netwright.frontends.docker_plugin.stacks import Stacks
from netwright.frontends.docker_plugin.watch import Watch
from netwright.model.docker import DockerState
from netwright.wiring import (
    driver_folder,
    make_readable,
    notify,
    only_one,
    open_docker,
    open_driver_store,
    open_store,
    open_world,
    this_process,
)

SOCKET = "/run/docker/plugins/netwright.sock"
"""Where Docker looks for a driver of this name."""

SPEC = "/etc/docker/plugins/netwright.spec"
"""Where Docker looks for the address of a driver whose socket is elsewhere."""

FIRST_LOOK_SECONDS = 2.0
LAST_LOOK_SECONDS = 300.0
"""Between two looks at what Docker has: soon after something has changed, ever later while nothing does."""

Told = Callable[[str], None]


def run(*, socket_path: str = SOCKET, spec_path: str | None = None, told: Told) -> None:
    """Serve until told to stop. `spec_path`: write there where the socket is. `told`: hears sentences for the journal.

    Raises Busy where it runs already, and NetwrightError where it cannot begin.
    """
    refusal = Busy("Netwright serves Docker as its driver already, in another process.", hint="stop that one first")
    # Two plugins would give out the same addresses.
    with only_one(f"{driver_folder()}/plugin.lock", refusal):
        asyncio.run(_serve(socket_path, spec_path, told))


def open_driver(told: Told) -> Driver:
    """The driver of this host. The stack of its networks is kept apart from the user's stacks (see Driver)."""
    return Driver(
        memory=open_driver_store(),
        engine=Engine(open_world(), open_store(driver_folder()), Silent(), this_process()),
        fabric=Fabric(open_world()),
        stacks=Stacks(open_store()),
        site=site(),
        told=told,
    )


def site() -> str:
    """The /48 that IPv6 subnets are chosen from: this machine's own, and the same at each start (RFC 4193, 3.2.2)."""
    identity = ""
    for path in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        with suppress(OSError):
            identity = identity or Path(path).read_text(encoding="ascii").strip()
    digits = hashlib.blake2s(f"netwright {identity or socket.gethostname()}".encode(), digest_size=5).hexdigest()
    return f"fd{digits[:2]}:{digits[2:6]}:{digits[6:10]}::/48"


async def keep(server: PluginServer, driver: Driver, told: Told) -> None:
    """While it serves: put back what others removed, and forget what Docker has no more. Ends with its cancellation."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_repair(server, driver, told))
        tasks.create_task(_look(server, driver, told))


async def _serve(socket_path: str, spec_path: str | None, told: Told) -> None:
    driver = open_driver(told)
    server = PluginServer(driver, socket_path, told=told)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await server.start()
    if spec_path is not None:
        make_readable(Path(spec_path).parent)
        Path(spec_path).write_text(f"unix://{socket_path}\n", encoding="utf-8")
    told(f"Serving Docker's driver netwright on {socket_path}.")
    notify("READY=1")
    keeping = asyncio.create_task(keep(server, driver, told))
    await stop.wait()
    notify("STOPPING=1")
    keeping.cancel()
    with suppress(asyncio.CancelledError):
        await keeping
    await server.stop()


async def _repair(server: PluginServer, driver: Driver, told: Told) -> None:
    trouble = ""
    watch = Watch(lambda: driver.records)
    try:
        while True:
            await watch.until_due()
            if driver.records.networks:
                trouble = await _telling(server.work(driver.restore), trouble, told)
    finally:
        await watch.close()


async def _look(server: PluginServer, driver: Driver, told: Told) -> None:
    trouble = ""
    seen, wait, waited = driver.records, FIRST_LOOK_SECONDS, 0.0
    while True:
        await asyncio.sleep(FIRST_LOOK_SECONDS)
        waited += FIRST_LOOK_SECONDS
        if driver.records is not seen:
            seen, wait = driver.records, FIRST_LOOK_SECONDS
        if waited >= wait and (seen.pools or seen.networks):
            wait, waited = min(2 * wait, LAST_LOOK_SECONDS), 0.0
            trouble = await _telling(_ask(server, driver), trouble, told)


async def _ask(server: PluginServer, driver: Driver) -> None:
    """In a thread of its own: Docker may be waiting for an answer of the driver's before it answers."""
    before = driver.records
    docker = await asyncio.to_thread(_docker)
    now = time.monotonic()
    await server.work(lambda: driver.forget(before, docker, now))


def _docker() -> DockerState:
    engine = open_docker()
    try:
        return engine.observe()
    finally:
        engine.close()


async def _telling(task: Awaitable[None], before: str, told: Told) -> str:
    """Told once while it stays the same."""
    try:
        await task
    except NetwrightError as error:
        if str(error) != before:
            told(str(error))
        return str(error)
    return ""
