"""Published ports with real packets: where they listen, who may use them, whom they lead to, and what is left when they are gone."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from stacks import HOST, Stacks, ask, outside, run, serving

LAN = """\
version: 1
name: shop
networks: {lan: {bridge: br-shop, subnets: [10.30.0.0/24, "fd30::/64"]}}
namespaces:
  web: {interfaces: {eth0: {network: lan, address: [10.30.0.10, "fd30::10"]}}}
  mate: {interfaces: {eth0: {network: lan, address: [10.30.0.11, "fd30::11"]}}}
"""


def published(*ports: str) -> str:
    return LAN + "host:\n  publish:\n" + "".join(f"    - {{{port}}}\n" for port in ports)


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[Stacks]:
    with outside():
        made = Stacks(tmp_path / "state")
        yield made
        made.destroy_all()


def test_a_range_leads_to_a_range_and_to_one_port(stacks: Stacks) -> None:
    stacks.apply(published('listen: "7000-7002", to: "web:8000-8002"', 'listen: "7100-7102/udp", to: "web:53"'))
    with serving("web", "0.0.0.0", 8000, 8001, 8002), serving("web", "0.0.0.0", 53, protocol="udp"):
        assert [ask("ext", "10.9.0.1", port) for port in (7000, 7002, 7003)] == [
            "served 8000 10.30.0.1",
            "served 8002 10.30.0.1",
            "refused",
        ]
        assert [ask("ext", "10.9.0.1", port, "udp") for port in (7100, 7102)] == ["served 53 10.30.0.1"] * 2
        assert ask("ext", "10.9.0.1", 7103, "udp") == "refused"


def test_one_port_may_have_several_sources_of_both_families(stacks: Stacks) -> None:
    stacks.apply(published('listen: 8080, from: [10.9.0.9/32, 192.0.2.0/24, "fd09:0:0:1::/64"], to: "web:80"'))
    with serving("web", "0.0.0.0", 80), serving("web", "::1", 81), serving("mate", "::", 80):
        assert ask("ext", "10.9.0.1", 8080, source="10.9.0.9") == "served 80 10.30.0.1"
        assert ask("ext", "10.9.0.1", 8080, source="10.9.1.9") == "refused"
        assert ask("ext", "fd09::1", 8080, source="fd09::9") == "refused"
    with serving("web", "::", 80):
        assert ask("ext", "fd09::1", 8080, source="fd09:0:0:1::9") == "served 80 fd30::1"


@pytest.mark.parametrize(("protocol", "kind"), [("tcp", "tcp"), ("udp", "udp")])
def test_a_published_port_answers_strangers_as_if_nothing_were_there(stacks: Stacks, protocol: str, kind: str) -> None:
    stacks.apply(published(f'listen: "8080/{protocol}", from: [10.9.0.0/24, "fd09::/64"], to: "web:80"'))
    for address, friend, other in (("10.9.0.1", "10.9.0.9", "10.9.1.9"), ("fd09::1", "fd09::9", "fd09:0:0:1::9")):
        anywhere = "::" if ":" in address else "0.0.0.0"
        with serving("web", anywhere, 80, protocol=protocol):
            assert ask("ext", address, 8080, kind, source=friend).startswith("served 80")
            assert ask("ext", address, 8080, kind, source=other) == "refused"
            # As the port beside it, on which nobody listens.
            assert ask("ext", address, 8081, kind, source=other) == "refused"
        with serving(HOST, address, 8080, protocol=protocol):
            assert ask("ext", address, 8080, kind, source=other).startswith("served 8080")


def test_a_port_listens_where_it_is_told_to(stacks: Stacks) -> None:
    run("ip", "address", "add", "10.9.0.2/16", "dev", "eth1")
    run("ip", "address", "add", "10.9.0.3/32", "dev", "lo")
    try:
        stacks.apply(
            published(
                'listen: "10.9.0.2:81", to: "web:80"',
                'listen: "eth1:82", to: "web:80"',
                'listen: "0.0.0.0:83", to: "web:80"',
                'listen: "[::]:84", to: "web:80"',
                'listen: "[fd09::1]:85", to: "web:80"',
                'listen: 86, to: "web:80"',
                'listen: "br-shop:87", to: "web:80"',
            )
        )
        addresses = ("10.9.0.1", "10.9.0.2", "10.9.0.3", "fd09::1")
        run("ip", "route", "add", "10.9.0.3/32", "via", "10.9.0.1", netns="ext")
        with serving("web", "0.0.0.0", 80):
            answers = {port: [ask("ext", a, port).split()[0] for a in addresses[:3]] for port in range(81, 88)}
        with serving("web", "::", 80):
            for port in range(81, 88):
                answers[port].append(ask("ext", "fd09::1", port).split()[0])
            inside = ask("mate", "fd30::1", 87).split()[0]
    finally:
        run("ip", "address", "del", "10.9.0.2/16", "dev", "eth1")
        run("ip", "address", "del", "10.9.0.3/32", "dev", "lo")
    assert answers == {
        81: ["refused", "served", "refused", "refused"],
        82: ["served", "served", "refused", "served"],
        83: ["served", "served", "served", "refused"],
        84: ["refused", "refused", "refused", "served"],
        85: ["refused", "refused", "refused", "served"],
        86: ["served", "served", "served", "served"],
        87: ["refused", "refused", "refused", "refused"],
    }
    assert inside == "served"


def test_a_port_leads_to_an_address_and_to_the_host(stacks: Stacks) -> None:
    gate = """\
  gate:
    interfaces: {eth0: {network: lan, address: [10.30.0.2, "fd30::2"]}}
    publish: [{listen: 90, to: "host:9000"}, {listen: 91, to: "10.30.0.10:80"}]
