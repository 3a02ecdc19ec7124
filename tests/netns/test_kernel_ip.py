"""Addresses, routes and rules on a real kernel, with iproute2 as the witness."""

from __future__ import annotations

import errno

import pytest

from netwright.backends.netlink import NetlinkKernel
from netwright.errors import KernelError
from netwright.model.netns import HOST
from netwright.model.operation import AddAddress, AddRoute, AddRule, RemoveAddress, RemoveRoute, RemoveRule
from netwright.model.route import Address, Route, Rule
from netwright.ports import OperationFailed

pytestmark = pytest.mark.netns


@pytest.fixture
def kernel(host):
    host.run("ip", "link", "add", "br-t", "type", "bridge", "forward_delay", "0")
    # Without a port a bridge has no carrier, and its addresses stay tentative.
    host.run("ip", "link", "add", "port-a", "type", "veth", "peer", "name", "port-b")
    host.run("ip", "link", "set", "port-a", "master", "br-t", "up")
    host.run("ip", "link", "set", "port-b", "up")
    host.run("ip", "link", "set", "br-t", "up")
    kernel = NetlinkKernel()
    yield kernel
    kernel.close()
    host.run("ip", "link", "delete", "br-t")
    host.run("ip", "link", "delete", "port-a")


def do(kernel, *operations):
    told = []
    kernel.execute(operations, told.append)
    assert sum(told) == len(operations)


def add(kernel, *objects):
    do(kernel, *(_operation(one, AddAddress, AddRoute, AddRule) for one in objects))


def remove(kernel, *objects):
    do(kernel, *(_operation(one, RemoveAddress, RemoveRoute, RemoveRule) for one in objects))


def _operation(one, of_address, of_route, of_rule):
    if isinstance(one, Address):
        return of_address(netns=HOST, address=one, why="test")
    if isinstance(one, Route):
        return of_route(netns=HOST, route=one, why="test")
    return of_rule(netns=HOST, rule=one, why="test")


def of_br(seen):
    return {one for one in seen.addresses if one.dev == "br-t" and not one.cidr.startswith("fe80")}


def ours(seen):
    return {one for one in seen.routes if one.protocol == 78}


def shown_addresses(host):
    (entry,) = host.ip("address", "show", "dev", "br-t")
    return {f"{one['local']}/{one['prefixlen']}": one for one in entry["addr_info"]}


def test_addresses_are_added_as_asked_read_back_and_removed(host, kernel):
    wanted = {
        Address(dev="br-t", cidr="10.1.2.3/20", broadcast="10.1.15.255", label="br-t:7"),
        Address(dev="br-t", cidr="10.9.0.1/32", peer="10.9.0.2/32", flags=0x200),
        Address(dev="br-t", cidr="169.254.7.7/16", scope=253),
        Address(dev="br-t", cidr="2001:db8::7/80", flags=0x202),
    }
    add(kernel, *wanted)
    shown = shown_addresses(host)
    assert (shown["10.1.2.3/20"]["broadcast"], shown["10.1.2.3/20"]["label"]) == ("10.1.15.255", "br-t:7")
    assert (shown["10.9.0.1/32"]["address"], shown["10.9.0.1/32"]["noprefixroute"]) == ("10.9.0.2", True)
    assert shown["169.254.7.7/16"]["scope"] == "link"
    assert (shown["2001:db8::7/80"]["nodad"], shown["2001:db8::7/80"]["noprefixroute"]) == (True, True)
    assert of_br(kernel.observe([HOST])[HOST]) == wanted
    remove(kernel, *wanted)
    assert of_br(kernel.observe([HOST])[HOST]) == set()
    remove(kernel, *wanted)


def test_an_addresss_lifetime_is_set_and_read(host, kernel):
    add(kernel, Address(dev="br-t", cidr="2001:db8::9/64", valid_seconds=9000, preferred_seconds=700))
    shown = shown_addresses(host)["2001:db8::9/64"]
    assert (8990 <= shown["valid_life_time"] <= 9000, 690 <= shown["preferred_life_time"] <= 700) == (True, True)
    (seen,) = of_br(kernel.observe([HOST])[HOST])
    assert (8990 <= seen.valid_seconds <= 9000, 690 <= seen.preferred_seconds <= 700) == (True, True)


def test_an_address_that_is_there_is_there_once(host, kernel):
    one = Address(dev="br-t", cidr="10.1.2.3/24")
    add(kernel, one)
    add(kernel, one)
    assert [entry["local"] for entry in host.ip("-4", "address", "show", "dev", "br-t")[0]["addr_info"]] == ["10.1.2.3"]


