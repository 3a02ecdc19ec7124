"""`protect` as nft text, and which bridges it takes for Docker's."""

from __future__ import annotations

import pytest

from netwright.errors import InvalidValue
from netwright.firewall.compiler import compile_table
from netwright.firewall.intents import BoundPort, Intents, Opening, Protection
from netwright.kinds.bridge import Bridge
from netwright.kinds.veth import Veth
from netwright.model.docker import DRIVER, Container, DockerNetwork, DockerState, PortBinding
from netwright.model.link import Link
from netwright.model.netns import HOST
from netwright.model.state import Namespace, State
from netwright.resolve.facts import Facts
from netwright.resolve.network import resolve_networks
from netwright.resolve.protection import protection
from netwright.spec.load import parse

FILE = """\
version: 1
name: shop
host: {protect: true}
networks:
  lan: {bridge: br7, subnets: [172.30.0.0/16]}
  dock: {managed_by: docker, bridge: docker1, subnets: [172.31.0.0/16]}
"""


def body(intents: Intents) -> str:
    table = compile_table("web", intents)
    assert table is not None
    return table.text.replace("\t", "  ")


def test_without_docker_whatever_is_translated_towards_an_unknown_bridge_is_closed() -> None:
    assert (
        body(Intents(protection=Protection(inside=(), bridges=(), others=())))
        == """\
  chain refuse_it {
    meta l4proto tcp reject with tcp reset
    reject
  }
  chain close_forward {
    type filter hook forward priority -12; policy accept;
    meta mark set meta mark & 0xdfffffff
  }
  chain protect_forward {
    type filter hook forward priority -9; policy accept;
    ct direction reply accept
    ct state invalid,related,untracked accept
    meta mark & 0x20000000 != 0 meta mark set meta mark & 0xdfffffff accept
    ct status & dnat == 0 accept
    meta oifkind != "bridge" accept
    oifname "virbr*" accept
    oifname "lxdbr*" accept
    oifname "incusbr*" accept
    oifname "lxcbr*" accept
    oifname "podman*" accept
    goto refuse_it
  }
  chain close_input {
    type filter hook input priority -12; policy accept;
    meta mark set meta mark & 0xdfffffff
  }
"""
    )


def test_what_is_known_of_dockers_networks_and_proxies_stands_in_sets() -> None:
    bound = (
        BoundPort(protocol="tcp", port=80, family=4),
        BoundPort(protocol="tcp", port=80, family=6),
        BoundPort(protocol="udp", port=53, family=4, address="10.0.0.1"),
    )
    text = body(Intents(protection=Protection(inside=("docker0", "nw-1"), bridges=("docker0",), others=("br7", "nw-1"), bound=bound)))
    assert (
        text.partition("  chain")[0]
        == """\
  set inside {
    type ifname
    elements = {
      "docker0",
      "nw-1"
    }
  }
  set docker_bridges {
    type ifname
    elements = {
      "docker0"
    }
  }
  set other_bridges {
    type ifname
    elements = {
      "br7",
      "nw-1"
    }
  }
  set bound4 {
    type inet_proto . inet_service
    elements = {
      tcp . 80
    }
  }
  set bound_address4 {
    type ipv4_addr . inet_proto . inet_service
    elements = {
      10.0.0.1 . udp . 53
    }
  }
  set bound6 {
    type inet_proto . inet_service
    elements = {
      tcp . 80
    }
  }
"""
    )
    assert text.partition("chain protect_forward")[2].partition("  }\n")[0].splitlines()[4:9] == [
        "    iifname @inside accept",
        "    meta mark & 0x20000000 != 0 meta mark set meta mark & 0xdfffffff accept",
        "    oifname @docker_bridges goto refuse_it",
        "    ct status & dnat == 0 accept",
        '    meta oifkind != "bridge" accept',
    ]
    assert (
        text.partition("chain protect_input")[2]
        == """ {
    type filter hook input priority -9; policy accept;
    iifname "lo" accept
    ct direction reply accept
    ct state invalid,related,untracked accept
    iifname @inside accept
    meta mark & 0x20000000 != 0 meta mark set meta mark & 0xdfffffff accept
    ip daddr . meta l4proto . th dport @bound_address4 goto refuse_it
    meta nfproto ipv4 meta l4proto . th dport @bound4 goto refuse_it
    meta nfproto ipv6 meta l4proto . th dport @bound6 goto refuse_it
  }
"""
    )


