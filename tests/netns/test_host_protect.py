"""`host.protect` without an engine that answers: Docker's bridges are known by their names, and other people's stay as they are.

ext 10.9.0.9 ── eth1 10.9.0.1 [the host] docker0, virbr0, br-lan, lan9: one server behind each, to which iptables translates a port
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from stacks import Stacks, ask, at, outside, run, serving, settled, witness

from own_host import away, new_network

pytestmark = pytest.mark.netns

BRIDGES = ("docker0", "virbr0", "br-lan", "lan9")
GUARD = "version: 1\nname: guard\nhost: {protect: true}\n"
OPEN = """\
version: 1
name: shop
host:
  publish: [{listen: 8100, to: "172.20.0.2:80"}, {listen: 8101, from: [10.9.1.0/24], to: "172.20.0.2:80"}]
networks: {own: {bridge: own0, subnets: [172.29.9.0/24]}}
namespaces: {web: {interfaces: {eth0: {network: own, address: 172.29.9.2}}}}
containers: {}
"""

ECHO = """
import socket, sys
s = socket.create_server((sys.argv[1], int(sys.argv[2])))
print("ready", flush=True)
c, _ = s.accept()
while data := c.recv(99):
    c.sendall(data)
"""
TALK = """
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=20)
try:
    while True:
        s.sendall(b"echo")
        print(s.recv(99).decode(), flush=True)
        if not sys.stdin.readline():
            break
except ConnectionResetError:
    print("reset")
"""


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A network of the test's own, with a client beyond eth1, and no engine. Its rules go with it."""
    monkeypatch.setenv("NETWRIGHT_DOCKER", f"unix://{tmp_path}/nobody.sock")
    with away(), ExitStack() as left:
        new_network()
        left.enter_context(outside())
        run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        for number, bridge in enumerate(BRIDGES):
            behind(bridge, number)
            left.callback(run, "ip", "netns", "delete", f"at-{bridge}", check=False)
            left.enter_context(serving(f"at-{bridge}", f"172.{20 + number}.0.2", 80))
        yield


def behind(bridge: str, number: int) -> None:
    """A server behind a bridge, and iptables' translation to it."""
    netns, subnet = f"at-{bridge}", f"172.{20 + number}.0"
    run("ip", "link", "add", bridge, "type", "bridge")
    run("ip", "address", "add", f"{subnet}.1/24", "dev", bridge)
    run("ip", "link", "set", bridge, "up")
    run("ip", "netns", "add", netns)
    run("ip", "link", "add", f"v{number}", "type", "veth", "peer", "name", "eth0", "netns", netns)
    run("ip", "link", "set", f"v{number}", "master", bridge, "up")
    run("ip", "address", "add", f"{subnet}.2/24", "dev", "eth0", netns=netns)
    run("ip", "link", "set", "eth0", "up", netns=netns)
    run("ip", "route", "add", "default", "via", f"{subnet}.1", netns=netns)
    port = ["-p", "tcp", "--dport", str(8000 + number), "-m", "addrtype", "--dst-type", "LOCAL"]
    run("iptables", "-t", "nat", "-A", "PREROUTING", *port, "-j", "DNAT", "--to", f"{subnet}.2:80")


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[Stacks]:
    made = Stacks(tmp_path / "state")
    yield made
    made.destroy_all()


def answers(*, source: str = "10.9.0.9") -> dict[str, str]:
    """By bridge, what the client gets of the port that is translated to it."""
    asked = {bridge: ask("ext", "10.9.0.1", 8000 + number, source=source, seconds=10) for number, bridge in enumerate(BRIDGES)}
    return {bridge: answer.partition(" ")[0] for bridge, answer in asked.items()}


def test_dockers_bridges_are_closed_and_so_is_one_that_may_be_dockers_but_what_is_surely_anothers_is_not(stacks: Stacks) -> None:
    run("ip", "tuntap", "add", "dev", "vnet0", "mode", "tap")
    run("ip", "link", "set", "vnet0", "master", "br-lan")
    run("ip", "route", "add", "172.20.0.0/24", "via", "10.9.0.1", netns="ext")
    before = witness()
    assert answers() == dict.fromkeys(BRIDGES, "served")
    assert ask("ext", "172.20.0.2", 80) == "served 80 10.9.0.9"
    stacks.apply(GUARD)
    assert answers() == {"docker0": "refused", "virbr0": "served", "br-lan": "served", "lan9": "refused"}
    assert ask("ext", "172.20.0.2", 80) == "refused"
    assert ask("at-docker0", "10.9.0.1", 8001) == "served 80 172.20.0.2"
    stacks.destroy("guard")
    assert settled(before) == before


def test_a_port_that_another_stack_publishes_passes_for_those_in_from_and_the_mark_is_gone_behind(stacks: Stacks) -> None:
    stacks.apply(GUARD)
    stacks.apply(OPEN)
    run("iptables", "-t", "mangle", "-A", "POSTROUTING", "-m", "mark", "--mark", "0x20000000/0x20000000", "-j", "DROP")
    assert ask("ext", "10.9.0.1", 8100) == "served 80 172.20.0.1"
    assert ask("ext", "10.9.0.1", 8101, source="10.9.1.9") == "served 80 172.20.0.1"
    assert ask("ext", "10.9.0.1", 8101, source="10.9.0.9") == "refused"
    assert answers(source="10.9.1.9")["docker0"] == "refused"


def test_a_connection_that_lives_ends_when_its_port_is_closed(stacks: Stacks) -> None:
    server = [*at("at-docker0"), sys.executable, "-I", "-S", "-c", ECHO, "172.20.0.2", "81"]
    client = [*at("ext"), sys.executable, "-I", "-S", "-c", TALK, "10.9.0.1", "8200"]
    run("iptables", "-t", "nat", "-A", "PREROUTING", "-p", "tcp", "--dport", "8200", "-j", "DNAT", "--to", "172.20.0.2:81")
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(server, **pipes) as serves:
        try:
            assert serves.stdout.readline() == "ready\n"
            with subprocess.Popen(client, **pipes) as talks:
                assert talks.stdout.readline() == "echo\n"
                stacks.apply(GUARD)
                told, _ = talks.communicate("go on\n", timeout=30)
                assert told == "reset\n"
        finally:
            serves.kill()
