"""Containers that a file knows by their labels."""

from __future__ import annotations

import jsonschema
import pytest

from netwright.errors import SpecError
from netwright.model.docker import Container, DockerState
from netwright.resolve.facts import matches
from netwright.spec.json_schema import json_schema
from netwright.spec.load import parse

FILE = "version: 1\nname: shop\ncontainers: {{web: {{docker: {{label: {label}}}}}}}\n"


def meant(label: str, **labels: dict[str, str]) -> list[str]:
    """The containers, of those with these labels, that an entry with `label:` means."""
    spec = parse(FILE.format(label=label), "shop.yaml").spec.containers["web"]
    docker = DockerState(containers={name: Container(name=name, labels=its) for name, its in labels.items()})
    return [container.name for container in matches("web", spec, docker)]


def test_one_label_means_every_container_that_has_it() -> None:
    assert meant("app=web", b={"app": "web"}, a={"app": "web", "x": ""}, c={"app": "db"}, d={}) == ["a", "b"]
    assert meant("app", b={"app": "web"}, c={"app": ""}, d={"apple": ""}) == ["b", "c"]


def test_of_several_labels_a_container_has_them_all() -> None:
    one = {"project": "shop", "service": "web"}
    assert meant("[project=shop, service=web]", one=one, two={**one, "project": "blog"}, three={"project": "shop"}) == ["one"]


def test_no_label_at_all_means_nothing_and_is_refused() -> None:
    with pytest.raises(SpecError) as caught:
        parse(FILE.format(label="[]"), "shop.yaml")
    assert (
        str(caught.value)
        == "shop.yaml:3:29: containers.web.docker.label: an empty list means no container\n    hint: write KEY=VALUE, or KEY for any value"
    )


def test_the_schema_takes_one_label_or_a_list() -> None:
    for label in ("app=web", ["project=shop", "service=web"]):
        jsonschema.validate({"version": 1, "name": "shop", "containers": {"web": {"docker": {"label": label}}}}, json_schema())


def test_two_entries_for_the_same_labels_are_one_container_twice() -> None:
    text = "version: 1\nname: shop\ncontainers:\n  a: {docker: {label: [x, y=1]}}\n  b: {docker: {label: [x, y=1]}}\n"
    with pytest.raises(SpecError) as caught:
        parse(text, "shop.yaml")
    assert str(caught.value) == "shop.yaml:5:3: containers.b: this is the same container as containers.a (line 4): labels x, y=1"
