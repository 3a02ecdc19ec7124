"""Policies that would end the session of who applies them, or keep them from coming back."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from memory_host import a_host, an_engine
from scene import host, resolved, state

import netwright
from netwright.errors import Refused
from netwright.model.caller import Caller, Connection
from netwright.resolve.policy_lockout import shut_out

SSH = Connection(address="192.0.2.7", port=2222, client="198.51.100.9", client_port=50123)
SSH6 = Connection(address="fd00::7", port=2222, client="fd99::9", client_port=50124)
SESSION = "the SSH session from 198.51.100.9 to port 2222 of 192.0.2.7"
LAB = """\
version: 1
name: lab
networks: {lan: {subnets: [10.5.0.0/24]}}
namespaces: {box: {interfaces: {eth0: {network: lan}}}}
policies:
"""
BRIDGED = {"net.bridge.bridge-nf-call-iptables": "1", "net.bridge.bridge-nf-call-ip6tables": "1"}


def told(*policies: str, connection: Connection = SSH) -> list[str]:
    text = LAB + "".join(f"  - {{{policy}}}\n" for policy in policies)
    document = netwright.parse(text, "lab.yaml")
    return list(shut_out((connection,), document, resolved(text, state(host(sysctls=BRIDGED))).desired.state))


def test_the_host_is_closed_to_a_session_that_no_policy_allows() -> None:
    reason = [f"the policy web closes the host to all whom no policy allows, and none allows {SESSION}"]
    assert told("name: web, to: host, ports: 80") == reason
    assert told("name: web, from: lan, to: host") == reason
    assert told("name: web, to: host, ports: 2222/udp") == reason
    assert told("name: web, to: host, ports: 80", "name: ssh, from: 203.0.113.0/24, to: host, ports: 2222") == reason


def test_a_session_that_some_policy_allows_stays() -> None:
    assert told("name: web, to: host, ports: 80", "name: ssh, from: 198.51.100.0/24, to: host, ports: 2000-3000") == []
    assert told("name: web, to: host") == []
    assert told("name: web, from: 198.51.0.0/16") == [], "what closes nobody shuts nobody out"
    assert told("name: six, from: 'fd99::/16', to: host", connection=SSH6) == []
    assert told("name: box, from: lan, to: box") == []


def test_a_session_is_denied_by_name_by_address_and_by_nothing_at_all() -> None:
    ends = [f"the policy off would refuse {SESSION}, and end it"]
    assert told("name: all, to: host", "name: off, from: 198.51.100.9/32, to: host, action: deny") == ends
    assert told("name: off, from: 198.51.100.0/24, to: 192.0.2.0/24, ports: 2222, action: deny") == ends
    assert told("name: off, to: [lan, 192.0.2.7/32], action: deny") == ends
    assert told("name: off, from: 198.51.100.0/24, action: deny") == ends
    assert told("name: off, from: 198.51.100.0/24, to: lan, action: deny") == []
    assert told("name: off, from: 198.51.100.0/24, to: host, ports: 22, action: deny") == []


def test_a_mosh_session_needs_its_udp_port() -> None:
    mosh = Connection(address="192.0.2.7", port=60001, client="198.51.100.9", client_port=0, protocol="udp")
    session = "the mosh session from 198.51.100.9 to port 60001 of 192.0.2.7"
    closed = [f"the policy ssh closes the host to all whom no policy allows, and none allows {session}"]
    assert told("name: ssh, to: host, ports: 22", connection=mosh) == closed
    assert told("name: ssh, to: host, ports: 60001/tcp", connection=mosh) == closed
    assert told("name: ssh, to: host, ports: [22/tcp, 60000-61000/udp]", connection=mosh) == []


def test_the_engine_refuses_before_anything_is_touched(tmp_path: Path) -> None:
    world = a_host()
    engine = an_engine(world, tmp_path, caller=Caller(pid=1, uid=0, connections=(SSH,)))
    text = "version: 1\nname: lab\npolicies: [{name: web, to: host, ports: 80}]\n"
    with engine, pytest.raises(Refused) as refused:
        engine.apply(netwright.parse(text, "lab.yaml"))
    assert str(refused.value).splitlines() == [
        "This may lock you out:",
        f"- the policy web closes the host to all whom no policy allows, and none allows {SESSION}",
    ]
    assert world.executed == []
