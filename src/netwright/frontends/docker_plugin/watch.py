"""When to look whether the host is still as it was made: soon after somebody has changed what is the driver's, and now and then."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress

from netwright.dockerdriver.records import PORTS_STACK, STACK, Records
from netwright.keeping.interest import Interest, Place, concerns
from netwright.model.names import table_name
from netwright.model.netns import HOST
from netwright.model.notice import Kind, Notice
from netwright.ports import Listener
from netwright.wiring import open_listener

EVERY_SECONDS = 30.0
"""Between two looks of which nobody has told a reason."""
SETTLE_SECONDS = 0.05
"""After a notice: the same hand often does more."""
PAUSE_SECONDS = 0.5
"""At least, between two looks: containers that come and go change a bridge all the time."""


class Watch:
    """Belongs to the event loop in which it is opened. `records`: what the driver has at this moment."""

    def __init__(self, records: Callable[[], Records]) -> None:
        self._records = records
        self._stirred = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._listener: Listener = open_listener(self._hear)

    async def until_due(self) -> None:
        """Returns when it is time to look."""
        await asyncio.sleep(PAUSE_SECONDS)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stirred.wait(), EVERY_SECONDS)
            await asyncio.sleep(SETTLE_SECONDS)
        self._stirred.clear()

    async def close(self) -> None:
        await asyncio.to_thread(self._listener.close)

    def _hear(self, notices: Sequence[Notice]) -> None:
        records = self._records()
        if not records.networks:
            return
        interest = _interest(records)
        if any(concerns(interest, notice) or _of_ports(notice) for notice in notices):
            # A notice that comes as the loop ends is for nobody.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stirred.set)


def _interest(records: Records) -> Interest:
    bridges = frozenset(network.bridge for network in records.networks.values())
    place = Place(owned=False, links=bridges, indexes=frozenset(map(_index, bridges)) - {0}, settings=True)
    return Interest(stack=STACK, table=table_name(STACK), places={HOST: place}, forwards=True)


def _of_ports(notice: Notice) -> bool:
    return notice.kind is Kind.TABLE and notice.subject == table_name(PORTS_STACK) and not notice.own


def _index(name: str) -> int:
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return 0
