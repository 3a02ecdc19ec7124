"""The macvlan's own data: its mode, and what it stands on."""

from __future__ import annotations

from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from netwright.kinds.macvlan import Macvlan
from netwright.model.link import LinkKey
from netwright.model.netns import HOST
from netwright.rtnl import link, message

ETH1, ETH2 = LinkKey(HOST, "eth1"), LinkKey(HOST, "eth2")


def test_it_says_its_mode_as_a_number():
    assert Macvlan(name="mv", lower=ETH1, mode="private").birth_data(None, None) == b"\x08\x00\x01\x00\x01\x00\x00\x00"
    assert Macvlan(name="mv", lower=ETH1, mode="passthru").birth_data(None, None) == b"\x08\x00\x01\x00\x08\x00\x00\x00"


def test_pyroute2_reads_one_that_is_born_elsewhere():
    data = Macvlan(name="mv", mode="bridge").birth_data(None, None)
    read = ifinfmsg(message.single(link.create(name="mv", kind="macvlan", data=data, mtu=1400, lower=7, netns_fd=9), 3))
    read.decode()
    assert (read.get_attr("IFLA_LINK"), read.get_attr("IFLA_NET_NS_FD"), read.get_attr("IFLA_MTU")) == (7, 9, 1400)
    info = read.get_attr("IFLA_LINKINFO")
    assert info.get_attr("IFLA_INFO_KIND") == "macvlan"
    assert info.get_attr("IFLA_INFO_DATA").get_attr("IFLA_MACVLAN_MODE") == "bridge"


def test_it_stands_on_what_was_found_beneath_it():
    own = Macvlan.read_info_data(b"\x08\x00\x01\x00\x02\x00\x00\x00", ETH1)
    assert own == {"lower": ETH1, "mode": "vepa"}
    assert Macvlan(name="mv", **own).beneath() == ETH1


def test_its_mode_changes_in_place_but_for_passthru():
    have = Macvlan(name="mv", lower=ETH1, mode="bridge")
    assert Macvlan(name="mv", lower=ETH1, mode="private").fixed(have) == frozenset()
    assert Macvlan(name="mv", lower=ETH1, mode="passthru").fixed(have) == {"mode"}
    assert have.fixed(Macvlan(name="mv", lower=ETH1, mode="passthru")) == {"mode"}
    assert Macvlan(name="mv", lower=ETH2, mode="private").fixed(have) == {"lower"}


def test_ip_is_told_its_mode():
    assert Macvlan(name="mv", mode="vepa").ip_words(frozenset({"mode"})) == ("mode", "vepa")
    assert Macvlan(name="mv", mode="vepa").ip_words(frozenset({"mtu"})) == ()
