"""Connections through ports that are published no more are forgotten, and only those. The witness is conntrack(8) and the client."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from firewall_net import Network, article_network, ask, run

from netwright.backends.conntrack import Conntrack
from netwright.backends.nft import Nft
from netwright.firewall.compiler import compile_table
from netwright.firewall.intents import Intents, Publish
from netwright.model.firewall import Published
from netwright.model.netns import named
from netwright.model.operation import FlushConntrack, ReplaceTable

pytestmark = pytest.mark.netns

WEB4, WEB6, MATE4 = "172.30.0.10", "fd30::10", "172.30.0.11"


@pytest.fixture
def network() -> Iterator[Network]:
    with article_network() as network:
        yield network


def udp(port: int, target: str, target_port: int = 53) -> Publish:
    return Publish(protocol="udp", ports=(port, port), target=target, target_ports=(target_port, target_port))


def load(*publishes: Publish) -> None:
    table = compile_table("article", Intents(publishes=publishes))
    assert table is not None
    Nft().execute([ReplaceTable(netns=named("pub"), table=table, owner="article", why="a test")], lambda _: None)


def flush(*published: Published, netns: str = "pub") -> None:
    Conntrack().execute([FlushConntrack(netns=named(netns), published=frozenset(published), why="a test")], lambda _: None)


def entries(*arguments: str, version: int = 4) -> int:
    if shutil.which("conntrack") is None:
        pytest.skip("conntrack(8) is the witness, and is not installed")
    return len(run("conntrack", "-L", "-f", f"ipv{version}", *arguments, netns="pub").splitlines())


def test_a_udp_client_that_keeps_its_port_reaches_the_new_target_after_a_flush(network: Network) -> None:
    network.serve("web", WEB4, 53, protocol="udp")
    network.serve("mate", MATE4, 54, protocol="udp")
    load(udp(5353, WEB4))
    assert ask("allowed", "10.0.0.1", 5353, "udp", source_port=40404) == "served 53 172.30.0.2"
    load(udp(5353, MATE4, 54))
    assert ask("allowed", "10.0.0.1", 5353, "udp", source_port=40404) == "served 53 172.30.0.2"
    flush(Published("udp", 5353, WEB4, 53))
    assert ask("allowed", "10.0.0.1", 5353, "udp", source_port=40404) == "served 54 172.30.0.2"


def test_only_the_named_connections_are_forgotten(network: Network) -> None:
    network.serve("web", WEB4, 53, 54, protocol="udp")
    network.serve("web", WEB6, 53, protocol="udp")
    network.serve("web", WEB4, 53)
    load(
        udp(5353, WEB4),
        udp(5354, WEB4, 54),
        udp(5353, WEB6),
        Publish(protocol="tcp", ports=(5353, 5353), target=WEB4, target_ports=(53, 53)),
    )
    for port, address, protocol in (
        (5353, "10.0.0.1", "udp"),
        (5354, "10.0.0.1", "udp"),
        (5353, "fd10::1", "udp"),
        (5353, "10.0.0.1", "tcp"),
    ):
        assert ask("allowed", address, port, protocol).startswith("served")
    flush(Published("udp", 5353, WEB4, 53), Published("udp", 5354, MATE4, 54), Published("udp", 5354, WEB4, 99))
    assert entries("-p", "udp", "--orig-port-dst", "5353") == 0
    assert entries("-p", "udp", "--orig-port-dst", "5354") == 1
    assert entries("-p", "tcp", "--orig-port-dst", "5353") == 1
    assert entries("-p", "udp", "--orig-port-dst", "5353", version=6) == 1
    flush(Published("udp", 5353, WEB6, 53), Published("tcp", 5353, WEB4, 53))
    assert entries("-p", "tcp", "--orig-port-dst", "5353") == 0
    assert entries("-p", "udp", "--orig-port-dst", "5353", version=6) == 0
    assert entries("-p", "udp", "--orig-port-dst", "5354") == 1


def test_many_connections_are_forgotten_in_one_go(network: Network) -> None:
    script = "import socket\nfor n in range(300):\n s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 20000 + n)); s.sendto(b'x', ('10.0.0.1', 5353)); s.close()\n"
    network.serve("web", WEB4, 53, protocol="udp")
    load(udp(5353, WEB4))
    run("python3", "-c", script, netns="allowed")
    assert entries("-p", "udp", "--orig-port-dst", "5353") == 300
    flush(Published("udp", 5353, WEB4, 53))
    assert entries("-p", "udp", "--orig-port-dst", "5353") == 0


def test_where_there_is_nothing_to_forget_nothing_happens(network: Network) -> None:
    flush(Published("udp", 5353, WEB4, 53))
    flush(Published("udp", 5353, WEB4, 53), netns="never-made")
