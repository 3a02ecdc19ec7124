"""What the backend says and leaves alone where the engine refuses, is silent, or has something of that name which is not meant."""

from __future__ import annotations

import pytest
from docker_orders import FULL, PLAIN, create, execute, wants

from netwright.backends.docker import DockerEngine
from netwright.errors import DockerError
from netwright.model.docker import Attachment, DockerNetwork, DockerSubnet
from netwright.model.operation import ConnectContainer, DisconnectContainer, RemoveDockerNetwork
from netwright.model.state import State
from netwright.planning.docker import docker_operations
from netwright.ports import OperationFailed

pytestmark = pytest.mark.every_engine


def test_the_engine_removes_no_network_that_is_in_use(engine, backend):
    execute(backend, create(PLAIN))
    engine.container("web", "--network", "lan")
    with pytest.raises(OperationFailed) as failed:
        execute(backend, create(FULL), RemoveDockerNetwork(name="lan", why="test"))
    assert failed.value.operation == RemoveDockerNetwork(name="lan", why="test")
    assert isinstance(failed.value.__cause__, DockerError)
    assert str(failed.value).startswith("the Docker Engine would not remove the network lan: error while removing network: ")
    assert "has active endpoints" in str(failed.value)
    assert failed.value.__cause__.hint == "containers are on it: `docker network inspect` names them; disconnect or remove them first"
    assert docker_operations(wants(), State(docker=backend.observe())).refused == (
        "the Docker network lan is this stack's and not wanted any more, and web is on it: disconnect it first (`docker network disconnect lan web`)",
    )


def test_what_is_gone_already_is_removed_without_complaint(engine, backend):
    execute(backend, create(PLAIN))
    engine.container("web")
    assert (
        execute(
            backend,
            DisconnectContainer(container="web", network="lan", why="it never was on it"),
            DisconnectContainer(container="nobody", network="lan", why="test"),
            DisconnectContainer(container="web", network="nowhere", why="test"),
            RemoveDockerNetwork(name="nowhere", why="test"),
            RemoveDockerNetwork(name="lan", why="test"),
            RemoveDockerNetwork(name="lan", why="once more"),
        )
        == 6
    )
    assert "lan" not in backend.observe().networks


def test_a_network_of_somebody_else_is_not_removed(engine, backend):
    engine.docker("network", "create", "theirs")
    assert execute(backend, RemoveDockerNetwork(name="theirs", why="a mistake")) == 1
    assert engine.inspect("network", "theirs")["Name"] == "theirs"


def test_the_beginning_of_an_id_is_not_taken_for_a_name(engine, backend):
    execute(backend, create(PLAIN))
    engine.container("web", "--network", "lan")
    network, container = engine.inspect("network", "lan")["Id"][:4], engine.inspect("container", "web")["Id"][:4]
    assert engine.inspect("network", network)["Name"] == "lan"
    assert execute(backend, DisconnectContainer(container=container, network="lan", why="test")) == 1
    assert execute(backend, DisconnectContainer(container="web", network=network, why="test")) == 1
    assert execute(backend, RemoveDockerNetwork(name=network, why="test")) == 1
    assert backend.observe().networks["lan"].used_by == ("web",)


def test_connecting_a_container_that_is_gone_fails_with_its_name(engine, backend):
    execute(backend, create(PLAIN))
    with pytest.raises(OperationFailed, match=r"^the container web is not there any more$"):
        execute(backend, ConnectContainer(container="web", attachment=Attachment(network="lan"), why="test"))
    engine.container("web")
    with pytest.raises(OperationFailed, match=r"^the Docker network nowhere is not there any more$"):
        execute(backend, ConnectContainer(container="web", attachment=Attachment(network="nowhere"), why="test"))


