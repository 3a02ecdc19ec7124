"""The daemon as a process: one a host (a state folder), in the foreground, until SIGTERM or Ctrl-C. SIGHUP: look at everything again."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Callable
from contextlib import suppress

from netwright.errors import Busy
from netwright.frontends.daemon.access import group_id
from netwright.frontends.daemon.keeper import Keeper
from netwright.frontends.daemon.server import Server
from netwright.frontends.daemon.workshop import Workshop
from netwright.wiring import notify, only_one, open_log, state_folder

Told = Callable[[str], None]
OBJECTS = 5_000
"""Made between two collections of cycles."""


def run(*, socket_path: str, group: str, told: Told) -> None:
    """Serve until told to stop. `told`: hears sentences for the journal. Raises Busy where it runs already, and NetwrightError."""
    # The command line seldom looks for cycles, since it soon ends; this one stays.
    gc.set_threshold(OBJECTS)
    folder = state_folder()
    number = group_id(group)
    refusal = Busy("The daemon runs already, in another process.", hint="stop that one first: systemctl stop netwright")
    # Two daemons would repair each other's repairs.
    with only_one(f"{folder}/daemon.lock", refusal):
        asyncio.run(_serve(folder, socket_path, number, told))


async def _serve(folder: str, socket_path: str, group: int | None, told: Told) -> None:
    workshop = Workshop(folder)
    log = open_log(folder)
    keeper = Keeper(workshop, log, folder, told)
    server = Server(workshop, log, socket_path, group)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def look_again() -> None:
        notify("RELOADING=1")
        keeper.look_again("SIGHUP")
        notify("READY=1")

    loop.add_signal_handler(signal.SIGHUP, look_again)
    try:
        await server.start()
        told(f"Serving the API on {socket_path}.")
        keeping = asyncio.create_task(keeper.run(lambda: notify("READY=1")))
        watched = asyncio.create_task(_watchdog())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({keeping, stopped}, return_when=asyncio.FIRST_COMPLETED)
        notify("STOPPING=1")
        for task in (watched, stopped):
            task.cancel()
        if keeping.done():
            # It never ends by itself: what it raises is the reason.
            keeping.result()
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
    finally:
        await server.stop()
        await asyncio.to_thread(workshop.close)


async def _watchdog() -> None:
    """systemd restarts a service that is silent for so long (sd_watchdog_enabled(3))."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    if not microseconds.isdigit() or os.environ.get("WATCHDOG_PID") not in {None, str(os.getpid())}:
        return
    while True:
        notify("WATCHDOG=1")
        await asyncio.sleep(int(microseconds) / 2e6)
