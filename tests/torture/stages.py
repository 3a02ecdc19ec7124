"""Hosts to be tortured: what stands on them before, somebody else's included, and the stack that is applied, edited and destroyed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from torture.witnesses import Docker

SMALL_DISK = "32m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A file, and what it is edited to."""

    name: str
    text: str
    edited: str
    ipv6_forwarding: str = "0"
    """Of the host, before. Docker turns it on with the first network that has IPv6, and leaves it so."""
    in_dockers_chains: bool = True
    """On a host with Docker it has rules there."""
    uplink: bool = False
    """It takes the NIC eth1, which is configured."""
    containers: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Those that it speaks of, and the options that they are started with."""
    stride: int = 1
    """Of its places every so many-th is tried, where all are asked for."""


ARTICLE = """\
version: 1
name: article
networks:
  custom: {managed_by: docker, bridge: docker1, subnets: [172.30.0.0/16]}
namespaces:
  my_netns:
    interfaces:
      eth1: {nic: eth1, addresses: [10.0.0.1/8]}
      uplink: {network: custom, address: 172.30.0.2}
    routes: [{to: default, via: 10.255.255.254}]
    publish:
      - {listen: "eth1:1234/tcp", from: [10.0.0.0/16], to: "web:1234"}
containers:
  web:
    networks: {custom: {address: 172.30.0.10}}
"""

SHOP = """\
version: 1
name: shop
networks:
  front: {managed_by: docker, bridge: br-front, subnets: [172.31.0.0/24]}
  back: {managed_by: docker, bridge: br-back, subnets: [172.31.1.0/24, "fd31:1::/64"]}
  lan: {bridge: br-lan, subnets: [10.77.0.0/24]}
namespaces:
  gate:
    interfaces:
      eth0: {network: lan}
      to-web: {peer: {container: web, interface: gate0}, addresses: [192.0.2.129/30]}
containers:
  web:
    networks: {front: {address: 172.31.0.10}, back: {address: [172.31.1.10, "fd31:1::10"]}}
    interfaces:
      lan0: {network: lan}
      gate0: {peer: {namespace: gate, interface: to-web}, addresses: [192.0.2.130/30]}
    publish:
      - {listen: 8080/tcp, from: [10.0.0.0/16], to: 80}
      - {listen: 9090/tcp, from: [10.1.0.0/16], to: 81}
  db: {networks: {back: {address: [172.31.1.20, "fd31:1::20"]}}}
