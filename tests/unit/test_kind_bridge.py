"""The bridge's own data, in bytes and as pyroute2 reads it."""

from __future__ import annotations

from dataclasses import replace

from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from netwright.kinds.bridge import Bridge
from netwright.rtnl import link, message

BRIDGE = Bridge(name="br0", stp=True, forward_delay_seconds=7, ageing_seconds=33, multicast_snooping=False)
OWN = frozenset({"stp", "forward_delay_seconds", "ageing_seconds", "multicast_snooping"})


def test_times_are_hundredths_of_a_second():
    assert BRIDGE.info_data(frozenset({"forward_delay_seconds"})) == b"\x08\x00\x01\x00\xbc\x02\x00\x00"
    assert BRIDGE.info_data(frozenset({"ageing_seconds"})) == b"\x08\x00\x04\x00\xe4\x0c\x00\x00"


def test_switches_have_the_kernels_widths():
    assert BRIDGE.info_data(frozenset({"stp"})) == b"\x08\x00\x05\x00\x01\x00\x00\x00"
    assert BRIDGE.info_data(frozenset({"multicast_snooping"})) == b"\x05\x00\x17\x00\x00\x00\x00\x00"


def test_an_option_is_said_by_its_bit_and_leaves_the_others():
    said = [Bridge(name="br0", learns_from_own_groups=value).info_data(frozenset({"learns_from_own_groups"})) for value in (False, True)]
    assert said == [b"\x0c\x00\x2e\x00\x01\x00\x00\x00\x01\x00\x00\x00", b"\x0c\x00\x2e\x00\x00\x00\x00\x00\x01\x00\x00\x00"]
    # A bridge has other options, too: here the second and the third.
    assert Bridge.read_info_data(b"\x0c\x00\x2e\x00\x06\x00\x00\x00\x07\x00\x00\x00", None) == {"learns_from_own_groups": True}


def test_only_the_fields_asked_for_are_said():
    assert BRIDGE.info_data(frozenset()) == b""
    assert BRIDGE.info_data(frozenset({"mtu", "up"})) == b""
    assert Bridge(name="br0").info_data(OWN) == b""


def test_pyroute2_reads_it():
    read = ifinfmsg(message.single(link.create(name="br0", kind="bridge", data=BRIDGE.birth_data(None, None)), 3))
    read.decode()
    info = dict(read.get_attr("IFLA_LINKINFO")["attrs"][1][1]["attrs"])
    assert info == {"IFLA_BR_FORWARD_DELAY": 700, "IFLA_BR_AGEING_TIME": 3300, "IFLA_BR_STP_STATE": 1, "IFLA_BR_MCAST_SNOOPING": 0}


def test_a_program_that_speaks_stp_counts_as_stp():
    assert Bridge.read_info_data(b"\x08\x00\x05\x00\x02\x00\x00\x00", None) == {"stp": True}


def test_what_a_changing_spanning_tree_hides_is_no_difference():
    # ip -d link: forward_delay 200 ageing_time 400 stp_state 1 topology_change 1
    shown = (
        b"\x08\x00\x01\x00\xc8\x00\x00\x00\x08\x00\x04\x00\x90\x01\x00\x00\x08\x00\x05\x00\x01\x00\x00\x00\x05\x00\x0e\x00\x01\x00\x00\x00"
    )
    hidden = Bridge(name="br0", **Bridge.read_info_data(shown, None))
    wanted = Bridge(name="br0", stp=True, forward_delay_seconds=2, ageing_seconds=77)
    assert wanted.changes(hidden, wanted) == frozenset()
    assert wanted.changes(hidden, replace(wanted, ageing_seconds=99)) == {"ageing_seconds"}
    assert wanted.changes(hidden, None) == {"ageing_seconds"}
    assert wanted.changes(replace(hidden, ageing_seconds=88), wanted) == {"ageing_seconds"}
    assert wanted.changes(replace(hidden, topology_changes=False), wanted) == {"ageing_seconds"}
