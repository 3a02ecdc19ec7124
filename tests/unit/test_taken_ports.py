"""One port of a host is published by one stack; and by no stack where the driver publishes it to another container."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from netwright.dockerdriver.conflicts import Claim
from netwright.dockerdriver.options import NetworkOptions
from netwright.dockerdriver.records import Endpoint, Network, PortMapping, Records, Subnet
from netwright.dockerdriver.view import with_records
from netwright.errors import Refused
from netwright.model.docker import Attachment, Container, DockerNetwork, DockerState, PortBinding
from netwright.resolve.taken import taken, taken_by_driver
from netwright.spec.load import parse

sys.path.insert(0, str(Path(__file__).parent))

from memory_host import a_host

from netwright.backends.store import SqliteStore
from netwright.engine.engine import Engine
from netwright.engine.outcome import Silent


def stack(name: str, *ports: str) -> str:
    return f"version: 1\nname: {name}\ncontainers: {{web: {{publish: {list(ports)}}}}}\n"


@pytest.mark.parametrize(
    ("mine", "theirs", "told"),
    [
        ("8080:80", "8080:81", "8080/tcp"),
        ("8080:80", "8000-8100:80", "8000-8100/tcp"),
        ("10.0.0.1:8080:80", "8080:80", "8080/tcp"),
        ("eth1:8080:80", "8080:80", "8080/tcp"),
        ("0.0.0.0:8080:80", "10.0.0.1:8080:80", "10.0.0.1:8080/tcp"),
        ("8080:80", "8080:80/udp", None),
        ("10.0.0.1:8080:80", "10.0.0.2:8080:80", None),
        ("eth1:8080:80", "eth2:8080:80", None),
        ("eth1:8080:80", "10.0.0.2:8080:80", None),
        ("[fd00::1]:8080:80", "0.0.0.0:8080:80", None),
    ],
)
def test_a_port_of_another_stack(mine: str, theirs: str, told: str | None) -> None:
    document, other = parse(stack("mine", "1:1", mine), "mine.yaml"), parse(stack("theirs", theirs), "theirs.yaml")
    expected = [f"mine.yaml:3:37: containers.web.publish[1]: port {told} of the host is published already, by the stack theirs"]
    found = [problem.text("mine.yaml").partition("\n")[0] for problem in taken(document, [other])]
    assert found == (expected if told else [])


def test_the_names_of_the_drivers_own_stacks_are_nobodys(tmp_path: Path) -> None:
    store = SqliteStore(str(tmp_path), reserved=frozenset({"docker-plugin"}))
    with Engine(a_host(), store, Silent()) as engine, pytest.raises(Refused, match="The stack docker-plugin is Netwright's own"):
        engine.apply(parse("version: 1\nname: docker-plugin\n", "mine.yaml"))


def test_what_the_driver_publishes_is_seen_where_docker_does_not_tell() -> None:
    network = Network(
        id="n1",
        bridge="nw-n1",
        subnets=(Subnet(prefix="10.7.0.0/24", gateway="10.7.0.1"),),
        internal=False,
        mtu=None,
        options=NetworkOptions(),
    )
    ports = (
        PortMapping(protocol="udp", host_ip=None, host_port=5353, container_port=53),
        PortMapping(protocol="tcp", host_ip="10.0.0.1", host_port=8080, container_port=80),
    )
    endpoint = Endpoint(id="e1", network="n1", ipv4="10.7.0.9/24", ipv6=None, mac="02:00:00:00:00:09", ports=ports)
    records = Records().with_network(network).with_endpoint(endpoint)
    web = Container(name="web", pid=7, attachments={"lab": Attachment(network="lab", ipv4="10.7.0.9")})
    gone = Container(name="gone", attachments={"lab": Attachment(network="lab", ipv4="10.7.0.9")})
    docker = DockerState(networks={"lab": DockerNetwork(name="lab", driver="netwright", id="n1")}, containers={"gone": gone, "web": web})
    seen = with_records(docker, records).containers
    assert (seen["gone"].bindings, seen["web"].bindings) == (
        (),
        (
            PortBinding(protocol="udp", host_ip="0.0.0.0", host_port=5353, container_port=53),
            PortBinding(protocol="tcp", host_ip="10.0.0.1", host_port=8080, container_port=80),
        ),
    )


def test_a_port_of_the_driver_is_not_a_namespaces_either() -> None:
    claims = [Claim(stack="docker-plugin", protocol="tcp", first=8080, last=8080, address=None)]
    text = "version: 1\nname: mine\nhost: {{publish: [{{listen: '{listen}', to: '192.0.2.7:80'}}]}}\n"
    (found,) = taken_by_driver(parse(text.format(listen="10.0.0.1:8000-8100"), "mine.yaml"), claims)
    assert found.message == "port 8080/tcp of the host is published already, by Docker's driver netwright"
    assert taken_by_driver(parse(text.format(listen="8080/udp"), "mine.yaml"), claims) == []
