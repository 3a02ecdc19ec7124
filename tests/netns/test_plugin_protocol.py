"""Docker's plugin protocol as engines speak it, without an engine: the requests of `docker network create`, `run` and `rm`, in the order that was
observed of dockerd 20.10, byte for byte odd (an empty Host, no Content-Type), and what a driver can be asked out of order."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

ID = "0123456789abcdef" * 4
EID = "fedcba9876543210" * 4
ENDPOINT = {"NetworkID": ID, "EndpointID": EID}


class Client:
    """Speaks as dockerd 20.10 does."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def ask(self, method: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        content = b"" if body is None else json.dumps(body).encode() + b"\n"
        head = f"POST /{method} HTTP/1.1\r\nHost: \r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: {len(content)}\r\n"
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(30)
            connection.connect(str(self._path))
            connection.sendall(head.encode() + b"Accept: application/vnd.docker.plugins.v1.2+json\r\nConnection: close\r\n\r\n" + content)
            answer = b""
            while part := connection.recv(65536):
                answer += part
        status, _, rest = answer.partition(b"\r\n")
        assert status == b"HTTP/1.1 200 OK"
        found = json.loads(rest.partition(b"\r\n\r\n")[2])
        assert isinstance(found, dict)
        return found


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """To a plugin of its own, in the test's network."""
    path = tmp_path / "netwright.sock"
    environment = {**os.environ, "NETWRIGHT_STATE": str(tmp_path / "state"), "NETWRIGHT_DOCKER": f"unix://{tmp_path}/no-engine"}
    command = [sys.executable, "-m", "netwright", "docker-plugin", "--socket", str(path), "--spec", str(tmp_path / "spec")]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        assert process.stderr.readline() == f"Serving Docker's driver netwright on {path}.\n"
        assert (tmp_path / "spec").read_text() == f"unix://{path}\n"
        yield Client(path)
        process.terminate()
        assert process.wait(30) == 0
        assert not path.exists()
    finally:
        process.kill()
        process.communicate()


def create(client: Client, **generic: str) -> None:
    assert client.ask(
        "IpamDriver.RequestPool", {"AddressSpace": "netwright-local", "Pool": "172.30.0.0/24", "SubPool": "", "V6": False}
    ) == {
        "PoolID": "172.30.0.0/24",
        "Pool": "172.30.0.0/24",
        "Data": {},
    }
    gateway = {"PoolID": "172.30.0.0/24", "Address": "", "Options": {"RequestAddressType": "com.docker.network.gateway"}}
    assert client.ask("IpamDriver.RequestAddress", gateway) == {"Address": "172.30.0.1/24", "Data": {}}
    request = {
        "NetworkID": ID,
        "Options": {"com.docker.network.enable_ipv6": False, "com.docker.network.generic": generic},
        "IPv4Data": [{"AddressSpace": "netwright-local", "Pool": "172.30.0.0/24", "Gateway": "172.30.0.1/24", "AuxAddresses": {}}],
        "IPv6Data": [],
    }
    assert client.ask("NetworkDriver.CreateNetwork", request) == {}


def remove(client: Client) -> None:
    assert client.ask("IpamDriver.ReleaseAddress", {"PoolID": "172.30.0.0/24", "Address": "172.30.0.1"}) == {}
    assert client.ask("IpamDriver.ReleasePool", {"PoolID": "172.30.0.0/24"}) == {}
    assert client.ask("NetworkDriver.DeleteNetwork", {"NetworkID": ID}) == {}


