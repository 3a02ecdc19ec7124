"""Addresses, routes, rules and links as messages: literal bytes, pyroute2 as a witness, and the way there and back."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.rtnl.fibmsg import fibmsg
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from netwright.model.route import Address, Route, Rule
from netwright.rtnl import address, attribute, ip, link, message, route, rule
from netwright.rtnl.link import LinkMessage

NAMES = {4: "eth0"}
V4 = st.ip_addresses(v=4).map(str)
# inet_ntop(3) writes the last 32 bits of mapped and compatible addresses with dots, the standard library does not.
V6 = st.ip_addresses(v=6, network="2001:db8::/32").map(str)


def witness(cls, request, sequence=9):
    """The request as pyroute2 reads it: header fields, and attributes by name."""
    read = cls(message.single(request, sequence))
    read.decode()
    return read, {name: value for name, value, *_ in read["attrs"]}


def from_witness(cls, fields, attrs):
    """A message's body as pyroute2 writes it."""
    made = cls()
    for name, value in fields.items():
        made[name] = value
    made["attrs"] = attrs
    made["header"] = {"type": 0, "flags": 0, "sequence_number": 1, "pid": 0}
    made.encode()
    return bytes(made.data)[16:]


def read_address(body):
    return address.decode(body, 0, len(body), NAMES)


def read_routes(body):
    return list(route.decode(body, 0, len(body), NAMES))


def test_an_ipv4_address_in_bytes():
    request = address.add(Address(dev="eth0", cidr="10.1.2.3/8", broadcast="10.255.255.255", label="eth0:a"), 4)
    assert request.type == 20
    assert request.flags == 0x500
    assert request.body == (
        b"\x02\x08\x00\x00\x04\x00\x00\x00"
        b"\x08\x00\x02\x00\x0a\x01\x02\x03\x08\x00\x01\x00\x0a\x01\x02\x03"
        b"\x0b\x00\x03\x00eth0:a\x00\x00\x08\x00\x04\x00\x0a\xff\xff\xff"
    )


def test_pyroute2_reads_our_addresses():
    wanted = Address(dev="eth0", cidr="2001:db8::7/64", flags=0x202, valid_seconds=700, preferred_seconds=300)
    header, attrs = witness(ifaddrmsg, address.add(wanted, 4))
    assert (header["family"], header["prefixlen"], header["index"], header["scope"]) == (10, 64, 4, 0)
    assert attrs["IFA_LOCAL"] == attrs["IFA_ADDRESS"] == "2001:db8::7"
    assert attrs["IFA_FLAGS"] == 0x202
    assert (attrs["IFA_CACHEINFO"]["ifa_preferred"], attrs["IFA_CACHEINFO"]["ifa_valid"]) == (300, 700)


def test_a_point_to_point_address_has_its_other_end_in_ifa_address():
    header, attrs = witness(ifaddrmsg, address.add(Address(dev="eth0", cidr="10.0.0.1/32", peer="10.0.0.2/32"), 4))
    assert header["prefixlen"] == 32
    assert (attrs["IFA_LOCAL"], attrs["IFA_ADDRESS"]) == ("10.0.0.1", "10.0.0.2")


def test_what_pyroute2_writes_of_an_address_is_read():
    body = from_witness(
        ifaddrmsg,
        {"family": 2, "prefixlen": 16, "flags": 0x80, "scope": 253, "index": 4},
        [("IFA_ADDRESS", "10.2.0.9"), ("IFA_LOCAL", "10.2.0.8"), ("IFA_LABEL", "eth0"), ("IFA_FLAGS", 0x280)],
    )
    assert read_address(body) == Address(dev="eth0", cidr="10.2.0.8/16", peer="10.2.0.9/16", scope=253, flags=0x200)


def test_an_address_of_an_unknown_link_and_a_temporary_one_are_nothing():
    gone = from_witness(ifaddrmsg, {"family": 2, "prefixlen": 16, "flags": 0x80, "scope": 0, "index": 9}, [("IFA_LOCAL", "10.2.0.8")])
    temporary = from_witness(
        ifaddrmsg, {"family": 10, "prefixlen": 64, "flags": 0x01, "scope": 0, "index": 4}, [("IFA_ADDRESS", "2001:db8::8")]
    )
    assert read_address(gone) is None
    assert read_address(temporary) is None


