"""Where the engine works: changes one after the other in one thread, looks in another. Each opens an engine of its own.

An engine is opened for one job and closed after it: what it keeps open in a namespace would keep a deleted one alive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from netwright.api import Engine, open_engine
from netwright.model.caller import Caller

T = TypeVar("T")


class Workshop:
    """Belongs to the event loop that asks."""

    def __init__(self, state_folder: str) -> None:
        self.folder = state_folder
        self._changes = ThreadPoolExecutor(max_workers=1, thread_name_prefix="netwright-change")
        self._looks = ThreadPoolExecutor(max_workers=1, thread_name_prefix="netwright-look")

    async def change(self, job: Callable[[Engine], T], caller: Caller | None = None) -> T:
        """`caller`: who asks for it, if it is not the daemon itself. Raises what the engine raises."""
        return await self._run(self._changes, job, caller)

    async def look(self, job: Callable[[Engine], T], caller: Caller | None = None) -> T:
        """Does not wait for a change that is being made. Raises what the engine raises."""
        return await self._run(self._looks, job, caller)

    def close(self) -> None:
        """Returns when what was begun is done."""
        self._changes.shutdown()
        self._looks.shutdown()

    async def _run(self, pool: ThreadPoolExecutor, job: Callable[[Engine], T], caller: Caller | None) -> T:
        def work() -> T:
            with open_engine(state_folder=self.folder, caller=caller) as engine:
                return job(engine)

        return await asyncio.get_running_loop().run_in_executor(pool, work)
