"""The picture of a stack as it is on the host."""

from __future__ import annotations

from dataclasses import replace

from pictured import ARTICLE, document

from netwright.kinds.bridge import Bridge
from netwright.kinds.nic import Nic
from netwright.kinds.veth import Veth
from netwright.model.docker import Attachment, Container, DockerNetwork, DockerState, DockerSubnet
from netwright.model.firewall import Table
from netwright.model.link import LinkKey
from netwright.model.netns import HOST, container, named
from netwright.model.route import SCOPE_LINK, Address, Route
from netwright.model.state import Namespace, State
from netwright.picture import draw, from_status

MINE = named("my_netns")
NIC = Nic(name="eth1", up=True, mtu=1400, current=LinkKey(MINE, "eth1"))
UPLINK = Veth(name="uplink", up=True, peer=LinkKey(HOST, "port"))
WANTED = Namespace(
    ref=MINE,
    links={"eth1": NIC, "uplink": UPLINK},
    addresses=frozenset({Address(dev="eth1", cidr="10.0.0.1/8"), Address(dev="uplink", cidr="172.30.0.2/16")}),
    table=Table(name="nw_article", digest="aa"),
)
DESIRED = State(namespaces={MINE: WANTED})
CUSTOM = DockerNetwork(name="custom", driver="bridge", subnets=(DockerSubnet(subnet="172.30.0.0/16"),), bridge="docker1")


def docker(*containers: Container) -> DockerState:
    return DockerState(networks={"custom": CUSTOM}, containers={each.name: each for each in containers})


def test_all_is_well():
    observed = State(
        namespaces={
            MINE: Namespace(
                ref=MINE,
                links={"eth1": NIC, "uplink": UPLINK},
                addresses=frozenset(
                    {
                        *WANTED.addresses,
                        Address(dev="uplink", cidr="fe80::1/64", scope=SCOPE_LINK),
                        Address(dev="uplink", cidr="172.30.0.200/16"),
                        Address(dev="uplink", cidr="172.30.0.30/16"),
                    }
                ),
                routes=frozenset(
                    {
                        Route(to="0.0.0.0/0", via="10.255.255.253", dev="eth1"),
                        Route(to="::/0", dev="uplink"),
                        Route(to="0.0.0.0/0", via="172.30.0.1", table=783607),
                    }
                ),
                table=Table(name="nw_article", digest="aa"),
            )
        },
        docker=docker(Container(name="web", pid=7, attachments={"custom": Attachment(network="custom", ipv4="172.30.0.11")})),
    )
    assert (
        draw(from_status(document(ARTICLE), observed, DESIRED))
        == """\
article
├─ outside
│  └─ NIC eth1  → my_netns eth1
├─ network custom · bridge docker1 · 172.30.0.0/16 · gateway 172.30.0.1 · made by Docker · NAT
│  ├─ my_netns  uplink  172.30.0.2/16, 172.30.0.30/16, 172.30.0.200/16
│  └─ web               172.30.0.11/16
├─ namespace my_netns
│  ├─ eth1     10.0.0.1/8                                      NIC eth1, NAT
│  ├─ uplink   172.30.0.2/16, 172.30.0.30/16, 172.30.0.200/16  network custom
│  ├─ route    default via 10.255.255.253
│  ├─ route    default dev uplink
│  └─ publish  eth1:1234/tcp from 10.0.0.0/16 → web:1234
└─ container web
   └─ custom  172.30.0.11/16  network custom
"""
    )


def test_what_is_missing_and_what_differs():
    observed = State(
        namespaces={
            MINE: Namespace(
                ref=MINE,
                links={"eth1": Nic(name="eth1", up=False, mtu=9000, current=LinkKey(MINE, "eth1"))},
                addresses=frozenset({Address(dev="eth1", cidr="10.0.0.1/8")}),
            )
        },
        docker=docker(Container(name="web", pid=7)),
    )
    assert (
        draw(from_status(document(ARTICLE), observed, DESIRED))
        == """\
article
├─ outside
│  └─ NIC eth1  → my_netns eth1  ⚠ differs: mtu, up
├─ network custom · bridge docker1 · 172.30.0.0/16 · gateway 172.30.0.1 · made by Docker · NAT
│  ├─ my_netns  uplink  172.30.0.2/16   ⚠ missing
│  └─ web               172.30.0.10/16  ⚠ not connected
├─ namespace my_netns · ⚠ its rules are missing
│  ├─ eth1     10.0.0.1/8     NIC eth1, NAT, down  ⚠ differs: mtu, up
│  ├─ uplink   172.30.0.2/16  network custom       ⚠ missing
│  ├─ route    default via 10.255.255.254
│  └─ publish  eth1:1234/tcp from 10.0.0.0/16 → web:1234
└─ container web
   └─ custom  172.30.0.10/16  network custom  ⚠ not connected
"""
    )


def test_nothing_is_there():
    text = draw(from_status(document(ARTICLE), State(docker=DockerState()), DESIRED))
    assert [line for line in text.splitlines() if "⚠" in line] == [
        "│  │    ⚠ missing",
        "├─ namespace my_netns · ⚠ missing",
        "└─ container web · ⚠ not there",
    ]


def test_a_stopped_container_and_an_address_that_is_lacking():
    observed = State(
        namespaces={
            MINE: Namespace(ref=MINE, links={"eth1": NIC, "uplink": UPLINK}, table=Table(name="nw_article", digest="bb")),
            container("web"): Namespace(ref=container("web")),
        },
        docker=docker(Container(name="web")),
    )
    text = draw(from_status(document(ARTICLE), observed, DESIRED), width=140)
    assert [line.split("⚠")[1] for line in text.splitlines() if "⚠" in line] == [
        " lacks 10.0.0.1/8",
        " lacks 172.30.0.2/16",
        " not connected",
        " its rules differ",
        " lacks 10.0.0.1/8",
        " lacks 172.30.0.2/16",
        " not running",
        " not connected",
    ]


def test_a_bridge_of_ours_that_differs():
    text = "version: 1\nname: lab\nnetworks: {lan: {subnets: [10.5.0.0/24], stp: true}}\n"
    want = State(namespaces={HOST: Namespace(ref=HOST, links={"br-lab-lan": Bridge(name="br-lab-lan", up=True, stp=True)})})
    have = State(namespaces={HOST: Namespace(ref=HOST, links={"br-lab-lan": Bridge(name="br-lab-lan", up=True, stp=False)})})
    assert draw(from_status(document(text), have, want)) == (
        "lab\n└─ network lan · bridge br-lab-lan · 10.5.0.0/24 · gateway 10.5.0.1 · NAT · ⚠ differs: stp\n"
    )
    assert "⚠ missing" in draw(from_status(document(text), State(namespaces={HOST: Namespace(ref=HOST)}), want))


def test_policies_that_are_not_in_force_or_mean_somebody_else():
    wall = Table(name="nwp_article", digest="aa", elements={"p_a_to4": frozenset({"172.30.0.10"})})
    want = State(namespaces={MINE: replace(WANTED, policies=wall)})

    def marked(policies: Table | None) -> list[str]:
        text = draw(from_status(document(ARTICLE), State(namespaces={MINE: replace(WANTED, policies=policies)}), want))
        return [line.partition("⚠ ")[2] for line in text.splitlines() if "polic" in line]

    assert marked(wall) == []
    assert marked(None) == ["its policies are missing"]
    assert marked(replace(wall, elements={"p_a_to4": frozenset({"172.30.0.11"})})) == ["its policies differ"]