def test_a_default_route_in_bytes():
    request = route.add(Route(to="0.0.0.0/0", via="10.255.255.254", dev="eth0"), 4)
    assert (request.type, request.flags) == (24, 0x600)
    assert request.body == (
        b"\x02\x00\x00\x00\xfe\x4e\x00\x01\x00\x00\x00\x00\x08\x00\x05\x00\x0a\xff\xff\xfe\x08\x00\x04\x00\x04\x00\x00\x00"
    )


def test_pyroute2_reads_our_routes():
    wanted = Route(
        to="10.7.0.0/16", via="10.1.1.1", dev="eth0", source="10.1.1.9", metric=7, table=1000, mtu=1300, onlink=True, protocol=79
    )
    header, attrs = witness(rtmsg, route.add(wanted, 4))
    assert {name: header[name] for name in ("family", "dst_len", "table", "proto", "scope", "type", "flags")} == {
        "family": 2,
        "dst_len": 16,
        "table": 0,
        "proto": 79,
        "scope": 0,
        "type": 1,
        "flags": 4,
    }
    assert attrs.pop("RTA_METRICS").get_attr("RTAX_MTU") == 1300
    assert attrs == {
        "RTA_DST": "10.7.0.0",
        "RTA_GATEWAY": "10.1.1.1",
        "RTA_OIF": 4,
        "RTA_PRIORITY": 7,
        "RTA_TABLE": 1000,
        "RTA_PREFSRC": "10.1.1.9",
    }


def test_a_route_without_a_gateway_is_on_the_link_in_ipv4():
    assert witness(rtmsg, route.add(Route(to="10.7.0.0/16", dev="eth0"), 4))[0]["scope"] == 253
    assert witness(rtmsg, route.add(Route(to="2001:db8::/32", dev="eth0"), 4))[0]["scope"] == 0
    assert witness(rtmsg, route.add(Route(to="10.7.0.0/16", kind="blackhole"), None))[0]["scope"] == 0
    assert witness(rtmsg, route.add(Route(to="10.7.0.0/16", dev="eth0", scope=254), 4))[0]["scope"] == 254


def test_a_route_is_removed_by_its_protocol_and_metric_whatever_its_scope():
    header, attrs = witness(rtmsg, route.remove(Route(to="2001:db8::/32", dev="eth0"), 4))
    assert (header["scope"], header["proto"]) == (255, 78)
    assert attrs == {"RTA_DST": "2001:db8::", "RTA_OIF": 4, "RTA_PRIORITY": 1024}


def test_ipv4_behind_an_ipv6_gateway_goes_there_and_back():
    wanted = Route(to="10.7.0.0/16", via="fe80::9", dev="eth0", scope=0)
    assert read_routes(route.add(wanted, 4).body) == [wanted]
    assert witness(rtmsg, route.add(wanted, 4))[1]["RTA_VIA"] == {"family": 10, "addr": "fe80::9"}


def test_each_next_hop_of_a_multipath_route_is_a_route():
    hops = [
        {"oif": 4, "hops": 0, "attrs": [("RTA_GATEWAY", "10.0.0.1")]},
        {"oif": 4, "hops": 4, "flags": 4, "attrs": [("RTA_GATEWAY", "10.0.0.2")]},
    ]
    body = from_witness(
        rtmsg,
        {"family": 2, "dst_len": 0, "table": 254, "proto": 3, "scope": 0, "type": 1},
        [("RTA_TABLE", 254), ("RTA_PRIORITY", 50), ("RTA_MULTIPATH", hops)],
    )
    assert read_routes(body) == [
        Route(to="0.0.0.0/0", via="10.0.0.1", dev="eth0", metric=50, scope=0, protocol=3),
        Route(to="0.0.0.0/0", via="10.0.0.2", dev="eth0", metric=50, scope=0, protocol=3, onlink=True),
    ]


