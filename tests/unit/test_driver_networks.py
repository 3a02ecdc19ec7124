"""NetworkDriver: requests as engines send them, and the answers they get."""

from __future__ import annotations

from typing import Any

import pytest

from netwright.dockerdriver.conflicts import Claim, refuse_taken
from netwright.dockerdriver.endpoints import choices, create_endpoint, join_answer, publishes, veth
from netwright.dockerdriver.networks import create_network, document_text
from netwright.dockerdriver.overview import overview
from netwright.dockerdriver.records import Endpoint, Lease, LeaseKind, Network, Pool, PortMapping, Records
from netwright.dockerdriver.requests import PortRequest, endpoint_request, network_request, port_requests
from netwright.dockerdriver.tidy import Unclaimed, unclaimed, without_unclaimed
from netwright.dockerdriver.view import with_records
from netwright.errors import InvalidValue, NetwrightError, Refused
from netwright.firewall.intents import Publish
from netwright.model.docker import Attachment, Container, DockerNetwork, DockerState, DockerSubnet
from netwright.spec.load import parse

ID = "0123456789abcdef" * 4
EID = "fedcba9876543210" * 4
CREATE: dict[str, Any] = {
    "NetworkID": ID,
    "Options": {"com.docker.network.enable_ipv6": True, "com.docker.network.generic": {"netwright.from": "10.0.0.0/16,fd10::/16"}},
    "IPv4Data": [{"AddressSpace": "netwright-local", "Pool": "172.30.0.0/24", "Gateway": "172.30.0.1/24", "AuxAddresses": {}}],
    "IPv6Data": [{"AddressSpace": "netwright-local", "Pool": "fd30::/64", "Gateway": "fd30::1/64"}],
}
JOIN: dict[str, Any] = {
    "NetworkID": ID,
    "EndpointID": EID,
    "Interface": {"Address": "172.30.0.2/24", "AddressIPv6": "fd30::2/64", "MacAddress": ""},
    "Options": {"com.docker.network.endpoint.exposedports": [{"Proto": 6, "Port": 80}]},
}


def network(records: Records = Records(), **changes: Any) -> tuple[Records, Network]:  # noqa: B008 - frozen
    return create_network(records, network_request({**CREATE, **changes}), uplink_mtu=None)


def endpoint(records: Records, **changes: Any) -> tuple[Records, Endpoint]:
    records, _ = create_endpoint(records, endpoint_request({**JOIN, **changes}))
    return records, records.endpoints[changes.get("EndpointID", EID)]


def options(**generic: str) -> dict[str, Any]:
    return {"com.docker.network.generic": {f"netwright.{key}": value for key, value in generic.items()}}


def test_containers_that_are_to_be_kept_apart_are_by_a_policy() -> None:
    records, _ = network(Options={"com.docker.network.generic": {"com.docker.network.bridge.enable_icc": "false"}})
    document = parse(document_text(records), "x").spec
    assert [(str(one.from_[0]), str(one.to[0]), one.action) for one in document.policies if one.from_ and one.to] == [
        ("nw-0123456789ab", "nw-0123456789ab", "deny")
    ]
    with pytest.raises(Refused, match="containers of a network without a subnet cannot be kept apart"):
        network(IPv4Data=[], IPv6Data=[], Options=options(neighbours="false"))


def test_the_document_of_the_networks_is_one_that_netwright_itself_accepts() -> None:
    records, made = network()
    assert made.bridge == "nw-0123456789ab"
    text = document_text(records)
    assert text == (
        """\
{
 "version": 1,
 "name": "docker-plugin",
 "networks": {
  "nw-0123456789ab": {
   "bridge": "nw-0123456789ab",
   "subnets": [
    "172.30.0.0/24",
    "fd30::/64"
   ],
   "gateway": [
    "172.30.0.1",
    "fd30::1"
   ],
   "internal": false,
   "masquerade": true,
   "isolated": true
  }
 }
}
"""
    )
    assert list(parse(text, "x").spec.networks) == ["nw-0123456789ab"]


@pytest.mark.parametrize(
    "changes",
    [
        {"Options": options(gateway="none", mtu="1400", stp="true", ageing_seconds="7", forward_delay_seconds="4")},
        {"Options": {"com.docker.network.internal": True}},
        {"IPv4Data": [], "IPv6Data": None},
        {"IPv4Data": [{"Pool": "172.30.0.0/24"}], "IPv6Data": []},
    ],
)
def test_networks_of_every_sort_make_a_document(changes: dict[str, Any]) -> None:
    records, _ = network(**changes)
    parse(document_text(records), "x")


def test_the_mtu_is_the_uplinks_if_that_is_small_and_nothing_is_said() -> None:
    for uplink, said, mtu in ((1420, {}, 1420), (1500, {}, None), (9000, {}, None), (None, {}, None), (1420, {"mtu": "1300"}, 1300)):
        _, made = create_network(Records(), network_request({**CREATE, "Options": options(**said)}), uplink_mtu=uplink)
        assert made.mtu == mtu