def test_an_address_that_the_kernel_does_not_take_is_named(kernel):
    with pytest.raises(OperationFailed) as failure:
        add(kernel, Address(dev="gone0", cidr="10.1.2.3/24"))
    assert failure.value.cause.errno == errno.ENODEV
    assert "10.1.2.3/24 to gone0" in str(failure.value)


def test_a_link_local_address_that_the_kernel_made_itself_is_no_obstacle(kernel):
    one = Address(dev="br-t", cidr="fe80::7/64", scope=253, flags=0x02)
    add(kernel, one)
    add(kernel, one)
    assert one in kernel.observe([HOST])[HOST].addresses


def test_routes_are_added_as_asked_read_back_and_removed(host, kernel):
    add(kernel, Address(dev="br-t", cidr="10.1.0.1/16"), Address(dev="br-t", cidr="2001:db8::1/64", flags=0x02))
    wanted = {
        Route(to="0.0.0.0/0", via="10.1.0.254", dev="br-t", scope=0),
        Route(to="10.50.0.0/16", via="10.1.0.9", dev="br-t", source="10.1.0.1", metric=77, mtu=1333, scope=0),
        Route(to="10.51.0.0/16", via="10.99.0.9", dev="br-t", onlink=True, table=1000, scope=0),
        Route(to="10.52.0.0/16", dev="br-t", table=100, scope=253),
        Route(to="10.53.0.0/16", kind="blackhole", scope=0),
        Route(to="10.54.0.0/16", kind="prohibit", metric=9, scope=0),
        Route(to="10.55.0.0/16", via="fe80::9", dev="br-t", scope=0),
        Route(to="::/0", via="2001:db8::fe", dev="br-t", metric=1024, scope=0),
        Route(to="2001:db8:50::/48", via="2001:db8::9", dev="br-t", metric=77, mtu=1333, table=1000, scope=0),
        Route(to="2001:db8:53::/48", kind="unreachable", metric=1024, scope=0),
        Route(to="2001:db8:54::/48", dev="br-t", metric=5, scope=0),
    }
    add(kernel, *wanted)
    (shown,) = host.ip("route", "show", "10.50.0.0/16")
    assert {name: shown[name] for name in ("gateway", "dev", "prefsrc", "metric", "protocol")} == {
        "gateway": "10.1.0.9",
        "dev": "br-t",
        "prefsrc": "10.1.0.1",
        "metric": 77,
        "protocol": "78",
    }
    assert shown["metrics"] == [{"mtu": 1333}]
    (shown,) = host.ip("route", "show", "table", "1000")
    assert (shown["dst"], shown["gateway"], shown["flags"]) == ("10.51.0.0/16", "10.99.0.9", ["onlink"])
    assert [one["type"] for one in host.ip("route", "show", "10.53.0.0/16")] == ["blackhole"]
    (shown,) = host.ip("-6", "route", "show", "table", "1000")
    assert (shown["dst"], shown["gateway"], shown["metric"], shown["metrics"]) == (
        "2001:db8:50::/48",
        "2001:db8::9",
        77,
        [{"mtu": 1333}],
    )
    assert ours(kernel.observe([HOST])[HOST]) == wanted
    remove(kernel, *wanted)
    assert ours(kernel.observe([HOST])[HOST]) == set()
    remove(kernel, *wanted)


def test_a_route_without_metric_or_scope_gets_what_iproute2_gives_it(host, kernel):
    routes = (Route(to="10.60.0.0/16", dev="br-t"), Route(to="2001:db8:60::/48", dev="br-t"))
    add(kernel, *routes)
    host.run("ip", "route", "add", "10.61.0.0/16", "dev", "br-t", "protocol", "78")
    host.run("ip", "route", "add", "2001:db8:61::/48", "dev", "br-t", "protocol", "78")
    seen = {one.to: one for one in ours(kernel.observe([HOST])[HOST])}
    assert (seen["10.60.0.0/16"].scope, seen["10.60.0.0/16"].metric) == (253, None)
    assert (seen["10.61.0.0/16"].scope, seen["10.61.0.0/16"].metric) == (253, None)
    assert (seen["2001:db8:60::/48"].scope, seen["2001:db8:60::/48"].metric) == (0, 1024)
    assert (seen["2001:db8:61::/48"].scope, seen["2001:db8:61::/48"].metric) == (0, 1024)
    remove(kernel, *routes)
    assert sorted(one.to for one in ours(kernel.observe([HOST])[HOST])) == ["10.61.0.0/16", "2001:db8:61::/48"]
    host.run("ip", "route", "delete", "2001:db8:61::/48")


