"""Each kind on a real kernel: made with values that are nobody's default, seen by iproute2, changed, read back, deleted."""

from __future__ import annotations

import subprocess

import pytest

from netwright.backends.netlink import NetlinkKernel
from netwright.kinds.bridge import Bridge
from netwright.kinds.ipvlan import Ipvlan
from netwright.kinds.loopback import Loopback
from netwright.kinds.macvlan import Macvlan
from netwright.kinds.veth import Veth
from netwright.model.link import Link, LinkKey
from netwright.model.netns import HOST, named
from netwright.model.operation import ChangeLink, CreateLink, CreateNetns, DeleteLink, DeleteNetns
from netwright.ports import OperationFailed

pytestmark = pytest.mark.netns

MARK = "netwright:web"


@pytest.fixture
def kernel(host):
    kernel = NetlinkKernel()
    yield kernel
    kernel.close()


def do(kernel, *operations):
    """All of them; every one is told as done."""
    told = []
    kernel.execute(operations, told.append)
    assert sum(told) == len(operations)


def change(netns, link, *fields):
    return ChangeLink(netns=netns, link=link, fields=frozenset(fields), why="test")


def test_a_bridge_is_made_complete_and_changed(host, kernel):
    wanted = Bridge(
        name="br-t",
        alias=MARK,
        up=True,
        mtu=1400,
        mac="02:00:00:00:00:42",
        master="",
        stp=True,
        forward_delay_seconds=4,
        ageing_seconds=77,
        multicast_snooping=False,
        learns_from_own_groups=False,
    )
    do(kernel, CreateLink(netns=HOST, link=wanted, why="test"))
    shown = host.link("br-t")
    data = shown["linkinfo"]["info_data"]
    assert (shown["ifalias"], shown["mtu"], shown["address"]) == (MARK, 1400, "02:00:00:00:00:42")
    assert "UP" in shown["flags"]
    assert (data["stp_state"], data["forward_delay"], data["ageing_time"], data["mcast_snooping"]) == (1, 400, 7700, 0)
    assert data["no_linklocal_learn"] == 1
    assert kernel.observe([HOST])[HOST].links["br-t"] == wanted

    other = Bridge(
        name="br-t",
        alias="netwright:other",
        up=False,
        mtu=1300,
        mac="02:00:00:00:00:43",
        master="",
        stp=False,
        forward_delay_seconds=9,
        ageing_seconds=0,
        multicast_snooping=True,
        learns_from_own_groups=True,
    )
    do(kernel, change(HOST, other, *other.differences(wanted)))
    assert kernel.observe([HOST])[HOST].links["br-t"] == other
    data = host.link("br-t")["linkinfo"]["info_data"]
    assert (data["stp_state"], data["forward_delay"], data["ageing_time"], data["mcast_snooping"]) == (0, 900, 0, 1)
    assert data["no_linklocal_learn"] == 0

    do(kernel, DeleteLink(netns=HOST, name="br-t", why="test"))
    assert host.links() == ["lo"]


def test_a_veth_is_born_in_both_places_with_one_queue(host, kernel):
    web = named("kind-web")
    near = Veth(name="port", alias=MARK, up=True, mtu=1400, mac="02:00:00:00:00:01", master="br-t", peer=LinkKey(web, "eth0"))
    far = Veth(name="eth0", alias=MARK, up=True, mtu=1399, mac="02:00:00:00:00:02", master="", peer=LinkKey(HOST, "port"))
    do(
        kernel,
        CreateNetns(netns=web, why="test"),
        CreateLink(netns=HOST, link=Bridge(name="br-t"), why="test"),
        CreateLink(netns=HOST, link=near, twin=far, twin_netns=web, why="test"),
        change(web, far, "alias", "up"),
    )
    shown, there = host.link("port"), host.link("eth0", netns="kind-web")
    assert (shown["master"], shown["ifalias"], shown["mtu"], shown["address"]) == ("br-t", MARK, 1400, "02:00:00:00:00:01")
    assert (shown["num_tx_queues"], shown["num_rx_queues"]) == (1, 1)
    assert (there["ifalias"], there["mtu"], there["address"]) == (MARK, 1399, "02:00:00:00:00:02")
    assert (there["num_tx_queues"], there["num_rx_queues"]) == (1, 1)
    assert "UP" in shown["flags"]
    assert "UP" in there["flags"]
    seen = kernel.observe([HOST, web])
    assert seen[HOST].links["port"] == near
    assert seen[web].links["eth0"] == far

    do(kernel, change(HOST, Veth(name="port", master="", alias="", up=False), "master", "alias", "up"))
    shown = host.link("port")
    assert "master" not in shown
    assert "ifalias" not in shown
    assert "UP" not in shown["flags"]

    do(kernel, DeleteLink(netns=HOST, name="port", why="test"), DeleteLink(netns=HOST, name="br-t", why="test"))
    assert host.links(netns="kind-web") == ["lo"]
    do(kernel, DeleteNetns(netns=web, why="test"))