def test_a_container_comes_and_goes_as_dockerd_has_it(client: Client, host: Any) -> None:
    assert client.ask("Plugin.Activate") == {"Implements": ["NetworkDriver", "IpamDriver"]}
    assert client.ask("NetworkDriver.GetCapabilities") == {"Scope": "local", "ConnectivityScope": "local", "GwAllocChecker": True}
    assert client.ask("IpamDriver.GetCapabilities") == {"RequiresMACAddress": False, "RequiresRequestReplay": False}
    assert client.ask("IpamDriver.GetDefaultAddressSpaces") == {
        "LocalDefaultAddressSpace": "netwright-local",
        "GlobalDefaultAddressSpace": "netwright-global",
    }
    create(client, **{"netwright.bridge": "br-shop"})
    assert client.ask("IpamDriver.RequestAddress", {"PoolID": "172.30.0.0/24", "Address": "", "Options": None}) == {
        "Address": "172.30.0.2/24",
        "Data": {},
    }
    interface = {"Address": "172.30.0.2/24", "AddressIPv6": "", "MacAddress": ""}
    assert client.ask("NetworkDriver.CreateEndpoint", {**ENDPOINT, "Interface": interface, "Options": {}}) == {
        "Interface": {"MacAddress": "02:4e:ac:1e:00:02"}
    }
    joined = client.ask("NetworkDriver.Join", {**ENDPOINT, "SandboxKey": "/var/run/docker/netns/x", "Options": {}})
    inner = joined["InterfaceName"]["SrcName"]
    assert joined == {
        "InterfaceName": {"SrcName": inner, "DstPrefix": "eth"},
        "Gateway": "172.30.0.1",
        "GatewayIPv6": "",
        "StaticRoutes": [],
        "DisableGatewayService": True,
    }
    assert host.link(inner)["address"] == "02:4e:ac:1e:00:02"
    port = host.link(inner)["link"]
    assert (host.link(port)["master"], host.link(port)["ifalias"]) == ("br-shop", "netwright-endpoint:fedcba987654")
    port_map = [{"Proto": 6, "IP": "", "Port": 80, "HostIP": "", "HostPort": 8080, "HostPortEnd": 8080}]
    program = {**ENDPOINT, "Options": {"com.docker.network.portmap": port_map}}
    assert client.ask("NetworkDriver.ProgramExternalConnectivity", program) == {}
    assert "tcp . 8080 : 172.30.0.2 . 80" in host.run("nft", "list", "table", "inet", "nw_docker_plugin_ports")
    assert client.ask("NetworkDriver.EndpointOperInfo", ENDPOINT)["Value"]["netwright.ports"] == ["*:8080/tcp -> 80"]
    assert client.ask("NetworkDriver.RevokeExternalConnectivity", ENDPOINT) == {}
    assert "nw_docker_plugin_ports" not in host.run("nft", "list", "tables")
    assert client.ask("NetworkDriver.Leave", ENDPOINT) == {}
    assert inner not in host.links()
    assert client.ask("NetworkDriver.DeleteEndpoint", ENDPOINT) == {}
    assert client.ask("IpamDriver.ReleaseAddress", {"PoolID": "172.30.0.0/24", "Address": "172.30.0.2"}) == {}
    remove(client)
    assert host.links() == ["lo"]


def test_what_got_no_answer_can_be_asked_again(client: Client, host: Any) -> None:
    create(client)
    create_network = {
        "NetworkID": ID,
        "Options": {"com.docker.network.generic": {}},
        "IPv4Data": [{"Pool": "172.30.0.0/24", "Gateway": "172.30.0.1/24"}],
        "IPv6Data": None,
    }
    interface = {"Address": "172.30.0.2/24", "AddressIPv6": "", "MacAddress": "02:00:00:00:00:99"}
    program = {**ENDPOINT, "Options": {"com.docker.network.portmap": [{"Proto": 6, "Port": 80, "HostPort": 8080}]}}
    for _ in range(2):
        assert client.ask("NetworkDriver.CreateNetwork", create_network) == {}
        assert client.ask("NetworkDriver.CreateEndpoint", {**ENDPOINT, "Interface": interface, "Options": None}) == {"Interface": {}}
        assert client.ask("NetworkDriver.Join", ENDPOINT)["Gateway"] == "172.30.0.1"
        assert client.ask("NetworkDriver.ProgramExternalConnectivity", program) == {}
    for _ in range(2):
        for method in ("RevokeExternalConnectivity", "Leave", "DeleteEndpoint"):
            assert client.ask(f"NetworkDriver.{method}", ENDPOINT) == {}
        remove(client)
    assert host.links() == ["lo"]


