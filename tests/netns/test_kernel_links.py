"""Links in batches: whose error is whose, deletion in groups, moved NICs, and pairs that look alike."""

from __future__ import annotations

import errno

import pytest

from netwright.backends.netlink import NetlinkKernel
from netwright.backends.netlink.sockets import Sockets
from netwright.kinds.bridge import Bridge
from netwright.kinds.nic import Nic
from netwright.kinds.veth import Veth
from netwright.model.link import LinkKey
from netwright.model.netns import HOST, named
from netwright.model.operation import (
    AddAddress,
    AddRoute,
    ChangeLink,
    CreateLink,
    CreateNetns,
    DeleteLink,
    DeleteNetns,
    MoveLink,
)
from netwright.model.route import Address, Route
from netwright.ports import OperationFailed

pytestmark = pytest.mark.netns

MARK = "netwright:web"
A, B = named("link-a"), named("link-b")


@pytest.fixture
def kernel(host):
    kernel = NetlinkKernel()
    yield kernel
    kernel.close()


def do(kernel, *operations):
    told = []
    kernel.execute(operations, told.append)
    assert sum(told) == len(operations)


def fail(kernel, *operations):
    """The failure, and how many were told as done before it."""
    told = []
    with pytest.raises(OperationFailed) as failure:
        kernel.execute(operations, told.append)
    return failure.value, sum(told)


def create(ref):
    return CreateNetns(netns=ref, why="test")


def delete(ref):
    return DeleteNetns(netns=ref, why="test")


def bridge(name, **fields):
    return CreateLink(netns=HOST, link=Bridge(name=name, **fields), why="test")


def pair(netns, name, far_netns, far_name, **fields):
    near, far = LinkKey(netns, name), LinkKey(far_netns, far_name)
    return CreateLink(
        netns=netns,
        link=Veth(name=name, peer=far, **fields),
        twin=Veth(name=far_name, peer=near),
        twin_netns=far_netns,
        why="test",
    )


def drop(name, netns=HOST):
    return DeleteLink(netns=netns, name=name, why="test")


def test_an_error_in_a_batch_belongs_to_its_operation(host, kernel):
    host.run("ip", "link", "add", "br-1", "type", "bridge")
    operations = [bridge("br-0", alias=MARK), bridge("br-1", alias=MARK), bridge("br-2", alias=MARK)]
    failure, told = fail(kernel, *operations)
    assert (failure.operation, failure.cause.errno, told) == (operations[1], errno.EEXIST, 1)
    assert str(failure) == "the kernel refused to create the bridge br-1 in host: File exists"
    assert failure.__cause__ is failure.cause
    assert host.link("br-0")["ifalias"] == MARK
    do(kernel, drop("br-0"), drop("br-1"), drop("br-2"))


def test_somebody_elses_link_never_gets_our_mark(host, kernel):
    host.run("ip", "link", "add", "br-1", "type", "bridge")
    change = ChangeLink(netns=HOST, link=Bridge(name="br-1", up=True), fields=frozenset({"up"}), why="test")
    address = AddAddress(netns=HOST, address=Address(dev="br-1", cidr="10.0.0.1/8"), why="test")
    failure, told = fail(kernel, bridge("br-1", alias=MARK), change, address)
    shown = host.link("br-1")
    do(kernel, drop("br-1"))
    assert (failure.operation.link.name, told) == ("br-1", 0)
    assert "ifalias" not in shown
    assert "UP" not in shown["flags"]


def test_the_kernels_text_is_in_the_error(host, kernel):
    do(kernel, bridge("br-0"), pair(HOST, "v0", HOST, "v1"))
    mtu = ChangeLink(netns=HOST, link=Veth(name="v0", mtu=67), fields=frozenset({"mtu"}), why="test")
    failure, _ = fail(kernel, mtu)
    assert str(failure) == "the kernel refused to change mtu of v0 in host: Invalid argument (mtu less than device minimum)"
    do(kernel, drop("br-0"), drop("v0"))


