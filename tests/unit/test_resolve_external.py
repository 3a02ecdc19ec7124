"""What is somebody else's, in the host and in namespaces that Netwright does not make: described, never touched."""

from __future__ import annotations

from dataclasses import replace

from scene import host, link, planned, resolved, state

from netwright.model.link import Observation
from netwright.model.names import port_name
from netwright.model.netns import HOST, named
from netwright.model.route import Address, Route
from netwright.model.state import Namespace
from netwright.picture import draw, from_document
from netwright.sandbox.standins import stand_in
from netwright.spec.load import parse

FILE = """\
version: 1
name: seen
networks: {lan: {external: true, bridge: br0, subnets: [10.1.0.0/24, "fd01::/64"]}}
namespaces:
  red:
    external: true
    interfaces:
      eth0: {external: true, network: lan, addresses: [10.1.0.2/24]}
      wan: {external: true, mtu: 1400, up: true}
    routes: [{to: default, via: 10.1.0.1, dev: eth0, external: true}]
host:
  interfaces: {eth1: {external: true, mac: "02:00:00:00:01:04", addresses: [192.0.2.7/24]}}
  routes: [{to: 198.51.100.0/24, via: 192.0.2.1, external: true}]
"""
RED = Namespace(
    ref=named("red"),
    links={"eth0": link("eth0"), "wan": replace(link("wan"), mtu=1400)},
    seen={"eth0": Observation(index=2), "wan": Observation(index=3)},
    addresses=frozenset({Address(dev="eth0", cidr="10.1.0.2/24")}),
    routes=frozenset({Route(to="0.0.0.0/0", via="10.1.0.1", dev="eth0", protocol=3)}),
)
HERE = replace(
    host(link("br0"), link("eth1"), routes=frozenset({Route(to="198.51.100.0/24", via="192.0.2.1", dev="eth1", metric=0, protocol=4)})),
    addresses=frozenset({Address(dev="eth1", cidr="192.0.2.7/24"), Address(dev="br0", cidr="10.1.0.1/24")}),
)


def test_what_is_there_as_the_file_says_is_left_alone_and_not_the_stacks() -> None:
    plan = planned(FILE, state(HERE, RED))
    assert (plan.operations, plan.waiting) == ((), ())
    desired = resolved(FILE, state(HERE, RED)).desired
    for place in (desired.state.namespaces[HOST], desired.state.namespaces[named("red")]):
        assert (dict(place.links), place.addresses, place.routes, dict(place.sysctls), place.table) == (
            {},
            frozenset(),
            frozenset(),
            {},
            None,
        )


def test_what_has_left_the_file_is_left_alone_too() -> None:
    assert planned("version: 1\nname: seen\n", state(HERE, RED), before=FILE).operations == ()


def test_what_is_missing_is_waited_for_and_not_made() -> None:
    bare = replace(
        RED,
        links={"wan": replace(link("wan", up=False), mtu=1500)},
        seen={"wan": Observation(index=3)},
        addresses=frozenset(),
        routes=frozenset(),
    )
    there = replace(
        HERE, links={**HERE.links, "eth1": replace(link("eth1"), mac="02:00:00:00:99:99")}, addresses=frozenset(), routes=frozenset()
    )
    plan = planned(FILE, state(there, bare))
    assert plan.operations == ()
    assert plan.waiting == (
        "namespaces.red.interfaces.eth0 waits for somebody else to make it",
        "namespaces.red.interfaces.wan waits for somebody else to make its mtu 1400: it is 1500",
        "namespaces.red.interfaces.wan waits for somebody else to set it up",
        "namespaces.red.routes[0] waits for somebody else to add the route to default",
        "host.interfaces.eth1 waits for somebody else to give it the address 192.0.2.7/24",
        "host.interfaces.eth1 waits for somebody else to make its mac 02:00:00:00:01:04: it is 02:00:00:00:99:99",
        "host.routes[0] waits for somebody else to add the route to 198.51.100.0/24",
    )


def test_a_namespace_that_is_not_there_is_waited_for() -> None:
    plan = planned(FILE, state(HERE))
    assert (plan.operations, plan.waiting) == ((), ("namespaces.red waits for somebody else to make it",))


def test_names_and_publishes_know_the_addresses_that_somebody_else_gave() -> None:
    text = FILE.replace("host:\n", "host:\n  publish: [{listen: 8080, to: 'red:80'}]\n")
    rules = resolved(text, state(HERE, RED)).desired.state.namespaces[HOST].table
    assert rules is not None
    assert "10.1.0.2" in rules.text


def test_a_namespace_is_plugged_into_a_switch_that_somebody_else_made() -> None:
    text = "version: 1\nname: lab\nnetworks: {lan: {external: true, bridge: br0}}\nnamespaces: {a: {interfaces: {eth0: {network: lan}}}}\n"
    plan = planned(text, state(HERE))
    assert plan.waiting == ()
    assert [type(operation).__name__ for operation in plan.operations].count("CreateLink") == 1


def test_an_external_interface_is_drawn_with_the_addresses_that_are_stated() -> None:
    drawn = draw(from_document(parse(FILE, "seen.yaml")), "text")
    assert "10.1.0.2/24" in drawn
    assert "allocated" not in drawn


def test_in_a_sandbox_what_is_somebody_elses_is_built() -> None:
    sandboxed = stand_in(parse(FILE, "seen.yaml"))
    red = sandboxed.document.spec.namespaces["red"]
    assert red is not None
    assert not red.external
    assert [interface.external for interface in red.interfaces.values()] == [False, False]
    assert [nic.name for nic in sandboxed.nics] == ["eth1", port_name("seen", "red", "wan")]


def test_no_default_route_follows_from_an_interface_that_somebody_else_made() -> None:
    text = FILE.replace("    routes: [{to: default, via: 10.1.0.1, dev: eth0, external: true}]\n", "")
    assert planned(text, state(HERE, replace(RED, routes=frozenset()))).operations == ()
    assert "route" not in draw(from_document(parse(text, "seen.yaml")), "text")
