"""Desired against observed: which operations, in which order, and why."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from netwright.errors import Refused
from netwright.kinds.bridge import Bridge
from netwright.kinds.loopback import Loopback
from netwright.kinds.macvlan import Macvlan
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
    RemoveAddress,
    RemoveFile,
    RemoveRoute,
)
from netwright.model.route import Address, Route
from netwright.model.state import Claims, Desired, Namespace, State
from netwright.planning.planner import plan
from netwright.planning.sentence import sentence
from netwright.planning.text import plan_text

sys.path.insert(0, str(Path(__file__).parent))

from scene import host, link, planned, reached, resolved, state

LAB = """\
version: 1
name: lab
networks: {lan: {subnets: [10.5.0.0/24], bridge: br7}}
namespaces:
  a: {interfaces: {eth0: {network: lan, port: a7}}}
"""


def after(text: str) -> State:
    """The host once `text` is applied: what a kernel would show, as far as the planner looks."""
    desired = resolved(text).desired
    namespaces = reached(desired)
    there = host()
    lo = there.links["lo"]
    wanted = namespaces[HOST]
    namespaces[HOST] = replace(wanted, links={"lo": lo, **wanted.links}, sysctls={**there.sysctls, **wanted.sysctls}, seen=there.seen)
    for ref, namespace in namespaces.items():
        filled = {
            name: replace(x, mtu=x.mtu or 1500, mac=x.mac or "02:00:00:00:00:aa", master=x.master or "")
            for name, x in namespace.links.items()
        }
        namespaces[ref] = replace(namespace, links=filled)
    return State(namespaces=namespaces, files=desired.state.files)


def test_a_network_with_one_endpoint_in_order_and_with_reasons() -> None:
    assert (
        plan_text(planned(LAB, state(host())))
        == """\
 1  create namespace a with net.ipv6.conf.default.disable_ipv6=1          in the file, not on the host
 2  create bridge br7 on the host                                         in the file, not on the host
 3  create veth a7 as a port of br7 on the host, its other end eth0 in a  in the file, not on the host
 4  set lo up with alias netwright:lab in a                               in the file
 5  set eth0 up with alias netwright:lab in a                             its other end was just made
 6  add address 10.5.0.2/24 on eth0 in a                                  in the file, not on the interface
 7  add default route via 10.5.0.1 through eth0 in a                      in the file, not in the table
 8  add address 10.5.0.1/24 on br7 on the host                            in the file, not on the interface
 9  link /etc/netns/a/hosts to the stack's                                so that names are found