def test_a_hundred_and_more_in_one_batch_and_an_index_needed_within_it(host, kernel):
    operations = [bridge("br-0", up=True, multicast_snooping=False)]
    operations += [pair(HOST, f"p{number}", HOST, f"q{number}", master="br-0", alias=MARK) for number in range(130)]
    operations += [AddAddress(netns=HOST, address=Address(dev="br-0", cidr="10.7.0.1/16"), why="test")]
    operations += [AddRoute(netns=HOST, route=Route(to="10.8.0.0/16", via="10.7.0.9", dev="br-0"), why="test")]
    do(kernel, *operations)
    ports = [one["ifname"] for one in host.ip("link", "show", "master", "br-0")]
    assert sorted(ports) == sorted(f"p{number}" for number in range(130))
    assert {one["ifalias"] for one in host.ip("link", "show", "master", "br-0")} == {MARK}
    do(kernel, drop("br-0"), *(drop(f"p{number}") for number in range(130)))
    assert host.links() == ["lo"]


def test_deleting_in_a_group_leaves_all_others_and_their_groups(host, kernel):
    do(kernel, create(A), bridge("br-0"), bridge("br-1"), bridge("br-2"), pair(HOST, "v0", A, "eth0"), pair(HOST, "v1", HOST, "v2"))
    host.run("ip", "link", "set", "br-1", "group", "1853292544")
    do(kernel, drop("br-0"), drop("v0"), drop("v1"), drop("v2"), drop("not-there"), drop("br-2"))
    assert host.links() == ["br-1", "lo"]
    assert host.links(netns="link-a") == ["lo"]
    assert host.link("br-1")["group"] == "1853292544"
    do(kernel, drop("br-1"), drop("br-1"), delete(A))


def test_a_link_that_cannot_be_deleted_spoils_only_its_own_operation(host, kernel):
    do(kernel, bridge("br-0"), bridge("br-1"))
    host.run("ip", "link", "set", "lo", "group", "5")
    failure, told = fail(kernel, drop("br-0"), drop("lo"), drop("br-1"))
    assert (failure.operation.name, failure.cause.errno) == ("lo", errno.EOPNOTSUPP)
    assert host.link("lo")["group"] == "5"
    host.run("ip", "link", "set", "lo", "group", "default")
    assert host.links() == ["br-1", "lo"]
    assert told == 1
    do(kernel, drop("br-1"))


def test_a_nic_is_moved_configured_and_given_back(host, kernel):
    host.run("ip", "netns", "add", "outside")
    host.run("ip", "link", "add", "eth1", "txqueuelen", "321", "type", "veth", "peer", "name", "wire", "netns", "outside")
    host.run("ip", "link", "set", "eth1", "alias", "the uplink", "group", "44", "mtu", "1450", "up")
    host.run("ip", "link", "set", "eth1", "addrgenmode", "none")
    before = host.link("eth1")
    seen = kernel.observe([HOST])[HOST]
    was, observation = seen.links["eth1"], seen.seen["eth1"]
    do(
        kernel,
        create(A),
        MoveLink(source=HOST, name="eth1", target=A, new_name="lan", alias="netwright-loan:web", why="test"),
        ChangeLink(
            netns=A, link=Nic(name="lan", up=True, mtu=1400, current=LinkKey(A, "lan")), fields=frozenset({"up", "mtu"}), why="test"
        ),
    )
    assert host.links() == ["lo"]
    there = host.link("lan", netns="link-a")
    assert (there["ifalias"], there["mtu"]) == ("netwright-loan:web", 1400)
    assert "UP" in there["flags"]
    assert kernel.observe([A])[A].links["lan"].borrower == "web"
    back = MoveLink(
        source=A,
        name="lan",
        target=HOST,
        new_name="eth1",
        alias=was.alias,
        address_generation=observation.addrgenmode,
        txqlen=observation.txqlen,
        group=observation.group,
        why="test",
    )
    do(kernel, back, ChangeLink(netns=HOST, link=was, fields=frozenset({"up", "mtu", "mac"}), why="test"))
    after = host.link("eth1")
    host.run("ip", "link", "delete", "eth1")
    host.run("ip", "netns", "delete", "outside")
    do(kernel, delete(A))
    for shown in (before, after):
        del shown["ifindex"]
        shown.pop("link_index", None)
        shown.pop("operstate", None)
    assert after == before


def test_a_moved_nic_without_an_alias_has_none_when_it_arrives(host, kernel):
    host.run("ip", "link", "add", "eth1", "type", "veth", "peer", "name", "wire")
    host.run("ip", "link", "set", "eth1", "alias", "netwright-loan:web")
    do(
        kernel,
        create(A),
        MoveLink(source=HOST, name="eth1", target=A, new_name="eth1", alias="", txqlen=77, group=9, address_generation=1, why="test"),
    )
    there = host.link("eth1", netns="link-a")
    host.run("ip", "link", "delete", "wire")
    do(kernel, delete(A))
    assert "ifalias" not in there
    assert (there["txqlen"], there["group"], there["inet6_addr_gen_mode"]) == (77, "9", "none")


