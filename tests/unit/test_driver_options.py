"""Options of Docker networks and endpoints of the driver netwright."""

from __future__ import annotations

import pytest

from netwright.dockerdriver.options import EndpointOptions, NetworkOptions, parse_endpoint_options, parse_network_options
from netwright.errors import InvalidValue


def test_a_network_without_options_is_isolated_masqueraded_and_keeps_clients_addresses() -> None:
    assert parse_network_options({}) == NetworkOptions(
        bridge=None,
        mtu=None,
        masquerade=True,
        isolated=True,
        gateway=True,
        sources=None,
        preserve=True,
        listen=None,
        interface="eth",
        stp=None,
        multicast_snooping=None,
        ageing_seconds=None,
        forward_delay_seconds=None,
        routes=(),
    )


def test_every_option_is_understood() -> None:
    assert parse_network_options(
        {
            "netwright.bridge": "br-shop",
            "netwright.mtu": "1400",
            "netwright.masquerade": "false",
            "netwright.isolated": "0",
            "netwright.gateway": "none",
            "netwright.from": "10.0.0.0/16, FD00:0::/8",
            "netwright.source": "masquerade",
            "netwright.listen": "10.0.0.1",
            "netwright.interface": "net",
            "netwright.stp": "yes",
            "netwright.multicast_snooping": "off",
            "netwright.ageing_seconds": "77",
            "netwright.forward_delay_seconds": "4",
            "netwright.routes": "10.9.0.0/16 via 172.30.0.9, 10.8.0.0/16",
        }
    ) == NetworkOptions(
        bridge="br-shop",
        mtu=1400,
        masquerade=False,
        isolated=False,
        gateway=False,
        sources=("10.0.0.0/16", "fd00::/8"),
        preserve=False,
        listen="10.0.0.1",
        interface="net",
        stp=True,
        multicast_snooping=False,
        ageing_seconds=77,
        forward_delay_seconds=4,
        routes=(("10.9.0.0/16", "172.30.0.9"), ("10.8.0.0/16", None)),
    )


def test_what_dockers_bridge_driver_calls_otherwise_is_understood_too() -> None:
    assert parse_network_options(
        {
            "com.docker.network.bridge.name": "br-shop",
            "com.docker.network.driver.mtu": "1400",
            "com.docker.network.bridge.enable_ip_masquerade": "false",
            "com.docker.network.bridge.host_binding_ipv4": "10.0.0.1",
            "com.docker.network.container_iface_prefix": "net",
        }
    ) == NetworkOptions(bridge="br-shop", mtu=1400, masquerade=False, listen="10.0.0.1", interface="net")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"netwright.form": "x"}, "the driver netwright has no option netwright.form"),
        (
            {"com.docker.network.bridge.trusted_host_interfaces": "eth0"},
            "the driver netwright has no option com.docker.network.bridge.trusted_host_interfaces",
        ),
        ({"netwright.mtu": "67"}, "the option netwright.mtu: '67' is not a number from 68 to 65535"),
        ({"netwright.isolated": "maybe"}, "the option netwright.isolated: 'maybe' is neither true nor false"),
        ({"netwright.source": "hide"}, "the option netwright.source: 'hide' is none of preserve, masquerade"),
        ({"netwright.from": "10.0.0.1/8"}, "the option netwright.from: 10.0.0.1/8 has bits set behind its prefix length"),
        (
            {"netwright.routes": "10.0.0.0/8 by 10.1.1.1"},
            "the option netwright.routes: '10.0.0.0/8 by 10.1.1.1' is not PREFIX or PREFIX via ADDRESS",
        ),
        (
            {"netwright.mtu": "1400", "com.docker.network.driver.mtu": "1500"},
            "the option netwright.mtu is said twice, as 1400 and as 1500",
        ),
    ],
)
def test_what_is_not_understood_is_refused(given: dict[str, str], sentence: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        parse_network_options(given)
    assert str(refusal.value) == sentence


def test_a_misspelt_option_is_answered_with_the_nearest() -> None:
    with pytest.raises(InvalidValue) as refusal:
        parse_network_options({"netwright.form": "x"})
    assert refusal.value.hint == "did you mean netwright.from?"


def test_an_endpoint_has_its_own_sources_beside_what_docker_hands_on() -> None:
    handed_on = {"com.docker.network.endpoint.exposedports": [], "netwright.from": "10.1.0.0/16", "netwright.source": "masquerade"}
    assert parse_endpoint_options(handed_on) == EndpointOptions(sources=("10.1.0.0/16",), preserve=False, listen=None)
    with pytest.raises(InvalidValue, match=r"no option netwright\.mtu"):
        parse_endpoint_options({"netwright.mtu": "1400"})