10  write the file hosts of the stack's namespaces                        so that names are found
11  load nft table nw_lab on the host                                     in the file, not in the packet filter
"""
    )


def test_what_is_there_is_left_alone() -> None:
    assert planned(LAB, after(LAB)).operations == ()


def test_one_endpoint_more_is_all_that_is_planned() -> None:
    more = LAB + "  b: {interfaces: {eth0: {network: lan, port: b7}}}\n"
    operations = planned(more, after(LAB), before=LAB).operations
    assert [type(o).__name__ for o in operations] == [
        "CreateNetns",
        "CreateLink",
        "ChangeLink",
        "ChangeLink",
        "AddAddress",
        "AddRoute",
        "WriteFile",
        "WriteFile",
    ]
    (made,) = (o for o in operations if isinstance(o, CreateNetns))
    assert made.netns == named("b")


def test_an_endpoint_that_left_the_file_goes_with_its_namespace_and_its_port() -> None:
    without = LAB.replace("  a: {interfaces: {eth0: {network: lan, port: a7}}}\n", "  z: {}\n")
    operations = planned(without, after(LAB), before=LAB).operations
    assert [o for o in operations if isinstance(o, (DeleteLink, DeleteNetns))] == [
        DeleteLink(netns=HOST, name="a7", why="in the file no more"),
        DeleteNetns(netns=named("a"), why="in the file no more"),
    ]


def test_a_new_address_comes_before_the_old_one_goes() -> None:
    before = LAB.replace("port: a7", "port: a7, address: 10.5.0.9")
    now = LAB.replace("port: a7", "port: a7, address: 10.5.0.10")
    operations = [o for o in planned(now, after(before), before=before).operations if type(o).__name__ != "WriteFile"]
    new, old = Address(dev="eth0", cidr="10.5.0.10/24"), Address(dev="eth0", cidr="10.5.0.9/24")
    way = Route(to="0.0.0.0/0", via="10.5.0.1", dev="eth0")
    assert operations == [
        AddAddress(netns=named("a"), address=new, why="in the file, not on the interface"),
        RemoveAddress(netns=named("a"), address=old, why="in the file no more"),
        AddAddress(netns=named("a"), address=new, why="goes when 10.5.0.9/24 goes"),
        RemoveRoute(netns=named("a"), route=way, why="goes when an address goes"),
        AddRoute(netns=named("a"), route=way, why="goes when an address goes"),
    ]


def test_an_address_that_somebody_else_added_is_left_alone() -> None:
    observed = after(LAB)
    here = observed.namespaces[named("a")]
    theirs = here.addresses | {Address(dev="eth0", cidr="203.0.113.5/32")}
    namespaces = {**observed.namespaces, named("a"): replace(here, addresses=theirs)}
    assert planned(LAB, replace(observed, namespaces=namespaces), before=LAB).operations == ()


def test_a_bridge_that_must_be_made_anew_gets_its_ports_back() -> None:
    observed = after(LAB)
    there = observed.namespaces[HOST]
    wrong = Veth(name="br7", alias="netwright:lab", up=True, mtu=1500, mac="02:00:00:00:00:aa", master="", peer=LinkKey(HOST, "zz"))
    namespaces = {**observed.namespaces, HOST: replace(there, links={**there.links, "br7": wrong})}
    operations = planned(LAB, replace(observed, namespaces=namespaces), before=LAB).operations
    assert DeleteLink(netns=HOST, name="br7", why="it is a veth, and shall be a bridge") in operations
    assert any(isinstance(o, CreateLink) and isinstance(o.link, Bridge) for o in operations)
    (released,) = (o for o in operations if isinstance(o, ChangeLink) and o.link.name == "a7")
    assert released.fields == {"master"}
    assert any(isinstance(o, AddAddress) and o.address.dev == "br7" for o in operations)


def test_a_veth_whose_other_end_is_elsewhere_is_made_anew_at_both_ends() -> None:
    observed = after(LAB)
    there = observed.namespaces[HOST]
    astray = replace(there.links["a7"], peer=LinkKey(named("elsewhere"), "eth0"))
    namespaces = {**observed.namespaces, HOST: replace(there, links={**there.links, "a7": astray})}
    operations = planned(LAB, replace(observed, namespaces=namespaces), before=LAB).operations
    assert DeleteLink(netns=HOST, name="a7", why="peer cannot change on a living link") in operations


def test_what_others_own_is_refused_all_at_once() -> None:
    observed = state(host(link("br7"), link("a7", alias="netwright:other")), Namespace(ref=named("a"), owner="other"))
    with pytest.raises(Refused) as refusal:
        planned(LAB, observed)
    assert str(refusal.value).splitlines() == [
        "the namespace a exists already, and belongs to the stack other",
        "the host already has an interface br7, and it is not Netwright's",
        "the host has an interface a7 of the stack other",
    ]


def test_what_a_crashed_run_had_announced_counts_as_ours() -> None:
    claims = Claims(netns=frozenset({named("a")}), links=frozenset({LinkKey(HOST, "br7")}))
    unmarked = Bridge(name="br7", alias="", up=False, mtu=1500, mac="02:00:00:00:00:aa", master="")
    observed = state(host(unmarked), Namespace(ref=named("a"), sysctls={"net.ipv6.conf.default.disable_ipv6": "1"}))
    operations = planned(LAB, observed, claims=claims).operations
    (repaired,) = (o for o in operations if isinstance(o, ChangeLink) and o.link.name == "br7")
    assert repaired.fields == {"alias", "up"}


def test_a_name_without_a_namespace_goes_if_a_crashed_run_announced_it_and_is_used_if_it_is_wanted() -> None:
    claims = Claims(netns=frozenset({named("a"), named("z")}))
    observed = replace(state(host()), hollow=frozenset({named("a"), named("y"), named("z")}))
    operations = planned(LAB, observed, claims=claims).operations
    why = "an earlier run was cut off, and left its name only"
    assert [o for o in operations if isinstance(o, DeleteNetns)] == [DeleteNetns(netns=named("z"), why=why)]
    assert named("a") in {o.netns for o in operations if isinstance(o, CreateNetns)}


def test_the_hosts_own_default_route_is_not_taken_over() -> None:
    text = "version: 1\nname: lab\nhost: {routes: [{to: default, via: 192.0.2.9, dev: eth0}]}\n"
    theirs = frozenset({Route(to="0.0.0.0/0", via="192.0.2.1", dev="eth0", protocol=3)})
    with pytest.raises(Refused) as refusal:
        planned(text, state(host(link("eth0"), routes=theirs)))
    assert str(refusal.value) == (
        "the host already has a default route via 192.0.2.1, which is not Netwright's; "
        "with a metric of its own, the file's can stand beside it"
    )


def test_a_route_that_somebody_put_into_our_namespace_is_named_with_what_takes_it_away() -> None:
    built = reached(resolved(LAB).desired)
    theirs = frozenset({Route(to="0.0.0.0/0", via="10.5.0.9", dev="eth0", protocol=3)})
    with pytest.raises(Refused) as refusal:
        planned(LAB, State(namespaces={**built, named("a"): replace(built[named("a")], routes=theirs)}))
    assert str(refusal.value) == (
        "a already has a default route via 10.5.0.9, which is not Netwright's; "
        "if nobody needs it, take it away: ip -n a route delete default via 10.5.0.9 dev eth0 proto 3"
    )


def test_files_of_namespaces_that_go_are_removed_in_the_order_of_names() -> None:
    refs = [named(name) for name in ("c", "a", "d", "b")]
    observed = State(namespaces={HOST: host()}, files={ref: {"hosts": "x"} for ref in refs})
    removed = [o.netns.name for o in planned("version: 1\nname: lab\n", observed).operations if isinstance(o, RemoveFile)]
    assert removed == ["a", "b", "c", "d"]


def test_a_foreign_route_of_another_metric_stands_beside_ours() -> None:
    text = "version: 1\nname: lab\nhost: {routes: [{to: default, via: 192.0.2.9, dev: eth0, metric: 500}]}\n"
    theirs = frozenset({Route(to="0.0.0.0/0", via="192.0.2.1", dev="eth0", protocol=3)})
    (operation,) = planned(text, state(host(link("eth0"), routes=theirs))).operations
    assert isinstance(operation, AddRoute)


def test_a_route_of_the_host_is_ours_to_remove_only_if_we_put_it_there() -> None:
    text = "version: 1\nname: lab\nhost: {routes: [{to: 198.51.100.0/24, via: 192.0.2.9, dev: eth0}]}\n"
    without = "version: 1\nname: lab\n"
    ours = Route(to="198.51.100.0/24", via="192.0.2.9", dev="eth0")
    of_another_stack = Route(to="203.0.113.0/24", via="192.0.2.9", dev="eth0")
    observed = state(host(link("eth0"), routes=frozenset({ours, of_another_stack})))
    assert planned(without, observed, before=text).operations == (RemoveRoute(netns=HOST, route=ours, why="in the file no more"),)


def test_the_same_host_makes_the_same_plan_in_whatever_order_it_was_looked_at() -> None:
    ends = "".join(f"  n{number}: {{interfaces: {{eth0: {{network: lan}}}}}}\n" for number in range(8))
    full = LAB + ends
    there = after(full)
    backwards = State(
        namespaces={ref: there.namespaces[ref] for ref in reversed(there.namespaces)}, files=dict(reversed(list(there.files.items())))
    )
    assert planned(LAB, there, before=full).operations == planned(LAB, backwards, before=full).operations


def test_thousands_of_routes_are_compared_in_a_moment() -> None:
    routes = "".join(f"    - {{to: 198.18.{number // 250}.{number % 250}/32, via: 10.5.0.1}}\n" for number in range(3000))
    text = LAB.replace("  a: {interfaces: {eth0: {network: lan, port: a7}}}\n", "  a:\n    interfaces: {eth0: {network: lan, port: a7}}\n")
    text += "    routes:\n" + routes
    calls = 0
    key = Route.key

    def counted(self: Route) -> object:
        nonlocal calls
        calls += 1
        return key.__get__(self)

    there = after(text)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Route, "key", property(counted))
        assert planned(text, there, before=text).operations == ()
    assert calls < 100_000


def _on_wire(name: str, **more: object) -> Macvlan:
    return replace(Macvlan(name=name, alias="netwright:lab", up=True, lower=LinkKey(HOST, "br7"), mode="bridge"), **more)  # type: ignore[arg-type]


def _stacked(*, bridge: Bridge, mode: str = "bridge") -> Desired:
    a = named("a")
    return Desired(
        stack="lab",
        state=State(
            namespaces={
                a: Namespace(
                    ref=a, owner="lab", links={"lo": Loopback(name="lo", alias="netwright:lab", up=True), "w": _on_wire("w", mode=mode)}
                ),
                HOST: Namespace(ref=HOST, links={"br7": bridge}),
            }
        ),
    )


def _there(*, bridge: object) -> State:
    a = named("a")
    lo = Loopback(name="lo", alias="netwright:lab", up=True, mtu=65536, mac="00:00:00:00:00:00", master="")
    w = _on_wire("w", mtu=1500, mac="02:00:00:00:00:aa", master="")
    return State(namespaces={a: Namespace(ref=a, owner="lab", links={"lo": lo, "w": w}), HOST: host(bridge)})  # type: ignore[arg-type]


def test_what_stands_on_another_link_comes_after_it_and_is_marked_when_it_is_there() -> None:
    made = plan(_stacked(bridge=Bridge(name="br7", alias="netwright:lab", up=True)), state(host()))
    assert [sentence(operation) for operation in made.operations] == [
        "create namespace a",
        "create bridge br7 on the host",
        "create macvlan mode bridge w in a, standing on br7 on the host",
        "set lo up with alias netwright:lab in a",
        "set w up with alias netwright:lab in a",
    ]
    assert LinkKey(named("a"), "w") in made.claims.links


def test_a_link_whose_lower_one_is_made_anew_is_made_anew() -> None:
    wanted = _stacked(bridge=Bridge(name="br7", alias="netwright:lab", up=True))
    made = plan(wanted, _there(bridge=link("br7", alias="netwright:lab")))
    assert [sentence(operation) for operation in made.operations] == [
        "delete link w in a",
        "delete link br7 on the host",
        "create bridge br7 on the host",
        "create macvlan mode bridge w in a, standing on br7 on the host",
        "set w up with alias netwright:lab in a",
    ]
    assert made.operations[0].why == "what it stands on goes"


def test_a_mode_changes_on_the_living_link_but_not_into_passthru() -> None:
    bridge = Bridge(name="br7", alias="netwright:lab", up=True, mtu=1500, master="")
    made = plan(_stacked(bridge=bridge, mode="private"), _there(bridge=bridge))
    assert [sentence(operation) for operation in made.operations] == ["set mode private of w in a"]
    made = plan(_stacked(bridge=bridge, mode="passthru"), _there(bridge=bridge))
    assert [sentence(operation) for operation in made.operations] == [
        "delete link w in a",
        "create macvlan mode passthru w in a, standing on br7 on the host",
        "set w up with alias netwright:lab in a",
    ]
