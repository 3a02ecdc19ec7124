"""Compose files in our language. Each folder of compose_samples is a Compose file and, word for word, what is made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

import netwright
from netwright.errors import InvalidValue, SpecError
from netwright.importing.compose import import_compose
from netwright.importing.compose_ports import ComposePort, parse_port
from netwright.importing.environment import interpolated, read_env_file
from netwright.spec.load import parse
from netwright.spec.values import Ports

SAMPLES = sorted((Path(__file__).parent / "compose_samples").iterdir())
ONE = "services: {{web: {{image: x, ports: [{port}]}}}}\n"


def imported(text: str, folder: str = "shop", **variables: str) -> str:
    return import_compose(text, "compose.yaml", variables=variables, folder=folder)


def refused(text: str, **variables: str) -> str:
    with pytest.raises(SpecError) as caught:
        imported(text, **variables)
    return str(caught.value)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_compose_file_becomes_a_file_that_is_right(sample: Path) -> None:
    text = imported((sample / "compose.yaml").read_text(), sample.name.capitalize(), WEB_PORT="8081")
    assert text == (sample / "expected.yaml").read_text()
    assert parse(text, "expected.yaml")


def test_no_network_of_a_compose_file_is_made_and_none_is_changed() -> None:
    for sample in SAMPLES:
        spec = parse((sample / "expected.yaml").read_text(), "expected.yaml").spec
        assert {network.external and network.managed_by == "docker" for network in spec.networks.values() if network} == {True}


def test_the_line_that_shows_how_to_limit_a_port_is_one_that_the_language_takes() -> None:
    for sample in SAMPLES:
        lines = (sample / "expected.yaml").read_text().splitlines()
        for number, line in enumerate(lines):
            if "To some only: " in line:
                lines[number + 1] = f"      - {line.partition('To some only: ')[2]}"
        parse("\n".join(lines), "limited.yaml")


@pytest.mark.parametrize(
    ("value", "port"),
    [
        ("80", ComposePort(published=None, target=Ports(80, 80))),
        (80, ComposePort(published=None, target=Ports(80, 80))),
        ("8080:80", ComposePort(published=Ports(8080, 8080), target=Ports(80, 80))),
        ("8080:80/UDP", ComposePort(published=Ports(8080, 8080), target=Ports(80, 80), protocol="udp")),
        ("127.0.0.1:8080:80", ComposePort(published=Ports(8080, 8080), target=Ports(80, 80), address="127.0.0.1")),
        ("127.0.0.1::80", ComposePort(published=None, target=Ports(80, 80), address="127.0.0.1")),
        ("[::1]:8080:80", ComposePort(published=Ports(8080, 8080), target=Ports(80, 80), address="::1")),
        ("3000-3005", ComposePort(published=None, target=Ports(3000, 3005))),
        ("9090-9091:8080-8081", ComposePort(published=Ports(9090, 9091), target=Ports(8080, 8081))),
        ("8000-9000:80", ComposePort(published=Ports(8000, 9000), target=Ports(80, 80))),
        ("0:80", ComposePort(published=None, target=Ports(80, 80))),
        ({"target": 80, "published": "8080", "host_ip": "192.0.2.1"}, ComposePort(published=Ports(8080, 8080), target=Ports(80, 80), address="192.0.2.1")),
        ({"target": "53", "published": 53, "protocol": "udp", "mode": "host"}, ComposePort(published=Ports(53, 53), target=Ports(53, 53), protocol="udp")),
        ({"target": 80}, ComposePort(published=None, target=Ports(80, 80))),
    ],
)  # fmt: skip
def test_a_port_in_each_of_composes_forms(value: object, port: ComposePort) -> None:
    assert parse_port(value) == port


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("80:90:100:110", "'80:90:100:110' is not [[ADDRESS:]PORT:]CONTAINERPORT[/PROTOCOL]"),
        ("8080:80/icmp", "'icmp' is not a protocol: tcp, udp or sctp"),
        ("70000:80", "70000 is not a port: 1 to 65535"),
        ("8000-8002:80-81", "8000-8002 cannot map to 80-81: the ranges are not of the same size"),
        ("1.2.3:8080:80", "1.2.3 is not an IPv4 address: it has 3 parts, not 4"),
        (True, "a port is a text, a number or a mapping"),
        ({"published": 80}, "target: is missing, the container's port"),
    ],
)
def test_a_port_that_is_none(value: object, why: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse_port(value)
    assert str(caught.value).startswith(why)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$A-${A}", "1-1"),
        ("$$A $${A}", "$A ${A}"),
        ("${NO:-x}${NO-x}${EMPTY:-y}${EMPTY-y}", "xxy"),
        ("${A:+set}${A+set}${NO:+set}${EMPTY:+set}${EMPTY+set}", "setsetset"),
        ("${NO:-${EMPTY:-${A}}}/${NO:-{}}", "1/{}"),
        ("${A:?is needed}${EMPTY?is needed}", "1"),
        ("$NO", ""),
    ],
)
def test_variables_as_compose_replaces_them(text: str, value: str) -> None:
    unset: set[str] = set()
    assert interpolated(text, {"A": "1", "EMPTY": ""}, unset) == value
    assert unset == ({"NO"} if text == "$NO" else set())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("${NO:?is needed}", "the variable NO is not set: is needed"),
        ("${EMPTY:?}", "the variable EMPTY is not set"),
        ("$1", "'$1' is no variable of Compose's"),
        ("${A", "'${A' has no closing brace"),
        ("${A!b}", "${A!b} is no variable of Compose's"),
        ("${NO:-" * 30 + "}" * 30, "variables are nested more than 20 deep"),
    ],
)
def test_what_is_no_variable(text: str, why: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        interpolated(text, {"A": "1", "EMPTY": ""}, set())
    assert str(caught.value) == why


def test_an_env_file_as_compose_reads_it() -> None:
    text = """\
