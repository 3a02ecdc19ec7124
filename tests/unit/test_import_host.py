"""A host as it is, described in our language."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scene import planned

from netwright.errors import Refused
from netwright.importing.host import import_host
from netwright.kinds.bridge import Bridge
from netwright.kinds.veth import Veth
from netwright.model.docker import Attachment, Container, DockerNetwork, DockerState, DockerSubnet, PortBinding
from netwright.model.link import Link, LinkKey, Observation
from netwright.model.netns import HOST, named
from netwright.model.route import Address, Route, Rule
from netwright.model.state import Namespace, State
from netwright.resolve.facts import Facts
from netwright.resolve.resolver import resolve
from netwright.spec.load import parse

LO = Link(name="lo", alias="", up=True, mtu=65536, mac="00:00:00:00:00:00", master="")
KERNEL, STATIC = 2, 4


def veth(name: str, peer: LinkKey | None, *, alias: str = "", master: str = "", mtu: int = 1500, up: bool = True) -> Veth:
    return Veth(name=name, alias=alias, up=up, mtu=mtu, mac="02:00:00:00:00:01", master=master, peer=peer)


def namespace(ref, links, *, addresses=(), routes=(), rules=(), sysctls=None, owner=None) -> Namespace:
    own = {link.name: link for link in (LO, *links)}
    return Namespace(
        ref=ref,
        owner=owner,
        links=own,
        seen={name: Observation(index=number, kind=link.kind) for number, (name, link) in enumerate(own.items(), 1)},
        addresses=frozenset(addresses),
        routes=frozenset(routes),
        rules=frozenset(rules),
        sysctls=sysctls or {},
    )


RED, BLUE, MINE = named("red"), named("blue"), named("mine")
EVERYTHING = State(
    namespaces={
        HOST: namespace(
            HOST,
            [
                Bridge(name="br0", alias="", up=True, mtu=9000, mac="02:00:00:00:00:b0", master=""),
                Bridge(name="docker0", alias="", up=False, mtu=1500, mac="02:00:00:00:00:d0", master=""),
                Bridge(name="br-lab", alias="netwright:lab", up=True, mtu=1500, mac="02:00:00:00:00:b1", master=""),
                veth("to-red", LinkKey(RED, "eth0"), master="br0"),
                veth("to-docker", LinkKey(RED, "dock"), master="docker0"),
                veth("veth123", None, master="docker0"),
                veth("wire", LinkKey(RED, "wire")),
                veth("mine-1", LinkKey(MINE, "eth0"), alias="netwright:lab", master="br-lab"),
                Link(name="eno1", alias="", up=True, mtu=1500, mac="02:00:00:00:00:e1", master=""),
                Link(name="eno2", alias="", up=True, mtu=1500, mac="02:00:00:00:00:e2", master="br0"),
                Link(name="lent", alias="netwright-loan:lab", up=True, mtu=1500, mac="02:00:00:00:00:e3", master=""),
            ],
            addresses=[
                Address(dev="br0", cidr="10.1.0.254/24"),
                Address(dev="br0", cidr="10.1.0.253/24"),
                Address(dev="br0", cidr="fd01::1/64"),
                Address(dev="br0", cidr="fe80::1/64", scope=253),
                Address(dev="eno1", cidr="192.0.2.7/24", valid_seconds=3600),
                Address(dev="eno1", cidr="203.0.113.7/24"),
                Address(dev="eno1", cidr="10.8.0.1/32", peer="10.8.0.2/32"),
                Address(dev="lo", cidr="127.0.0.1/8"),
                Address(dev="lo", cidr="198.51.100.1/32"),
                Address(dev="docker0", cidr="172.17.0.1/16"),
            ],
            routes=[
                Route(to="0.0.0.0/0", via="203.0.113.1", dev="eno1", metric=100, protocol=STATIC),
                Route(to="::/0", dev="eno1", metric=1024, protocol=STATIC),
                Route(to="10.99.0.0/16", kind="blackhole", protocol=STATIC),
                Route(to="203.0.113.0/24", dev="eno1", protocol=KERNEL),
                Route(to="10.5.0.0/16", via="203.0.113.9", dev="eno1", table=100, protocol=STATIC),
                Route(to="10.6.0.0/16", via="203.0.113.9", dev="eno1"),
                Route(to="10.7.0.0/16", via="10.7.0.1", dev="lent", protocol=STATIC),
            ],
            rules=[Rule(family=4, priority=0, table=255, protocol=KERNEL), Rule(family=4, priority=1000, table=100, protocol=STATIC)],
            sysctls={"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "0"},
        ),
        RED: namespace(
            RED,
            [
                veth("eth0", LinkKey(HOST, "to-red"), mtu=1400),
                veth("dock", LinkKey(HOST, "to-docker"), up=False),
                veth("wire", LinkKey(HOST, "wire")),
                veth("lost", None),
                veth("ours", LinkKey(MINE, "theirs"), alias="netwright:lab"),
                Link(name="wg!x", alias="", up=True, mtu=1420, mac="", master=""),
            ],
            addresses=[Address(dev="eth0", cidr="10.1.0.2/24"), Address(dev="dock", cidr="172.17.0.99/16")],
            routes=[Route(to="0.0.0.0/0", via="10.1.0.254", dev="eth0", source="10.1.0.2", mtu=1300, protocol=STATIC)],
        ),
        BLUE: namespace(BLUE, []),
        MINE: namespace(MINE, [veth("eth0", LinkKey(HOST, "mine-1"), alias="netwright:lab")], owner="lab"),
    },
    docker=DockerState(
        networks={
            "bridge": DockerNetwork(
                name="bridge", driver="bridge", bridge="docker0", subnets=(DockerSubnet(subnet="172.17.0.0/16", gateway="172.17.0.1"),)
            ),
            "host": DockerNetwork(name="host", driver="host"),
            "none": DockerNetwork(name="none", driver="null"),
            "lan": DockerNetwork(name="lan", driver="somebodys", subnets=(DockerSubnet(subnet="10.40.0.0/24"),)),
            "labs": DockerNetwork(name="labs", driver="bridge", owner="lab", bridge="br-labs"),
        },
        containers={
            "web": Container(
                name="web",
                pid=1,
                attachments={"bridge": Attachment(network="bridge", ipv4="172.17.0.2")},
                bindings=(
                    PortBinding(protocol="tcp", host_ip="0.0.0.0", host_port=8080, container_port=80),
                    PortBinding(protocol="tcp", host_ip="::", host_port=8080, container_port=80),
                    PortBinding(protocol="udp", host_ip="192.0.2.7", host_port=53, container_port=53),
                ),
            ),
            "shop-db-1": Container(
                name="shop-db-1",
                labels={"com.docker.compose.project": "shop", "com.docker.compose.service": "db", "com.docker.compose.oneoff": "False"},
            ),
            "red": Container(name="red", host_network=True),
        },
    ),
)


def test_all_that_is_on_a_host() -> None:
    text = import_host(EVERYTHING, "host")
    assert (
        text.partition("version: 1\n")[2]
        == """\
