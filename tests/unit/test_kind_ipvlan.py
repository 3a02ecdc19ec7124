"""The ipvlan's own data: mode and flag, both of two bytes, and what it stands on."""

from __future__ import annotations

from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from netwright.kinds.ipvlan import Ipvlan
from netwright.model.link import LinkKey
from netwright.model.netns import HOST
from netwright.rtnl import link, message

ETH1, ETH2 = LinkKey(HOST, "eth1"), LinkKey(HOST, "eth2")


def test_it_says_mode_and_flag_as_numbers():
    assert Ipvlan(name="iv", lower=ETH1, mode="l3s", flag="private").birth_data(None, None) == (
        b"\x06\x00\x01\x00\x02\x00\x00\x00\x06\x00\x02\x00\x01\x00\x00\x00"
    )
    assert Ipvlan(name="iv", mode="l2", flag="vepa").info_data(frozenset({"flag"})) == b"\x06\x00\x02\x00\x02\x00\x00\x00"


def test_pyroute2_reads_it():
    data = Ipvlan(name="iv", mode="l3", flag="vepa").birth_data(None, None)
    read = ifinfmsg(message.single(link.create(name="iv", kind="ipvlan", data=data, lower=7, netns_fd=9), 3))
    read.decode()
    info = read.get_attr("IFLA_LINKINFO")
    assert (read.get_attr("IFLA_LINK"), info.get_attr("IFLA_INFO_KIND")) == (7, "ipvlan")
    assert info.get_attr("IFLA_INFO_DATA").get_attr("IFLA_IPVLAN_MODE") == 1


def test_it_stands_on_what_was_found_beneath_it():
    own = Ipvlan.read_info_data(b"\x06\x00\x01\x00\x01\x00\x00\x00\x06\x00\x02\x00\x02\x00\x00\x00", ETH1)
    assert own == {"lower": ETH1, "mode": "l3", "flag": "vepa"}
    assert Ipvlan(name="iv", **own).beneath() == ETH1


def test_mode_and_flag_change_in_place():
    have = Ipvlan(name="iv", lower=ETH1, mode="l2", flag="bridge")
    assert Ipvlan(name="iv", lower=ETH1, mode="l3", flag="private").fixed(have) == frozenset()
    assert Ipvlan(name="iv", lower=ETH2, mode="l3", flag="private").fixed(have) == {"lower"}


def test_ip_takes_both_together():
    assert Ipvlan(name="iv", mode="l3s", flag="vepa").ip_words(frozenset({"flag"})) == ("mode", "l3s", "vepa")
    assert Ipvlan(name="iv", mode="l2").ip_words(frozenset({"mode"})) == ("mode", "l2")
    assert Ipvlan(name="iv", mode="l2", flag="vepa").ip_words(frozenset({"mtu"})) == ()