# a comment
A=1   # and another
export B = two words
C: yaml
D='single $A # kept'
E="double $A\\n\\$A"
F="over
two lines"
G=$HOME/$A
HOME
EMPTY=
URL=http://x/#y
"""
    assert read_env_file(text, {"HOME": "/there", "A": "9"}) == {
        "A": "1",
        "B": "two words",
        "C": "yaml",
        "D": "single $A # kept",
        "E": "double 9\n$A",
        "F": "over\ntwo lines",
        "G": "/there/9",
        "HOME": "/there",
        "EMPTY": "",
        "URL": "http://x/#y",
    }


@pytest.mark.parametrize(("text", "why"), [("A=1\n*=2\n", "line 2 is not NAME=VALUE"), ("\nA='x\n", "the quote of line 2 is not closed")])
def test_an_env_file_that_is_wrong(text: str, why: str) -> None:
    with pytest.raises(InvalidValue, match=why.replace("*", r"\*")):
        read_env_file(text, {})


def test_variables_without_a_value_are_told() -> None:
    text = imported(ONE.format(port='"${PORT:-8080}:80", "${NONE}8443:443"') + "x-unread: ${ALSO_NONE}\n", PORT="81")
    assert "# Not set, and so taken as empty, as Compose does: NONE." in text.splitlines()


@pytest.mark.parametrize(
    ("name", "options", "variables", "project"),
    [
        ("", {}, {}, "myfolder_1"),
        ("name: ${N:-given}\n", {}, {}, "given"),
        ("name: given\n", {}, {"COMPOSE_PROJECT_NAME": "from_env"}, "from_env"),
        ("name: given\n", {"project": "from-option"}, {"COMPOSE_PROJECT_NAME": "from_env"}, "from-option"),
    ],
)
def test_the_projects_name_comes_from_where_compose_takes_it(
    name: str, options: dict[str, str], variables: dict[str, str], project: str
) -> None:
    text = name + ONE.format(port='"${COMPOSE_PROJECT_NAME:+8080}:80"')
    spec = parse(import_compose(text, "c.yaml", variables=variables, folder="_My Folder_1", **options), "x").spec
    network, web = spec.networks["default"], spec.containers["web"]
    assert (spec.name, network and network.name) == (project.replace("_", "-"), f"{project}_default")
    assert web is not None
    assert str(web.docker) == (
        f"labels com.docker.compose.project={project}, com.docker.compose.service=web, com.docker.compose.oneoff=False"
    )
    assert [str(publish.listen) for publish in web.publish] == ["8080/tcp"]


def test_everything_that_is_wrong_is_said_at_once_with_its_place() -> None:
    text = """\
