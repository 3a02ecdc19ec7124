"""The sockets with which Docker's driver holds published ports, beside other programs' own."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest
from stacks import run

from netwright.dockerdriver.records import PortMapping
from netwright.errors import Refused
from netwright.frontends.docker_plugin.host_ports import HostPorts

pytestmark = pytest.mark.netns
WEB = PortMapping(protocol="tcp", host_ip=None, host_port=8080, container_port=80)


@pytest.fixture
def ports(host: object) -> Iterator[HostPorts]:
    run("ip", "link", "set", "lo", "up")
    with closing(HostPorts()) as ports:
        yield ports


def listening() -> socket.socket:
    """As most servers do it (Go's net.Listen, Python's create_server): with SO_REUSEADDR."""
    return socket.create_server(("0.0.0.0", 8080), reuse_port=False)


def leave_a_connection_in_time_wait() -> None:
    """Its server closes first, as docker-proxy does for a container that does not answer."""
    with listening() as server, socket.create_connection(("127.0.0.1", 8080)) as client:
        accepted, _ = server.accept()
        accepted.close()
        assert client.recv(1) == b""
    assert {line.split()[2] for line in run("ss", "-Htan", "state", "time-wait").splitlines()} == {"127.0.0.1:8080"}


def test_connections_of_an_earlier_program_that_are_in_time_wait_do_not_keep_a_port(ports: HostPorts) -> None:
    leave_a_connection_in_time_wait()
    ports.hold("endpoint", WEB, (4,))
    with pytest.raises(OSError, match="Address already in use"):
        listening()
    ports.release("endpoint")
    listening().close()


@pytest.mark.parametrize("waiting", [False, True])
def test_a_port_that_another_program_listens_on_is_refused(ports: HostPorts, waiting: bool) -> None:
    if waiting:
        leave_a_connection_in_time_wait()
    with listening(), pytest.raises(Refused, match=r"^port 8080/tcp of the host is in use by another program$"):
        ports.hold("endpoint", WEB, (6, 4))
    assert not ports.holds("endpoint")
    ports.hold("endpoint", WEB, (6, 4))


def test_nothing_listens_on_a_port_that_is_held(ports: HostPorts) -> None:
    ports.hold("endpoint", WEB, (4, 6))
    assert run("ss", "-Htln") == ""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 8080))