def test_the_refusals_of_the_engine_reach_the_reader(engine, backend):
    execute(backend, create(FULL))
    overlapping = DockerNetwork(name="overlap", driver="bridge", subnets=(DockerSubnet(subnet="172.30.5.0/24"),))
    with pytest.raises(OperationFailed) as failed:
        execute(backend, create(overlapping))
    assert str(failed.value).startswith("the Docker Engine would not make the network overlap: ")
    assert str(failed.value).endswith("Pool overlaps with other one on this address space")
    with pytest.raises(OperationFailed, match=r"would not make the network custom: network with name custom already exists$"):
        execute(backend, create(FULL))
    engine.container("web")
    reserved = ConnectContainer(container="web", attachment=Attachment(network="custom", ipv4="172.30.0.2"), why="test")
    with pytest.raises(
        OperationFailed, match=r"connect the container web to the network custom with 172\.30\.0\.2: Address already in use$"
    ):
        execute(backend, reserved)


def test_a_container_that_could_not_be_connected_is_on_no_network_and_can_be_connected_later(engine, backend):
    execute(backend, create(PLAIN))
    pid = engine.container("web", "--network", "none")
    engine.docker("network", "disconnect", "none", "web")
    inside = ("nsenter", f"--net=/proc/{pid}/ns/net")
    # The name that Docker gives the first interface it makes.
    engine.run(*inside, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "other")
    connect = ConnectContainer(container="web", attachment=Attachment(network="lan", ipv4="10.77.0.77"), why="test")
    with pytest.raises(OperationFailed, match="file exists"):
        execute(backend, connect)
    assert backend.observe().containers["web"].attachments == {}
    assert execute(backend, DisconnectContainer(container="web", network="lan", why="test")) == 1
    engine.run(*inside, "ip", "link", "delete", "eth0")
    assert execute(backend, connect) == 1
    assert backend.observe().containers["web"].attachments["lan"].ipv4 == "10.77.0.77"
    assert engine.inspect("network", "lan")["Containers"] != {}
    assert execute(backend, DisconnectContainer(container="web", network="lan", why="test")) == 1
    assert engine.inspect("network", "lan")["Containers"] == {}


def test_an_engine_that_was_never_there_is_an_observation(tmp_path, monkeypatch):
    monkeypatch.setenv("NETWRIGHT_DOCKER", f"unix://{tmp_path}/none.sock")
    nowhere = DockerEngine()
    seen = nowhere.observe()
    assert (seen.reachable, seen.networks, seen.containers) == (False, {}, {})
    assert seen.why == f"no Docker Engine answers at unix://{tmp_path}/none.sock: no such file or directory"
    with pytest.raises(OperationFailed) as failed:
        execute(nowhere, create(PLAIN))
    assert isinstance(failed.value.__cause__, DockerError)
    assert "systemctl start docker" in failed.value.__cause__.hint


def test_an_engine_that_stops_is_noticed_and_found_again_when_it_is_back(engine, backend):
    execute(backend, create(PLAIN))
    engine.stop()
    with pytest.raises(OperationFailed, match=f"^no Docker Engine answers at {engine.url}: "):
        execute(backend, RemoveDockerNetwork(name="lan", why="test"))
    assert not backend.observe().reachable
    engine.start()
    seen = backend.observe()
    assert seen.reachable
    assert seen.networks["lan"].owner == "article"


def test_an_engine_that_restarts_between_two_questions_is_no_trouble(engine, backend):
    execute(backend, create(PLAIN))
    engine.restart()
    assert execute(backend, RemoveDockerNetwork(name="lan", why="test")) == 1
    assert "lan" not in backend.observe().networks


def test_the_url_given_comes_before_the_environment(engine, monkeypatch):
    assert DockerEngine("unix:///given.sock").url == "unix:///given.sock"
    assert DockerEngine().url == engine.url
    monkeypatch.delenv("NETWRIGHT_DOCKER")
    assert DockerEngine().url == "unix:///var/run/docker.sock"
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")
    assert DockerEngine().url == "tcp://192.0.2.1:2375"
