"""IPv4 and IPv6 side by side, and IPv6 alone: addresses, routes, NAT and published ports with real packets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from stacks import HOST, Stacks, addresses, ask, devices, outside, reaches, routes, run, serving, witness

DUAL = """\
version: 1
name: dual
networks:
  lan: {bridge: br-dual, subnets: [10.30.0.0/24, "fd30::/64"]}
  far: {bridge: br-far, subnets: [10.31.0.0/24, "fd31::/64"], gateway: [10.31.0.254, "fd31::fe"], masquerade: false}
namespaces:
  web: {interfaces: {eth0: {network: lan, address: [10.30.0.10, "fd30::10"]}}}
  mate: {interfaces: {eth0: {network: lan, address: [10.30.0.11, "fd30::11"]}}}
  away: {interfaces: {eth0: {network: far, address: [10.31.0.10, "fd31::10"]}}}
host:
  publish:
    - {listen: 8080, from: [10.9.0.0/24, "fd09::/64"], to: "web:80"}
    - {listen: "5300/udp", to: "web:53"}
"""

SIX = """\
version: 1
name: six
networks: {lan: {bridge: br-six, subnets: ["fd30::/64"]}}
namespaces:
  web: {interfaces: {eth0: {network: lan}}}
  gate:
    interfaces:
      eth0: {network: lan, address: "fd30::2"}
      out: {peer: {namespace: beyond, interface: in}, addresses: ["fd40::1/64"]}
    masquerade: [out]
    publish: [{listen: "[fd40::1]:8080", from: ["fd40::9/128"], to: "web:80"}]
  beyond:
    interfaces:
      in: {peer: {namespace: gate, interface: out}, addresses: ["fd40::9/64", "fd40::8/64"]}
host:
  publish: [{listen: "eth1:8443", from: ["fd09::/64"], to: "web:80"}]
"""


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[Stacks]:
    with outside():
        made = Stacks(tmp_path / "state")
        yield made
        made.destroy_all()


def test_every_interface_has_both_families_and_both_default_routes(stacks: Stacks) -> None:
    before = witness()
    stacks.apply(DUAL)
    assert addresses("br-dual") == ["10.30.0.1/24", "fd30::1/64"]
    assert addresses("br-far") == ["10.31.0.254/24", "fd31::fe/64"]
    assert addresses("eth0", "web") == ["10.30.0.10/24", "fd30::10/64"]
    assert [line.replace(" metric 1024 pref medium", "") for line in routes("web")] == [
        "default via 10.30.0.1 dev eth0 proto 78",
        "default via fd30::1 dev eth0 proto 78",
    ]
    assert run("sysctl", "-n", "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding").split() == ["1", "1"]
    stacks.destroy("dual")
    assert witness() == before


@pytest.mark.parametrize(("web", "away", "client"), [("10.30.0.10", "10.31.0.10", "10.9.0.9"), ("fd30::10", "fd31::10", "fd09::9")])
def test_packets_pass_between_networks_and_what_leaves_is_masqueraded(stacks: Stacks, web: str, away: str, client: str) -> None:
    stacks.apply(DUAL)
    anywhere = "::" if ":" in web else "0.0.0.0"
    with serving("away", anywhere, 7), serving("mate", anywhere, 7), serving("ext", anywhere, 7):
        assert reaches("mate", web)
        assert ask("web", away, 7).startswith("served 7")
        # The client has no route to fd30::/64: it can answer the host alone.
        assert ask("web", client, 7) == f"served 7 {'fd09::1' if ':' in web else '10.9.0.1'}"
        # masquerade: false: the client sees a source that it has no way back to.
        assert ask("away", client, 7, seconds=1) != f"served 7 {'fd09::1' if ':' in web else '10.9.0.1'}"


@pytest.mark.parametrize(
    ("host", "friend", "other", "anywhere"),
    [("10.9.0.1", "10.9.0.9", "10.9.1.9", "0.0.0.0"), ("fd09::1", "fd09::9", "fd09:0:0:1::9", "::")],
)
def test_a_port_is_published_in_both_families_with_its_sources(stacks: Stacks, host: str, friend: str, other: str, anywhere: str) -> None:
    stacks.apply(DUAL)
    gateway = "fd30::1" if ":" in host else "10.30.0.1"
    with serving("web", anywhere, 80), serving("web", anywhere, 53, protocol="udp"):
        assert ask("ext", host, 8080, source=friend) == f"served 80 {gateway}"
        assert ask("ext", host, 8080, source=other) == "refused"
        assert ask("ext", host, 5300, "udp", source=other) == f"served 53 {gateway}"
        assert ask(HOST, gateway, 5300, "udp") == f"served 53 {gateway}"
        assert ask("mate", gateway, 5300, "udp") == f"served 53 {gateway}"


def test_a_stack_of_ipv6_alone_works_and_forwards_no_ipv4(stacks: Stacks) -> None:
    before = witness()
    stacks.apply(SIX)
    assert run("sysctl", "-n", "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding").split() == ["0", "1"]
    assert addresses("eth0", "web") == ["fd30::3/64"]
    with serving("web", "::", 80), serving("beyond", "::", 7), serving("ext", "::", 7):
        assert ask("beyond", "fd40::1", 8080, source="fd40::9") == "served 80 fd30::2"
        assert ask("beyond", "fd40::1", 8080, source="fd40::8") == "refused"
        assert ask("ext", "fd09::1", 8443, source="fd09::9") == "served 80 fd30::1"
        assert ask("ext", "fd09::1", 8443, source="fd09:0:0:1::9") == "refused"
        assert ask("gate", "fd40::9", 7) == "served 7 fd40::1"
        run("ip", "-6", "route", "add", "fd40::/64", "via", "fd30::2", netns="web")
        assert ask("web", "fd40::9", 7) == "served 7 fd40::1"
        assert ask("web", "fd09::9", 7) == "served 7 fd09::1"
    stacks.destroy("six")
    assert witness() == before


def test_ipv6_is_added_to_a_stack_and_taken_from_it(stacks: Stacks) -> None:
    only = DUAL.replace(', "fd30::/64"', "").replace(', "fd30::10"', "").replace(', "fd30::11"', "")
    only = only.replace(', "fd31::/64"', "").replace(', "fd31::fe"', "").replace(', "fd31::10"', "").replace(', "fd09::/64"', "")
    assert "fd" not in only
    stacks.apply(only)
    four = witness()
    stacks.apply(DUAL)
    both = witness()
    with serving("web", "::", 80):
        assert ask("ext", "fd09::1", 8080, source="fd09::9") == "served 80 fd30::1"
    stacks.apply(only)
    assert witness() == four
    stacks.destroy("dual")
    assert devices() == ["eth1"]
    stacks.apply(DUAL)
    assert witness() == both
