"""Docker 28's drops of what is sent to a container's own address: whoever publishes to one from another network is told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from docker_rules import Bridge, docker_rules
from firewall_net import run

import netwright
from netwright.backends.nft import Nft
from netwright.errors import Refused
from netwright.model.firewall import DirectDrop
from own_host import away, new_network

pytestmark = pytest.mark.netns

GATE = """\
version: 1
name: gate
networks: {lan: {bridge: br7, subnets: [10.77.0.0/24]}}
namespaces:
  front:
    interfaces: {eth0: {network: lan}}
    publish: [{listen: 8080, to: "172.17.0.5:80"}]
"""


@pytest.fixture(autouse=True)
def bridge() -> Iterator[None]:
    with away():
        new_network()
        run("ip", "link", "add", "dock0", "type", "bridge")
        run("ip", "address", "add", "172.17.0.1/16", "dev", "dock0")
        run("ip", "link", "set", "dock0", "up")
        yield


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[netwright.Engine]:
    with netwright.open_engine(state_folder=str(tmp_path / "state")) as engine:
        yield engine
        engine.destroy("gate")


def nft() -> tuple[str, str, str]:
    run("nft", "-f", "-", stdin=docker_rules([Bridge(name="dock0", subnets=["172.17.0.0/16"], containers=["172.17.0.5"])]))
    return "ip docker-bridges", "raw-PREROUTING", 'ip daddr 172.17.0.5 iifname != "dock0" drop'


def iptables_nft() -> tuple[str, str, str]:
    run("iptables-nft", "-t", "raw", "-A", "PREROUTING", "-d", "172.17.0.5", "!", "-i", "dock0", "-j", "DROP")
    return "ip raw", "PREROUTING", 'iifname != "dock0" ip daddr 172.17.0.5 drop'


def iptables_legacy() -> tuple[str, str, str]:
    run("iptables-legacy", "-t", "raw", "-A", "PREROUTING", "-d", "172.17.0.5", "!", "-i", "dock0", "-j", "DROP")
    return "raw", "PREROUTING", "-d 172.17.0.5/32 ! -i dock0 -j DROP"


@pytest.mark.parametrize("docker", [nft, iptables_nft, iptables_legacy])
def test_a_namespace_that_would_hand_on_to_a_containers_own_address_is_refused(
    engine: netwright.Engine, docker: Callable[[], tuple[str, str, str]]
) -> None:
    table, chain, rule = docker()
    assert Nft().observe_forward().direct_drops == (DirectDrop(address="172.17.0.5", table=table, chain=chain, rule=rule),)
    with pytest.raises(Refused) as refused:
        engine.apply(netwright.parse(GATE, "gate.yaml"))
    assert str(refused.value) == (
        f"the chain {chain} of the table {table} drops what gate publishes in front to 172.17.0.5, by `{rule}`: Docker lets nobody send to a"
        " container's own address from elsewhere; put an interface of the namespace on the container's network, or publish on the host"
    )
    engine.apply(netwright.parse(GATE.replace("172.17.0.5", "172.17.0.6"), "gate.yaml"))


def test_the_host_may_and_so_may_whoever_is_on_the_containers_network(engine: netwright.Engine) -> None:
    iptables_nft()
    engine.apply(
        netwright.parse('version: 1\nname: gate\nhost: {publish: [{listen: 8080, to: "172.17.0.5:80"}]}\n', "gate.yaml"),
    )
    engine.destroy("gate")
    text = """\
version: 1
name: gate
namespaces:
  front:
    interfaces: {eth0: {peer: {namespace: back, interface: eth0}, addresses: [172.17.0.9/16]}}
    publish: [{listen: 8080, to: "172.17.0.5:80"}]
  back: {interfaces: {eth0: {peer: {namespace: front, interface: eth0}}}}
"""
    engine.apply(netwright.parse(text, "gate.yaml"))
