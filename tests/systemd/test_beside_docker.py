"""Both services under their units' restrictions, beside a real Docker Engine that the same systemd has started."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import pytest
from booted_host import BootedHost
from units import DAEMON, PLUGIN, put_right, seen

from daemon_process import until

pytestmark = pytest.mark.skipif(shutil.which("dockerd") is None, reason="needs dockerd (Debian's package is docker.io)")

ENGINE = """\
[Service]
Type=notify
ExecStart=dockerd --data-root /var/lib/engine --storage-driver vfs
"""
SHOP = """\
version: 1
name: shop
networks:
  lan: {subnets: [10.3.0.0/24, "fd03::/64"], bridge: br-shop, antispoof: true}
  wire: {driver: macvlan, parent: eth1, subnets: [10.9.0.0/16]}
  front: {managed_by: docker, bridge: docker1, subnets: [10.81.0.0/24]}
namespaces:
  web:
    interfaces:
      eth0: {network: lan, address: [10.3.0.7, "fd03::7"]}
      wan: {network: wire, address: 10.9.0.7}
    sysctls: {net.ipv4.ip_default_ttl: 77}
    routes: [{to: 10.99.0.0/16, via: 10.3.0.1}]
  db: {interfaces: {eth0: {network: lan, address: 10.3.0.8}, eth1: {network: front}}}
containers:
  app: {networks: {front: {address: 10.81.0.10}}, publish: ["8081:80/tcp"]}
host:
  publish: [{listen: 8080/tcp, to: "web:80"}]
  sysctls: {net.ipv4.conf.all.rp_filter: 2}
  protect: true
policies: [{name: visit, from: web, to: app, ports: [80/tcp]}]
"""


@pytest.fixture(scope="module")
def engine(booted: BootedHost) -> Iterator[BootedHost]:
    """docker.service runs, a container app serves a page, and there is a NIC eth1."""
    booted.write("/etc/systemd/system/docker.service", ENGINE)
    booted.sh("systemctl daemon-reload; systemctl start docker")
    booted.sh('tar -C / -cf - "$(realpath --relative-to=/ "$(command -v busybox)")" | docker import - bb:1 >/dev/null')
    busybox = booted.sh('realpath "$(command -v busybox)"').strip()
    serve = f"{busybox} mkdir -p /www; echo 'the page' >/www/index.html; exec {busybox} httpd -f -p 80 -h /www"
    booted.run("docker", "run", "--detach", "--name", "app", "--stop-signal", "KILL", "bb:1", busybox, "sh", "-c", serve)
    booted.sh("ip link add eth1 type veth peer name wire1; ip link set eth1 up; ip link set wire1 up")
    yield booted
    booted.sh("docker rm --force app; systemctl stop docker; nft flush ruleset; ip link delete eth1; ip link delete docker0")
    booted.sh("rm /etc/systemd/system/docker.service; systemctl daemon-reload")


@pytest.fixture
def docker_host(engine: BootedHost, host: BootedHost) -> Iterator[BootedHost]:
    """Both services run beside the engine."""
    host.run("systemctl", "start", DAEMON, PLUGIN)
    yield host
    host.api("POST", "/v1/destroy", {"stack": "shop"})


def test_a_stack_with_containers_is_made_and_kept(docker_host: BootedHost) -> None:
    status, answer = docker_host.api("POST", "/v1/apply", {"text": SHOP})
    assert status == 200, answer
    fetch = ("ip", "netns", "exec", "web", "busybox", "wget", "-q", "-O", "-", "http://app/")
    until("app to serve", lambda: docker_host.run(*fetch, check=False) == "the page\n")
    whole = seen(docker_host)
    (network,) = json.loads(docker_host.run("docker", "network", "inspect", "front"))
    assert [one["IPv4Address"] for one in network["Containers"].values()] == ["10.81.0.10/24"]
    for undoing in ("iptables -D DOCKER-USER 1", "ip netns delete web", "ip link delete br-shop", "nft delete table inet nw_shop"):
        put_right(docker_host, undoing, whole)
    assert docker_host.run("iptables-save").count('--comment "netwright:shop') == 5
    # A container that was started again has another namespace.
    put_right(docker_host, "docker restart app", whole)
    until("app to serve", lambda: docker_host.run(*fetch, check=False) == "the page\n")
    document = docker_host.api("GET", "/v1/status/shop")[1]["stacks"][0]
    assert (document["in_order"], document["waiting"], document["warnings"]) == (True, [], [])


def test_docker_gets_its_networks_from_the_driver(docker_host: BootedHost) -> None:
    docker_host.sh(
        "docker network create --driver netwright --ipam-driver netwright --subnet 10.82.0.0/24 lan >/dev/null; docker network connect lan app"
    )
    (container,) = json.loads(docker_host.run("docker", "inspect", "app"))
    assert container["NetworkSettings"]["Networks"]["lan"]["IPAddress"] == "10.82.0.2"
    (bridge,) = (link["ifname"] for link in docker_host.ip("address") if any(one["local"] == "10.82.0.1" for one in link["addr_info"]))
    assert docker_host.ip("link", "show", "master", bridge) != []
    assert docker_host.run("busybox", "wget", "-q", "-O", "-", "http://10.82.0.2/") == "the page\n"
    docker_host.sh("docker network disconnect lan app; docker network rm lan >/dev/null")
    assert bridge not in [link["ifname"] for link in docker_host.ip("link")]
