"""The file's shape as JSON Schema, for editors and for the reference page. What two values are wrong about together it cannot say."""

from __future__ import annotations

from typing import Any

from netwright.spec.fields import SHORT_PATTERN
from netwright.spec.schema import Spec

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NAMED = {"Spec": "Stack", "NicSelector": "NIC selector", "LabelSelector": "Label selector"}
_ORIGINS = ("network", "nic", "peer")


def json_schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12, of a file as YAML 1.2 reads it. Every key has a description."""
    raw = Spec.model_json_schema(by_alias=True)
    parts: dict[str, Any] = {name: _part(name, part) for name, part in raw.pop("$defs").items()}
    top = _part("Spec", raw)
    top["title"] = "A Netwright stack"
    top["patternProperties"] = {"^x-": {"description": "yours: a place for what aliases and merge keys repeat; not looked at"}}
    external = _true("external")
    nowhere = {"not": {"anyOf": [_has(origin) for origin in _ORIGINS]}}
    parts["InterfaceSpec"]["oneOf"] = [*(_has(origin) for origin in _ORIGINS), external | nowhere]
    parts["InterfaceSpec"]["not"] = {"allOf": [external, {"anyOf": [_has("nic"), _true("default_route")]}]}
    parts["InterfaceSpec"]["dependentSchemas"] = {key: _has("network") for key in ("address", "port")}
    parts["LabelSelector"]["anyOf"] = [_has(key) for key in ("label", "service", "project")]
    parts["PolicySpec"]["anyOf"] = [_has("from"), _has("to")]
    parts["NicSelector"]["oneOf"] = [_has("mac"), _has("pci")]
    long_form = parts["ContainerPublishSpec"]
    parts["ContainerPublishSpec"] = {
        "title": long_form["title"],
        "description": long_form["description"],
        "oneOf": [
            {
                "type": "string",
                "pattern": SHORT_PATTERN,
                "description": "[INTERFACE:|ADDRESS:]PORT:CONTAINERPORT[/tcp|udp|sctp], as Docker's -p",
            },
            {key: value for key, value in long_form.items() if key not in ("title", "description")},
        ],
    }
    return {"$schema": DIALECT, **top, "$defs": dict(sorted(parts.items()))}


def _has(key: str) -> dict[str, Any]:
    return {"required": [key], "properties": {key: {"not": {"type": "null"}}}}


def _true(key: str) -> dict[str, Any]:
    return {"required": [key], "properties": {key: {"const": True}}}


def _part(name: str, part: dict[str, Any]) -> dict[str, Any]:
    part = {key: value for key, value in part.items() if key != "title"}
    title = _NAMED.get(name) or _words(name.removesuffix("Spec"))
    description = " ".join(part.pop("description", "").split())
    part["properties"] = {key: _tidy(value) for key, value in part["properties"].items()}
    return {"title": title, "description": description, **part}


def _words(name: str) -> str:
    """`ContainerPublish` → `Container publish`."""
    return "".join(f" {letter.lower()}" if letter.isupper() and place else letter for place, letter in enumerate(name))


def _tidy(value: Any) -> Any:
    """Without the titles that pydantic makes of keys and without `null` as a default; a mapping by name takes no other names."""
    if isinstance(value, list):
        return [_tidy(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    tidy = {key: _tidy(inner) for key, inner in value.items() if key != "title" and not (key == "default" and inner is None)}
    return tidy | {"additionalProperties": False} if "patternProperties" in tidy else tidy