def test_a_network_that_is_made_again_is_the_same_and_another_must_not_overlap() -> None:
    records, made = network()
    assert network(records) == (records, made)
    with pytest.raises(Refused, match=r"172\.30\.0\.0/24 overlaps 172\.30\.0\.0/24, which is another Docker network's"):
        network(records, NetworkID="f" * 64)
    with pytest.raises(Refused, match="the bridge nw-0123456789ab is another Docker network's already"):
        network(records, NetworkID="f" * 64, IPv4Data=[], IPv6Data=[], Options=options(bridge="nw-0123456789ab"))


@pytest.mark.parametrize("body", [{}, {"NetworkID": ""}, {"NetworkID": 7}, {"NetworkID": ID, "IPv4Data": [{"Pool": "172.30.0.1/24"}]}])
def test_a_request_with_missing_or_malformed_values_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        network_request(body)


def test_a_mac_address_is_answered_only_where_docker_had_left_it_open() -> None:
    records, _ = network()
    assert create_endpoint(records, endpoint_request(JOIN))[1] == {"Interface": {"MacAddress": "02:4e:ac:1e:00:02"}}
    stated = {**JOIN, "Interface": {**JOIN["Interface"], "MacAddress": "02:00:00:AA:00:01"}}
    after, answer = create_endpoint(records, endpoint_request(stated))
    assert (answer, after.endpoints[EID].mac) == ({"Interface": {}}, "02:00:00:aa:00:01")


def test_an_endpoint_of_a_network_that_nobody_knows_is_refused() -> None:
    with pytest.raises(Refused, match=r"knows no network 0123456789ab") as refusal:
        create_endpoint(Records(), endpoint_request(JOIN))
    assert refusal.value.hint == "remove the network and create it again: docker network rm NAME"


def test_joining_gives_an_interface_a_gateway_of_each_family_and_routes() -> None:
    records, made = network(Options=options(routes="10.9.0.0/16 via 172.30.0.9, 10.8.0.0/16", interface="net", mtu="1400"))
    records, joined = endpoint(records)
    assert join_answer(made, joined) == {
        "InterfaceName": {"SrcName": joined.inner, "DstPrefix": "net"},
        "Gateway": "172.30.0.1",
        "GatewayIPv6": "fd30::1",
        "StaticRoutes": [
            {"Destination": "10.9.0.0/16", "RouteType": 0, "NextHop": "172.30.0.9"},
            {"Destination": "10.8.0.0/16", "RouteType": 1, "NextHop": ""},
        ],
        "DisableGatewayService": True,
    }
    made_link = veth(made, joined)
    assert (len(joined.port), len(joined.inner), made_link.link.mtu, made_link.twin and made_link.twin.mtu) == (15, 15, 1400, 1400)


@pytest.mark.parametrize("changes", [{"Options": {"com.docker.network.internal": True}}, {"Options": options(gateway="none")}])
def test_nothing_leaves_an_internal_network_nor_one_whose_gateway_is_nobodys(changes: dict[str, Any]) -> None:
    records, made = network(**changes)
    _, joined = endpoint(records)
    answer = join_answer(made, joined)
    assert (answer["Gateway"], answer["GatewayIPv6"], answer["DisableGatewayService"]) == ("", "", True)


def test_a_port_map_is_read_with_every_way_of_saying_nothing() -> None:
    port_map = [
        {"Proto": 6, "IP": "", "Port": 80, "HostIP": "", "HostPort": 8080, "HostPortEnd": 8080},
        {"Proto": 17, "IP": None, "Port": 53, "HostIP": "10.0.0.1", "HostPort": 0, "HostPortEnd": 0},
        {"Proto": 132, "Port": 9, "HostIP": "::", "HostPort": 9000, "HostPortEnd": 9009},
    ]
    assert port_requests({"Options": {"com.docker.network.portmap": port_map}}) == (
        PortRequest(protocol="tcp", host_ip=None, host_ports=(8080, 8080), container_port=80),
        PortRequest(protocol="udp", host_ip="10.0.0.1", host_ports=(0, 0), container_port=53),
        PortRequest(protocol="sctp", host_ip="::", host_ports=(9000, 9009), container_port=9),
    )
    assert port_requests({}) == port_requests({"Options": {"com.docker.network.portmap": None}}) == ()


def test_ports_are_published_in_both_families_for_the_networks_sources() -> None:
    records, _ = network()
    records, joined = endpoint(records)
    mapping = PortMapping(protocol="tcp", host_ip=None, host_port=8080, container_port=80)
    records = records.with_endpoint(Endpoint(**{**as_fields(joined), "ports": (mapping,)}))
    common = {"protocol": "tcp", "ports": (8080, 8080), "target_ports": (80, 80), "preserve": True}
    assert publishes(records) == (
        Publish(target="172.30.0.2", sources=("10.0.0.0/16",), target_subnet="172.30.0.0/24", **common),
        Publish(target="fd30::2", sources=("fd10::/16",), target_subnet="fd30::/64", **common),
    )
    assert overview(records) == (
        "network 0123456789ab on bridge nw-0123456789ab: 172.30.0.0/24, fd30::/64; ports for 10.0.0.0/16, fd10::/16\n"
        f"  172.30.0.2 and fd30::2 on {joined.port}, 02:4e:ac:1e:00:02\n"
        "    *:8080/tcp -> 80\n"
    )


