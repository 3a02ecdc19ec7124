"""Networks to ask for, and how the tests give their orders."""

from __future__ import annotations

from netwright.model.docker import DockerNetwork, DockerSubnet
from netwright.model.operation import CreateDockerNetwork
from netwright.model.state import Desired, State

FULL = DockerNetwork(
    name="custom",
    driver="bridge",
    owner="article",
    subnets=(
        DockerSubnet(
            subnet="172.30.0.0/16",
            gateway="172.30.0.7",
            ip_range="172.30.128.0/17",
            reserved={"my_netns-uplink": "172.30.0.2", "other-eth0": "172.30.128.0"},
        ),
        DockerSubnet(subnet="fd00:30::/64", gateway="fd00:30::7", reserved={"my_netns-uplink": "fd00:30::1"}),
    ),
    ipv6=True,
    options={
        "com.docker.network.bridge.name": "docker1",
        "com.docker.network.driver.mtu": "1400",
        "com.docker.network.bridge.enable_ip_masquerade": "false",
        "com.docker.network.bridge.enable_icc": "false",
    },
    labels={"io.netwright.stack": "article", "team": "net"},
)
PLAIN = DockerNetwork(
    name="lan", driver="bridge", owner="article", subnets=(DockerSubnet(subnet="10.77.0.0/24"),), labels={"io.netwright.stack": "article"}
)


def execute(backend, *operations):
    finished: list[int] = []
    try:
        backend.execute(operations, finished.append)
    finally:
        assert set(finished) <= {1}
    return len(finished)


def create(network):
    return CreateDockerNetwork(network=network, why="test")


def wants(*networks, attachments=None, earlier=None, stack="article"):
    return Desired(
        stack=stack,
        state=State(),
        docker_networks={network.name: network for network in networks},
        attachments=attachments or {},
        earlier_attachments=earlier or {},
    )
