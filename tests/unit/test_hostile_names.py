"""What others may name as they like is text, wherever it comes to stand: a shell's word, a picture's label, a line of a file, a path."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from scene import host, link, planned, resolved, state

from netwright.backends.docker_answers import container_name, network_name
from netwright.model.docker import Attachment, Container, DockerNetwork, DockerState, DockerSubnet
from netwright.model.netns import HOST
from netwright.model.operation import ConnectContainer, CreateDockerNetwork, DisconnectContainer, Plan
from netwright.model.state import State
from netwright.picture import draw, from_document
from netwright.planning.commands import shell_commands
from netwright.planning.text import plan_text
from netwright.spec.load import parse

HOSTILE = [
    "$(touch pwned)",
    "`touch pwned`",
    "a; touch pwned #",
    "' ; touch pwned '",
    '" ; touch pwned "',
    "a\ntouch pwned\n",
    "--privileged",
    "../../etc/passwd",
    '} drop; } table ip x { comment "',
    "<script>alert(1)</script>",
    "]]><!--",
    "%%{init: {}}%%",
    "\x1b[31m\x1b]0;x\x07",
]
SHOP = """\
version: 1
name: shop
networks: {lan: {managed_by: docker, name: lan, subnets: [10.5.0.0/24]}}
namespaces: {box: {interfaces: {eth0: {network: lan}}}}
containers: {web: {docker: {label: app=web}, networks: {lan: {}}, publish: ["8080:80"]}}
"""


def around(name: str) -> State:
    """A host whose engine runs a container that somebody has called `name`, labelled so, too."""
    lan = DockerNetwork(
        name="lan",
        driver="bridge",
        owner="shop",
        subnets=(DockerSubnet(subnet="10.5.0.0/24", gateway="10.5.0.1"),),
        id="1" * 64,
        bridge="br-lan",
    )
    called = container_name({"Names": [f"/{name}"], "Id": "2" * 64})
    web = Container(
        name=called,
        id="2" * 64,
        pid=77,
        labels={"app": "web", name: name},
        attachments={"lan": Attachment(network="lan", ipv4="10.5.0.9", gateway4="10.5.0.1")},
    )
    return state(host(link("br-lan")), docker=DockerState(networks={"lan": lan}, containers={called: web}))


def words_of(commands: list[str]) -> list[list[str]]:
    """What a shell makes of them: the words that each docker gets."""
    stub = "docker() { for word; do printf '%s\\001' \"$word\"; done; printf '\\002'; }\n"
    done = subprocess.run(["sh", "-eu"], input=stub + "\n".join(commands), capture_output=True, text=True, check=True, timeout=30)
    return [call.split("\x01")[:-1] for call in done.stdout.split("\x02")[:-1]]


@pytest.mark.parametrize("name", HOSTILE)
def test_by_hand_it_is_one_word(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    network = DockerNetwork(name="lan", driver="bridge", owner="shop", labels={"k": name}, options={"o": name})
    operations = (
        CreateDockerNetwork(network=network, why=""),
        ConnectContainer(container=name, attachment=Attachment(network="lan", ipv4="10.5.0.9"), why=""),
        DisconnectContainer(container=name, network="lan", why=""),
    )
    create, connect, disconnect = words_of(shell_commands(Plan(stack="shop", operations=operations)))
    assert create[:2] == ["network", "create"]
    assert {f"k={name}", f"o={name}"} <= {word.partition("=")[2] if word.startswith("--") else word for word in create}
    assert name in connect
    assert name in disconnect
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", HOSTILE)
def test_rules_and_files_hold_addresses_and_names_of_the_file_alone(name: str) -> None:
    observed = around(name)
    desired = resolved(SHOP, observed).desired
    table = desired.state.namespaces[HOST].table
    assert table is not None
    assert "10.5.0.9" in table.text
    plain = resolved(SHOP, around("web")).desired
    other = plain.state.namespaces[HOST].table
    # What it is called makes no difference.
    assert other is not None
    assert table.text == other.text
    assert desired.state.namespaces[HOST].foreign == plain.state.namespaces[HOST].foreign
    for folder in desired.state.files.values():
        for content in folder.values():
            assert "pwned" not in content


@pytest.mark.parametrize("name", HOSTILE)
def test_a_plan_in_words_has_no_line_and_no_colour_of_theirs(name: str) -> None:
    observed = around(name)
    docker = observed.docker
    assert docker is not None
    alone = {key: replace(one, attachments={}) for key, one in docker.containers.items()}
    text = plan_text(planned(SHOP, replace(observed, docker=replace(docker, containers=alone))), full=True)
    assert "\x1b" not in text
    assert "pwned" not in text


@pytest.mark.parametrize("name", HOSTILE)
def test_a_picture_shows_it_as_text(name: str) -> None:
    label = name.replace("\n", " ").replace("\x1b", "").replace("\x07", "").replace("'", "")
    text = SHOP.replace("app=web", "'app=" + label + "'")
    picture = from_document(parse(text, "shop.yaml"))
    tags = {element.tag.rpartition("}")[2] for element in ET.fromstring(draw(picture, "svg")).iter()}
    assert "script" not in tags
    assert "<script>" not in draw(picture, "mermaid")
    for shape in ("dot", "mermaid"):
        drawn = draw(picture, shape)  # type: ignore[arg-type]
        plain = draw(from_document(parse(SHOP, "shop.yaml")), shape)  # type: ignore[arg-type]
        assert len(drawn.splitlines()) == len(plain.splitlines())


def test_what_an_engine_calls_something_is_a_name_or_not_used() -> None:
    for name in HOSTILE:
        assert container_name({"Names": [f"/{name}"], "Id": "2" * 64}) == "2" * 12
    assert container_name({"Names": ["/db/web", "/web_1.a-b"], "Id": "2" * 64}) == "web_1.a-b"
    assert [network_name({"Name": name, "Id": "3" * 64}) for name in ("my net", "a\nb", "\x1b[31m")] == ["my net", "3" * 12, "3" * 12]