def test_removing_our_route_leaves_another_programs(host, kernel):
    host.run("ip", "route", "add", "10.62.0.0/16", "dev", "br-t", "protocol", "98")
    remove(kernel, Route(to="10.62.0.0/16", dev="br-t"))
    assert [one["protocol"] for one in host.ip("route", "show", "10.62.0.0/16")] == ["98"]


def test_a_route_that_is_there_is_refused(host, kernel):
    host.run("ip", "route", "add", "10.63.0.0/16", "dev", "br-t")
    with pytest.raises(OperationFailed) as failure:
        add(kernel, Route(to="10.63.0.0/16", via="169.254.0.1", dev="br-t", onlink=True))
    assert failure.value.cause.errno == errno.EEXIST


def test_a_multipath_route_is_seen_as_a_route_for_each_hop(host, kernel):
    hops = "nexthop via 10.99.0.1 dev br-t onlink nexthop via 10.99.0.2 dev br-t onlink"
    host.run("ip", "route", "add", "10.70.0.0/16", "protocol", "78", *hops.split())
    host.run("ip", "route", "add", "2001:db8:70::/48", "protocol", "78", *hops.replace("10.99.0.", "fe80::").split())
    seen = {(one.to, one.via, one.dev, one.onlink) for one in ours(kernel.observe([HOST])[HOST])}
    assert seen == {
        ("10.70.0.0/16", "10.99.0.1", "br-t", True),
        ("10.70.0.0/16", "10.99.0.2", "br-t", True),
        ("2001:db8:70::/48", "fe80::1", "br-t", True),
        ("2001:db8:70::/48", "fe80::2", "br-t", True),
    }


def test_rules_are_added_as_asked_read_back_and_removed(host, kernel):
    born = kernel.observe([HOST])[HOST].rules
    assert Rule(family=4, priority=32766, table=254, protocol=2) in born
    wanted = {
        Rule(
            family=4, priority=901, table=1000, from_="10.1.0.0/16", to="10.2.0.0/16", iif="br-t", ip_protocol="udp", source_ports=(53, 68)
        ),
        Rule(family=6, priority=902, table=77, from_="2001:db8::/32", ip_protocol="sctp"),
        Rule(family=6, priority=903, table=77, iif="not-there-yet", ip_protocol="tcp", source_ports=(80, 80), protocol=79),
    }
    add(kernel, *wanted)
    (shown,) = host.ip("-4", "rule", "show", "priority", "901")
    assert {name: shown[name] for name in ("src", "srclen", "dst", "dstlen", "iif", "ipproto", "table", "protocol")} == {
        "src": "10.1.0.0",
        "srclen": 16,
        "dst": "10.2.0.0",
        "dstlen": 16,
        "iif": "br-t",
        "ipproto": "udp",
        "table": "1000",
        "protocol": "78",
    }
    assert (shown["sport_start"], shown["sport_end"]) == (53, 68)
    assert kernel.observe([HOST])[HOST].rules == born | wanted
    with pytest.raises(OperationFailed) as failure:
        add(kernel, *wanted)
    assert failure.value.cause.errno == errno.EEXIST
    remove(kernel, *wanted)
    assert kernel.observe([HOST])[HOST].rules == born
    remove(kernel, *wanted)


def test_what_cannot_be_is_told_with_the_kernels_own_words(kernel):
    with pytest.raises(OperationFailed) as failure:
        add(kernel, Route(to="10.64.0.0/16", via="10.200.0.1", dev="br-t"))
    assert isinstance(failure.value.cause, KernelError)
    assert str(failure.value) == (
        "the kernel refused to add the route 10.64.0.0/16 via 10.200.0.1 dev br-t in host: "
        "Network is unreachable (Nexthop has invalid gateway)"
    )


def test_an_address_for_a_link_that_is_not_there_is_refused_and_its_removal_is_not(kernel):
    with pytest.raises(OperationFailed, match=r"^the kernel refused to add 10.0.0.1/8 to eth9 in host: there is no link eth9 in host$"):
        add(kernel, Address(dev="eth9", cidr="10.0.0.1/8"))
    remove(kernel, Address(dev="eth9", cidr="10.0.0.1/8"), Route(to="10.0.0.0/8", dev="eth9"))
