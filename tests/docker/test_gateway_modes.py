"""Networks with each gateway mode of Docker 28 and later: namespaces on them, and ports of the host that lead there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_host import DockerHost

import netwright
from clients import fetch

pytestmark = pytest.mark.every_engine

GATEWAY_MODES_SINCE = 48
"""1.48 is the API of Docker 28.0, which knows all of them."""
MODED = """\
version: 1
name: moded
networks:
  custom:
    managed_by: docker
    bridge: docker9
    subnets: [172.30.0.0/16]
    internal: INTERNAL
    options: {com.docker.network.bridge.gateway_mode_ipv4: MODE}
namespaces: {visitor: {interfaces: {eth0: {network: custom, address: 172.30.0.9}}}}
"""
PUBLISH = "containers: {web: {publish: [{listen: 9090, from: [10.0.0.0/16], to: 80}]}}\n"


@pytest.fixture
def outside(engine: DockerHost) -> str:
    """Clients in 10.0.0.0/16 and 10.1.0.0/16 beyond eth1, which is 10.0.0.1/8 on the host. Its path."""
    for netns, addresses in ((None, ("10.0.0.1/8",)), (engine.ext, ("10.0.7.7/8", "10.1.7.7/8"))):
        engine.run("ip", "link", "set", "eth1", "up", netns=netns)
        for address in addresses:
            engine.run("ip", "address", "add", address, "dev", "eth1", netns=netns)
    return f"/proc/{os.getpid()}/fd/{engine.ext}"


@pytest.fixture
def netwrights(engine: DockerHost, tmp_path: Path) -> Iterator[netwright.Engine]:
    key = "net.bridge.bridge-nf-call-iptables"
    before = engine.run("sysctl", "-n", key).strip()
    with netwright.open_engine(state_folder=str(tmp_path / "state")) as netwrights:
        yield netwrights
    engine.run("sysctl", "-qw", f"{key}={before}")


@pytest.mark.parametrize("mode", ["nat", "nat-unprotected", "routed", "isolated"])
def test_a_namespace_and_a_port_of_the_host_lead_to_a_container(
    engine: DockerHost, outside: str, netwrights: netwright.Engine, mode: str
) -> None:
    spoken = engine.docker("version", "--format", "{{.Server.APIVersion}}").split(".")
    if mode != "nat" and int(spoken[1]) < GATEWAY_MODES_SINCE:
        pytest.skip("this engine knows no gateway modes")
    internal = mode == "isolated"
    text = MODED.replace("MODE", mode).replace("INTERNAL", "true" if internal else "false")
    netwrights.apply(netwright.parse(text, "moded.yaml"))
    engine.web("web", "--network", "custom", "--ip", "172.30.0.10")
    # Docker's drops of what is sent to a container directly (28 and later) see bridged packets, too, where br_netfilter shows them.
    for switch in ("0", "1"):
        engine.run("sysctl", "-qw", f"net.bridge.bridge-nf-call-iptables={switch}")
        assert fetch("/run/netns/visitor", "172.30.0.10", 80) == "the page"
    if not internal:
        document = netwright.parse(text + PUBLISH, "moded.yaml")
        netwrights.apply(document)
        assert fetch(outside, "10.0.0.1", 9090, "10.0.7.7") == "the page"
        assert fetch(outside, "10.0.0.1", 9090, "10.1.7.7") == "refused"
        assert netwrights.apply(document).plan.operations == ()
    engine.docker("rm", "--force", "web")
    netwrights.destroy("moded")