def test_a_nic_that_stays_is_renamed_though_it_is_up_and_is_down_then(host, kernel):
    host.run("ip", "link", "add", "eth1", "type", "veth", "peer", "name", "wire")
    host.run("ip", "link", "set", "eth1", "up")
    do(kernel, MoveLink(source=HOST, name="eth1", target=HOST, new_name="lan", alias="netwright-loan:web", why="test"))
    shown = host.link("lan")
    host.run("ip", "link", "delete", "lan")
    assert shown["ifalias"] == "netwright-loan:web"
    assert "UP" not in shown["flags"]


def test_a_move_onto_a_taken_name_or_of_nothing_fails_and_moves_nothing(host, kernel):
    do(kernel, create(A), pair(A, "lan", A, "wan"), pair(HOST, "eth1", HOST, "wire"))
    failure, told = fail(kernel, MoveLink(source=HOST, name="eth1", target=A, new_name="lan", alias="", why="test"))
    assert (failure.cause.errno, told) == (errno.EEXIST, 0)
    assert str(failure) == "could not move eth1 from host to link-a as lan: there is a link lan in link-a already"
    failure, _ = fail(kernel, MoveLink(source=HOST, name="eth2", target=A, new_name="lan", alias="", why="test"))
    assert str(failure) == "could not move eth2 from host to link-a as lan: there is no link eth2 in host"
    assert host.links() == ["eth1", "lo", "wire"]
    do(kernel, drop("eth1"), delete(A))


def test_pairs_that_look_alike_are_told_apart(host, kernel):
    c, d = named("link-c"), named("link-d")
    # In each of the four the veth gets index 2, and its twin has index 2 too.
    do(kernel, *map(create, (A, B, c, d)), pair(A, "to-b", B, "to-a"), pair(c, "to-d", d, "to-c"))
    seen = kernel.observe([A, B, c, d])
    assert {name.index for one in seen.values() for key, name in one.seen.items() if key != "lo"} == {2}
    found = {(ref, name): link.twin() for ref, one in seen.items() for name, link in one.links.items() if name != "lo"}
    assert found == {
        (A, "to-b"): LinkKey(B, "to-a"),
        (B, "to-a"): LinkKey(A, "to-b"),
        (c, "to-d"): LinkKey(d, "to-c"),
        (d, "to-c"): LinkKey(c, "to-d"),
    }
    apart = kernel.observe([A, d])
    assert apart[A].links["to-b"].twin() is None
    assert apart[d].links["to-c"].twin() is None
    do(kernel, *map(delete, (A, B, c, d)))


def test_the_sockets_that_are_kept_are_closed(host):
    sockets = Sockets()
    (channel,) = sockets.open([HOST]).values()
    assert sockets.open([HOST]) == {HOST: channel}
    sockets.close()
    (other,) = sockets.open([HOST]).values()
    assert other is not channel
    sockets.close()


def test_what_it_handles_is_said():
    assert {cls.__name__ for cls in NetlinkKernel.HANDLES} == {
        "CreateNetns",
        "DeleteNetns",
        "CreateLink",
        "ChangeLink",
        "DeleteLink",
        "MoveLink",
        "AddAddress",
        "RemoveAddress",
        "AddRoute",
        "RemoveRoute",
        "AddRule",
        "RemoveRule",
        "SetSysctl",
    }


def test_a_bridges_mtu_stays_when_a_smaller_port_joins(host, kernel):
    kernel.execute(
        [
            CreateLink(netns=HOST, link=Bridge(name="br-m", mtu=1380), why="test"),
            CreateLink(
                netns=HOST,
                link=Veth(name="p0", mtu=1290, master="br-m", peer=LinkKey(HOST, "p1")),
                twin=Veth(name="p1", mtu=1290, peer=LinkKey(HOST, "p0")),
                twin_netns=HOST,
                why="test",
            ),
        ],
        lambda _done: None,
    )
    try:
        assert (host.link("br-m")["mtu"], host.link("p0")["mtu"]) == (1380, 1290)
    finally:
        host.run("ip", "link", "delete", "br-m")
        host.run("ip", "link", "delete", "p0")