def test_a_veth_with_both_ends_in_one_namespace_is_found_to_be_a_pair(host, kernel):
    near = Veth(name="one", peer=LinkKey(HOST, "two"))
    far = Veth(name="two", peer=LinkKey(HOST, "one"))
    do(kernel, CreateLink(netns=HOST, link=near, twin=far, twin_netns=HOST, why="test"))
    links = kernel.observe([HOST])[HOST].links
    assert links["one"].twin() == LinkKey(HOST, "two")
    assert links["two"].twin() == LinkKey(HOST, "one")
    do(kernel, DeleteLink(netns=HOST, name="two", why="test"))


def test_the_loopbacks_alias_says_whose_a_namespace_is(host, kernel):
    web = named("kind-lo")
    do(kernel, CreateNetns(netns=web, why="test"))
    seen = kernel.observe([web])[web]
    assert seen.owner is None
    assert seen.links["lo"] == Loopback(name="lo", alias="", up=False, mtu=65536, mac="00:00:00:00:00:00", master="")

    do(kernel, change(web, Loopback(name="lo", alias=MARK, up=True, mtu=16384), "alias", "up", "mtu"))
    shown = host.link("lo", netns="kind-lo")
    assert (shown["ifalias"], shown["mtu"]) == (MARK, 16384)
    assert "UP" in shown["flags"]
    seen = kernel.observe([web])[web]
    assert seen.owner == "web"
    assert seen.links["lo"] == Loopback(name="lo", alias=MARK, up=True, mtu=16384, mac="00:00:00:00:00:00", master="")
    do(kernel, DeleteNetns(netns=web, why="test"))


def test_a_link_of_a_kind_that_no_file_describes_is_a_plain_link(host, kernel):
    host.run("ip", "link", "add", "ifb-t", "txqueuelen", "44", "address", "02:00:00:00:00:09", "type", "ifb")
    host.run("ip", "link", "set", "ifb-t", "group", "71", "mtu", "1444", "alias", "somebody's")
    host.run("ip", "link", "set", "ifb-t", "addrgenmode", "none")
    seen = kernel.observe([HOST])[HOST]
    host.run("ip", "link", "delete", "ifb-t")
    assert seen.links["ifb-t"] == Link(name="ifb-t", alias="somebody's", up=False, mtu=1444, mac="02:00:00:00:00:09", master="")
    observation = seen.seen["ifb-t"]
    assert (observation.kind, observation.txqlen, observation.group, observation.addrgenmode) == ("ifb", 44, 71, 1)


def lower_nic(host):
    """eth1 of the host, whose other end is in the namespace kind-far."""
    host.run("ip", "netns", "add", "kind-far")
    host.run("ip", "link", "add", "eth1", "up", "type", "veth", "peer", "name", "eth1", "netns", "kind-far")
    return LinkKey(HOST, "eth1")


def test_a_macvlan_is_born_in_its_namespace_and_changed(host, kernel):
    lower, web = lower_nic(host), named("kind-web")
    wanted = Macvlan(name="mv", alias=MARK, up=True, mtu=1400, mac="02:00:00:00:00:44", master="", lower=lower, mode="private")
    do(
        kernel,
        CreateNetns(netns=web, why="test"),
        CreateLink(netns=web, link=wanted, why="test"),
        change(web, wanted, "alias", "up"),
    )
    shown = host.link("mv", netns="kind-web")
    assert (shown["linkinfo"]["info_kind"], shown["linkinfo"]["info_data"]["mode"]) == ("macvlan", "private")
    assert (shown["link_index"], shown["ifalias"], shown["mtu"], shown["address"]) == (
        host.link("eth1")["ifindex"],
        MARK,
        1400,
        "02:00:00:00:00:44",
    )
    assert "link_netnsid" in shown
    assert "UP" in shown["flags"]
    assert kernel.observe([HOST, web])[web].links["mv"] == wanted
    assert kernel.observe([web])[web].links["mv"].beneath() is None

    other = Macvlan(name="mv", alias=MARK, up=True, mtu=1300, mac="02:00:00:00:00:45", master="", lower=lower, mode="vepa")
    assert other.fixed(wanted) == frozenset()
    do(kernel, change(web, other, *other.differences(wanted)))
    assert host.link("mv", netns="kind-web")["linkinfo"]["info_data"]["mode"] == "vepa"
    assert kernel.observe([HOST, web])[web].links["mv"] == other

    do(kernel, DeleteLink(netns=HOST, name="eth1", why="test"))
    assert host.links(netns="kind-web") == ["lo"]
    do(kernel, DeleteLink(netns=HOST, name="eth1", why="test"), *(DeleteNetns(netns=ref, why="test") for ref in (web, named("kind-far"))))