name: host

# Left out: lan: {managed_by: docker, external: true, driver: somebodys, subnets: [10.40.0.0/24]}
#   'somebodys' is not one of bridge, macvlan, ipvlan, overlay, host or none.
networks:
  # On it: web (172.17.0.2).
  bridge: {managed_by: docker, external: true, subnets: [172.17.0.0/16]}
  # Its bridge has the address 10.1.0.254/24 as well.
  # Its MTU is 9000.
  br0: {external: true, bridge: br0, subnets: [10.1.0.0/24, "fd01::/64"], gateway: 10.1.0.253}

namespaces:
  blue: {external: true}
  red:
    external: true
    # Left out: wg!x: {external: true, mtu: 1420}
    #   'wg!x' cannot be an interface's name: letters, digits and _ . - + @ only, starting with a letter, digit or _.
    interfaces:
      dock: {external: true, network: bridge, port: to-docker, addresses: [172.17.0.99/16], up: false}
      eth0: {external: true, network: br0, port: to-red, addresses: [10.1.0.2/24], mtu: 1400}
      # A veth; its other end is in a namespace without a name.
      lost: {external: true}
      wire: {external: true, peer: {namespace: host, interface: wire}}
    routes:
      - {to: default, via: 10.1.0.254, dev: eth0, source: 10.1.0.2, mtu: 1300, external: true}

