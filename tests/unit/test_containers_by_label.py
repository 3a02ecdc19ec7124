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
    for selector in ({"service": "web", "project": "shop"}, {"project": "shop"}):
        jsonschema.validate({"version": 1, "name": "shop", "containers": {"web": {"docker": selector}}}, json_schema())
    for label in ("app=web", ["project=shop", "service=web"]):
        jsonschema.validate({"version": 1, "name": "shop", "containers": {"web": {"docker": {"label": label}}}}, json_schema())


def selected(selector: str, **labels: dict[str, str]) -> list[str]:
    text = f"version: 1\nname: shop\ncontainers: {{web: {{docker: {selector}}}}}\n"
    docker = DockerState(containers={name: Container(name=name, labels=its) for name, its in labels.items()})
    return [container.name for container in matches("web", parse(text, "shop.yaml").spec.containers["web"], docker)]


def compose(project: str, service: str, **more: str) -> dict[str, str]:
    return {"com.docker.compose.project": project, "com.docker.compose.service": service, **more}


def test_a_service_of_compose_is_known_by_its_name_and_its_project() -> None:
    there = {
        "one": compose("shop", "web"),
        "two": compose("blog", "web"),
        "db": compose("shop", "db", tier="back"),
        "run": compose("shop", "web", **{"com.docker.compose.oneoff": "True"}),
    }
    assert selected("{service: web, project: shop}", **there) == ["one"]
    assert selected("{service: web}", **there) == ["one", "two"]
    assert selected("{project: shop}", **there) == ["db", "one", "run"]
    assert selected("{project: shop, label: tier=back}", **there) == ["db"]


def test_a_selector_that_says_nothing_is_refused() -> None:
    with pytest.raises(SpecError) as caught:
        selected("{}")
    assert (
        str(caught.value) == "shop.yaml:3:20: containers.web.docker: it says nothing of the container\n"
        "    hint: say label: KEY=VALUE, or service: NAME with project: NAME"
    )


def test_two_entries_for_the_same_labels_are_one_container_twice() -> None:
    text = "version: 1\nname: shop\ncontainers:\n  a: {docker: {label: [x, y=1]}}\n  b: {docker: {label: [x, y=1]}}\n"
    with pytest.raises(SpecError) as caught:
        parse(text, "shop.yaml")
    assert str(caught.value) == "shop.yaml:5:3: containers.b: this is the same container as containers.a (line 4): labels x, y=1"