host:
"""
    stacks.apply(published('listen: 81, to: "10.9.0.9:7"', 'listen: 82, to: "[fd30::10]:80"').replace("host:\n", gate))
    with serving("ext", "10.9.0.9", 7), serving("web", "fd30::10", 80), serving("web", "10.30.0.10", 80), serving(HOST, "10.30.0.1", 9000):
        assert ask("mate", "10.30.0.1", 81) == "served 7 10.9.0.1"
        assert ask("ext", "fd09::1", 82) == "served 80 fd30::1"
        assert ask("mate", "10.30.0.2", 90) == "served 9000 10.30.0.2"
        assert ask("mate", "10.30.0.2", 91) == "served 80 10.30.0.2"


@pytest.mark.parametrize("source", ["masquerade", "preserve"])
@pytest.mark.parametrize(("address", "client"), [("10.30.0.1", "10.30.0.11"), ("fd30::1", "fd30::11")])
def test_a_neighbour_of_the_target_and_the_target_itself_reach_it_through_the_publisher(
    stacks: Stacks, source: str, address: str, client: str
) -> None:
    stacks.apply(published(f'listen: 8080, to: "web:80", source: {source}'))
    with serving("web", "::" if ":" in client else "0.0.0.0", 80):
        assert ask("mate", address, 8080, source=client) == f"served 80 {address}"
        # Under br_netfilter the frame would have to leave by the port it came in by, which a bridge does not do.
        run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0", "net.bridge.bridge-nf-call-ip6tables=0", check=False)
        assert ask("web", address, 8080) == f"served 80 {address}"
        run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=1", "net.bridge.bridge-nf-call-ip6tables=1", check=False)


def test_an_established_flow_ends_when_its_port_is_published_no_more(stacks: Stacks) -> None:
    stacks.apply(published('listen: "5300/udp", to: "web:53"', 'listen: 8080, to: "web:80"'))
    with serving("web", "0.0.0.0", 53, protocol="udp"), serving("web", "0.0.0.0", 80), serving("mate", "0.0.0.0", 53, protocol="udp"):
        assert ask("ext", "10.9.0.1", 5300, "udp", source_port=40001) == "served 53 10.30.0.1"
        assert "src=10.30.0.10 " in run("conntrack", "-L", "-p", "udp", "--orig-port-dst", "5300")
        # To another target: the flow from the same port follows.
        stacks.apply(published('listen: "5300/udp", to: "mate:53"', 'listen: 8080, to: "web:80"'))
        assert run("conntrack", "-L", "-p", "udp", "--orig-port-dst", "5300") == ""
        assert ask("ext", "10.9.0.1", 5300, "udp", source_port=40001) == "served 53 10.30.0.1"
        assert "src=10.30.0.11 " in run("conntrack", "-L", "-p", "udp", "--orig-port-dst", "5300")
        stacks.apply(published('listen: 8080, to: "web:80"'))
        assert run("conntrack", "-L", "-p", "udp", "--orig-port-dst", "5300") == ""
        assert ask("ext", "10.9.0.1", 5300, "udp", source_port=40001) == "refused"


def test_two_publishes_of_a_port_one_for_each_family_lead_to_two_targets(stacks: Stacks) -> None:
    stacks.apply(published('listen: "0.0.0.0:8080", to: "web:80"', 'listen: "[::]:8080", to: "mate:80"'))
    with serving("web", "0.0.0.0", 80), serving("mate", "::", 80):
        assert ask("ext", "10.9.0.1", 8080) == "served 80 10.30.0.1"
        assert ask("ext", "fd09::1", 8080) == "served 80 fd30::1"


def test_port_numbers_at_both_ends_work(stacks: Stacks) -> None:
    stacks.apply(published('listen: 65535, to: "web:1"', 'listen: 1, to: "web:65535"'))
    with serving("web", "0.0.0.0", 1, 65535):
        assert ask("ext", "10.9.0.1", 65535) == "served 1 10.30.0.1"
        assert ask("ext", "10.9.0.1", 1) == "served 65535 10.30.0.1"


def test_an_sctp_port_is_published_where_the_kernel_speaks_sctp(stacks: Stacks) -> None:
    stacks.apply(published('listen: "8080/sctp", to: "web:80"'))
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132).close()
    except OSError:
        assert "sctp . 8080" in run("nft", "list", "ruleset")
        pytest.skip("this kernel has no SCTP")
    try:
        with serving("web", "0.0.0.0", 80, protocol="sctp"):
            assert ask("ext", "10.9.0.1", 8080, "sctp") == "served 80 10.30.0.1"
    except subprocess.CalledProcessError:
        pytest.skip("this kernel has no SCTP")
