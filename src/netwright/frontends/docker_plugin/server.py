"""Docker's plugin protocol: POST /INTERFACE.METHOD with JSON, over HTTP/1.1 on a unix socket.

Engines send an empty Host header (20.10) and no Content-Type, and no body where there is nothing to say. A refusal is told in `Err`
(network drivers) and `Error` (IPAM drivers) with status 200; what the user then reads is its text.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from netwright.errors import NetwrightError, SpecError
from netwright.frontends.docker_plugin.driver import Driver
from netwright.reception import LOGGER, Reception, attended, bound
from netwright.wiring import make_readable

CONTENT_TYPE = "application/vnd.docker.plugins.v1.2+json"
MOST_BYTES = 1 << 20
"""Of a request: dockerd's have some hundred bytes, and its users' labels and options."""
MOST_CONNECTIONS = 256
"""An engine keeps some open, and opens one for each container that it starts at the same time."""
PATIENCE_SECONDS = 120.0
"""For a request's head, and between two requests: engines close connections that they do not use after 90 s (net/http: IdleConnTimeout)."""
BODY_SECONDS = 30.0

T = TypeVar("T")


class PluginServer:
    """Serves a Driver on a socket; belongs to the event loop that it was started in. The driver works in a thread of its own."""

    def __init__(self, driver: Driver, socket: str, *, told: Callable[[str], None]) -> None:
        self._driver = driver
        self._socket = Path(socket)
        self._told = told
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="docker-plugin")
        self._runner: web.AppRunner | None = None
        self._door: asyncio.Server | None = None

    async def start(self) -> None:
        """Bring the host to what is remembered, and listen. A socket that an earlier process left is replaced. Raises NetwrightError."""
        await self.work(self._driver.restore)
        application = web.Application(client_max_size=MOST_BYTES)
        application.router.add_post("/{method}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, logger=LOGGER)
        await self._runner.setup()
        make_readable(self._socket.parent)
        with suppress(FileNotFoundError):
            self._socket.unlink()
        assert self._runner.server is not None
        reception = Reception(self._runner.server, most=MOST_CONNECTIONS, most_each=MOST_CONNECTIONS, patience=PATIENCE_SECONDS)
        self._door = await asyncio.get_running_loop().create_unix_server(reception, sock=bound(str(self._socket)))

    async def stop(self) -> None:
        """Answer what was asked, and close. Networks and containers stay as they are."""
        if self._door is not None:
            self._door.close()
        if self._runner is not None:
            await self._runner.cleanup()
        with suppress(FileNotFoundError):
            self._socket.unlink()
        await self.work(self._driver.close)
        self._worker.shutdown()

    async def work(self, task: Callable[[], T]) -> T:
        """Run something that uses the driver, after what it is doing now."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, task)

    async def _handle(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        with attended(request.transport):
            return await self._answer(request)

    async def _answer(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        try:
            async with asyncio.timeout(BODY_SECONDS):
                content = await request.read()
        except TimeoutError:
            return _response(_refusal(f"the request did not come within {BODY_SECONDS:.0f} s"))
        try:
            body = json.loads(content or b"{}") or {}
            if not isinstance(body, dict):
                return _response(_refusal("the request is no JSON object"))
            answer = await self.work(lambda: self._driver.answer(method, body))
        except NetwrightError as error:
            self._told(f"{method} refused: {error}")
            return _response(_refusal(sentence(error)))
        except (ValueError, RecursionError) as error:
            return _response(_refusal(f"the request cannot be read: {error}"))
        except Exception as error:  # noqa: BLE001 - Docker waits for an answer
            self._told(f"{method}: {type(error).__name__}: {error}")
            return _response(_refusal(f"this should not happen: {type(error).__name__}: {error}"))
        return _response(answer)


def sentence(error: NetwrightError) -> str:
    """What Docker shows its user. Problems of the driver's own stack have no place in a file of theirs."""
    if isinstance(error, SpecError):
        return "; ".join(problem.message + (f" ({problem.hint})" if problem.hint else "") for problem in error.problems)
    return f"{error} ({error.hint})" if error.hint else str(error)


def _refusal(text: str) -> dict[str, Any]:
    return {"Err": text, "Error": text}


def _response(answer: dict[str, Any]) -> web.Response:
    return web.Response(text=json.dumps(answer) + "\n", content_type=CONTENT_TYPE)