host: {protect: true}
policies: [{name: books, from: web, to: db, ports: [5432]}]
"""


def _many(name: str, count: int) -> str:
    ends = "\n".join(f"  n{number}: {{interfaces: {{eth0: {{network: net{number % 3}}}}}}}" for number in range(count))
    ports = ", ".join(f'{{listen: {8000 + number}, to: "n{number}:80"}}' for number in range(0, count, 5))
    return (
        f"version: 1\nname: {name}\nnetworks:\n  net0: {{bridge: br0, subnets: [10.50.0.0/24]}}\n"
        '  net1: {bridge: br1, subnets: [10.51.0.0/24, "fd51::/64"]}\n  net2: {bridge: br2, subnets: [10.52.0.0/24]}\n'
        f"namespaces:\n{ends}\nhost: {{publish: [{ports}]}}\npolicies: [{{name: some, from: n1, to: n2, ports: [80]}}]\n"
    )


STACKS = {
    "article": Stack(
        name="article",
        text=ARTICLE,
        edited=ARTICLE.replace("eth1:1234/", "eth1:4321/")
        .replace("10.0.0.1/8", "10.0.0.7/8")
        .replace("my_netns:", "other: {}\n  my_netns:"),
        in_dockers_chains=False,
        uplink=True,
        containers=(("web", ()),),
    ),
    "shop": Stack(
        name="shop",
        text=SHOP,
        edited=SHOP.replace("8080/tcp", "8081/tcp").replace("172.31.1.20", "172.31.1.21").replace("10.1.0.0/16", "10.2.0.0/16"),
        ipv6_forwarding="1",
        stride=2,
        containers=(("web", ("--publish", "9090:81")), ("db", ())),
    ),
    "fifty": Stack(
        name="fifty",
        text=_many("fifty", 50),
        edited=_many("fifty", 47).replace("ports: [80]", "ports: [81]").replace("8000", "7999"),
        stride=23,
    ),
}


FEW = Stack(name="few", text=_many("few", 4), edited=_many("few", 3).replace("ports: [80]", "ports: [81]").replace("8000", "7999"))
"""For tests, in which it shall not take long."""


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"


@contextmanager
def strangers() -> Iterator[None]:
    """What somebody else has on the host: a bridge, a pair of interfaces, addresses, routes, rules, nft tables, files."""
    away = (
        (("ip", "link", "add", "br-theirs", "address", "02:00:00:00:be:01", "type", "bridge"), ("ip", "link", "del", "br-theirs")),
        (
            (
                "ip",
                "link",
                "add",
                "theirs0",
                "address",
                "02:00:00:00:be:02",
                "type",
                "veth",
                "peer",
                "name",
                "theirs1",
                "address",
                "02:00:00:00:be:03",
            ),
            ("ip", "link", "del", "theirs0"),
        ),
        (("ip", "rule", "add", "from", "192.0.2.64/26", "table", "77", "priority", "777"), ("ip", "rule", "del", "priority", "777")),
        (("nft", "add table inet theirs"), ("nft", "delete table inet theirs")),
        (("mkdir", "-p", "/etc/netns/theirs"), ("rm", "-r", "/etc/netns/theirs")),
    )
    plain = (
        ("ip", "link", "set", "theirs0", "master", "br-theirs", "mtu", "1414"),
        ("ip", "address", "add", "192.0.2.65/26", "dev", "br-theirs"),
        ("ip", "address", "add", "2001:db8:77::1/64", "dev", "br-theirs", "nodad"),
        ("ip", "link", "set", "theirs0", "up"),
        ("ip", "link", "set", "theirs1", "up"),
        ("ip", "link", "set", "br-theirs", "up", "alias", "not yours"),
        ("ip", "route", "add", "203.0.113.0/24", "via", "192.0.2.66", "proto", "static", "metric", "77"),
        ("ip", "route", "add", "203.0.113.128/25", "via", "192.0.2.67", "table", "77"),
        ("nft", "add chain inet theirs c { type filter hook input priority 7; }; add rule inet theirs c tcp dport 7 drop"),
        ("sh", "-c", "echo nameserver 192.0.2.66 >/etc/netns/theirs/resolv.conf"),
    )
    with _undone(away):
        for command in plain:
            _run(*command)
        yield


@contextmanager
def uplink(ext: str) -> Iterator[None]:
    """eth1, which is there, with all that a NIC can be configured with; its other end is in the namespace at `ext`."""
    for command in (
        ("ip", "link", "set", "eth1", "mtu", "1450", "txqueuelen", "77", "alias", "the uplink", "group", "9"),
        ("ip", "link", "set", "eth1", "up"),
        ("nsenter", f"--net={ext}", "ip", "link", "set", "eth1", "up"),
        ("ip", "address", "add", "192.0.2.7/27", "broadcast", "192.0.2.31", "label", "eth1:one", "dev", "eth1"),
        ("ip", "address", "add", "2001:db8::7/64", "dev", "eth1", "nodad"),
        ("ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.1", "metric", "77", "proto", "static"),
        ("ip", "-6", "route", "add", "2001:db8:9::/48", "via", "2001:db8::1", "metric", "78"),
        ("sysctl", "-qw", "net.ipv4.conf.eth1.rp_filter=2", "net.ipv4.neigh.eth1.gc_stale_time=77"),
        ("sysctl", "-qw", "net.ipv6.conf.eth1.accept_ra=0", "net.ipv6.neigh.eth1.mcast_solicit=7"),
    ):
        _run(*command)
    yield


@contextmanager
def dockers(docker: Docker, image: str, stack: Stack) -> Iterator[None]:
    """The stack's containers, and somebody else's network, container and rules in DOCKER-USER."""
    names = [name for name, _ in stack.containers]
    sleep = ("--stop-signal", "KILL", image, "sleep", "1000000")
    rule = ("DOCKER-USER", "-s", "198.51.100.7", "-j", "DROP", "-m", "comment", "--comment", "not yours")
    try:
        _run("sysctl", "-qw", f"net.ipv6.conf.all.forwarding={stack.ipv6_forwarding}")
        docker("network", "create", "--subnet", "172.29.0.0/24", "--opt", "com.docker.network.bridge.name=br-dtheirs", "theirs")
        docker("run", "--detach", "--name", "theirs", "--network", "theirs", "--ip", "172.29.0.9", "--publish", "7777:7", *sleep)
        for number, (name, options) in enumerate(stack.containers):
            # On a network that has names: the first such gives a container rules of its own for good.
            docker("run", "--detach", "--name", name, "--network", "theirs", "--ip", f"172.29.0.1{number}", *options, *sleep)
        _run("iptables", "-I", *rule)
        yield
    finally:
        subprocess.run(["iptables", "-D", *rule], check=False, capture_output=True)
        docker("rm", "--force", *names, "theirs")
        docker("network", "rm", "theirs")


@contextmanager
def small_disks(*folders: Path | str) -> Iterator[None]:
    """File systems of their own, that are soon full."""
    away = tuple(
        (("mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK},mode=755", "small", str(folder)), ("umount", "--lazy", str(folder)))
        for folder in folders
    )
    for folder in folders:
        Path(folder).mkdir(parents=True, exist_ok=True)
    with _undone(away):
        yield


@contextmanager
def _undone(pairs: Sequence[tuple[tuple[str, ...], tuple[str, ...]]]) -> Iterator[None]:
    """Commands, and those that undo them at the end."""
    with ExitStack() as later:
        for command, undo in pairs:
            _run(*command)
            later.callback(subprocess.run, undo, check=False, capture_output=True)
        yield