def test_a_link_may_have_the_name_that_the_one_beneath_it_has_on_the_host(host, kernel):
    lower, web = lower_nic(host), named("kind-web")
    wanted = Macvlan(name="eth1", lower=lower, mode="bridge")
    do(kernel, CreateNetns(netns=web, why="test"), CreateLink(netns=web, link=wanted, why="test"))
    assert host.links(netns="kind-web") == ["eth1", "lo"]
    assert kernel.observe([HOST, web])[web].links["eth1"].beneath() == lower
    with pytest.raises(OperationFailed, match=r"^the kernel refused to create the macvlan eth1 in kind-web: "):
        do(kernel, CreateLink(netns=web, link=wanted, why="test"))
    assert host.links(netns="kind-web") == ["eth1", "lo"]
    do(kernel, DeleteLink(netns=HOST, name="eth1", why="test"), *(DeleteNetns(netns=ref, why="test") for ref in (web, named("kind-far"))))


def test_a_macvlan_beside_the_link_beneath_it_is_found_on_it(host, kernel):
    lower = lower_nic(host)
    do(kernel, CreateLink(netns=HOST, link=Macvlan(name="shim", lower=lower, mode="bridge"), why="test"))
    assert kernel.observe([HOST])[HOST].links["shim"].beneath() == lower
    with pytest.raises(OperationFailed, match=r"there is no link eth7 in host$"):
        do(kernel, CreateLink(netns=HOST, link=Macvlan(name="two", lower=LinkKey(HOST, "eth7"), mode="bridge"), why="test"))
    do(kernel, DeleteLink(netns=HOST, name="eth1", why="test"), DeleteNetns(netns=named("kind-far"), why="test"))


def test_a_port_of_a_bridge_carries_no_macvlan(host, kernel):
    lower = lower_nic(host)
    do(
        kernel,
        CreateLink(netns=HOST, link=Bridge(name="br-t"), why="test"),
        change(HOST, Link(name="eth1", master="br-t"), "master"),
    )
    with pytest.raises(OperationFailed) as refused:
        do(kernel, CreateLink(netns=HOST, link=Macvlan(name="shim", lower=lower, mode="bridge"), why="test"))
    assert refused.value.cause.hint == (
        "eth1 is a port of a bridge or a bond, or carries links of another kind: name that bridge, or another parent"
    )
    do(
        kernel,
        *(DeleteLink(netns=HOST, name=name, why="test") for name in ("br-t", "eth1")),
        DeleteNetns(netns=named("kind-far"), why="test"),
    )


def test_an_ipvlan_is_born_in_its_namespace_and_changed(host, kernel):
    probe = subprocess.run(["ip", "link", "add", "probe", "link", "lo", "type", "ipvlan"], check=False, capture_output=True, text=True)
    if "Unknown device type" in probe.stderr:
        pytest.skip("this kernel has no ipvlan")
    lower, web = lower_nic(host), named("kind-web")
    wanted = Ipvlan(name="iv", alias=MARK, up=True, mtu=1400, master="", lower=lower, mode="l3s", flag="private")
    do(
        kernel,
        CreateNetns(netns=web, why="test"),
        CreateLink(netns=web, link=wanted, why="test"),
        change(web, wanted, "alias", "up"),
    )
    shown = host.link("iv", netns="kind-web")
    assert (shown["linkinfo"]["info_kind"], shown["linkinfo"]["info_data"]["mode"]) == ("ipvlan", "l3s")
    assert shown["linkinfo"]["info_data"]["private"] is True
    seen = kernel.observe([HOST, web])[web].links["iv"]
    assert wanted.differences(seen) == frozenset()

    other = Ipvlan(name="iv", alias=MARK, up=True, mtu=1300, master="", lower=lower, mode="l2", flag="vepa")
    do(kernel, change(web, other, *other.differences(seen)))
    assert other.differences(kernel.observe([HOST, web])[web].links["iv"]) == frozenset()
    do(kernel, DeleteLink(netns=HOST, name="eth1", why="test"), *(DeleteNetns(netns=ref, why="test") for ref in (web, named("kind-far"))))