@pytest.mark.parametrize(
    ("method", "body", "sentence"),
    [
        ("NetworkDriver.CreateNetwork", {}, "the request has no NetworkID"),
        ("NetworkDriver.CreateEndpoint", {"NetworkID": ID}, "the request has no EndpointID"),
        (
            "NetworkDriver.Join",
            ENDPOINT,
            (
                "the driver netwright knows no network 0123456789ab: what it remembered of it is gone "
                "(remove the network and create it again: docker network rm NAME)"
            ),
        ),
        (
            "NetworkDriver.AllocateNetwork",
            {"NetworkID": ID},
            "the driver netwright does not do NetworkDriver.AllocateNetwork: it works on one host, without Swarm",
        ),
        (
            "IpamDriver.RequestAddress",
            {"PoolID": "10.0.0.0/8"},
            "there is no pool 10.0.0.0/8: what Netwright remembered of it is gone (remove the network and create it again: docker network rm NAME)",
        ),
        ("IpamDriver.RequestPool", {"Pool": "10.0.0.0/33"}, "/33 is not a prefix length: an IPv4 one is 0 to 32"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_sentence(client: Client, method: str, body: dict[str, Any], sentence: str) -> None:
    assert client.ask(method, body) == {"Err": sentence, "Error": sentence}


def test_an_engine_that_asks_whether_a_gateway_is_needed_is_told(client: Client) -> None:
    generic = "com.docker.network.generic"
    assert client.ask("NetworkDriver.GwAllocCheck", {"Options": {generic: {"netwright.gateway": "none"}}}) == {
        "SkipIPv4": True,
        "SkipIPv6": True,
    }
    assert client.ask("NetworkDriver.GwAllocCheck", {"Options": {generic: {}}}) == {"SkipIPv4": False, "SkipIPv6": False}


def test_a_network_that_cannot_be_made_leaves_nothing(client: Client, host: Any) -> None:
    host.run("ip", "link", "add", "br-shop", "type", "bridge")
    try:
        request = {
            "NetworkID": ID,
            "Options": {"com.docker.network.generic": {"netwright.bridge": "br-shop"}},
            "IPv4Data": [{"Pool": "172.30.0.0/24", "Gateway": "172.30.0.1/24"}],
        }
        assert "br-shop" in client.ask("NetworkDriver.CreateNetwork", request)["Err"]
        assert client.ask("NetworkDriver.DeleteNetwork", {"NetworkID": ID}) == {}
        assert host.link("br-shop").get("ifalias") is None
    finally:
        host.run("ip", "link", "delete", "br-shop")


def test_a_bridge_that_somebody_removed_is_made_again_when_a_container_joins(client: Client, host: Any) -> None:
    create(client, **{"netwright.bridge": "br-shop"})
    interface = {"Address": "172.30.0.2/24", "AddressIPv6": "", "MacAddress": ""}
    client.ask("NetworkDriver.CreateEndpoint", {**ENDPOINT, "Interface": interface, "Options": {}})
    host.run("ip", "link", "delete", "br-shop")
    began = time.monotonic()
    assert client.ask("NetworkDriver.Join", ENDPOINT)["Gateway"] == "172.30.0.1"
    assert time.monotonic() - began < 5
    assert [a["local"] for a in host.ip("address", "show", "dev", "br-shop")[0]["addr_info"] if a["family"] == "inet"] == ["172.30.0.1"]
    client.ask("NetworkDriver.DeleteEndpoint", ENDPOINT)
    remove(client)


def test_whatever_is_sent_to_its_socket_it_answers_the_next_one(client: Client, tmp_path: Path, host: Any) -> None:
    whole = b"POST /NetworkDriver.Join HTTP/1.1\r\nHost: \r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    sent = [
        *(whole[:end] for end in range(0, len(whole), 7)),
        *(whole[:place] + noise + whole[place + 3 :] for place in range(0, len(whole), 11) for noise in (b"\xff", b"\r\n", b"\0\0\0\0")),
        whole.replace(b"2\r\n", b"99999999\r\n"),
        whole.replace(b"{}", b"[]"),
        whole.replace(b"Host: ", b"X: " + b"x" * 100_000),
        *(whole.replace(b"Content-Length: 2", b"Content-Length: %d" % len(body)).replace(b"{}", body) for body in HOSTILE),
    ]
    for data in sent:
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(30)
            door.connect(str(tmp_path / "netwright.sock"))
            with suppress(BrokenPipeError, ConnectionResetError):
                door.sendall(data)
                door.shutdown(socket.SHUT_WR)
                while part := door.recv(65536):
                    assert b" 500 " not in part
    assert client.ask("Plugin.Activate") == {"Implements": ["NetworkDriver", "IpamDriver"]}
    assert client.ask("NetworkDriver.Join", {"NetworkID": "\ud800", "EndpointID": "\udfff"})["Err"]


HOSTILE = [
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'{"NetworkID": "\\ud800"}',
    b"1e999",
    b"9" * 5000,
    b"\xff\xfe",
    b'{"Options": 1}',
    b" " * (2 << 20),
]
