"""Every file in examples/ is right, and says what its name promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from netwright.spec.load import parse

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = sorted(EXAMPLES.glob("*.yaml"))


def test_the_examples_are_these():
    assert [file.name for file in FILES] == [
        "article.yaml",
        "dual-stack.yaml",
        "lab.yaml",
        "macvlan.yaml",
        "policies.yaml",
        "publish.yaml",
        "routers.yaml",
    ]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_example_is_right_and_its_stack_is_called_as_its_file(file: Path):
    document = parse(file.read_text(), str(file))

    assert document.spec.name == file.stem


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_two_examples_use_the_same_subnet(file: Path):
    mine = set(_subnets(file))
    others = {subnet for other in FILES if other != file for subnet in _subnets(other)}

    assert not mine & others


def test_all_examples_can_stand_on_one_host_together():
    names = [name for file in FILES for name in parse(file.read_text(), str(file)).spec.namespaces]

    assert len(names) == len(set(names))


def _subnets(file: Path) -> list[str]:
    return [subnet for network in parse(file.read_text(), str(file)).spec.networks.values() if network for subnet in network.subnets]
