"""The documents that the API answers with, as JSON Schemas."""

from __future__ import annotations

from typing import Any

from netwright.model.deed import Act, Result
from netwright.model.event import What
from netwright.planning.document import plan_json_schema

NAMES = {"type": "array", "items": {"type": "string"}}
STACK = {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,30}$", "description": "a stack's name"}
TIME = {"type": ["number", "null"], "description": "seconds since the epoch"}


VERSION = {"const": 1}


def reference(name: str) -> dict[str, Any]:
    """To one of `schemas`."""
    return {"$ref": f"#/components/schemas/{name}"}


def object_of(**properties: Any) -> dict[str, Any]:
    """An object with all of these keys."""
    return {"type": "object", "required": list(properties), "properties": properties}


def _log_entry() -> dict[str, Any]:
    nullable = {"type": ["string", "null"]}
    count = {"type": "integer"}
    text = {"type": "string"}
    session = object_of(
        address=text, port=count, client=text, client_port=count, protocol={"enum": ["tcp", "udp"], "description": "udp: mosh's"}
    )
    caller = object_of(
        pid=count,
        uid=count,
        user=text,
        sudo_user=text,
        login_uid={"type": ["integer", "null"]},
        login_user=text,
        command=text,
        sessions={"type": "array", "items": session},
    )
    return object_of(
        at={"type": "number", "description": "seconds since the epoch"},
        act={"enum": [act.value for act in Act]},
        stack=text,
        result={"enum": [result.value for result in Result]},
        message=nullable,
        done=NAMES,
        more=count,
        before=nullable,
        after=nullable,
        caller={"anyOf": [caller, {"type": "null"}]},
    )


def schemas() -> dict[str, Any]:
    """By name."""
    plan = {key: value for key, value in plan_json_schema().items() if key != "$schema"}
    nullable = {"type": ["string", "null"]}
    link = object_of(
        name={"type": "string"},
        kind={"type": "string"},
        there={"type": "boolean"},
        up={"type": ["boolean", "null"]},
        mtu={"type": ["integer", "null"]},
        mac=nullable,
        master=nullable,
        addresses=NAMES,
    )
    route = object_of(
        kind={"enum": ["unicast", "blackhole", "unreachable", "prohibit"]},
        to={"type": "string"},
        via=nullable,
        dev=nullable,
        metric={"type": ["integer", "null"]},
        table={"type": "integer"},
    )
    publish = object_of(
        on={"type": "string"},
        listen={"type": "string"},
        **{"from": {"type": ["array", "null"], "items": {"type": "string"}}},
        to={"type": "string"},
        source={"enum": ["masquerade", "preserve"]},
    )
    opened = object_of(stack=STACK, listen={"type": "string"}, **{"from": {"type": ["array", "null"], "items": {"type": "string"}}})
    protected = object_of(container={"type": "string"}, listen={"type": "string"}, opened={"type": "array", "items": opened})
    names = {"type": ["array", "null"], "items": {"type": "string"}}
    count = {"type": ["integer", "null"]}
    policy = object_of(
        name={"type": "string"},
        action={"enum": ["allow", "deny"]},
        **{"from": names},
        to=names,
        ports=names,
        log={"type": "boolean"},
        packets=count,
        bytes=count,
    )
    place = object_of(
        name={"type": "string"}, there={"type": "boolean"}, links={"type": "array", "items": link}, routes={"type": "array", "items": route}
    )
    stack = object_of(
        name=STACK,
        source={"type": "string"},
        committed_at=TIME,
        confirm_before=TIME,
        unfinished={"type": "boolean"},
        changing=nullable,
        in_order={"type": "boolean"},
        trouble=nullable,
        drift={"anyOf": [reference("Plan"), {"type": "null"}]},
        waiting=NAMES,
        warnings=NAMES,
        namespaces={"type": "array", "items": place},
        publishes={"type": "array", "items": publish},
        policies={"type": "array", "items": policy},
        refused=object_of(packets={"type": "integer"}, bytes={"type": "integer"}) | {"type": ["object", "null"]},
        protected={"type": ["array", "null"], "items": protected},
    )
    problem = object_of(
        line={"type": ["integer", "null"]},
        column={"type": ["integer", "null"]},
        path={"type": "string"},
        message={"type": "string"},
        hint=nullable,
    )
    error = object_of(
        kind={"type": "string"},
        message={"type": "string"},
        hint=nullable,
        exit_status={"type": "integer"},
        rolled_back={"type": ["boolean", "null"]},
        problems={"type": "array", "items": problem},
    )
    outcome = {
        "stack": STACK,
        "changed": {"type": "boolean"},
        "plan": reference("Plan"),
        "seconds": {"type": "number"},
        "recovered": NAMES,
        "confirm_before": TIME,
    }
    return {
        "Plan": plan,
        "Status": object_of(version=VERSION, stacks={"type": "array", "items": stack}),
        "Outcome": object_of(version=VERSION, **outcome),
        "Revision": object_of(
            version=VERSION,
            **outcome,
            done={"type": "boolean", "description": "false: it was only planned"},
            said={"type": "string", "description": "what is different, in a sentence"},
            warnings=NAMES,
            spec={"type": ["string", "null"], "description": "the stack's file as it is committed; null: nothing is left of the stack"},
        ),
        "LogEntry": _log_entry(),
        "Event": object_of(
            at={"type": "number", "description": "seconds since the epoch"},
            what={"enum": [what.value for what in What]},
            stack={"type": "string"},
            why=NAMES,
            done=NAMES,
            message={"type": "string"},
            suspects=NAMES,
            seconds={"type": ["number", "null"]},
            again_in={"type": ["number", "null"]},
        ),
        "Error": object_of(version=VERSION, error=error),
    }
