"""The API: HTTP/1.1 over a unix socket. Each request does what the command of its name does, and answers with what that prints:
the JSON document of `--json`, or its words where the request accepts `text/plain`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from aiohttp import web

from netwright.api import Engine, log
from netwright.errors import Busy, InvalidValue, Missing, NetwrightError, Refused, SpecError
from netwright.frontends.daemon import publishing
from netwright.frontends.daemon.access import allowed, peer_of
from netwright.frontends.daemon.exchange import (
    LARGE,
    MOST_LARGE,
    answered,
    document_response,
    event_bytes,
    read_body,
    refuse_forms,
    wants_words,
)
from netwright.frontends.daemon.listening import listen
from netwright.frontends.daemon.openapi import openapi_document
from netwright.frontends.daemon.workshop import Workshop
from netwright.model.event import Event
from netwright.model.names import parse_stack_name
from netwright.planning.document import plan_document
from netwright.planning.text import plan_text
from netwright.ports import Log
from netwright.reception import LOGGER, Reception, attended
from netwright.report.documents import (
    apply_document,
    confirm_document,
    error_document,
    plain_error_document,
    recover_document,
    status_document,
)
from netwright.report.exit_status import FAILED, USAGE, exit_status
from netwright.report.log_text import NOTHING, log_document, log_text
from netwright.report.standing import instead_of, standing_of
from netwright.report.status_text import NO_STACKS, status_text
from netwright.spec.load import parse
from netwright.wiring import peer_caller

MOST_BYTES = 64 << 20
"""Of a request: a file of a thousand namespaces has 0.1 MB."""
MOST_CONNECTIONS = 256
MOST_OF_A_USER = 64
"""Connections at the same time. Netwright's own commands use one each."""
PATIENCE_SECONDS = 30.0
"""For a request's head, and between two requests."""
MOST_FOLLOWERS = 32
"""Of events: each has a look at the log ten times a second."""
TOO_LATE = "if its time has passed it was rolled back: netwright status tells how the host stands"
UNEXPECTED = "please report it, with what was asked; netwright status tells how the host stands"
LONGEST_TRIAL = 604_800.0
"""Seconds: a week, as `netwright apply --confirm` has it."""
FOLLOW_SECONDS = 0.1
"""Between two looks whether the log has grown."""
STATUSES: tuple[tuple[type[NetwrightError], int], ...] = (
    (SpecError, 422),
    (InvalidValue, 422),
    (Refused, 409),
    (Busy, 423),
    (Missing, 503),
)
"""HTTP's for an error; 500 for all others."""

