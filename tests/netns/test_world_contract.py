"""One suite for two worlds: what the kernel does, the host in memory does as well, and refuses what it refuses, with its errno.

So what the engine is shown to do over the one (whichever operation fails) it does over the other.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from netwright.backends.fake import FakeWorld
from netwright.firewall.text import chain_text, map_text
from netwright.kinds.bridge import Bridge
from netwright.kinds.loopback import Loopback
from netwright.kinds.macvlan import Macvlan
from netwright.kinds.veth import Veth
from netwright.model.firewall import Published, Table
from netwright.model.link import Link, LinkKey
from netwright.model.names import SHARED_FILE
from netwright.model.netns import HOST, NetnsRef, container, named
from netwright.model.operation import (
    AddAddress,
    AddRoute,
    AddRule,
    AnyOperation,
    ChangeElements,
    ChangeLink,
    CreateLink,
    CreateNetns,
    DeleteLink,
    DeleteNetns,
    DeleteTable,
    MoveLink,
    RemoveAddress,
    RemoveFile,
    RemoveRoute,
    RemoveRule,
    ReplaceTable,
    SetSysctl,
    WriteFile,
)
from netwright.model.route import PROTOCOL, Address, Route, Rule
from netwright.model.state import Namespace
from netwright.ports import OperationFailed, Scope, World
from netwright.wiring import open_world

WHY = "the test wants it"
A, B, GONE = named("contract-a"), named("contract-b"), named("contract-gone")
LO = Loopback(name="lo", alias="", up=True, mtu=65536, mac="00:00:00:00:00:00", master="")
MARK = "netwright:contract"
V4, V6 = "192.0.2.1/24", "2001:db8::1/64"


@pytest.fixture(params=["memory", "kernel"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A host with nothing but its loopback, and a namespace contract-a; all that the test makes in it goes."""
    if request.param == "memory":
        made: World = FakeWorld(Namespace(ref=HOST, links={"lo": LO}), loopback=lambda: replace(LO, up=False))
    else:
        made = open_world()
    do(made, CreateNetns(netns=A, why=WHY))
    yield made
    there = made.observe(Scope(namespaces=frozenset({HOST, A, B}))).namespaces
    left = [DeleteLink(netns=HOST, name=name, why=WHY) for name, link in there[HOST].links.items() if not link.innate]
    do(made, *left, DeleteNetns(netns=A, why=WHY), DeleteNetns(netns=B, why=WHY))
    assert not {A, B} & made.observe(Scope(namespaces=frozenset({A, B}))).namespaces.keys()
    made.close()


def do(world: World, *operations: AnyOperation) -> int:
    """How many it says are done."""
    done: list[int] = []
    world.execute(operations, done.append)
    return sum(done)


def refused(world: World, *operations: AnyOperation) -> tuple[int, str]:
    """The errno of the first that is refused, and its kind."""
    with pytest.raises(OperationFailed) as refusal:
        do(world, *operations)
    assert isinstance(refusal.value.cause, OSError)
    return refusal.value.cause.errno or 0, type(refusal.value.operation).__name__


def look(world: World, ref: NetnsRef = A, sysctls: Sequence[str] = (), table: str | None = None) -> Namespace:
    seen = world.observe(
        Scope(namespaces=frozenset({HOST, A, B, ref}), sysctls={ref: frozenset(sysctls)}, tables={ref: table} if table else {})
    )
    return seen.namespaces[ref]


def links(world: World, ref: NetnsRef = A) -> dict[str, Link]:
    return {name: link for name, link in look(world, ref).links.items() if not link.innate}


def addresses(world: World, ref: NetnsRef = A) -> set[tuple[str, str]]:
    """Without the link-local ones that a link gives itself."""
    return {(a.dev, a.cidr) for a in look(world, ref).addresses if not a.cidr.startswith("fe80:") and a.dev != "lo"}


def routes(world: World, ref: NetnsRef = A) -> set[tuple[str, str | None, str | None]]:
    """Ours: those with our protocol number."""
    return {(r.to, r.via, r.dev) for r in look(world, ref).routes if r.protocol == PROTOCOL}


def bridge(name: str, *, up: bool = True, ref: NetnsRef = A) -> CreateLink:
    return CreateLink(netns=ref, link=Bridge(name=name, alias=MARK, up=up, mtu=1400, mac="02:00:00:00:00:b1"), why=WHY)