def test_routes_that_are_noise_are_nothing():
    one = {"family": 2, "dst_len": 32, "table": 254, "proto": 2, "scope": 0, "type": 1, "flags": 0}
    for other in ({"table": 255}, {"flags": 0x200}, {"type": 3}, {"type": 5}):
        body = from_witness(rtmsg, one | other, [("RTA_DST", "10.0.0.1"), ("RTA_OIF", 4)])
        assert read_routes(body) == []
    assert read_routes(route.HEADER.pack(128, 0, 0, 0, 254, 2, 0, 1, 0)) == []


def test_an_ipv6_route_to_nowhere_has_no_link_though_the_kernel_says_lo():
    body = from_witness(
        rtmsg,
        {"family": 10, "dst_len": 32, "table": 254, "proto": 78, "scope": 0, "type": 7},
        [("RTA_DST", "2001:db8::"), ("RTA_OIF", 4), ("RTA_PRIORITY", 1024)],
    )
    assert read_routes(body) == [Route(to="2001:db8::/32", kind="unreachable", metric=1024, scope=0)]


def test_pyroute2_reads_our_rules():
    wanted = Rule(
        family=4,
        priority=99,
        table=1000,
        from_="10.0.0.0/8",
        to="10.1.0.0/16",
        iif="eth0",
        ip_protocol="udp",
        source_ports=(53, 68),
    )
    header, attrs = witness(fibmsg, rule.add(wanted))
    assert {name: header[name] for name in ("family", "dst_len", "src_len", "table", "action")} == {
        "family": 2,
        "dst_len": 16,
        "src_len": 8,
        "table": 0,
        "action": 1,
    }
    assert attrs == {
        "FRA_PRIORITY": 99,
        "FRA_PROTOCOL": 78,
        "FRA_SRC": "10.0.0.0",
        "FRA_DST": "10.1.0.0",
        "FRA_IIFNAME": "eth0",
        "FRA_IP_PROTO": 17,
        "FRA_SPORT_RANGE": "53:68",
        "FRA_TABLE": 1000,
    }


def test_a_rule_that_says_more_than_ours_can_is_nothing():
    plain = {"family": 2, "src_len": 0, "dst_len": 0, "table": 100, "action": 1}
    assert rule.decode(from_witness(fibmsg, plain, [("FRA_PRIORITY", 7), ("FRA_PROTOCOL", 4)])) == Rule(
        family=4, priority=7, table=100, protocol=4
    )
    for attrs in ([("FRA_FWMARK", 1)], [("FRA_OIFNAME", "eth0")], [("FRA_SUPPRESS_PREFIXLEN", 0)], [("FRA_IP_PROTO", 1)]):
        assert rule.decode(from_witness(fibmsg, plain, attrs)) is None
    assert rule.decode(from_witness(fibmsg, plain | {"action": 6}, [])) is None
    assert rule.decode(from_witness(fibmsg, plain | {"flags": 2}, [])) is None


def test_a_link_as_the_kernel_tells_it_is_read():
    body = from_witness(
        ifinfmsg,
        {"family": 0, "ifi_type": 1, "index": 7, "flags": 1, "change": 0},
        [
            ("IFLA_IFNAME", "eth7"),
            ("IFLA_MTU", 1400),
            ("IFLA_ADDRESS", "02:00:00:00:00:07"),
            ("IFLA_MASTER", 3),
            ("IFLA_LINK", 12),
            ("IFLA_LINK_NETNSID", 5),
            ("IFLA_IFALIAS", "netwright:web"),
            ("IFLA_TXQLEN", 500),
            ("IFLA_GROUP", 77),
            ("IFLA_PARENT_DEV_NAME", "0000:03:00.0"),
            ("IFLA_PARENT_DEV_BUS_NAME", "pci"),
            ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", "veth")]}),
        ],
    )
    # pyroute2 has no way to write these two.
    body += attribute.raw(54, b"\x02\0\0\0\0\x08") + attribute.nested(26, attribute.nested(10, attribute.u8(8, 1)))
    assert link.decode(body, 0, len(body)) == LinkMessage(
        ifindex=7,
        hardware=1,
        up=True,
        name="eth7",
        mtu=1400,
        mac="02:00:00:00:00:07",
        permanent_mac="02:00:00:00:00:08",
        alias="netwright:web",
        master_index=3,
        peer_index=12,
        peer_netnsid=5,
        kind="veth",
        data=b"",
        txqlen=500,
        group=77,
        addrgenmode=1,
        bus="pci",
        device="0000:03:00.0",
    )
    assert link.decode_index(body, 0, len(body)) == 7