CALLER = "netwright.caller"
"""Where a request keeps who asks."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Belongs to the event loop that it was started in. `group`: the number of the group whose members may use it; None: root alone."""

    def __init__(self, workshop: Workshop, log: Log, path: str, group: int | None) -> None:
        self._workshop = workshop
        self._log = log
        self._path = Path(path)
        self._group = group
        self._runner: web.AppRunner | None = None
        self._door: asyncio.Server | None = None
        self._followers = 0

    async def start(self) -> None:
        """Listen. A socket that an earlier daemon left is replaced. Raises Busy where another one answers, Refused where there can be none."""
        application = web.Application(client_max_size=MOST_BYTES, middlewares=[self._guarded])
        application.add_routes(
            [
                web.get("/openapi.json", self._openapi),
                web.get("/v1/status", self._status),
                web.get("/v1/status/{stack}", self._status),
                web.post("/v1/plan", self._plan),
                web.post("/v1/apply", self._apply),
                web.post("/v1/destroy", self._destroy),
                web.post("/v1/publish", self._publish),
                web.post("/v1/unpublish", self._publish),
                web.post("/v1/confirm", self._confirm),
                web.post("/v1/recover", self._recover),
                web.get("/v1/events", self._events),
                web.get("/v1/log", self._changes),
            ]
        )
        application[LARGE] = asyncio.Semaphore(MOST_LARGE)
        # Whoever follows events is not waited for.
        self._runner = web.AppRunner(application, access_log=None, logger=LOGGER, shutdown_timeout=1.0, handler_cancellation=True)
        await self._runner.setup()
        try:
            assert self._runner.server is not None
            reception = Reception(self._runner.server, most=MOST_CONNECTIONS, most_each=MOST_OF_A_USER, patience=PATIENCE_SECONDS)
            self._door = await asyncio.get_running_loop().create_unix_server(reception, sock=listen(self._path, self._group))
        except OSError as error:
            raise Refused(f"The API's socket {self._path} cannot be made: {error.strerror}.") from error

    async def stop(self) -> None:
        """Answer what was asked, and close."""
        if self._door is not None:
            self._door.close()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._door is not None:
            with suppress(FileNotFoundError):
                self._path.unlink()

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            assert request.transport is not None
            peer = peer_of(request.transport.get_extra_info("socket"))
            if not allowed(peer, self._group):
                words = f"The user with the number {peer.uid} may not use this socket: root and the members of its group may."
                return document_response(
                    plain_error_document("Refused", words, "usermod -aG netwright USER, then log in anew", FAILED), 403
                )
            refuse_forms(request)
            request[CALLER] = peer_caller(peer.pid, peer.uid, f"{request.method} {request.path}")
            with attended(request.transport):
                return await handler(request)
        except NetwrightError as error:
            status = next((number for kind, number in STATUSES if isinstance(error, kind)), 500)
            return document_response(error_document(error, exit_status(error)), status)
        except web.HTTPException as error:
            document = plain_error_document("Usage", f"{request.method} {request.path}: {error.reason}.", "see /openapi.json", USAGE)
            return document_response(document, error.status)
        except (ConnectionError, asyncio.CancelledError):
            # Whoever has asked is gone.
            raise
        except Exception as error:  # noqa: BLE001 - a mistake of ours: told, and no reason to end
            return document_response(
                plain_error_document("Unexpected", f"This should not happen: {type(error).__name__}: {error}", UNEXPECTED, FAILED), 500
            )

    async def _openapi(self, _request: web.Request) -> web.Response:
        return document_response(openapi_document())

    async def _status(self, request: web.Request) -> web.Response:
        name = request.match_info.get("stack")
        found = await self._workshop.look(lambda engine: engine.status(name))
        if name is not None and not found:
            names = sorted(one.name for one in await self._workshop.look(lambda engine: engine.status()))
            document = plain_error_document("Refused", f"There is no stack {name} on this host.", instead_of(name, names), FAILED)
            return document_response(document, 404)
        seen = [(one, standing_of(one)) for one in found]
        return answered(request, lambda: status_document(seen), lambda: status_text(seen) or f"{NO_STACKS}\n")

    async def _plan(self, request: web.Request) -> web.Response:
        body = await read_body(request, "text", text=str, source=str, full=bool, replace=bool)
        document = await asyncio.to_thread(parse, body["text"], body.get("source", "<request>"))
        replace = body.get("replace", False)
        made = await self._workshop.look(lambda engine: engine.plan(document, replace_networks=replace), request[CALLER])
        return answered(request, lambda: plan_document(made), lambda: plan_text(made, full=body.get("full", False)))

    async def _apply(self, request: web.Request) -> web.Response:
        flags = {"wait": bool, "allow_lockout": bool, "replace": bool}
        body = await read_body(request, "text", text=str, source=str, confirm=(int, float, type(None)), **flags)
        document = await asyncio.to_thread(parse, body["text"], body.get("source", "<request>"))
        options = {
            "wait": body.get("wait", True),
            "confirm_seconds": body.get("confirm"),
            "allow_lockout": body.get("allow_lockout", False),
            "replace_networks": body.get("replace", False),
        }
        seconds = options["confirm_seconds"]
        if seconds is not None and not 0 < seconds <= LONGEST_TRIAL:
            raise InvalidValue(f"confirm: {seconds} is not a number of seconds; more than 0, and a week at most")
        outcome = await self._workshop.change(lambda engine: engine.apply(document, **options), request[CALLER], wait=options["wait"])
        name = document.spec.name
        return answered(request, lambda: apply_document(name, outcome), lambda: plan_text(outcome.plan))

    async def _destroy(self, request: web.Request) -> web.Response:
        body = await read_body(request, "stack", stack=str, wait=bool, allow_lockout=bool)
        name = parse_stack_name(body["stack"])
        options = {"wait": body.get("wait", True), "allow_lockout": body.get("allow_lockout", False)}
        outcome = await self._workshop.change(lambda engine: engine.destroy(name, **options), request[CALLER], wait=options["wait"])
        nothing = f"{name}: nothing of it was here.\n"
        return answered(request, lambda: apply_document(name, outcome), lambda: plan_text(outcome.plan) if outcome.plan else nothing)

    async def _publish(self, request: web.Request) -> web.Response:
        withdrawn = request.path.endswith("/unpublish")
        body = await read_body(request, "target", **(publishing.UNPUBLISH if withdrawn else publishing.PUBLISH))
        change = await asyncio.to_thread(publishing.change_of, body, withdrawn=withdrawn)
        work = self._workshop.look if body.get("plan", False) else self._workshop.change
        document = publishing.answer(await work(lambda engine: publishing.revise(engine, change, body), request[CALLER]), change)
        return answered(request, lambda: document, lambda: publishing.words(document))

    async def _confirm(self, request: web.Request) -> web.Response:
        body = await read_body(request, None, stack=str)
        name = parse_stack_name(body["stack"]) if "stack" in body else None
        confirmed = await self._workshop.change(lambda engine: _confirm(engine, name), request[CALLER])
        if not confirmed:
            raise Refused(f"There is no change{f' of {name}' if name else ''} that waits to be confirmed.", hint=TOO_LATE)
        return answered(
            request, lambda: confirm_document(confirmed), lambda: "".join(f"{one}: confirmed, it stays.\n" for one in confirmed)
        )

    async def _recover(self, request: web.Request) -> web.Response:
        done = await self._workshop.change(lambda engine: engine.take_back(), request[CALLER])
        done.check()
        words = [f"{name}: brought back to the last committed state.\n" for name in done.recovered]
        words += [f"{name}: was not confirmed in time, and was rolled back.\n" for name in done.expired]
        return answered(
            request,
            lambda: recover_document(done.recovered, done.expired),
            lambda: "".join(words) or "Nothing to recover: no run was cut short.\n",
        )

    async def _changes(self, request: web.Request) -> web.Response:
        name = request.query.get("stack")
        deeds = await asyncio.to_thread(log, name, state_folder=self._workshop.folder)
        full = request.query.get("full") in {"1", "true"}
        return answered(request, lambda: log_document(deeds), lambda: log_text(deeds, full=full) or f"{NOTHING}\n")

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """A document on each line; with `follow` without end."""
        stack = request.query.get("stack")
        plain = wants_words(request)
        response = web.StreamResponse()
        response.content_type = "text/plain" if plain else "application/x-ndjson"
        response.charset = "utf-8"
        follow = request.query.get("follow") in {"1", "true"}
        if follow and self._followers >= MOST_FOLLOWERS:
            raise Busy(f"{MOST_FOLLOWERS} others follow the events; there can be no more.", hint="end one of them, or read without follow")
        self._followers += follow
        try:
            return await self._tell_events(request, response, stack, plain=plain, follow=follow)
        finally:
            self._followers -= follow

    async def _tell_events(
        self, request: web.Request, response: web.StreamResponse, stack: str | None, *, plain: bool, follow: bool
    ) -> web.StreamResponse:
        # Begun before what is kept is read, so that nothing falls between the two.
        added = self._added(stack) if follow else None
        first = None if added is None else await anext(added)
        assert first is None
        kept = self._log.read(stack)
        await response.prepare(request)
        for event in kept:
            await response.write(event_bytes(event, as_words=plain))
        if added is not None:
            async for new in added:
                if new is not None and new not in kept:
                    await response.write(event_bytes(new, as_words=plain))
        await response.write_eof()
        return response

    async def _added(self, stack: str | None) -> AsyncIterator[Event | None]:
        for event in self._log.follow(stack):
            if event is None:
                yield None
                await asyncio.sleep(FOLLOW_SECONDS)
            else:
                yield event


def _confirm(engine: Engine, name: str | None) -> list[str]:
    names = [one.name for one in engine.status() if one.confirm_before is not None] if name is None else [name]
    return [one for one in names if engine.confirm(one)]