def test_an_opening_is_by_what_the_client_asked_for_in_both_hooks() -> None:
    openings = (
        Opening(protocol="tcp", ports=(8080, 8081), sources=("10.0.0.0/16",)),
        Opening(protocol="udp", ports=(53, 53), sources=None, address="fd00::1"),
        Opening(protocol="tcp", ports=(90, 90), sources=None, interface="eth1", family=6),
    )
    assert (
        body(Intents(openings=openings, opened_bridges=("br7",)))
        == """\
  set from4_1 {
    type ipv4_addr
    flags interval
    elements = {
      10.0.0.0/16
    }
  }
  set opened_bridges {
    type ifname
    elements = {
      "br7"
    }
  }
  map opened_address6 {
    type ipv6_addr . inet_proto . inet_service : verdict
    elements = {
      fd00::1 . udp . 53 : jump opened_to_everybody
    }
  }
  map opened_interface6 {
    type ifname . inet_proto . inet_service : verdict
    elements = {
      "eth1" . tcp . 90 : jump opened_to_everybody
    }
  }
  map opened_anywhere4 {
    type inet_proto . inet_service : verdict
    elements = {
      tcp . 8080 : jump opened_from4_1,
      tcp . 8081 : jump opened_from4_1
    }
  }
  chain opened_from4_1 {
    ip saddr @from4_1 meta mark set meta mark | 0x20000000
  }
  chain opened_to_everybody {
    meta mark set meta mark | 0x20000000
  }
  chain open_forward {
    type filter hook forward priority -11; policy accept;
    oifname @opened_bridges ct direction original ct status dnat meta mark set meta mark | 0x20000000
    ct direction original ct status dnat meta nfproto ipv6 meta l4proto udp ct original ip6 daddr . meta l4proto . ct original proto-dst vmap @opened_address6
    ct direction original ct status dnat meta nfproto ipv6 meta l4proto tcp iifname . meta l4proto . ct original proto-dst vmap @opened_interface6
    ct direction original ct status dnat meta nfproto ipv4 meta l4proto tcp meta l4proto . ct original proto-dst vmap @opened_anywhere4
  }
  chain open_input {
    type filter hook input priority -11; policy accept;
    ct direction original meta nfproto ipv6 ip6 daddr . meta l4proto . th dport vmap @opened_address6
    ct direction original meta nfproto ipv6 iifname . meta l4proto . th dport vmap @opened_interface6
    ct direction original meta nfproto ipv4 meta l4proto . th dport vmap @opened_anywhere4
  }
"""
    )


def test_a_port_is_not_opened_twice_to_different_sources() -> None:
    openings = (Opening(protocol="tcp", ports=(80, 80), sources=None), Opening(protocol="tcp", ports=(80, 80), sources=("10.0.0.0/8",)))
    with pytest.raises(InvalidValue, match="tcp port 80 is opened twice, to different sources"):
        compile_table("web", Intents(openings=openings))


def seen(docker: DockerState, *links: Link) -> tuple[Protection | None, list[str]]:
    host = Namespace(ref=HOST, links={link.name: link for link in links})
    facts = Facts(observed=State(namespaces={HOST: host}, docker=docker))
    waiting: list[str] = []
    document = parse(FILE, "file.yaml")
    return protection(document, resolve_networks(document, facts, []), facts, waiting), waiting


LINKS = (
    Bridge(name="docker0"),
    Bridge(name="br-0123456789ab"),
    Bridge(name="lan9"),
    Bridge(name="virbr0"),
    Bridge(name="br-lan"),
    Link(name="eth0", master="br-lan"),
    Bridge(name="br-a-b", alias="netwright:a"),
    Bridge(name="nw-0123456789ab"),
    Veth(name="veth1", master="lan9"),
)


def test_dockers_bridges_are_those_that_the_engine_names_and_those_that_it_has_named() -> None:
    docker = DockerState(
        networks={
            "bridge": DockerNetwork(name="bridge", driver="bridge", bridge="docker0"),
            "nine": DockerNetwork(name="nine", driver="bridge", bridge="lan9"),
            "own": DockerNetwork(name="own", driver=DRIVER, bridge="nw-0123456789ab"),
            "host": DockerNetwork(name="host", driver="host"),
        },
        containers={
            "web": Container(
                name="web",
                pid=7,
                bindings=tuple(
                    PortBinding(protocol="tcp", host_ip=address, host_port=port, container_port=80)
                    for address, port in (("0.0.0.0", 80), ("::", 80), ("127.0.0.1", 81), ("::1", 81), ("10.0.0.1", 82))
                ),
            ),
            "stopped": Container(name="stopped", bindings=(PortBinding(protocol="tcp", host_ip="::", host_port=90, container_port=90),)),
        },
    )
    assert seen(docker, *LINKS) == (
        Protection(
            inside=("br-0123456789ab", "docker0", "docker1", "lan9", "nw-0123456789ab"),
            bridges=("br-0123456789ab", "docker0", "docker1", "lan9"),
            others=("br-a-b", "br-lan", "br7", "nw-0123456789ab", "virbr0"),
            bound=(
                BoundPort(protocol="tcp", port=80, family=4),
                BoundPort(protocol="tcp", port=82, family=4, address="10.0.0.1"),
                BoundPort(protocol="tcp", port=80, family=6),
            ),
        ),
        [],
    )


def test_while_docker_does_not_answer_a_bridge_with_veths_only_may_be_its() -> None:
    found, waiting = seen(DockerState(reachable=False, why="nobody answers"), *LINKS)
    assert found == Protection(
        inside=("br-0123456789ab", "docker0", "docker1"),
        bridges=("br-0123456789ab", "docker0", "docker1"),
        others=("br-a-b", "br-lan", "br7"),
    )
    assert waiting == ["host.protect waits for Docker, to know its networks, and the ports of its proxies: nobody answers"]