def as_fields(value: Endpoint) -> dict[str, Any]:
    return {name: getattr(value, name) for name in Endpoint.__dataclass_fields__}


def test_an_address_says_the_family_and_loopback_cannot_be_published_on() -> None:
    records, made = network(IPv6Data=[])
    _, joined = endpoint(records, Interface={"Address": "172.30.0.2/24"})
    request = PortRequest(protocol="tcp", host_ip="0.0.0.0", host_ports=(8080, 8080), container_port=80)
    assert list(choices(request, made, joined)) == [PortMapping(protocol="tcp", host_ip="0.0.0.0", host_port=8080, container_port=80)]
    for address, sentence in (("127.0.0.1", "cannot publish on 127.0.0.1"), ("::", "the container has no IPv6 address")):
        with pytest.raises(InvalidValue, match=sentence):
            choices(PortRequest(protocol="tcp", host_ip=address, host_ports=(1, 1), container_port=80), made, joined)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("10.0.0.1", "port 8080/tcp of the host is published already, for the container with 172.30.0.2/24"),
        (None, "port 8080/tcp of the host is published already, for the container with 172.30.0.2/24"),
        ("10.0.0.2", "port 8080/tcp of the host is published already, by the stack shop"),
        ("10.0.0.3", None),
    ],
)
def test_a_port_that_another_has_is_refused(address: str | None, sentence: str | None) -> None:
    records, _ = network()
    records, first = endpoint(records)
    mapping = PortMapping(protocol="tcp", host_ip="10.0.0.1", host_port=8080, container_port=80)
    records = records.with_endpoint(Endpoint(**{**as_fields(first), "ports": (mapping,)}))
    records, second = endpoint(records, EndpointID="a" * 64, Interface={"Address": "172.30.0.3/24"})
    wanted = PortMapping(protocol="tcp", host_ip=address, host_port=8080, container_port=80)
    claims = (Claim(stack="shop", protocol="tcp", first=8000, last=8100, address="10.0.0.2"),)
    try:
        refuse_taken(records, claims, second, wanted)
    except NetwrightError as refusal:
        assert str(refusal) == sentence
    else:
        assert sentence is None


def remembered() -> Records:
    records, _ = network(IPv6Data=[])
    records = records.with_pool(Pool(id="172.30.0.0/24", prefix="172.30.0.0/24"))
    for address, kind, active in (
        ("172.30.0.1", LeaseKind.GATEWAY, True),
        ("172.30.0.2", LeaseKind.ALLOCATED, True),
        ("172.30.0.3", LeaseKind.STATED, False),
        ("172.30.0.4", LeaseKind.STATED, False),
        ("172.30.0.5", LeaseKind.STATED, True),
    ):
        records = records.with_lease(Lease(pool="172.30.0.0/24", address=address, kind=kind, active=active))
    return records


def dockers(*addresses: str, reserved: dict[str, str]) -> DockerState:
    containers = {
        f"c{n}": Container(name=f"c{n}", attachments={"shop": Attachment(network="shop", ipv4=address)})
        for n, address in enumerate(addresses)
    }
    shop = DockerNetwork(name="shop", driver="netwright", id=ID, subnets=(DockerSubnet(subnet="172.30.0.0/24", reserved=reserved),))
    return DockerState(networks={"shop": shop}, containers=containers)


def test_a_reservation_goes_with_its_container_and_what_is_in_use_stays() -> None:
    records = remembered()
    seen = unclaimed(records, dockers("172.30.0.3", reserved={"printer": "172.30.0.5"}))
    assert seen == Unclaimed(leases=frozenset({"172.30.0.0/24 172.30.0.2", "172.30.0.0/24 172.30.0.4"}))
    at_once = without_unclaimed(records, records, seen, frozenset())
    assert set(records.leases) - set(at_once.leases) == {"172.30.0.0/24 172.30.0.4"}
    later = without_unclaimed(records, records, seen, seen.leases)
    assert set(records.leases) - set(later.leases) == seen.leases


def test_a_network_that_docker_does_not_have_goes_only_when_it_is_long_gone() -> None:
    records = remembered()
    seen = unclaimed(records, DockerState())
    assert without_unclaimed(records, records, seen, frozenset()).networks == records.networks
    gone = without_unclaimed(records, records, seen, frozenset({ID, "172.30.0.0/24"}))
    assert gone == Records()
    assert unclaimed(records, DockerState(reachable=False)) == Unclaimed()


def test_the_resolver_sees_the_gateway_and_every_address_that_docker_has() -> None:
    shop = with_records(dockers(reserved={"printer": "172.30.0.9"}), remembered()).networks["shop"]
    assert shop.bridge == "nw-0123456789ab"
    assert shop.subnets == (
        DockerSubnet(
            subnet="172.30.0.0/24",
            gateway="172.30.0.1",
            reserved={"printer": "172.30.0.9", **{f"docker-172.30.0.{n}": f"172.30.0.{n}" for n in range(1, 6)}},
        ),
    )
