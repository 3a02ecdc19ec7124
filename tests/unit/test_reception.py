"""Who is let in at a unix socket, and for how long: with aiohttp's server behind it, and clients that dawdle."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage

from netwright.reception import LOGGER, Reception, attended

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]
WHOLE = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def served(
    path: Path,
    visit: Callable[[Callable[[], Awaitable[Client]]], Awaitable[None]],
    *,
    most: int = 9,
    most_each: int = 9,
    patience: float = 0.3,
) -> None:
    """Run `visit` with a function that connects to a server; its work takes 1 s where the path is /slow."""

    async def answer(request: web.Request) -> web.Response:
        assert request.transport is not None
        with attended(request.transport):
            await asyncio.sleep(1 if request.path == "/slow" else 0)
            return web.Response(text="done")

    async def run() -> None:
        application = web.Application()
        application.router.add_get("/{path:.*}", answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        assert runner.server is not None
        reception = Reception(runner.server, most=most, most_each=most_each, patience=patience)
        door = await asyncio.get_running_loop().create_unix_server(reception, str(path))
        try:
            await asyncio.wait_for(visit(lambda: asyncio.open_unix_connection(str(path))), 30)
        finally:
            door.close()
            await runner.cleanup()

    asyncio.run(run())


def test_whoever_says_nothing_or_half_of_it_is_sent_away(tmp_path: Path) -> None:
    async def visit(connect: Callable[[], Awaitable[Client]]) -> None:
        for half in (b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nX"):
            reader, writer = await connect()
            writer.write(half)
            assert await reader.read() == b""
            writer.close()

    served(tmp_path / "s", visit)


def test_a_byte_now_and_then_is_no_reason_to_wait_longer(tmp_path: Path) -> None:
    async def visit(connect: Callable[[], Awaitable[Client]]) -> None:
        reader, writer = await connect()
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX: ")
        ended = asyncio.ensure_future(reader.read())
        while not ended.done():
            writer.write(b"x")
            await asyncio.wait([ended], timeout=0.05)
        assert ended.result() == b""
        writer.close()

    served(tmp_path / "s", visit)


def test_work_takes_its_time_and_the_next_request_is_waited_for(tmp_path: Path) -> None:
    async def visit(connect: Callable[[], Awaitable[Client]]) -> None:
        reader, writer = await connect()
        for path in (b"/slow", b"/"):
            writer.write(WHOLE.replace(b"/", path, 1))
            assert (await reader.readuntil(b"done")).startswith(b"HTTP/1.1 200 ")
        assert await reader.read() == b""
        writer.close()

    served(tmp_path / "s", visit)


def test_one_more_than_there_is_room_for_is_told_so_until_another_has_gone(tmp_path: Path) -> None:
    async def visit(connect: Callable[[], Awaitable[Client]]) -> None:
        _, first = await connect()
        _, second = await connect()
        reader, third = await connect()
        third.write(WHOLE)
        assert (await reader.readline()).startswith(b"HTTP/1.1 503 ")
        first.close()
        answer = b""
        while not answer.startswith(b"HTTP/1.1 200 "):
            reader, writer = await connect()
            writer.write(WHOLE)
            answer = await reader.readline()
            writer.close()
            assert answer[9:12] in (b"200", b"503")
        for one in (second, third):
            one.close()

    for number, limits in enumerate(({"most": 2}, {"most_each": 2})):
        served(tmp_path / str(number), visit, patience=60, **limits)


def test_what_clients_do_wrong_is_not_written_down_and_our_own_mistakes_are() -> None:
    def written(error: BaseException) -> bool:
        return bool(LOGGER.filter(logging.LogRecord("x", logging.ERROR, "", 0, "", (), (type(error), error, None))))

    assert [written(error) for error in (BadHttpMessage("x"), ConnectionResetError("gone"), TypeError("ours"))] == [False, False, True]
