"""The API's description (OpenAPI 3.1, https://spec.openapis.org/oas/v3.1.0): what is served at /openapi.json."""

from __future__ import annotations

from typing import Any

from netwright import __version__
from netwright.model.event import What
from netwright.planning.document import plan_json_schema

_TEXT = {"type": "string", "description": "the file's text"}
_SOURCE = {"type": "string", "description": "where the text came from, for messages", "default": "<request>"}
_STACK = {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,30}$", "description": "a stack's name"}
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
_NAMES = {"type": "array", "items": {"type": "string"}}
_TARGET = {"type": "string", "description": "a container's name or id, or its name in a stack's file; or a namespace of a stack"}
_REVISED: dict[str, Any] = {
    "stack": {**_STACK, "description": "the stack that keeps it; absent: the one whose file names the target, else `published`"},
    "plan": {"type": "boolean", "default": False, "description": "only say what would be done"},
    "wait": _WAIT,
    "text": {"type": "string", "description": "fail unless this is the stack's file as it was committed last"},
    "file": {"type": "string", "description": "what messages call that file"},
}
"""Of requests that change a stack's committed file."""
_TIME = {"type": ["number", "null"], "description": "seconds since the epoch"}


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
            "/v1/status": {"get": _operation("status", "Every stack, how it stands, and its drift", _reference("Status"))},
            "/v1/status/{stack}": {
                "get": {
                    **_operation("statusOfStack", "One stack, how it stands, and its drift", _reference("Status")),
                    "parameters": [{"name": "stack", "in": "path", "required": True, "schema": _STACK}],
                }
            },
            "/v1/plan": {
                "post": _operation(
                    "plan",
                    "What apply would do; nothing is changed",
                    _reference("Plan"),
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
                    _reference("Outcome"),
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
                    _reference("Outcome"),
                    stack=_STACK,
                    wait=_WAIT,
                    allow_lockout=_LOCKOUT,
                ),
            },
            "/v1/publish": {
                "post": _operation(
                    "publish",
                    "Publish a port of the host to a container that runs, or to a stack's namespace",
                    _reference("Revision"),
                    target=_TARGET,
                    port={"type": "string", "description": "the host's port and the target's: 8080:80, 10.0.0.1:5000-5009:6000-6009/udp"},
                    source={"enum": ["masquerade", "preserve"], "default": "masquerade", "description": "whom the target sees"},
                    replace={"type": "boolean", "default": False, "description": "change what the same port leads to, or who may use it"},
                    **{"from": {**_NAMES, "default": [], "description": "who may use it: prefixes; none: anyone"}, **_REVISED},
                ),
            },
            "/v1/unpublish": {
                "post": _operation(
                    "unpublish",
                    "Take a published port back, and cut what is open through it",
                    _reference("Revision"),
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
                    _object(version=_VERSION, confirmed=_NAMES),
                    stack=_STACK,
                ),
            },
            "/v1/recover": {
                "post": _operation(
                    "recover",
                    "Bring back what a crash cut short, and what was not confirmed in time",
                    _object(version=_VERSION, recovered=_NAMES, rolled_back=_NAMES),
                ),
            },
            "/v1/events": {"get": _events()},
        },
        "components": {"schemas": _schemas()},
    }


_VERSION = {"const": 1}
_NEEDED = {"confirm": (), "publish": ("target", "port"), "unpublish": ("target",)}
"""Keys that a request cannot do without, where they are not the usual ones."""


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


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
        "content": {"application/json": {"schema": _reference("Error")}},
    }


def _events() -> dict[str, Any]:
    operation = _operation("events", "What the daemon did and why, oldest first: a document on each line", _reference("Event"))
    operation["responses"]["200"]["content"] = {
        "application/x-ndjson": {"schema": _reference("Event")},
        "text/plain": {"schema": {"type": "string"}},
    }
    operation["parameters"] = [
        {"name": "stack", "in": "query", "schema": _STACK},
        {"name": "follow", "in": "query", "schema": {"enum": ["1", "true"]}, "description": "go on with what comes, without end"},
    ]
    return operation


