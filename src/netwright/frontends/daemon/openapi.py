"""The API's description (OpenAPI 3.1, https://spec.openapis.org/oas/v3.1.0): what is served at /openapi.json."""

from __future__ import annotations

from typing import Any

from netwright import __version__
from netwright.frontends.daemon.schemas import NAMES, STACK, VERSION, object_of, reference, schemas

_TEXT = {"type": "string", "description": "the file's text"}
_SOURCE = {"type": "string", "description": "where the text came from, for messages", "default": "<request>"}
_FULL = {"type": "boolean", "default": False, "description": "list every operation in words, also where the same steps repeat"}
_WAIT = {"type": "boolean", "default": True, "description": "wait for another Netwright that is at work, or fail with 423 at once"}
_LOCKOUT = {
    "type": "boolean",
    "default": False,
    "description": "also where that may cut the SSH session that the caller belongs to, or takes the host's default route",
}
_REPLACE = {
    "type": "boolean",
    "default": False,
    "description": "make a Docker network anew where it must be, though containers of others are on it: they are put back as they were",
}
_SECONDS = {"type": ["number", "null"], "exclusiveMinimum": 0, "description": "roll back after so many seconds unless confirmed"}
_TARGET = {"type": "string", "description": "a container's name or id, or its name in a stack's file; or a namespace of a stack"}
_REVISED: dict[str, Any] = {
    "stack": {**STACK, "description": "the stack that keeps it; absent: the one whose file names the target, else `published`"},
    "plan": {"type": "boolean", "default": False, "description": "only say what would be done"},
    "wait": _WAIT,
    "allow_lockout": _LOCKOUT,
    "text": {"type": "string", "description": "fail unless this is the stack's file as it was committed last"},
    "file": {"type": "string", "description": "what messages call that file"},
}
"""Of requests that change a stack's committed file."""


_NEEDED = {"confirm": (), "publish": ("target", "port"), "unpublish": ("target",)}
"""Keys that a request cannot do without, where they are not the usual ones."""


def openapi_document() -> dict[str, Any]:
    """The document. It holds for this version of Netwright."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Netwright",
            "version": __version__,
            "license": {"name": "MIT", "identifier": "MIT"},
            "description": "The daemon's API, over the unix socket /run/netwright/api.sock, for root and the members of the group netwright. A "
            "request does what the command of its name does, and answers with what that prints with --json; with `Accept: text/plain`, "
            "with what it prints without.",
        },
        "servers": [
            {"url": "http://localhost", "description": "the host's name does not matter: curl --unix-socket /run/netwright/api.sock"}
        ],
        "paths": {
            "/openapi.json": {"get": _operation("openapi", "This document", {"type": "object"}, words=False)},
            "/v1/status": {"get": _operation("status", "Every stack, how it stands, and its drift", reference("Status"))},
            "/v1/status/{stack}": {
                "get": {
                    **_operation("statusOfStack", "One stack, how it stands, and its drift", reference("Status")),
                    "parameters": [{"name": "stack", "in": "path", "required": True, "schema": STACK}],
                }
            },
            "/v1/plan": {
                "post": _operation(
                    "plan",
                    "What apply would do; nothing is changed",
                    reference("Plan"),
                    text=_TEXT,
                    source=_SOURCE,
                    full=_FULL,
                    replace=_REPLACE,
                ),
            },
            "/v1/apply": {
                "post": _operation(
                    "apply",
                    "Make the host as the file says: all of it, or nothing",
                    reference("Outcome"),
                    text=_TEXT,
                    source=_SOURCE,
                    confirm=_SECONDS,
                    wait=_WAIT,
                    allow_lockout=_LOCKOUT,
                    replace=_REPLACE,
                ),
            },
            "/v1/destroy": {
                "post": _operation(
                    "destroy",
                    "Remove all that a stack owns, and give back what it borrowed",
                    reference("Outcome"),
                    stack=STACK,
                    wait=_WAIT,
                    allow_lockout=_LOCKOUT,
                ),
            },
            "/v1/publish": {
                "post": _operation(
                    "publish",
                    "Publish a port of the host to a container that runs, or to a stack's namespace",
                    reference("Revision"),
                    target=_TARGET,
                    port={"type": "string", "description": "the host's port and the target's: 8080:80, 10.0.0.1:5000-5009:6000-6009/udp"},
                    source={"enum": ["masquerade", "preserve"], "default": "masquerade", "description": "whom the target sees"},
                    replace={"type": "boolean", "default": False, "description": "change what the same port leads to, or who may use it"},
                    **{"from": {**NAMES, "default": [], "description": "who may use it: prefixes; none: anyone"}, **_REVISED},
                ),
            },
            "/v1/unpublish": {
                "post": _operation(
                    "unpublish",
                    "Take a published port back, and cut what is open through it",
                    reference("Revision"),
                    target=_TARGET,
                    port={
                        "type": "string",
                        "description": "the host's port: 8080, 10.0.0.1:8080, 5000-5009/udp; absent: all of the target's",
                    },
                    **_REVISED,
                ),
            },
            "/v1/confirm": {
                "post": _operation(
                    "confirm",
                    "Keep what apply with `confirm` has made: of one stack, or of all",
                    object_of(version=VERSION, confirmed=NAMES),
                    stack=STACK,
                ),
            },
            "/v1/recover": {
                "post": _operation(
                    "recover",
                    "Bring back what a crash cut short, and what was not confirmed in time",
                    object_of(version=VERSION, recovered=NAMES, rolled_back=NAMES),
                ),
            },
            "/v1/events": {"get": _events()},
            "/v1/log": {"get": _log()},
        },
        "components": {"schemas": schemas()},
    }


def _operation(name: str, summary: str, answer: dict[str, Any], *, words: bool = True, **body: Any) -> dict[str, Any]:
    content: dict[str, Any] = {"application/json": {"schema": answer}}
    if words:
        content["text/plain"] = {"schema": {"type": "string"}}
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "responses": {"200": {"description": "done", "content": content}, "default": _failure()},
    }
    if body:
        needed = [key for key in _NEEDED.get(name, ("text", "stack")) if key in body]
        schema = {"type": "object", "required": needed, "additionalProperties": False, "properties": body}
        operation["requestBody"] = {"required": bool(needed), "content": {"application/json": {"schema": schema}}}
    return operation


def _failure() -> dict[str, Any]:
    return {
        "description": "403 not allowed; 404 no such stack; 409 the host is not what the file needs; 422 the file or the request is wrong; "
        "423 another Netwright is at work; 503 a part of the system is missing; 500 it failed: the message says what the state is now",
        "content": {"application/json": {"schema": reference("Error")}},
    }


def _events() -> dict[str, Any]:
    operation = _operation("events", "What the daemon did and why, oldest first: a document on each line", reference("Event"))
    operation["responses"]["200"]["content"] = {
        "application/x-ndjson": {"schema": reference("Event")},
        "text/plain": {"schema": {"type": "string"}},
    }
    operation["parameters"] = [
        {"name": "stack", "in": "query", "schema": STACK},
        {"name": "follow", "in": "query", "schema": {"enum": ["1", "true"]}, "description": "go on with what comes, without end"},
    ]
    return operation


def _log() -> dict[str, Any]:
    operation = _operation(
        "log",
        "Who changed what and when, oldest first",
        object_of(version=VERSION, entries={"type": "array", "items": reference("LogEntry")}),
    )
    operation["parameters"] = [
        {"name": "stack", "in": "query", "schema": STACK},
        {"name": "full", "in": "query", "schema": {"enum": ["1", "true"]}, "description": "in words: with every operation that was kept"},
    ]
    return operation