def pair(name: str, twin: str, across: NetnsRef, *, master: str | None = None, ref: NetnsRef = A) -> CreateLink:
    near = Veth(name=name, alias=MARK, up=True, mtu=1400, mac="02:00:00:00:00:a1", master=master, peer=LinkKey(across, twin))
    far = Veth(name=twin, alias=MARK, up=True, mtu=1400, mac="02:00:00:00:00:a2", peer=LinkKey(ref, name))
    return CreateLink(netns=ref, link=near, twin=far, twin_netns=across, why=WHY)


def address(dev: str, cidr: str, ref: NetnsRef = A) -> AddAddress:
    return AddAddress(netns=ref, address=Address(dev=dev, cidr=cidr, flags=2 if ":" in cidr else 0), why=WHY)


def route(to: str, via: str | None = None, dev: str | None = None, ref: NetnsRef = A, **more: int) -> AddRoute:
    return AddRoute(netns=ref, route=Route(to=to, via=via, dev=dev, **more), why=WHY)  # type: ignore[arg-type]


def change(link: Link, *fields: str, ref: NetnsRef = A) -> ChangeLink:
    return ChangeLink(netns=ref, link=link, fields=frozenset(fields), why=WHY)


def test_a_new_namespace_has_a_loopback_that_is_down_and_the_sysctls_it_was_given(world: World) -> None:
    assert do(world, CreateNetns(netns=B, sysctls={"net.ipv4.ip_forward": "1"}, why=WHY)) == 1
    there = look(world, B, ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"])
    assert there.links == {"lo": replace(LO, up=False)}
    assert (there.owner, there.addresses, there.routes) == (None, frozenset(), frozenset())
    assert there.sysctls == {"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "0"}


def test_the_mark_on_the_loopback_says_whose_a_namespace_is(world: World) -> None:
    do(world, change(Loopback(name="lo", alias=MARK, up=True), "alias", "up"))
    assert look(world).owner == "contract"
    assert look(world).links["lo"].up
    assert world.observe(Scope(namespaces=frozenset({HOST}))).namespaces[HOST].owner is None


def test_a_namespace_is_made_once(world: World) -> None:
    assert refused(world, CreateNetns(netns=A, why=WHY)) == (errno.EEXIST, "CreateNetns")


def test_a_namespace_that_is_gone_is_deleted_already_and_is_not_seen(world: World) -> None:
    assert do(world, DeleteNetns(netns=GONE, why=WHY)) == 1
    seen = world.observe(Scope(namespaces=frozenset({GONE, container("none")}), sysctls={GONE: frozenset({"net.ipv4.ip_forward"})}))
    assert seen.namespaces.keys() == set()


def test_every_namespace_is_seen_where_that_is_asked(world: World) -> None:
    do(world, CreateNetns(netns=B, why=WHY))
    assert {A, B} <= world.observe(Scope(every_named=True)).namespaces.keys()


@pytest.mark.parametrize(
    "operation",
    [
        bridge("br0", ref=GONE),
        address("eth0", V4, GONE),
        route("198.51.100.0/24", "192.0.2.9", ref=GONE),
        change(Link(name="eth0", up=True), "up", ref=GONE),
        SetSysctl(netns=GONE, key="net.ipv4.ip_forward", value="1", why=WHY),
    ],
    ids=lambda operation: type(operation).__name__,
)
def test_nothing_is_made_in_a_namespace_that_is_gone(world: World, operation: AnyOperation) -> None:
    assert refused(world, operation) == (errno.ENOENT, type(operation).__name__)


@pytest.mark.parametrize(
    "operation",
    [
        DeleteLink(netns=GONE, name="eth0", why=WHY),
        RemoveAddress(netns=GONE, address=Address(dev="eth0", cidr=V4), why=WHY),
        RemoveRoute(netns=GONE, route=Route(to="198.51.100.0/24", dev="eth0"), why=WHY),
        RemoveRule(netns=GONE, rule=Rule(family=4, priority=7800, table=99), why=WHY),
        DeleteTable(netns=GONE, name="nw_contract", why=WHY),
        DeleteLink(netns=A, name="eth0", why=WHY),
        RemoveAddress(netns=A, address=Address(dev="eth0", cidr=V4), why=WHY),
        RemoveRoute(netns=A, route=Route(to="198.51.100.0/24", dev="eth0"), why=WHY),
        RemoveRule(netns=A, rule=Rule(family=4, priority=7800, table=99), why=WHY),
        DeleteTable(netns=A, name="nw_contract", why=WHY),
    ],
    ids=lambda operation: f"{type(operation).__name__} in {operation.netns}",
)
def test_what_is_gone_is_removed_already(world: World, operation: AnyOperation) -> None:
    assert do(world, operation) == 1


def test_a_bridge_is_born_as_it_shall_be(world: World) -> None:
    do(world, bridge("br0"))
    made = links(world)["br0"]
    assert type(made) is Bridge
    assert (made.alias, made.up, made.mtu, made.mac, made.master) == (MARK, True, 1400, "02:00:00:00:00:b1", "")
    assert look(world).seen["br0"].index > 1


def test_a_links_name_is_taken_once(world: World) -> None:
    do(world, bridge("br0"))
    assert refused(world, bridge("br0")) == (errno.EEXIST, "CreateLink")


def test_a_pair_is_born_at_both_places_and_its_far_end_is_down_and_bears_no_mark(world: World) -> None:
    do(world, CreateNetns(netns=B, why=WHY), pair("near", "far", B))
    near, far = links(world)["near"], links(world, B)["far"]
    assert (near.alias, near.up, near.mtu, near.mac, near.master, near.twin()) == (
        MARK,
        True,
        1400,
        "02:00:00:00:00:a1",
        "",
        LinkKey(B, "far"),
    )
    assert (far.alias, far.up, far.mtu, far.mac, far.master, far.twin()) == ("", False, 1400, "02:00:00:00:00:a2", "", LinkKey(A, "near"))


def test_of_a_pair_that_cannot_be_made_neither_end_is_there(world: World) -> None:
    assert refused(world, pair("near", "far", GONE)) == (errno.ENOENT, "CreateLink")
    do(world, CreateNetns(netns=B, why=WHY), bridge("far", ref=B))
    assert refused(world, pair("near", "far", B)) == (errno.EEXIST, "CreateLink")
    assert (links(world).keys(), links(world, B).keys()) == (set(), {"far"})


def macvlan(name: str, lower: str, ref: NetnsRef = A, mtu: int | None = None) -> CreateLink:
    return CreateLink(netns=ref, link=Macvlan(name=name, alias=MARK, up=True, mtu=mtu, lower=LinkKey(A, lower), mode="bridge"), why=WHY)


def test_what_stands_on_another_link_is_born_down_and_without_a_mark_and_dies_with_that(world: World) -> None:
    do(world, CreateNetns(netns=B, why=WHY), bridge("br0"), macvlan("here", "br0"), macvlan("there", "br0", B, mtu=1300))
    here, there = links(world)["here"], links(world, B)["there"]
    assert (here.alias, here.up, here.mtu, here.beneath()) == ("", False, 1400, LinkKey(A, "br0"))
    assert (there.alias, there.up, there.mtu, there.beneath()) == ("", False, 1300, LinkKey(A, "br0"))
    do(world, DeleteLink(netns=A, name="br0", why=WHY))
    assert (links(world).keys(), links(world, B).keys()) == (set(), set())


def test_what_shall_stand_on_a_link_needs_it_and_a_free_name(world: World) -> None:
    assert refused(world, macvlan("here", "br0")) == (errno.ENODEV, "CreateLink")
    assert refused(world, macvlan("there", "br0", GONE))[1] == "CreateLink"
    do(world, CreateNetns(netns=B, why=WHY), bridge("br0"), bridge("taken", ref=B))
    assert refused(world, macvlan("taken", "br0", B)) == (errno.EEXIST, "CreateLink")
    assert refused(world, macvlan("there", "br0", GONE)) == (errno.ENOENT, "CreateLink")


def test_a_port_needs_its_bridge(world: World) -> None:
    do(world, CreateNetns(netns=B, why=WHY))
    assert refused(world, pair("near", "far", B, master="br0")) == (errno.ENODEV, "CreateLink")
    do(world, bridge("br0"), pair("near", "far", B, master="br0"))
    assert links(world)["near"].master == "br0"
    assert refused(world, change(replace(links(world)["near"], master="br9"), "master")) == (errno.ENODEV, "ChangeLink")
    do(world, change(replace(links(world)["near"], master=""), "master"))
    assert links(world)["near"].master == ""


def test_a_change_sets_what_it_names_and_nothing_else(world: World) -> None:
    do(world, bridge("br0"))
    do(world, change(Bridge(name="br0", alias="else", up=False, mtu=1300, mac="02:00:00:00:00:b2", stp=True), "mtu", "mac", "stp"))
    made = links(world)["br0"]
    assert isinstance(made, Bridge)
    assert (made.alias, made.up, made.mtu, made.mac, made.stp) == (MARK, True, 1300, "02:00:00:00:00:b2", True)
    assert refused(world, change(Bridge(name="br9", mtu=1300), "mtu")) == (errno.ENODEV, "ChangeLink")


def test_a_pair_goes_at_both_ends(world: World) -> None:
    do(world, CreateNetns(netns=B, why=WHY), pair("near", "far", B), DeleteLink(netns=B, name="far", why=WHY))
    assert (links(world), links(world, B)) == ({}, {})


def test_a_namespace_takes_both_ends_of_its_pairs_with_it(world: World) -> None:
    do(
        world,
        CreateNetns(netns=B, why=WHY),
        pair("near", "far", B),
        DeleteLink(netns=A, name="near", why=WHY),
        DeleteNetns(netns=B, why=WHY),
    )
    assert links(world) == {}


def test_the_ports_of_a_bridge_outlive_it(world: World) -> None:
    do(world, CreateNetns(netns=B, why=WHY), bridge("br0"), pair("near", "far", B, master="br0"), DeleteLink(netns=A, name="br0", why=WHY))
    assert links(world)["near"].master == ""


def test_an_address_can_be_added_again(world: World) -> None:
    do(world, bridge("br0"), address("br0", V4), address("br0", V6), address("br0", V4), address("br0", V6))
    assert addresses(world) == {("br0", V4), ("br0", V6)}
    assert refused(world, address("br9", V4)) == (errno.ENODEV, "AddAddress")
    do(world, RemoveAddress(netns=A, address=Address(dev="br0", cidr=V4), why=WHY))
    do(world, RemoveAddress(netns=A, address=Address(dev="br0", cidr=V4), why=WHY))
    assert addresses(world) == {("br0", V6)}


def test_the_secondary_addresses_of_a_subnet_go_with_the_first(world: World) -> None:
    do(world, bridge("br0"), address("br0", V4), address("br0", "192.0.2.2/24"), address("br0", "203.0.113.2/24"))
    do(world, RemoveAddress(netns=A, address=Address(dev="br0", cidr=V4), why=WHY))
    assert addresses(world) == {("br0", "203.0.113.2/24")}
    do(world, address("br0", "192.0.2.2/24"), address("br0", V4), RemoveAddress(netns=A, address=Address(dev="br0", cidr=V4), why=WHY))
    assert addresses(world) == {("br0", "192.0.2.2/24"), ("br0", "203.0.113.2/24")}


def test_a_route_leads_through_what_is_there_and_up(world: World) -> None:
    do(world, bridge("br0", up=False), address("br0", V4))
    assert refused(world, route("198.51.100.0/24", "192.0.2.9", "br0")) == (errno.ENETUNREACH, "AddRoute")
    assert refused(world, route("198.51.100.0/24", None, "br0")) == (errno.ENETDOWN, "AddRoute")
    assert refused(world, route("198.51.100.0/24", "192.0.2.9", "br9")) == (errno.ENODEV, "AddRoute")
    do(world, change(Bridge(name="br0", up=True), "up"))
    assert refused(world, route("198.51.100.0/24", "203.0.113.9", "br0")) == (errno.ENETUNREACH, "AddRoute")
    do(world, route("198.51.100.0/24", "192.0.2.9", "br0"), route("203.0.113.0/24", None, "br0"))
    do(world, route("10.0.0.0/8", "203.0.113.9", "br0"), route("10.0.0.0/16", "192.0.2.8"))
    assert routes(world) == {
        ("198.51.100.0/24", "192.0.2.9", "br0"),
        ("203.0.113.0/24", None, "br0"),
        ("10.0.0.0/8", "203.0.113.9", "br0"),
        ("10.0.0.0/16", "192.0.2.8", "br0"),
    }


def test_a_route_of_ipv6_needs_a_next_hop_that_is_reached_too(world: World) -> None:
    do(world, bridge("br0"), address("br0", V6))
    assert refused(world, route("2001:db8:9::/48", "2001:db8:7::1", "br0")) == (errno.EHOSTUNREACH, "AddRoute")
    do(world, route("2001:db8:9::/48", "2001:db8::9", "br0"))
    assert refused(world, route("2001:db8:9::/48", "2001:db8::9", "br0")) == (errno.EEXIST, "AddRoute")
    assert routes(world) == {("2001:db8:9::/48", "2001:db8::9", "br0")}


def test_there_is_one_route_for_a_destination_and_metric(world: World) -> None:
    do(world, bridge("br0"), address("br0", V4), route("198.51.100.0/24", "192.0.2.9", "br0"))
    assert refused(world, route("198.51.100.0/24", "192.0.2.9", "br0")) == (errno.EEXIST, "AddRoute")
    assert refused(world, route("198.51.100.0/24", "192.0.2.8", "br0")) == (errno.EEXIST, "AddRoute")
    do(world, route("198.51.100.0/24", "192.0.2.8", "br0", metric=7), route("198.51.100.0/24", "192.0.2.8", "br0", table=99))
    assert len(look(world).routes) >= 3


def test_routes_go_with_their_interface_and_with_the_last_address(world: World) -> None:
    do(world, bridge("br0"), address("br0", V4), address("br0", V6))
    do(world, route("198.51.100.0/24", "192.0.2.9", "br0"), route("2001:db8:9::/48", "2001:db8::9", "br0"))
    do(world, change(Bridge(name="br0", up=False), "up"))
    assert routes(world) == set()
    assert addresses(world) == {("br0", V4)}
    do(world, change(Bridge(name="br0", up=True), "up"), route("198.51.100.0/24", "192.0.2.9", "br0"))
    do(world, RemoveAddress(netns=A, address=Address(dev="br0", cidr=V4), why=WHY))
    assert (routes(world), addresses(world)) == (set(), set())
    do(world, address("br0", V4), route("198.51.100.0/24", "192.0.2.9", "br0"), DeleteLink(netns=A, name="br0", why=WHY))
    assert (routes(world), addresses(world), links(world)) == (set(), set(), {})


def test_what_moves_arrives_down_and_bare(world: World) -> None:
    do(world, CreateNetns(netns=B, why=WHY), bridge("br0"), pair("near", "far", B, master="br0"))
    do(world, address("near", V4), address("near", V6), route("198.51.100.0/24", "192.0.2.9", "near"))
    do(world, MoveLink(source=A, name="near", target=B, new_name="moved", alias="netwright-loan:contract", why=WHY))
    assert links(world).keys() == {"br0"}
    moved = links(world, B)["moved"]
    assert (moved.alias, moved.up, moved.mtu, moved.mac, moved.master) == ("netwright-loan:contract", False, 1400, "02:00:00:00:00:a1", "")
    assert (addresses(world, B), routes(world), addresses(world)) == (set(), set(), set())


def test_what_only_changes_its_name_keeps_its_ipv4_addresses(world: World) -> None:
    do(world, CreateNetns(netns=B, why=WHY), pair("near", "far", B), change(Veth(name="far", up=True), "up", ref=B))
    do(world, address("near", V4), address("near", V6), route("198.51.100.0/24", "192.0.2.9", "near"))
    do(world, MoveLink(source=A, name="near", target=A, new_name="renamed", alias="", why=WHY))
    assert (links(world)["renamed"].up, links(world)["renamed"].alias) == (False, "")
    assert (addresses(world), routes(world)) == ({("renamed", V4)}, set())


def test_what_moves_needs_a_free_name_and_a_place(world: World) -> None:
    do(world, CreateNetns(netns=B, why=WHY), bridge("br0"), bridge("taken", ref=B), pair("near", "far", B))
    assert refused(world, MoveLink(source=A, name="near", target=B, new_name="taken", alias="", why=WHY)) == (errno.EEXIST, "MoveLink")
    assert refused(world, MoveLink(source=A, name="near", target=A, new_name="br0", alias="", why=WHY)) == (errno.EEXIST, "MoveLink")
    assert refused(world, MoveLink(source=A, name="absent", target=B, new_name="x", alias="", why=WHY)) == (errno.ENODEV, "MoveLink")
    assert refused(world, MoveLink(source=A, name="near", target=GONE, new_name="x", alias="", why=WHY)) == (errno.ENOENT, "MoveLink")
    assert links(world).keys() == {"br0", "near"}


def test_a_rule_is_there_once(world: World) -> None:
    rule = Rule(family=4, priority=7800, table=99, from_="192.0.2.7/32", ip_protocol="tcp", source_ports=(80, 81))
    do(world, AddRule(netns=A, rule=rule, why=WHY))
    assert {one for one in look(world).rules if one.protocol == PROTOCOL} == {rule}
    assert refused(world, AddRule(netns=A, rule=rule, why=WHY)) == (errno.EEXIST, "AddRule")
    do(world, RemoveRule(netns=A, rule=rule, why=WHY))
    assert not any(one.protocol == PROTOCOL for one in look(world).rules)


def test_a_sysctl_that_is_not_there_is_neither_read_nor_written(world: World) -> None:
    keys = ["net.ipv4.conf.br0.rp_filter", "net.ipv4.conf.br9.rp_filter", "net.ipv4.ip_forward"]
    do(world, bridge("br0"), SetSysctl(netns=A, key="net.ipv4.conf.br0.rp_filter", value="2", why=WHY))
    assert look(world, A, keys).sysctls == {"net.ipv4.conf.br0.rp_filter": "2", "net.ipv4.ip_forward": "0"}
    assert refused(world, SetSysctl(netns=A, key="net.ipv4.conf.br9.rp_filter", value="2", why=WHY)) == (errno.ENOENT, "SetSysctl")
    do(world, DeleteLink(netns=A, name="br0", why=WHY))
    assert look(world, A, keys).sysctls == {"net.ipv4.ip_forward": "0"}


def test_a_table_is_replaced_whole_and_told_with_what_it_publishes(world: World) -> None:
    body = chain_text("prerouting", ["tcp dport 8080 accept"], hook="nat hook prerouting priority -101")
    first, second = Table.of("nw_contract", body, frozenset()), Table.of("nw_contract", body.replace("8080", "9090"), frozenset())
    assert look(world, A, table="nw_contract").table is None
    do(world, ReplaceTable(netns=A, table=first, owner="contract", why=WHY), ReplaceTable(netns=A, table=second, owner="contract", why=WHY))
    seen = look(world, A, table="nw_contract").table
    assert seen is not None
    assert (seen.name, seen.digest, seen.published) == ("nw_contract", second.digest, frozenset[Published]())
    assert seen.listing
    do(world, DeleteTable(netns=A, name="nw_contract", why=WHY))
    assert look(world, A, table="nw_contract").table is None


def test_elements_come_and_go_under_the_same_rules(world: World) -> None:
    table = Table.of("nw_contract", map_text("m", "inet_proto . inet_service : verdict", {"tcp . 80": "accept"}), frozenset())
    do(world, ReplaceTable(netns=A, table=table, owner="contract", why=WHY))
    before = look(world, A, table="nw_contract").table
    out, put = frozenset({"6 . 80 : accept"}), frozenset({"6 . 80 : drop", "17 . 53 : accept"})
    do(world, ChangeElements(netns=A, table="nw_contract", remove={"m": out}, add={"m": put}, why=WHY))
    after = look(world, A, table="nw_contract").table
    assert before is not None
    assert after is not None
    assert (before.elements, after.elements) == ({"m": out}, {"m": put})
    assert (before.digest, before.listing) == (after.digest, after.listing)


def test_files_are_written_over_and_outlive_their_namespace(world: World) -> None:
    text = "# netwright:contract\nnameserver 192.0.2.53\n"
    both = frozenset({A, HOST})
    world.observe(Scope(files=both, stack="contract"))
    do(
        world,
        WriteFile(netns=HOST, name="hosts", content="# netwright:contract\n", why=WHY),
        WriteFile(netns=A, name="hosts", content=SHARED_FILE, why=WHY),
        WriteFile(netns=A, name="resolv.conf", content="# netwright:contract\n", why=WHY),
        WriteFile(netns=A, name="resolv.conf", content=text, why=WHY),
        DeleteNetns(netns=A, why=WHY),
    )
    seen = {ref: dict(files) for ref, files in world.observe(Scope(files=both, stack="contract")).files.items()}
    assert seen == {HOST: {"hosts": "# netwright:contract\n"}, A: {"hosts": SHARED_FILE, "resolv.conf": text}}
    do(world, *(RemoveFile(netns=ref, name=name, why=WHY) for ref, files in seen.items() for name in files))
    do(world, RemoveFile(netns=A, name="hosts", why=WHY))
    assert not any(world.observe(Scope(files=both, stack="contract")).files.values())


def test_what_stands_before_a_refusal_is_done(world: World) -> None:
    assert refused(world, bridge("br0"), bridge("br1"), address("br9", V4), DeleteLink(netns=A, name="br0", why=WHY)) == (
        errno.ENODEV,
        "AddAddress",
    )
    assert links(world).keys() == {"br0", "br1"}