def _schemas() -> dict[str, Any]:
    plan = {key: value for key, value in plan_json_schema().items() if key != "$schema"}
    nullable = {"type": ["string", "null"]}
    link = _object(
        name={"type": "string"},
        kind={"type": "string"},
        there={"type": "boolean"},
        up={"type": ["boolean", "null"]},
        mtu={"type": ["integer", "null"]},
        mac=nullable,
        master=nullable,
        addresses=_NAMES,
    )
    route = _object(
        to={"type": "string"}, via=nullable, dev=nullable, metric={"type": ["integer", "null"]}, table={"type": ["integer", "null"]}
    )
    publish = _object(
        on={"type": "string"},
        listen={"type": "string"},
        **{"from": {"type": ["array", "null"], "items": {"type": "string"}}},
        to={"type": "string"},
        source={"enum": ["masquerade", "preserve"]},
    )
    opened = _object(stack=_STACK, listen={"type": "string"}, **{"from": {"type": ["array", "null"], "items": {"type": "string"}}})
    protected = _object(container={"type": "string"}, listen={"type": "string"}, opened={"type": "array", "items": opened})
    names = {"type": ["array", "null"], "items": {"type": "string"}}
    count = {"type": ["integer", "null"]}
    policy = _object(
        name={"type": "string"},
        action={"enum": ["allow", "deny"]},
        **{"from": names},
        to=names,
        ports=names,
        log={"type": "boolean"},
        packets=count,
        bytes=count,
    )
    place = _object(
        name={"type": "string"}, there={"type": "boolean"}, links={"type": "array", "items": link}, routes={"type": "array", "items": route}
    )
    stack = _object(
        name=_STACK,
        source={"type": "string"},
        committed_at=_TIME,
        confirm_before=_TIME,
        unfinished={"type": "boolean"},
        changing=nullable,
        in_order={"type": "boolean"},
        trouble=nullable,
        drift={"anyOf": [_reference("Plan"), {"type": "null"}]},
        waiting=_NAMES,
        warnings=_NAMES,
        namespaces={"type": "array", "items": place},
        publishes={"type": "array", "items": publish},
        policies={"type": "array", "items": policy},
        refused=_object(packets={"type": "integer"}, bytes={"type": "integer"}) | {"type": ["object", "null"]},
        protected={"type": ["array", "null"], "items": protected},
    )
    problem = _object(
        line={"type": ["integer", "null"]},
        column={"type": ["integer", "null"]},
        path={"type": "string"},
        message={"type": "string"},
        hint=nullable,
    )
    error = _object(
        kind={"type": "string"},
        message={"type": "string"},
        hint=nullable,
        exit_status={"type": "integer"},
        rolled_back={"type": ["boolean", "null"]},
        problems={"type": "array", "items": problem},
    )
    outcome = {
        "stack": _STACK,
        "changed": {"type": "boolean"},
        "plan": _reference("Plan"),
        "seconds": {"type": "number"},
        "recovered": _NAMES,
        "confirm_before": _TIME,
    }
    return {
        "Plan": plan,
        "Status": _object(version=_VERSION, stacks={"type": "array", "items": stack}),
        "Outcome": _object(version=_VERSION, **outcome),
        "Revision": _object(
            version=_VERSION,
            **outcome,
            done={"type": "boolean", "description": "false: it was only planned"},
            said={"type": "string", "description": "what is different, in a sentence"},
            warnings=_NAMES,
            spec={"type": ["string", "null"], "description": "the stack's file as it is committed; null: nothing is left of the stack"},
        ),
        "Event": _object(
            at={"type": "number", "description": "seconds since the epoch"},
            what={"enum": [what.value for what in What]},
            stack={"type": "string"},
            why=_NAMES,
            done=_NAMES,
            message={"type": "string"},
            suspects=_NAMES,
            seconds={"type": ["number", "null"]},
            again_in={"type": ["number", "null"]},
        ),
        "Error": _object(version=_VERSION, error=error),
    }
