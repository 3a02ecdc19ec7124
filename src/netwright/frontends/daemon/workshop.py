"""Where the engine works: changes one after the other in one thread, looks in another. Each opens an engine of its own.

An engine is opened for one job and closed after it: what it keeps open in a namespace would keep a deleted one alive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from netwright.api import Engine, open_engine
from netwright.errors import Busy
from netwright.model.caller import Caller

T = TypeVar("T")


class Workshop:
    """Belongs to the event loop that asks."""

    def __init__(self, state_folder: str) -> None:
        self.folder = state_folder
        self._unfinished: set[Future[Any]] = set()
        """Changes; whoever asked for one may be gone before it is done."""
        self._changes = ThreadPoolExecutor(max_workers=1, thread_name_prefix="netwright-change")
        self._looks = ThreadPoolExecutor(max_workers=1, thread_name_prefix="netwright-look")

    async def change(self, job: Callable[[Engine], T], caller: Caller | None = None, *, wait: bool = True) -> T:
        """When those before it are done; without `wait`, Busy where there are any. `caller`: who asks for it, if it is not the daemon itself.

        Raises what the engine raises.
        """
        if self._unfinished and not wait:
            raise Busy("The daemon is changing this host's networks. Nothing was touched.", hint="wait until it is done")
        future = self._submit(self._changes, job, caller)
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        return await asyncio.wrap_future(future)

    async def look(self, job: Callable[[Engine], T], caller: Caller | None = None) -> T:
        """Does not wait for a change that is being made. Raises what the engine raises."""
        return await asyncio.wrap_future(self._submit(self._looks, job, caller))

    def close(self) -> None:
        """Returns when what was begun is done."""
        self._changes.shutdown()
        self._looks.shutdown()

    def _submit(self, pool: ThreadPoolExecutor, job: Callable[[Engine], T], caller: Caller | None) -> Future[T]:
        def work() -> T:
            with open_engine(state_folder=self.folder, caller=caller) as engine:
                return job(engine)

        return pool.submit(work)
