"""A network of the file as Docker is asked for it: literal."""

from __future__ import annotations

import pytest

from netwright.errors import Refused
from netwright.model.docker import DockerNetwork, DockerSubnet
from netwright.resolve.docker_network import desired_network
from netwright.spec.schema_networks import NetworkSpec


def spec(**keys):
    return NetworkSpec.model_validate({"managed_by": "docker", **keys})


def test_the_articles_network():
    network = spec(subnets=["172.30.0.0/16"], gateway="172.30.0.1")
    assert desired_network("article", "custom", network, {"my_netns-uplink": "172.30.0.2"}, "docker1") == DockerNetwork(
        name="custom",
        driver="bridge",
        owner="article",
        subnets=(DockerSubnet(subnet="172.30.0.0/16", gateway="172.30.0.1", reserved={"my_netns-uplink": "172.30.0.2"}),),
        options={"com.docker.network.bridge.name": "docker1"},
        labels={"io.netwright.stack": "article"},
    )


def test_every_key_has_its_place():
    network = spec(
        name="real-name",
        subnets=["172.30.0.0/16", "fd00:30::/64"],
        gateway=["172.30.0.9", "fd00:30::9"],
        ip_range=["fd00:30::8000/113", "172.30.128.0/17"],
        mtu=1400,
        masquerade=False,
        internal=True,
        options={"com.docker.network.bridge.enable_icc": "true", "com.docker.network.driver.mtu": "1300"},
        labels={"team": "net", "io.netwright.stack": "forged"},
    )
    reserved = {"ns-eth0": "172.30.0.2", "ns-eth0-6": "fd00:30::2", "elsewhere": "10.0.0.1"}
    assert desired_network("article", "custom", network, reserved, "docker1") == DockerNetwork(
        name="real-name",
        driver="bridge",
        owner="article",
        subnets=(
            DockerSubnet(subnet="172.30.0.0/16", gateway="172.30.0.9", ip_range="172.30.128.0/17", reserved={"ns-eth0": "172.30.0.2"}),
            DockerSubnet(subnet="fd00:30::/64", gateway="fd00:30::9", ip_range="fd00:30::8000/113", reserved={"ns-eth0-6": "fd00:30::2"}),
        ),
        internal=True,
        ipv6=True,
        options={
            "com.docker.network.bridge.name": "docker1",
            "com.docker.network.driver.mtu": "1300",
            "com.docker.network.bridge.enable_ip_masquerade": "false",
            "com.docker.network.bridge.enable_icc": "true",
        },
        labels={"team": "net", "io.netwright.stack": "article"},
    )


def test_the_gateway_is_each_subnets_first_host_unless_stated():
    network = spec(subnets=["172.30.0.0/16", "10.1.0.64/26", "fd00:30::/64"], gateway="10.1.0.99")
    assert [subnet.gateway for subnet in desired_network("s", "n", network, {}, "b").subnets] == ["172.30.0.1", "10.1.0.99", "fd00:30::1"]


def test_a_bridge_without_an_address():
    wanted = desired_network("s", "n", spec(subnets=["172.30.0.0/16"], gateway="none"), {"ns-eth0": "172.30.0.2"}, "b0")
    assert wanted.subnets == (DockerSubnet(subnet="172.30.0.0/16", reserved={"ns-eth0": "172.30.0.2"}),)
    assert wanted.options == {"com.docker.network.bridge.name": "b0", "com.docker.network.bridge.inhibit_ipv4": "true"}


def test_who_has_the_first_address_of_a_network_without_a_gateway_is_the_way_out():
    wanted = desired_network("s", "n", spec(subnets=["172.30.0.0/16"], gateway="none"), {"ns-eth0": "172.30.0.1"}, "b0")
    assert wanted.subnets == (DockerSubnet(subnet="172.30.0.0/16", gateway="172.30.0.1"),)
    assert wanted.options["com.docker.network.bridge.inhibit_ipv4"] == "true"


def test_docker_cannot_do_without_a_gateway_in_ipv6():
    with pytest.raises(Refused) as refused:
        desired_network("s", "n", spec(subnets=["172.30.0.0/16", "fd00:30::/64"], gateway="none"), {}, "b")
    assert str(refused.value) == "networks.n.gateway: Docker cannot leave its bridge without an address in an IPv6 subnet"
    half = desired_network("s", "n", spec(subnets=["172.30.0.0/16", "fd00:30::/64"], gateway=["none", "fd00:30::9"]), {}, "b")
    assert [subnet.gateway for subnet in half.subnets] == [None, "fd00:30::9"]
    assert half.options["com.docker.network.bridge.inhibit_ipv4"] == "true"


def test_the_name_of_the_bridge_is_known_before_docker_has_made_it():
    assert desired_network("s", "n", spec(), {}, "b0").bridge == "b0"
    assert desired_network("s", "n", spec(options={"com.docker.network.bridge.name": "mine"}), {}, "b0").bridge == "mine"
    assert desired_network("s", "n", spec(), {}, "").bridge is None
