"""Writes the generated parts of docs/reference/, between `<!-- generated: WHAT -->` and `<!-- end -->`, the API's description, and the picture in docs/images/.

Keys come from the file's JSON Schema, commands from the click tree, operations from the JSON Schema of plans.
`--check` writes nothing, and ends with 1 if something would change.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from netwright.frontends.cli.program import program
from netwright.frontends.daemon.openapi import openapi_document
from netwright.picture import draw, from_document
from netwright.planning.document import plan_json_schema
from netwright.spec.load import parse
from netwright.spec.schema import Spec

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "reference"
_PART = re.compile(r"(<!-- generated: (?P<what>[^>]+?) -->\n).*?(<!-- end -->)", re.DOTALL)


def generate(what: str) -> str:
    """The Markdown of one generated part."""
    if what == "commands":
        return "\n".join(_commands(program, "netwright"))
    if what == "operations":
        return "\n".join(_operations())
    return "\n".join(_keys(what.removeprefix("keys of ")))


def with_generated_parts(page: str) -> str:
    """A page's text with its generated parts as they should be."""
    return _PART.sub(lambda match: match[1] + generate(match["what"]).rstrip() + "\n" + match[3], page)


def _keys(definition: str) -> Iterator[str]:
    schema = Spec.model_json_schema(by_alias=True)
    part = schema if definition == "Spec" else schema["$defs"][definition]
    required = part.get("required", ())
    yield "| key | what it is | default |"
    yield "|--|--|--|"
    for key, value in part["properties"].items():
        words = _cell(value.get("description", ""))
        kind = _cell(_kind(value))
        text = words if kind == "text" and words else f"{kind}{': ' if words and words != kind else ''}{words if words != kind else ''}"
        yield f"| `{key}` | {text} | {'**required**' if key in required else _default(value)} |"


def _kind(value: dict[str, Any]) -> str:
    if "$ref" in value:
        return f"[{_definition_words(value['$ref'])}](#{_definition_words(value['$ref']).replace(' ', '-')})"
    for several in ("anyOf", "oneOf"):
        if several in value:
            kinds = [_kind(one) for one in value[several] if one.get("type") != "null"]
            return " or ".join(dict.fromkeys(kinds))
    if "allOf" in value:
        return " ".join(_kind(one) for one in value["allOf"])
    if "enum" in value:
        return " | ".join(f"`{one}`" for one in value["enum"])
    if "const" in value:
        return f"`{value['const']}`"
    kind = value.get("type", "text")
    if kind == "array":
        return f"list of {_plural(_kind(value.get('items', {})))}"
    if kind == "object":
        inner = value.get("additionalProperties") or next(iter(value.get("patternProperties", {}).values()), None)
        return f"mapping of names to {_plural(_kind(inner))}" if isinstance(inner, dict) else "mapping"
    if isinstance(kind, list):
        return " or ".join(_plain(one) for one in kind)
    if kind == "integer" and "minimum" in value:
        return f"number, {value['minimum']} to {value['maximum']}" if "maximum" in value else f"number, at least {value['minimum']}"
    return value.get("description") or _plain(kind) if kind == "string" else _plain(kind)


def _plural(kind: str) -> str:
    return f"{kind}s" if kind.isalpha() else kind


def _plain(kind: str) -> str:
    return {"string": "text", "integer": "number", "boolean": "`true` | `false`", "null": "nothing"}.get(kind, kind)


def _definition_words(reference: str) -> str:
    """`#/$defs/ContainerPublishSpec` → `container publish`: the heading that the page gives it."""
    name = reference.rpartition("/")[2].removesuffix("Spec")
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower()


def _default(value: dict[str, Any]) -> str:
    default = value.get("default")
    if default is None or default in ({}, []):
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").strip()


def _commands(command: click.Command, path: str, parent: click.Context | None = None) -> Iterator[str]:
    context = click.Context(command, info_name=path.rpartition(" ")[2], parent=parent)
    pieces = " ".join(command.collect_usage_pieces(context))
    yield from (f"## {path}", "", "```text", f"{path} {pieces}".rstrip(), "```", "")
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        yield from (*_paragraph(paragraph), "")
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    if options:
        yield from ("| option | does |", "|--|--|")
        for option in options:
            record = option.get_help_record(context)
            if record:
                yield f"| `{_cell(record[0])}` | {_cell(record[1])} |"
        yield ""
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None and not child.hidden:
                yield from _commands(child, f"{path} {name}", context)


def _paragraph(text: str) -> Iterator[str]:
    """What click prints as it is written (behind its mark) is shown so: `Example: a` and an indented `b` as a block."""
    words = text.removeprefix("\b\n")
    label, _, rest = words.partition(":")
    if words == text or "\n " not in words:
        yield words
    elif label.isalpha():
        yield from (f"{label}:", "", "```text", textwrap.dedent(" " * (len(label) + 1) + rest), "```")
    else:
        yield from ("```text", words, "```")


def _operations() -> Iterator[str]:
    yield "| operation | its fields, beside `operation`, `sentence` and `why`; with `?`: where it applies |"
    yield "|--|--|"
    for one in plan_json_schema()["properties"]["operations"]["items"]["oneOf"]:
        fields = [key for key in one["properties"] if key not in {"operation", "sentence", "why"}]
        optional = [key for key in fields if key not in one["required"]]
        words = ", ".join(f"`{key}`" + ("?" if key in optional else "") for key in fields)
        yield f"| `{one['properties']['operation']['const']}` | {words} |"


def main() -> int:
    stale = []
    for page in sorted(PAGES.glob("*.md")):
        text = page.read_text()
        wanted = with_generated_parts(text)
        if wanted != text:
            stale.append(page.name)
            if "--check" not in sys.argv:
                page.write_text(wanted)
    files = {PAGES / "openapi.json": json.dumps(openapi_document(), indent=2, ensure_ascii=False) + "\n"}
    drawing = draw(from_document(parse((ROOT / "examples/article.yaml").read_text(), "article.yaml")), "svg")
    files[ROOT / "docs/images/article.svg"] = drawing
    for file, wanted in files.items():
        if not file.exists() or file.read_text() != wanted:
            stale.append(file.name)
            if "--check" not in sys.argv:
                file.write_text(wanted)
    if stale:
        words = "out of date: {}; run scripts/gen_reference.py" if "--check" in sys.argv else "written: {}"
        print(words.format(", ".join(stale)), file=sys.stderr)
    return int(bool(stale) and "--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
