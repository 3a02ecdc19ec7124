"""The documentation keeps up: generated parts are as generated, nothing that a person can type is missing, no link is dead."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import pytest

from netwright.frontends.cli.program import COMMANDS
from netwright.frontends.daemon.openapi import openapi_document
from netwright.picture import draw, from_document
from netwright.spec.load import parse
from netwright.spec.schema import Spec

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
REFERENCE = sorted(ROOT.glob("docs/reference/*.md"))
_LINK = re.compile(r"\]\((?!https?:|mailto:|#)(?P<target>[^)#\s]+)(?:#(?P<anchor>[^)\s]+))?\)")


@pytest.mark.parametrize("page", REFERENCE, ids=lambda page: page.stem)
def test_a_reference_page_is_as_the_code_says(page: Path):
    generator = runpy.run_path(str(ROOT / "scripts" / "gen_reference.py"))

    assert page.read_text() == generator["with_generated_parts"](page.read_text())


def test_the_picture_is_as_the_code_draws_it():
    document = parse((ROOT / "examples/article.yaml").read_text(), "article.yaml")

    assert (ROOT / "docs/images/article.svg").read_text() == draw(from_document(document), "svg")


def test_the_description_of_the_api_is_as_it_is_served():
    assert json.loads((ROOT / "docs/reference/openapi.json").read_text()) == openapi_document()


def test_every_command_has_its_place_in_the_reference_and_in_the_readme():
    reference = (ROOT / "docs/reference/commands.md").read_text()
    everywhere = "".join(page.read_text() for page in PAGES if "reference" not in page.parts)
    public = [name for name in COMMANDS if not name.startswith("_")]

    assert [name for name in public if f"## netwright {name}\n" not in reference] == []
    assert [name for name in public if f"netwright {name}" not in everywhere] == []


def test_every_key_at_the_top_of_the_file_has_its_place_in_the_reference():
    page = (ROOT / "docs/reference/file.md").read_text()

    assert [key for key in Spec.model_fields if f"| `{key}` |" not in page] == []


def test_every_part_of_the_file_has_its_table():
    page = (ROOT / "docs/reference/file.md").read_text()
    parts = ["Spec", *Spec.model_json_schema()["$defs"]]

    assert [part for part in parts if f"<!-- generated: keys of {part} -->" not in page] == []


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "docs/tutorial.md"], ids=lambda page: page.stem)
def test_the_file_that_is_shown_is_the_example(page: Path):
    blocks = re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)

    assert (ROOT / "examples/article.yaml").read_text() in blocks


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_link_leads_nowhere(page: Path):
    dead = [match["target"] for match in _LINK.finditer(page.read_text()) if not (page.parent / match["target"]).exists()]

    assert dead == []


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text()

    assert [
        str(page.relative_to(ROOT / "docs")) for page in ROOT.glob("docs/**/*.md") if str(page.relative_to(ROOT / "docs")) not in navigation
    ] == []
