"""The JSON Schema takes what the parser takes, and refuses what one can see is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from netwright.spec.json_schema import json_schema
from netwright.spec.yaml_tree import read

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
CASES = Path(__file__).parent / "spec_cases"
SHAPES = ["choices", "malformed-names", "not-supported-yet", "numbers-out-of-range", "required-keys", "unknown-keys", "wrong-types", "interfaces-of-no-kind"]  # fmt: skip
SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)


def test_it_is_json_schema_2020_12():
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["title"] == "A Netwright stack"
    assert "$id" not in SCHEMA


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_it_takes_every_example(file: Path):
    assert [error.message for error in VALIDATOR.iter_errors(read(file.read_text()).values)] == []


@pytest.mark.parametrize("case", SHAPES)
def test_it_refuses_files_of_a_wrong_shape(case: str):
    assert not VALIDATOR.is_valid(read((CASES / case / "file.yaml").read_text()).values)


@pytest.mark.parametrize(
    ("part", "right"),
    [
        ("containers: {web: {publish: ['8080:80/tcp', {listen: 8080, to: 80, from: 10.0.0.0/8}]}}", True),
        ("containers: {web: {publish: ['80']}}", False),
        ("containers: {web: {publish: [{to: 80}]}}", False),
        ("containers: {web: {docker: {label: app=web}}, db: }", True),
        ("namespaces: {a: {publish: ['8080:80']}}", False),
        ("namespaces: {a: {publish: [{listen: '[fd00::1]:80-90/udp', to: '[fd00::2]:80'}]}}", True),
        ("namespaces: {a: {interfaces: {eth0: {nic: {mac: '02:00:00:00:00:01'}}}}}", True),
        ("namespaces: {a: {interfaces: {eth0: {nic: {pci: '0000:03:00.0'}}}}}", True),
        ("namespaces: {a: {interfaces: {eth0: {nic: {pci: '0000:03:00.0', mac: '02:00:00:00:00:01'}}}}}", False),
        ("namespaces: {a: {interfaces: {eth0: {nic: {}}}}}", False),
        ("namespaces: {a: {interfaces: {eth0: {nic: eth0, network: lan}}}}", False),
        ("namespaces: {a: {interfaces: {eth0: {nic: eth0, address: 10.0.0.1}}}}", False),
        ("namespaces: {a: {interfaces: {a-name-too-long-for-it: {nic: eth0}}}}", False),
        ("namespaces: {a: {sysctls: {net.ipv4.ip_forward: 1}}}", True),
        ("namespaces: {a: {sysctls: {vm.swappiness: 1}}}", False),
        ("networks: {lan: , wan: {gateway: none}, six: {gateway: ['fd00::1'], ip_range: 'fd00::/80'}}", True),
        ("networks: {lan: {gateway: [none, [10.0.0.1]]}}", False),
        ("policies: [{name: web, from: [lan, 10.0.0.0/8, 'fd00::/8'], to: web, ports: [80, 90-99/udp, icmp], log: true}]", True),
        ("policies: [{name: no-mail, to: internet, ports: 25, action: deny}]", True),
        ("policies: [{name: web, ports: 80}]", False),
        ("policies: [{name: web, to: web, ports: 80/tls}]", False),
        ("policies: [{to: web}]", False),
        ("x-mine: {anything: [goes]}", True),
        ("mine: {}", False),
        ("host: {masquerade: [eth0]}", True),
    ],
)
def test_it_knows_every_form_of_the_language(part: str, right: bool):
    assert VALIDATOR.is_valid(read(f"version: 1\nname: lab\n{part}\n").values) is right


def test_every_key_and_every_part_is_described_in_one_line():
    assert [path for path, text in _descriptions(SCHEMA, "") if not text or "\n" in text] == []


def _descriptions(part: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    yield path or "top", part.get("description", "")
    for key, value in part.get("properties", {}).items():
        yield f"{path}.{key}", value.get("description", "")
    for name, inner in part.get("$defs", {}).items():
        yield from _descriptions(inner, name)
