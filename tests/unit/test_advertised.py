"""Routes from router advertisements survive forwarding: what is set for that, when, and where not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from scene import host, link, planned, resolved, state

from netwright.kinds.bridge import Bridge
from netwright.model.docker import DockerState
from netwright.model.loan import SysctlLoan
from netwright.model.netns import HOST
from netwright.model.operation import CreateLink
from netwright.model.route import Route
from netwright.model.state import State
from netwright.planning.sentence import sentence
from netwright.resolve.advertised import advertised, still_accepted
from netwright.resolve.facts import Facts

LAB = """\
version: 1
name: lab
networks: {lan: {bridge: br-lan, subnets: ["fd05::/64"]}}
"""
KEY = "net.ipv6.conf.eth0/7.accept_ra"
ROUTE = Route(to="::/0", via="fe80::1", dev="eth0.7", protocol=9, metric=1024)


def seen(value: str, *, forwarding: str = "0", route: Route = ROUTE) -> State:
    sysctls = {KEY: value, "net.ipv6.conf.all.forwarding": forwarding}
    return state(host(link("eth0.7"), routes=frozenset({route}), sysctls=sysctls), docker=DockerState())


def set_on_the_host(text: str, observed: State) -> list[str]:
    return [words for operation in planned(text, observed).operations if "net.ipv6" in (words := sentence(operation))]


def test_advertisements_are_accepted_before_forwarding_is_turned_on() -> None:
    assert set_on_the_host(LAB, seen("1")) == [
        "set net.ipv6.conf.eth0/7.accept_ra to 2 on the host",
        "set net.ipv6.conf.all.forwarding to 1 on the host",
    ]
    assert planned(LAB, seen("1")).loans[0] == SysctlLoan(netns=HOST, key=KEY, value="1")


@pytest.mark.parametrize("value", ["0", "2"])
def test_who_takes_none_and_who_takes_them_already_is_left_alone(value: str) -> None:
    assert set_on_the_host(LAB, seen(value)) == ["set net.ipv6.conf.all.forwarding to 1 on the host"]


def test_docker_turns_it_on_too() -> None:
    assert KEY in resolved(LAB.replace("bridge:", "managed_by: docker, bridge:"), seen("1")).desired.state.namespaces[HOST].sysctls
    ipv4 = LAB.replace("fd05::/64", "10.5.0.0/24")
    for text in (ipv4, ipv4.replace("bridge:", "managed_by: docker, bridge:")):
        assert KEY not in resolved(text, seen("1")).desired.state.namespaces[HOST].sysctls


def test_what_a_person_wrote_is_no_advertised_route() -> None:
    static = Route(to="::/0", via="fe80::1", dev="eth0.7", protocol=3)
    assert advertised(seen("1", route=static).namespaces[HOST]) == frozenset()


def test_it_stays_set_while_the_router_is_silent() -> None:
    silent = state(host(link("eth0.7")))
    loan = SysctlLoan(netns=HOST, key=KEY, value="1")
    assert still_accepted(Facts(observed=silent, loans=(loan,))) == {KEY: "2"}
    assert still_accepted(Facts(observed=state(host()), loans=(loan,))) == {}


OWN = "net.ipv6.conf.br-lan.accept_ra"


def test_a_bridge_of_the_stack_is_made_with_a_host_that_takes_none_there() -> None:
    (made,) = (one for one in planned(LAB, seen("1")).operations if isinstance(one, CreateLink))
    assert (made.link.name, made.sysctls) == ("br-lan", {OWN: "0"})


@pytest.mark.parametrize(
    ("there", "said"),
    [("0", []), ("1", [f"set {OWN} to 0 on the host"]), (None, [])],
    ids=["it takes none", "somebody has turned it on", "a kernel without IPv6"],
)
def test_it_stays_so_where_the_kernel_has_ipv6(there: str | None, said: list[str]) -> None:
    bridge = Bridge(name="br-lan", alias="netwright:lab", up=True)
    sysctls = {"net.ipv4.ip_forward": "1", **({} if there is None else {OWN: there})}
    observed = state(host(bridge, sysctls=sysctls))
    assert set_on_the_host(LAB.replace("fd05::/64", "10.5.0.0/24"), observed) == said


def test_who_says_otherwise_in_the_file_has_it_otherwise() -> None:
    text = LAB + f"host: {{sysctls: {{{OWN}: 2}}}}\n"
    (made,) = (one for one in planned(text, seen("1")).operations if isinstance(one, CreateLink))
    assert made.sysctls == {OWN: "2"}