name: No Name
include: [other.yaml]
services:
  a: {extends: {service: b}, ports: ["x:80", 70000]}
  b: {networks: [nowhere], ports: {}}
  c: [list]
  d: {ports: ["${NEEDED:?say it}:80"]}
networks: {e: {ipam: {config: {}}}}
"""
    assert (
        refused(text)
        == """\
compose.yaml:1:7: name: 'No Name' is no name of a Compose project: a-z, 0-9, _ and - only, starting with a letter or digit
    hint: write noname
compose.yaml:2:1: include: files that are included are not read here
    hint: let Compose put it together: docker compose -f FILE config | netwright import compose -
compose.yaml:4:7: services.a.extends: what a service extends is not read here
    hint: let Compose put it together: docker compose -f FILE config | netwright import compose -
compose.yaml:4:38: services.a.ports[0]: 'x' is not a port or a range of ports
    hint: write 80 or 8000-8010
compose.yaml:4:46: services.a.ports[1]: 70000 is not a port: 1 to 65535
compose.yaml:5:7: services.b.networks.nowhere: there is no network nowhere in this file
    hint: declare it under networks:
compose.yaml:5:28: services.b.ports: a list is expected here
compose.yaml:6:3: services.c: a mapping is expected here
compose.yaml:7:15: services.d.ports[0]: the variable NEEDED is not set: say it
    hint: NEEDED=… netwright import compose …
compose.yaml:8:23: networks.e.ipam.config: a list is expected here"""
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "compose.yaml: the file is empty"),
        ("a: 1\n", "compose.yaml:1:1: services: this is no Compose file: it has no services"),
        ("- a\n", "compose.yaml:1:1: services: this is no Compose file: it has no services"),
        ("services: {a: {ports: !reset []}}\n", "compose.yaml:1:23: services.a.ports: the tag !reset is not known here"),
        ("services: {a: {}}\nservices: {b: {}}\n", "compose.yaml:2:1: services: this key stands here twice; the first is at line 1"),
    ],
)
def test_what_is_no_compose_file(text: str, why: str) -> None:
    assert refused(text).startswith(why)


def test_the_api_reads_what_stands_beside_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMPOSE_PROJECT_NAME", raising=False)
    monkeypatch.setenv("WHERE", "environment")
    (tmp_path / "Shop").mkdir()
    file = tmp_path / "Shop" / "compose.yaml"
    file.write_text(ONE.format(port='"$FROM_ENV_FILE:80"') + "networks: {default: {name: '$WHERE'}}\n")
    (tmp_path / "Shop" / ".env").write_text("FROM_ENV_FILE=8080\nWHERE=file\n")
    (tmp_path / "Shop" / "compose.override.yml").write_text("services: {}\n")
    text = netwright.import_compose(file, name="mine")
    assert "# compose.override.yml beside it is not read: let `docker compose config` put both together." in text.splitlines()
    spec = netwright.parse(text, "mine.yaml").spec
    assert spec.name == "mine"
    assert [network.name for network in spec.networks.values() if network] == ["environment"]
    (tmp_path / "Shop" / ".env").write_text("'")
    with pytest.raises(SpecError, match="line 1 is not NAME=VALUE"):
        netwright.import_compose(file)
