"""Real packets through a compiled table: who is served, who finds nothing there, and whom the target sees."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from firewall_net import Network, article_network, ask, run

from netwright.backends.nft import Nft
from netwright.firewall.compiler import compile_table
from netwright.firewall.intents import BridgeNetwork, Intents, Publish, Restriction
from netwright.model.netns import named
from netwright.model.operation import ReplaceTable

pytestmark = pytest.mark.netns

WEB4, WEB6 = "172.30.0.10", "fd30::10"
FROM4, FROM6 = ("10.0.0.0/16",), ("fd10::/64",)


@pytest.fixture
def network() -> Iterator[Network]:
    with article_network() as network:
        yield network


def load(netns: str, intents: Intents) -> None:
    table = compile_table("article", intents)
    assert table is not None
    Nft().execute([ReplaceTable(netns=named(netns), table=table, owner="article", why="a test")], lambda _: None)


def publish(**values: object) -> Publish:
    """The article's: eth1:1234 to the web server's 1234, for 10.0.0.0/16."""
    article = {
        "protocol": "tcp",
        "ports": (1234, 1234),
        "target": WEB4,
        "target_ports": (1234, 1234),
        "interface": "eth1",
        "sources": FROM4,
    }
    return Publish(**(article | {"target_subnet": "172.30.0.0/16"} | values))  # type: ignore[arg-type]


def test_the_articles_client_is_served_and_another_is_refused_as_by_a_closed_port(network: Network) -> None:
    network.serve("web", WEB4, 1234)
    load("pub", Intents(publishes=(publish(),)))
    assert ask("allowed", "10.0.0.1", 1234) == "served 1234 172.30.0.2"
    assert ask("allowed", "10.0.0.2", 1234) == "served 1234 172.30.0.2"
    assert ask("other", "10.0.0.1", 1234) == "refused"
    assert ask("allowed", "10.0.0.1", 1235) == "refused"


def test_a_port_bound_to_an_interface_is_not_there_on_another_and_not_on_anothers_address(network: Network) -> None:
    network.serve("web", WEB4, 1234)
    load("pub", Intents(publishes=(publish(sources=None),)))
    run("ip", "-n", "allowed", "route", "add", "172.30.0.2", "via", "10.0.0.1")
    assert ask("allowed", "172.30.0.2", 1234) == "refused"
    assert ask("mate", "172.30.0.2", 1234) == "refused"
    assert ask("allowed", "10.0.0.1", 1234) == "served 1234 172.30.0.2"


def test_a_port_bound_to_an_address_is_there_alone_and_can_be_reached_from_within(network: Network) -> None:
    network.serve("web", WEB4, 1234)
    load("pub", Intents(publishes=(publish(interface=None, address="10.0.0.2", sources=None),)))
    assert ask("other", "10.0.0.2", 1234) == "served 1234 172.30.0.2"
    assert ask("other", "10.0.0.1", 1234) == "refused"
    assert ask("pub", "10.0.0.2", 1234) == "served 1234 172.30.0.2"
    assert ask("pub", "10.0.0.1", 1234) == "refused"


def test_a_port_bound_to_nothing_is_there_on_every_local_address_but_loopback(network: Network) -> None:
    network.serve("web", WEB4, 80)
    load("pub", Intents(publishes=(publish(interface=None, sources=None, ports=(8080, 8080), target_ports=(80, 80)),)))
    for address in ("10.0.0.1", "10.0.0.2"):
        assert ask("other", address, 8080) == "served 80 172.30.0.2"
        assert ask("pub", address, 8080) == "served 80 172.30.0.2"
    assert ask("pub", "127.0.0.1", 8080) == "refused"
    assert ask("allowed", "10.0.0.9", 8080) == "refused"


def test_what_is_only_forwarded_is_not_taken_for_a_published_port(network: Network) -> None:
    network.serve("web", WEB4, 1234)
    network.serve("mate", "172.30.0.11", 1234)
    load("pub", Intents(publishes=(publish(interface=None, sources=None),)))
    run("ip", "-n", "other", "route", "add", "172.30.0.0/16", "via", "10.0.0.1")
    run("ip", "-n", "mate", "route", "add", "default", "via", "172.30.0.2")
    assert ask("other", "172.30.0.11", 1234) == "served 1234 10.1.0.9"


def test_ipv6_is_published_as_ipv4_is(network: Network) -> None:
    network.serve("web", WEB6, 80)
    six = publish(target=WEB6, target_ports=(80, 80), sources=FROM6, target_subnet="fd30::/64")
    load(
        "pub",
        Intents(
            publishes=(six, publish(target=WEB6, target_ports=(80, 80), ports=(99, 99), interface=None, address="fd10::1", sources=None))
        ),
    )
    assert ask("allowed", "fd10::1", 1234) == "served 80 fd30::2"
    assert ask("other", "fd10::1", 1234) == "refused"
    assert ask("other", "fd10::1", 99) == "served 80 fd30::2"
    assert ask("allowed", "10.0.0.1", 1234) == "refused"


def test_udp_is_published_and_refused_by_port_unreachable(network: Network) -> None:
    network.serve("web", WEB4, 53, protocol="udp")
    network.serve("web", WEB6, 53, protocol="udp")
    both = (
        publish(protocol="udp", ports=(5353, 5353), target_ports=(53, 53)),
        publish(protocol="udp", ports=(5353, 5353), target=WEB6, target_ports=(53, 53), sources=FROM6, target_subnet="fd30::/64"),
    )
    load("pub", Intents(publishes=both))
    assert ask("allowed", "10.0.0.1", 5353, "udp") == "served 53 172.30.0.2"
    assert ask("other", "10.0.0.1", 5353, "udp") == "refused"
    assert ask("allowed", "fd10::1", 5353, "udp") == "served 53 fd30::2"
    assert ask("other", "fd10::1", 5353, "udp") == "refused"


def test_sctp_is_published(network: Network) -> None:
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP).close()
    except OSError as error:
        pytest.skip(f"this kernel has no SCTP: {error.strerror}")
    network.serve("web", WEB4, 9000, protocol="sctp")
    load("pub", Intents(publishes=(publish(protocol="sctp", ports=(9001, 9001), target_ports=(9000, 9000)),)))
    assert ask("allowed", "10.0.0.1", 9001, "sctp") == "served 9000 172.30.0.2"


def test_a_range_maps_port_by_port_and_to_a_single_one(network: Network) -> None:
    network.serve("web", WEB4, 9000, 9001, 9002)
    ranges = (publish(ports=(8000, 8002), target_ports=(9000, 9002)), publish(ports=(7000, 7001), target_ports=(9002, 9002)))
    load("pub", Intents(publishes=ranges))
    assert [ask("allowed", "10.0.0.1", port) for port in (8000, 8001, 8002)] == [f"served {port} 172.30.0.2" for port in (9000, 9001, 9002)]
    assert [ask("allowed", "10.0.0.1", port) for port in (7000, 7001)] == ["served 9002 172.30.0.2"] * 2
    assert [ask("allowed", "10.0.0.1", port) for port in (7999, 8003)] == ["refused"] * 2


def test_preserve_shows_the_target_the_client_unless_the_client_is_its_neighbour(network: Network) -> None:
    network.serve("web", WEB4, 1234)
    run("ip", "-n", "web", "route", "add", "10.0.0.0/8", "via", "172.30.0.2")
    load("pub", Intents(publishes=(publish(interface=None, sources=None, preserve=True),)))
    assert ask("allowed", "10.0.0.1", 1234) == "served 1234 10.0.0.9"
    assert ask("mate", "172.30.0.2", 1234) == "served 1234 172.30.0.2"
    assert ask("web", "172.30.0.2", 1234) == "served 1234 172.30.0.2"


def test_a_neighbour_of_the_target_is_served_through_the_publisher_in_both_versions(network: Network) -> None:
    network.serve("web", WEB4, 1234)
    network.serve("web", WEB6, 1234)
    anywhere = (
        publish(interface=None, sources=None),
        publish(interface=None, sources=None, target=WEB6, target_subnet="fd30::/64", preserve=True),
    )
    load("pub", Intents(publishes=anywhere))
    assert ask("mate", "172.30.0.2", 1234) == "served 1234 172.30.0.2"
    assert ask("mate", "fd30::2", 1234) == "served 1234 fd30::2"


def test_several_overlapping_sources_are_all_let_in(network: Network) -> None:
    network.serve("web", WEB4, 1234)
    load("pub", Intents(publishes=(publish(sources=("10.1.0.0/16", "10.1.0.9/32", "10.0.0.0/24", "192.0.2.0/24")),)))
    assert ask("allowed", "10.0.0.1", 1234) == "served 1234 172.30.0.2"
    assert ask("other", "10.0.0.1", 1234) == "served 1234 172.30.0.2"


def test_an_address_takes_its_port_before_anywhere_does(network: Network) -> None:
    network.serve("web", WEB4, 1, 2)
    load(
        "pub",
        Intents(
            publishes=(
                publish(interface=None, sources=None, target_ports=(1, 1)),
                publish(interface=None, address="10.0.0.2", target_ports=(2, 2)),
            )
        ),
    )
    assert ask("allowed", "10.0.0.2", 1234) == "served 2 172.30.0.2"
    assert ask("allowed", "10.0.0.1", 1234) == "served 1 172.30.0.2"
    assert ask("other", "10.0.0.2", 1234) == "served 1 172.30.0.2"


def test_two_thousand_ports_are_published_exactly(network: Network) -> None:
    network.serve("web", WEB4, 80)
    load("pub", Intents(publishes=(publish(ports=(20000, 21999), target_ports=(80, 80)),)))
    assert ask("allowed", "10.0.0.1", 20000) == "served 80 172.30.0.2"
    assert ask("allowed", "10.0.0.1", 21999) == "served 80 172.30.0.2"
    assert ask("other", "10.0.0.1", 21000) == "refused"
    assert ask("allowed", "10.0.0.1", 22000) == "refused"


def test_what_leaves_through_an_interface_is_masqueraded(network: Network) -> None:
    network.serve("allowed", "10.0.0.9", 80)
    network.serve("allowed", "fd10::9", 80)
    run("ip", "-n", "mate", "route", "add", "default", "via", "172.30.0.2")
    run("ip", "-n", "mate", "-6", "route", "add", "default", "via", "fd30::2")
    load("pub", Intents(masquerade_interfaces=("eth1",)))
    assert ask("mate", "10.0.0.9", 80) == "served 80 10.0.0.1"
    assert ask("mate", "fd10::9", 80) == "served 80 fd10::1"


def test_a_network_is_masqueraded_where_it_leaves_and_not_within(network: Network) -> None:
    network.serve("allowed", "10.0.0.9", 80)
    network.serve("allowed", "fd10::9", 80)
    run("ip", "-n", "mate", "route", "add", "default", "via", "172.30.0.2")
    run("ip", "-n", "mate", "-6", "route", "add", "default", "via", "fd30::2")
    lan = BridgeNetwork(bridge="uplink", subnets=("172.30.0.0/16", "fd30::/64"), masquerade=True, internal=False)
    load("pub", Intents(networks=(lan,)))
    assert ask("mate", "10.0.0.9", 80) == "served 80 10.0.0.1"
    assert ask("mate", "fd10::9", 80) == "served 80 fd10::1"


def test_nothing_leaves_or_enters_an_internal_network(network: Network) -> None:
    network.serve("allowed", "10.0.0.9", 80)
    network.serve("mate", "172.30.0.11", 80)
    network.serve("pub", "172.30.0.2", 81)
    run("ip", "-n", "mate", "route", "add", "default", "via", "172.30.0.2")
    run("ip", "-n", "allowed", "route", "add", "172.30.0.0/16", "via", "10.0.0.1")
    assert ask("mate", "10.0.0.9", 80) == "served 80 172.30.0.11"
    lan = BridgeNetwork(bridge="uplink", subnets=("172.30.0.0/16",), masquerade=True, internal=True)
    load("pub", Intents(networks=(lan,)))
    assert ask("mate", "10.0.0.9", 80, seconds=1) == "silence"
    assert ask("allowed", "172.30.0.11", 80, seconds=1) == "silence"
    assert ask("mate", "172.30.0.2", 81) == "served 81 172.30.0.11"


def test_an_isolated_network_is_left_but_not_entered_except_through_published_ports(network: Network) -> None:
    network.serve("allowed", "10.0.0.9", 80)
    network.serve("mate", "172.30.0.11", 80)
    network.serve("web", WEB4, 80)
    run("ip", "-n", "mate", "route", "add", "default", "via", "172.30.0.2")
    run("ip", "-n", "allowed", "route", "add", "172.30.0.0/16", "via", "10.0.0.1")
    lan = BridgeNetwork(bridge="uplink", subnets=("172.30.0.0/16",), masquerade=False, internal=False, isolated=True)
    load("pub", Intents(networks=(lan,), publishes=(publish(interface=None, sources=None, ports=(8080, 8080), target_ports=(80, 80)),)))
    assert ask("mate", "10.0.0.9", 80) == "served 80 172.30.0.11"
    assert ask("allowed", "172.30.0.11", 80, seconds=1) == "silence"
    assert ask("allowed", "10.0.0.1", 8080) == "served 80 172.30.0.2"


def test_a_restricted_port_that_a_proxy_listens_on_is_there_for_its_sources_and_on_loopback(network: Network) -> None:
    network.serve("pub", "::", 8080)
    network.serve("pub", "::", 8081, protocol="udp")
    restrictions = tuple(
        Restriction(protocol=protocol, ports=ports, sources=FROM4) for protocol, ports in (("tcp", (8080, 8080)), ("udp", (8081, 8081)))
    )
    load("pub", Intents(restrictions=restrictions))
    assert ask("allowed", "10.0.0.1", 8080) == "served 8080 ::ffff:10.0.0.9"
    assert ask("other", "10.0.0.1", 8080) == "refused"
    assert ask("allowed", "fd10::1", 8080) == "refused"
    assert ask("other", "10.0.0.1", 8081, "udp") == "refused"
    assert ask("pub", "127.0.0.1", 8080) == "served 8080 ::ffff:127.0.0.1"
    assert ask("pub", "10.0.0.1", 8080) == "served 8080 ::ffff:10.0.0.1"


def test_a_restricted_port_does_not_stop_the_answers_to_a_client_of_our_own_on_that_port(network: Network) -> None:
    network.serve("other", "10.1.0.9", 80)
    load("pub", Intents(restrictions=(Restriction(protocol="tcp", ports=(40000, 40000), sources=FROM4),)))
    assert ask("pub", "10.1.0.9", 80, source_port=40000) == "served 80 10.0.0.1"


def test_a_restriction_of_one_address_leaves_the_others_alone(network: Network) -> None:
    network.serve("pub", "0.0.0.0", 8080)
    load("pub", Intents(restrictions=(Restriction(protocol="tcp", ports=(8080, 8080), sources=(), address="10.0.0.2"),)))
    assert ask("allowed", "10.0.0.2", 8080) == "refused"
    assert ask("allowed", "10.0.0.1", 8080) == "served 8080 10.0.0.9"
