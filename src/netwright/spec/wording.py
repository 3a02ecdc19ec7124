"""What pydantic found, in our words and at its place in the file."""

from __future__ import annotations

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic_core import ErrorDetails

from netwright.errors import InvalidValue
from netwright.spec.fields import noun
from netwright.spec.findings import Findings, listing
from netwright.spec.part import Part
from netwright.spec.places import Path
from netwright.spec.schema import ContainerPublishSpec, InterfaceSpec, PublishSpec, Spec
from netwright.spec.suggest import closest, did_you_mean

_EXPECTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "list_type": "a list",
    "form": "a text or a mapping",
}

_ELSEWHERE = {
    "driver_opts": ("options",),
    "ipam": ("subnets",),
    "ports": ("publish",),
    "ipv4_address": ("address",),
    "ipv6_address": ("address",),
    "ip": ("address",),
    "mac_address": ("mac",),
    "macaddress": ("mac",),
    "gateway": ("via",),
    "gateway4": ("routes",),
    "gateway6": ("routes",),
    "device": ("dev",),
    "interface": ("dev",),
    "src": ("source",),
    "container_name": ("docker",),
    "dns": ("nameservers",),
    "dns_search": ("search",),
    "nat": ("masquerade",),
    "snat": ("masquerade",),
    "services": ("containers",),
    "netns": ("namespaces", "namespace"),
}
"""What Compose, netplan and ip(8) call a thing, and what it is called here."""


def report(errors: list[ErrorDetails], values: Any, findings: Findings) -> list[Path]:
    """Add them to `findings`. Returns what has to be left out for the rest to be looked at: paths as in the file."""
    out: list[Path] = []
    for error in errors:
        path, at_key = _path(error, values)
        message, hint = _sentence(error, path)
        if error["type"] == "missing":
            out.append(findings.in_file(path if len(path) == 1 else path[:-1]))
            path = path[:-1]
        else:
            out.append(findings.in_file(path))
        findings.add(path, message, hint, at_key=at_key or error["type"] == "extra_forbidden")
    return out


def _path(error: ErrorDetails, values: Any) -> tuple[Path, bool]:
    """Where in the values an error is, and whether it is about the key there. pydantic's own steps (a union's branch, …) are left out."""
    path: Path = ()
    here: Any = values
    loc = error["loc"]
    for number, step in enumerate(loc):
        if _has(here, step):
            here = here[step]
        elif step == "[key]":
            return path, True
        elif error["type"] == "missing" and number == len(loc) - 1:
            pass
        else:
            continue
        path = (*path, step)
    return path, False


def _has(part: Any, step: int | str) -> bool:
    if isinstance(part, list):
        return isinstance(step, int) and step < len(part)
    return isinstance(part, dict) and step in part


def _sentence(error: ErrorDetails, path: Path) -> tuple[str, str | None]:
    kind, value, context = error["type"], error["input"], error.get("ctx") or {}
    if kind == "value_error" and isinstance(context.get("error"), InvalidValue):
        reason: InvalidValue = context["error"]
        return str(reason), reason.hint
    if kind == "extra_forbidden":
        return _unknown(path)
    if kind == "missing":
        example = (
            {"version": "write `version: 1`", "name": "the stack needs one, e.g. `name: lab`"}.get(str(path[-1]))
            if len(path) == 1
            else None
        )
        return f"{path[-1]}: is missing", example
    if kind in _EXPECTED:
        expected = "a text or a mapping" if _part(path) is ContainerPublishSpec else _EXPECTED[kind]
        if isinstance(value, str) and _part(path) is PublishSpec:
            return f"{expected} is expected here, not a text", "the short form is for containers; here write {listen: PORT, to: NAME:PORT}"
        if value is None and _part(path) is InterfaceSpec:
            return "nothing is said of this interface", "say what it is, e.g. {network: NAME}"
        shown = value if kind == "int_type" and isinstance(value, float) else noun(value)
        return f"{expected} is expected here, not {shown}", _type_hint(kind, value)
    if kind == "literal_error":
        choices = _choices(path)
        shown = repr(value) if isinstance(value, str) else noun(value)
        close = closest(value, choices) if isinstance(value, str) else None
        known = f"one of {listing(choices)}" if len(choices) > 1 else "known here"
        return f"{shown} is not {known}", f"did you mean {close}?" if close else None
    if kind == "greater_than_equal":
        return f"{value} is too small: at least {context['ge']}", None
    if kind == "less_than_equal":
        return f"{value} is too big: at most {context['le']}", None
    return "this is not what is expected here", None


def _unknown(path: Path) -> tuple[str, str | None]:
    *around, key = path
    part = _part(tuple(around))
    if part is None:
        return f"the key {key!r} is not known here", None
    if key in part.later:
        return "not supported yet", "leave it out; a later release will know it"
    if key == "protect":
        return "the key 'protect' is not known here", "host: has it: Docker publishes the host's ports"
    known = _keys(part)
    where = "at the top of the file" if not around else "here"
    elsewhere = next((ours for ours in _ELSEWHERE.get(str(key), ()) if ours in known), None)
    hint = f"here it is called {elsewhere}" if elsewhere else did_you_mean(str(key), known, "keys known here")
    return f"the key {key!r} is not known {where}", hint


def _type_hint(kind: str, value: Any) -> str | None:
    if kind == "string_type" and isinstance(value, int | float):
        return "put it in quotes"
    if kind == "int_type" and isinstance(value, str) and value.isdecimal():
        return "leave out the quotes"
    if kind == "bool_type" and isinstance(value, str):
        yes, no = ("yes", "on", "true", "y"), ("no", "off", "false", "n")
        return "write true" if value.lower() in yes else "write false" if value.lower() in no else None
    if value is None and kind in ("list_type", "dict_type", "model_type"):
        return "leave out the key, or write " + ("[]" if kind == "list_type" else "{}")
    if kind == "list_type":
        return "write each element on a line of its own after `- `, or all of them in [ ]"
    return None


def _keys(part: type[Part]) -> dict[str, Any]:
    """What may stand in a part, as it is written: key → annotation."""
    return {field.alias or name: field for name, field in part.model_fields.items()}


def _part(path: Path) -> type[Part] | None:
    """The class of the mapping at `path`; None: none of ours."""
    kind = _kind(path)
    return kind if isinstance(kind, type) and issubclass(kind, Part) else None


def _choices(path: Path) -> list[str]:
    kind = _kind(path)
    return [str(choice) for choice in get_args(kind)] if get_origin(kind) is Literal else []


def _kind(path: Path) -> Any:
    """The type of what stands at `path`, without the `| None` and the annotations around it."""
    kind: Any = Spec
    for step in path:
        if isinstance(kind, type) and issubclass(kind, Part):
            fields = _keys(kind)
            if step not in fields:
                return None
            kind = _bare(fields[str(step)].annotation)
        elif get_origin(kind) in (dict, list):
            kind = _bare(get_args(kind)[-1])
        else:
            return None
    return kind


def _bare(kind: Any) -> Any:
    while True:
        if get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
        elif get_origin(kind) in (Union, types.UnionType):
            branches = [_bare(branch) for branch in get_args(kind) if branch is not type(None)]
            parts = [branch for branch in branches if isinstance(branch, type) and issubclass(branch, Part)]
            kind = (parts or branches)[0]
        else:
            return kind
