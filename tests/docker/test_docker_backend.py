"""The backend against a real Docker Engine. The witness is the docker command."""

from __future__ import annotations

import pytest
from docker_orders import FULL, PLAIN, create, execute, wants

from netwright.model.docker import Attachment, DockerNetwork, DockerSubnet, PortBinding
from netwright.model.state import State
from netwright.planning.docker import DockerPart, docker_operations
from netwright.resolve.docker_network import desired_network
from netwright.spec.schema_networks import NetworkSpec

pytestmark = pytest.mark.every_engine


def test_a_network_is_made_with_all_that_is_asked_for(engine, backend):
    assert execute(backend, create(FULL)) == 1
    made = engine.inspect("network", "custom")
    assert {key: made[key] for key in ("Name", "Driver", "EnableIPv6", "Internal", "Options", "Labels", "IPAM")} == {
        "Name": "custom",
        "Driver": "bridge",
        "EnableIPv6": True,
        "Internal": False,
        "Options": {
            "com.docker.network.bridge.enable_icc": "false",
            "com.docker.network.bridge.enable_ip_masquerade": "false",
            "com.docker.network.bridge.name": "docker1",
            "com.docker.network.driver.mtu": "1400",
        },
        "Labels": {"io.netwright.stack": "article", "team": "net"},
        "IPAM": {
            "Driver": "default",
            "Options": None,
            "Config": [
                {
                    "Subnet": "172.30.0.0/16",
                    "IPRange": "172.30.128.0/17",
                    "Gateway": "172.30.0.7",
                    "AuxiliaryAddresses": {"my_netns-uplink": "172.30.0.2", "other-eth0": "172.30.128.0"},
                },
                {"Subnet": "fd00:30::/64", "Gateway": "fd00:30::7", "AuxiliaryAddresses": {"my_netns-uplink": "fd00:30::1"}},
            ],
        },
    }
    assert "172.30.0.7/16" in engine.run("ip", "-o", "address", "show", "dev", "docker1")


def test_what_was_made_is_seen_as_it_was_wanted(engine, backend):
    internal = DockerNetwork(
        name="inner",
        driver="bridge",
        owner="article",
        subnets=(DockerSubnet(subnet="10.99.0.0/24", gateway="10.99.0.1"),),
        internal=True,
        labels={"io.netwright.stack": "article"},
    )
    execute(backend, create(FULL), create(internal), create(PLAIN))
    seen = backend.observe()
    assert seen.reachable
    assert seen.version == engine.docker("version", "--format", "{{.Server.Version}}")
    assert seen.networks["custom"] == FULL
    assert seen.networks["inner"] == internal
    assert seen.networks["custom"].bridge == "docker1"
    assert seen.networks["inner"].bridge == f"br-{engine.inspect('network', 'inner')['Id'][:12]}"
    assert seen.networks["host"].bridge is None
    assert docker_operations(wants(FULL, internal, PLAIN), State(docker=seen)) == DockerPart()


def test_no_container_ever_gets_a_reserved_address(engine, backend):
    small = DockerSubnet(subnet="10.78.0.0/29", gateway="10.78.0.1", reserved={"a": "10.78.0.2", "b": "10.78.0.4"})
    execute(backend, create(DockerNetwork(name="small", driver="bridge", owner="article", subnets=(small,))))
    for name in ("one", "two", "three"):
        engine.container(name, "--network", "small")
    addresses = sorted(c["IPv4Address"] for c in engine.inspect("network", "small")["Containers"].values())
    assert addresses == ["10.78.0.3/29", "10.78.0.5/29", "10.78.0.6/29"]
    with pytest.raises(AssertionError, match="no available IPv4 addresses"):
        engine.container("four", "--network", "small")


def test_containers_are_seen_with_pid_addresses_ports_and_labels(engine, backend):
    execute(backend, create(FULL))
    pid = engine.container("web", "--network", "custom", "--publish", "8080:80", "--publish", "127.0.0.1:53:5353/udp", "--label", "app=web")
    engine.container("idle", "--network", "custom", "--ip", "172.30.0.44")
    engine.docker("stop", "idle")
    engine.docker("create", "--name", "born", "--network", "custom", "bb:1", "true")
    host_pid = engine.container("hosted", "--network", "host")
    seen = backend.observe()
    web, idle, hosted = seen.containers["web"], seen.containers["idle"], seen.containers["hosted"]
    endpoint = engine.inspect("container", "web")["NetworkSettings"]["Networks"]["custom"]
    assert sorted(seen.containers) == ["born", "hosted", "idle", "web"]
    assert (web.pid, web.id, web.running, web.labels) == (pid, engine.inspect("container", "web")["Id"], True, {"app": "web"})
    assert web.attachments == {
        "custom": Attachment(
            network="custom",
            ipv4=endpoint["IPAddress"],
            ipv6=endpoint["GlobalIPv6Address"],
            gateway4="172.30.0.7",
            gateway6="fd00:30::7",
            mac=endpoint["MacAddress"],
        )
    }
    assert set(web.bindings) == {
        PortBinding(protocol="tcp", host_ip="0.0.0.0", host_port=8080, container_port=80),
        PortBinding(protocol="tcp", host_ip="::", host_port=8080, container_port=80),
        PortBinding(protocol="udp", host_ip="127.0.0.1", host_port=53, container_port=5353),
    }
    assert (idle.pid, idle.running, idle.attachments["custom"].ipv4) == (0, False, "172.30.0.44")
    assert (hosted.pid, hosted.host_network, web.host_network) == (host_pid, True, False)
    assert seen.networks["custom"].used_by == ("born", "idle", "web")