def test_a_moved_link_carries_all_that_is_to_be_set_where_it_arrives():
    request = link.relocate(index=4, name="eth9", netns_fd=11, alias="", addrgenmode=1, txqlen=333, group=9)
    header, _ = witness(ifinfmsg, request)
    assert (request.type, request.flags, header["index"], header["change"]) == (16, 0, 4, 0)
    assert request.body[16:] == (
        b"\x08\x00\x1c\x00\x0b\x00\x00\x00\x09\x00\x03\x00eth9\x00\x00\x00\x00\x04\x00\x14\x00"
        b"\x08\x00\x0d\x00\x4d\x01\x00\x00\x08\x00\x1b\x00\x09\x00\x00\x00"
        b"\x10\x00\x1a\x80\x0c\x00\x0a\x80\x05\x00\x08\x00\x01\x00\x00\x00"
    )


def test_what_is_none_is_not_in_a_change():
    assert link.change(name="br0").body == struct.pack("=BxHiII", 0, 0, 0, 0, 0) + b"\x08\x00\x03\x00br0\x00"
    header, attrs = witness(ifinfmsg, link.change(name="br0", up=False, master=0, alias=""))
    assert (header["flags"], header["change"]) == (0, 1)
    assert attrs == {"IFLA_IFNAME": "br0", "IFLA_MASTER": 0, "IFLA_IFALIAS": ""}


def test_a_v4_mapped_address_is_written_as_the_kernel_prints_it():
    assert ip.unpack(bytes(10) + b"\xff\xff\x0a\x00\x00\x01") == "::ffff:10.0.0.1"


@given(
    st.one_of(st.tuples(V4, st.integers(0, 32)), st.tuples(V6, st.integers(0, 128))),
    st.sampled_from([0, 253, 254]),
    st.sampled_from([0, 0x02, 0x10, 0x100, 0x200]),
    st.integers(1, 0xFFFFFFFF),
    st.integers(1, 0xFFFFFFFF),
)
def test_addresses_go_there_and_back(cidr, scope, flags, valid, preferred):
    wanted = Address(dev="eth0", cidr=f"{cidr[0]}/{cidr[1]}", scope=scope, flags=flags, valid_seconds=valid, preferred_seconds=preferred)
    assert read_address(address.add(wanted, 4).body) == wanted


@given(
    st.one_of(st.tuples(V4, V4, V4, st.integers(1, 32)), st.tuples(V6, V6, V6, st.integers(1, 128))),
    st.integers(1, 0xFFFFFFFF),
    st.integers(1, 0xFFFFFFFF).filter(lambda table: table != 255),
    st.integers(0, 253),
    st.integers(68, 65535),
    st.booleans(),
    st.integers(0, 255),
)
def test_routes_go_there_and_back(ends, metric, table, scope, mtu, onlink, protocol):
    to, via, source, length = ends
    wanted = Route(
        to=f"{to}/{length}",
        via=via,
        dev="eth0",
        source=source,
        metric=metric,
        table=table,
        scope=scope,
        mtu=mtu,
        onlink=onlink,
        protocol=protocol,
    )
    assert read_routes(route.add(wanted, 4).body) == [wanted]


@given(
    st.one_of(st.tuples(st.just(4), V4, st.integers(1, 32)), st.tuples(st.just(6), V6, st.integers(1, 128))),
    st.integers(0, 0xFFFFFFFF),
    st.integers(1, 0xFFFFFFFF),
    st.sampled_from([None, "tcp", "udp", "sctp"]),
    st.one_of(st.none(), st.tuples(st.integers(1, 65535), st.integers(1, 65535))),
    st.integers(0, 255),
)
def test_rules_go_there_and_back(source, priority, table, ip_protocol, ports, protocol):
    family, from_, length = source
    wanted = Rule(
        family=family,
        priority=priority,
        table=table,
        from_=f"{from_}/{length}",
        ip_protocol=ip_protocol,
        source_ports=ports,
        iif="eth0",
        protocol=protocol,
    )
    assert rule.decode(rule.add(wanted).body) == wanted
