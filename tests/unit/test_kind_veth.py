"""The veth's own data: the other end, in place."""

from __future__ import annotations

from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from netwright.kinds.veth import Veth
from netwright.model.link import LinkKey
from netwright.model.netns import named
from netwright.rtnl import link, message


def test_the_other_end_is_born_in_its_place_with_one_queue_and_down():
    near = Veth(name="p0")
    far = Veth(name="eth0", mac="02:00:00:00:00:02", mtu=1400, up=True, alias="netwright:web")
    assert near.birth_data(far, 9) == (
        b"\x4c\x00\x01\x80"
        b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
        b"\x09\x00\x03\x00eth0\x00\x00\x00\x00\x08\x00\x04\x00\x78\x05\x00\x00\x0a\x00\x01\x00\x02\x00\x00\x00\x00\x02\x00\x00"
        b"\x08\x00\x1f\x00\x01\x00\x00\x00\x08\x00\x20\x00\x01\x00\x00\x00\x08\x00\x1c\x00\x09\x00\x00\x00"
    )


def test_the_other_end_in_the_same_namespace_names_none():
    assert Veth(name="p0").birth_data(Veth(name="p1"), None) == (
        b"\x2c\x00\x01\x80"
        b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
        b"\x07\x00\x03\x00p1\x00\x00\x08\x00\x1f\x00\x01\x00\x00\x00\x08\x00\x20\x00\x01\x00\x00\x00"
    )


def test_pyroute2_reads_a_pair():
    near = Veth(name="p0", mtu=1400)
    request = link.create(
        name="p0", kind="veth", data=near.birth_data(Veth(name="eth0"), 7), up=True, mtu=1400, master=3, queues=near.queues
    )
    read = ifinfmsg(message.single(request, 3))
    read.decode()
    assert (read["flags"], read["change"], read["header"]["flags"]) == (1, 1, 0x601)
    assert read.get_attr("IFLA_MASTER") == 3
    assert read.get_attr("IFLA_MTU") == 1400
    assert (read.get_attr("IFLA_NUM_TX_QUEUES"), read.get_attr("IFLA_NUM_RX_QUEUES")) == (1, 1)
    info = read.get_attr("IFLA_LINKINFO")
    assert info.get_attr("IFLA_INFO_KIND") == "veth"
    peer = info.get_attr("IFLA_INFO_DATA").get_attr("VETH_INFO_PEER")
    assert peer["flags"] == 0
    assert [tuple(attr)[:2] for attr in peer["attrs"]] == [
        ("IFLA_IFNAME", "eth0"),
        ("IFLA_NUM_TX_QUEUES", 1),
        ("IFLA_NUM_RX_QUEUES", 1),
        ("IFLA_NET_NS_FD", 7),
    ]


def test_the_twin_is_what_was_found_to_be_it():
    twin = LinkKey(named("web"), "eth0")
    assert Veth.read_info_data(b"", twin) == {"peer": twin}
    assert Veth(name="p0", **Veth.read_info_data(b"", twin)).twin() == twin