def test_a_paused_container_still_has_its_namespace(engine, backend):
    pid = engine.container("web")
    engine.docker("pause", "web")
    assert backend.observe().containers["web"].pid == pid


def test_a_container_is_connected_with_its_address_and_disconnected(engine, backend):
    engine.container("web")
    wanted = Attachment(network="custom", ipv4="172.30.0.10", ipv6="fd00:30::10")
    desired = wants(FULL, attachments={"web": {"custom": wanted}})
    part = docker_operations(desired, State(docker=backend.observe()))
    assert execute(backend, *part.disconnect, *part.remove, *part.create, *part.connect) == 2
    endpoint = engine.inspect("container", "web")["NetworkSettings"]["Networks"]["custom"]
    assert (endpoint["IPAddress"], endpoint["GlobalIPv6Address"]) == ("172.30.0.10", "fd00:30::10")
    assert docker_operations(desired, State(docker=backend.observe())) == DockerPart()
    gone = docker_operations(wants(FULL, earlier={"web": frozenset({"custom"})}), State(docker=backend.observe()))
    assert execute(backend, *gone.disconnect, *gone.remove) == 1
    assert sorted(engine.inspect("container", "web")["NetworkSettings"]["Networks"]) == ["bridge"]


def test_another_address_is_given_by_connecting_anew(engine, backend):
    execute(backend, create(FULL))
    engine.container("web", "--network", "custom", "--ip", "172.30.0.10")
    desired = wants(FULL, attachments={"web": {"custom": Attachment(network="custom", ipv4="172.30.0.11")}})
    part = docker_operations(desired, State(docker=backend.observe()))
    assert execute(backend, *part.disconnect, *part.remove, *part.create, *part.connect) == 2
    assert engine.inspect("container", "web")["NetworkSettings"]["Networks"]["custom"]["IPAddress"] == "172.30.0.11"


def test_a_stopped_container_is_connected_for_its_next_start(engine, backend):
    execute(backend, create(FULL))
    engine.docker("create", "--name", "web", "bb:1", "sleep", "1000000")
    desired = wants(FULL, attachments={"web": {"custom": Attachment(network="custom", ipv4="172.30.0.10")}})
    part = docker_operations(desired, State(docker=backend.observe()))
    assert execute(backend, *part.connect) == 1
    assert docker_operations(desired, State(docker=backend.observe())) == DockerPart()
    engine.docker("start", "web")
    assert engine.inspect("container", "web")["NetworkSettings"]["Networks"]["custom"]["IPAddress"] == "172.30.0.10"
    assert docker_operations(desired, State(docker=backend.observe())) == DockerPart()


def test_a_network_that_is_no_longer_as_wanted_is_made_anew_with_our_container_on_it(engine, backend):
    execute(backend, create(FULL))
    engine.container("web")
    wanted = {"web": {"custom": Attachment(network="custom", ipv4="172.30.0.10")}}
    part = docker_operations(wants(FULL, attachments=wanted), State(docker=backend.observe()))
    execute(backend, *part.connect)
    other = DockerNetwork(
        name="custom", driver="bridge", owner="article", subnets=(DockerSubnet(subnet="172.30.0.0/24", gateway="172.30.0.1"),)
    )
    desired = wants(other, attachments=wanted, earlier={"web": frozenset({"custom"})})
    part = docker_operations(desired, State(docker=backend.observe()))
    assert execute(backend, *part.disconnect, *part.remove, *part.create, *part.connect) == 4
    assert engine.inspect("network", "custom")["IPAM"]["Config"] == [{"Subnet": "172.30.0.0/24", "Gateway": "172.30.0.1"}]
    assert engine.inspect("container", "web")["NetworkSettings"]["Networks"]["custom"]["IPAddress"] == "172.30.0.10"
    assert docker_operations(desired, State(docker=backend.observe())) == DockerPart()


def test_a_bridge_without_an_address_and_a_router_of_our_own(engine, backend):
    spec = NetworkSpec.model_validate({"managed_by": "docker", "subnets": ["10.79.0.0/24"], "gateway": "none"})
    wanted = desired_network("article", "lan", spec, {"router-eth0": "10.79.0.1", "other-eth0": "10.79.0.2"}, "nw-lan")
    execute(backend, create(wanted))
    assert docker_operations(wants(wanted), State(docker=backend.observe())) == DockerPart()
    pid = engine.container("web", "--network", "lan")
    assert " inet " not in engine.run("ip", "-o", "address", "show", "dev", "nw-lan")
    inside = engine.run("nsenter", f"--net=/proc/{pid}/ns/net", "ip", "-4", "-o", "route").splitlines()
    assert [line.split(" dev")[0] for line in inside] == ["default via 10.79.0.1", "10.79.0.0/24"]
    assert engine.inspect("container", "web")["NetworkSettings"]["Networks"]["lan"]["IPAddress"] == "10.79.0.3"


def test_a_network_of_ipv6_alone_is_as_wanted_with_the_subnet_that_docker_adds(engine, backend):
    spec = NetworkSpec.model_validate({"managed_by": "docker", "subnets": ["fd00:31::/64"]})
    wanted = desired_network("article", "six", spec, {"ns-eth0": "fd00:31::2"}, "nw-six")
    execute(backend, create(wanted))
    engine.container("web", "--network", "six")
    assert engine.inspect("container", "web")["NetworkSettings"]["Networks"]["six"]["GlobalIPv6Address"] == "fd00:31::3"
    assert docker_operations(wants(wanted), State(docker=backend.observe())) == DockerPart()