# It forwards IPv4 (net.ipv4.ip_forward is 1).
# lo has the address 198.51.100.1/32.
# It has routes in other tables than main: 100.
# It has 1 policy rule (ip rule).
host:
  interfaces:
    # A NIC, 02:00:00:00:00:e1.
    # It has the point-to-point address 10.8.0.1/32, peer 10.8.0.2/32.
    # It has the address 192.0.2.7/24 for a time only (DHCP, router advertisements).
    eno1: {external: true, addresses: [203.0.113.7/24]}
    # A NIC, 02:00:00:00:00:e2.
    # It is a port of br0.
    eno2: {external: true}
    wire: {external: true, peer: {namespace: red, interface: wire}}
  routes:
    - {to: default, via: 203.0.113.1, dev: eno1, metric: 100, external: true}
    - {to: 10.99.0.0/16, type: blackhole, external: true}
    - {to: "::/0", dev: eno1, external: true}

# Left out: red: {}
#   a namespace is called red too; targets name both in the same way.
containers:
  shop-db-1:
    docker: {label: [com.docker.compose.project=shop, com.docker.compose.service=db, com.docker.compose.oneoff=False]}
  # Docker publishes 8080/tcp for its port 80, to everybody. To some only, and to nobody else:
  #   publish: [{listen: 8080/tcp, from: [10.0.0.0/16], to: 80}]
  # Docker publishes 53/udp for its port 53, on 192.0.2.7. To some only, and to nobody else:
  #   publish: [{listen: 53/udp, from: [10.0.0.0/16], to: 53}]
  web: {}

# Left out, since stacks of Netwright's have made it (--all describes it too):
# - Docker's network labs, of the stack lab
# - the bridge br-lab, of the stack lab
# - the namespace mine, of the stack lab
# - the interface ours of red, of the stack lab
# - the interface lent of host, of the stack lab
# - the interface mine-1 of host, of the stack lab
"""
    )


def test_applying_it_changes_nothing_and_neither_does_destroying_it() -> None:
    for everything in (False, True):
        text = import_host(EVERYTHING, "host", everything=everything)
        plan = planned(text, EVERYTHING)
        assert (plan.operations, plan.waiting) == ((), ())
        assert planned("version: 1\nname: host\n", EVERYTHING, before=text).operations == ()
        assert resolve(parse(text, "host.yaml"), Facts(observed=EVERYTHING)).problems == ()


def test_what_netwright_has_made_is_described_where_everything_is_asked_for() -> None:
    spec = parse(import_host(EVERYTHING, "host", everything=True), "host.yaml").spec
    assert sorted(spec.namespaces) == ["blue", "mine", "red"]
    assert sorted(spec.networks) == ["br-lab", "br0", "bridge", "labs"]
    mine = spec.namespaces["mine"]
    assert mine is not None
    assert (mine.external, mine.interfaces["eth0"].external, mine.interfaces["eth0"].network) == (True, True, "br-lab")


def test_a_stack_of_the_same_name_is_not_taken_the_place_of() -> None:
    with pytest.raises(Refused, match="There is a stack lab on this host already"):
        import_host(EVERYTHING, "lab")


def test_a_host_without_docker_and_without_anything() -> None:
    text = import_host(State(namespaces={HOST: namespace(HOST, [])}, docker=DockerState(reachable=False, why="nobody answers")), "bare")
    assert (
        text.partition("version: 1\n")[2]
        == """\
name: bare

# networks: none

# namespaces: none

# host: none

# containers: none

# Nothing of Docker's is here: nobody answers
"""
    )


def test_a_bridge_that_is_called_as_a_network_of_dockers() -> None:
    bridge = Bridge(name="bridge", alias="", up=True, mtu=1500, mac="02:00:00:00:00:b0", master="")
    host = replace(EVERYTHING.namespaces[HOST], links={**EVERYTHING.namespaces[HOST].links, "bridge": bridge})
    text = import_host(replace(EVERYTHING, namespaces={**EVERYTHING.namespaces, HOST: host}), "host")
    networks = parse(text, "host.yaml").spec.networks
    assert {key: network.bridge for key, network in networks.items() if network} == {
        "bridge": None,
        "br0": "br0",
        "bridge-bridge": "bridge",
    }
