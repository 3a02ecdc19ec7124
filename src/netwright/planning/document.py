"""A plan as a JSON document, and the JSON Schema of such documents. Both are read off the operations' own fields.

What an operation does not state is left out. Namespaces are their keys: `host`, `named/web`, `container/web`.
"""

from __future__ import annotations

import functools
import operator
import re
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

from netwright.model.link import Link
from netwright.model.loan import Loan
from netwright.model.netns import NetnsRef
from netwright.model.operation import AnyOperation, Plan
from netwright.planning.sentence import sentence

VERSION = 1
"""Of the document. It grows when a reader of the old one would be misled."""


_LOANS: tuple[type, ...] = get_args(Loan)


def plan_document(plan: Plan) -> dict[str, Any]:
    """Values that `json.dumps` takes, the same for the same plan."""
    return {
        "version": VERSION,
        "stack": plan.stack,
        "operations": [operation_document(operation) for operation in plan.operations],
        "loans": [{"loan": _loan_name(type(loan)), **_object(loan)} for loan in plan.loans],
        "waiting": list(plan.waiting),
        "warnings": list(plan.warnings),
        "choices": list(plan.choices),
    }


def operation_document(operation: AnyOperation) -> dict[str, Any]:
    """One operation: `operation`, `sentence`, then its own fields."""
    return {"operation": operation_name(type(operation)), "sentence": sentence(operation), **_object(operation)}


def operation_name(kind: type) -> str:
    """`CreateLink` → `create-link`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()


def plan_json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of what `plan_document` gives."""
    operations = [_operation_schema(kind) for kind in get_args(AnyOperation)]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A Netwright plan",
        "type": "object",
        "additionalProperties": False,
        "required": ["version", "stack", "operations", "loans", "waiting", "warnings", "choices"],
        "properties": {
            "version": {"const": VERSION},
            "stack": {"type": "string"},
            "operations": {"type": "array", "items": {"oneOf": operations}, "description": "in the order in which they are done"},
            "loans": {
                "type": "array",
                "items": {"oneOf": [_tagged(kind, "loan", _loan_name(kind)) for kind in _LOANS]},
                "description": "what is borrowed, as it was before",
            },
            "waiting": _sentences("what cannot be done yet, and what it waits for"),
            "warnings": _sentences("what is done as the file says, and may not work as its writer thinks"),
            "choices": _sentences("what the file leaves open, and was chosen now"),
        },
    }


def _sentences(what: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}, "description": what}


def _loan_name(kind: type) -> str:
    """`NicLoan` → `nic`."""
    return kind.__name__.removesuffix("Loan").lower()


def _json(value: Any) -> Any:
    match value:
        case NetnsRef():
            return value.key
        case Link():
            return {"kind": value.kind, **_object(value)}
        case _ if is_dataclass(value):
            return _object(value)
        case Mapping():
            return {str(key): _json(value[key]) for key in value}
        case frozenset():
            return sorted((_json(one) for one in value), key=repr)
        case tuple() | list():
            return [_json(one) for one in value]
        case _:
            return value


def _object(value: Any) -> dict[str, Any]:
    return {
        _key(field.name): _json(stated)
        for field in fields(value)
        if (stated := getattr(value, field.name)) is not None
    }  # fmt: skip


def _key(field: str) -> str:
    """`from_` is `from`: the underscore is Python's."""
    return field.rstrip("_")


def _operation_schema(kind: type) -> dict[str, Any]:
    schema = _tagged(kind, "operation", operation_name(kind))
    schema["properties"]["sentence"] = {"type": "string", "description": "what it does"}
    schema["required"].append("sentence")
    return schema


def _tagged(kind: type, tag: str, name: str) -> dict[str, Any]:
    schema = _object_schema(kind)
    schema["properties"] = {tag: {"const": name}, **schema["properties"]}
    schema["required"] = [tag, *schema["required"]]
    return schema


def _object_schema(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    properties, required = {}, []
    for field in fields(kind):
        hint = hints[field.name]
        if type(None) in get_args(hint):
            stated = [part for part in get_args(hint) if part is not type(None)]
            hint = functools.reduce(operator.or_, stated)
        else:
            required.append(_key(field.name))
        properties[_key(field.name)] = _schema(hint)
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


def _schema(hint: Any) -> dict[str, Any]:
    origin, parts = get_origin(hint), get_args(hint)
    if hint is NetnsRef:
        return {"type": "string", "pattern": r"^(host|named/.+|container/.+)$"}
    if isinstance(hint, type) and issubclass(hint, Link):
        # What only its kind has stands beside these.
        schema = _object_schema(Link)
        return {
            **schema,
            "additionalProperties": True,
            "required": ["kind", *schema["required"]],
            "properties": {"kind": {"type": "string"}, **schema["properties"]},
        }
    if is_dataclass(hint):
        return _object_schema(hint)  # type: ignore[arg-type]
    if origin in {Union, types.UnionType}:
        return {"anyOf": [_schema(part) for part in parts]}
    if origin is tuple and parts[-1] is not Ellipsis:
        return {"type": "array", "prefixItems": [_schema(part) for part in parts], "minItems": len(parts), "maxItems": len(parts)}
    if origin in {tuple, frozenset}:
        return {"type": "array", "items": _schema(parts[0])}
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _schema(parts[1])}
    return {"type": {str: "string", int: "integer", bool: "boolean"}[hint]}
