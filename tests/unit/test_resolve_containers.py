"""Interfaces of containers: the other ends of their veths, NICs in them, and what one cannot have."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from scene import host, link, problems, resolved, state

from netwright.kinds.nic import Nic
from netwright.model.docker import Container, DockerState
from netwright.model.link import LinkKey, Observation
from netwright.model.loan import NicLoan
from netwright.model.netns import HOST, container
from netwright.model.route import Address
from netwright.model.state import Namespace, State
from netwright.resolve.facts import Facts, matches
from netwright.resolve.nic import give_back
from netwright.resolve.resolver import resolve
from netwright.spec.load import parse

WEB = container("web", 41)
PAIR = """\
version: 1
name: lab
namespaces: {gate: {interfaces: {p0: {peer: {container: web, interface: p1}, addresses: [192.0.2.1/30]}}}}
containers: {web: {}}
"""


def docker(*containers: Container) -> DockerState:
    return DockerState(containers={one.name: one for one in containers})


def web(**changes: object) -> Container:
    return replace(Container(name="web", id="a" * 64, pid=41), **changes)  # type: ignore[arg-type]


def with_web(*addresses: Address, **changes: object) -> State:
    inside = Namespace(
        ref=WEB,
        links={"eth0": link("eth0")},
        seen={"eth0": Observation(index=2)},
        addresses=frozenset({Address(dev="eth0", cidr="172.17.0.2/16"), *addresses}),
    )
    return state(host(), inside, docker=docker(web(**changes)))


def test_the_other_end_of_a_veth_is_in_the_container_while_that_runs() -> None:
    desired = resolved(PAIR, with_web()).desired
    assert desired.state.namespaces[WEB].links["p1"].twin() == LinkKey(next(r for r in desired.state.namespaces if r.name == "gate"), "p0")
    away = resolved(PAIR, state(host(), docker=docker(web(pid=0)))).desired
    assert away.waiting == ("namespaces.gate.interfaces.p0 waits for the container web to run",)
    assert [name for ref, there in away.state.namespaces.items() for name in there.links if ref.name == "gate"] == ["lo"]
    asleep = resolved(PAIR, state(host(), docker=DockerState(reachable=False, why="no engine answers"))).desired
    assert asleep.waiting == ("namespaces.gate.interfaces.p0 waits for the container web to run: no engine answers",)


@pytest.mark.parametrize(
    ("changes", "whose"),
    [({"host_network": True}, "the host's (--network host)"), ({"shares": "b" * 64}, "that of the container db (--network container:db)")],
)
def test_a_container_without_a_network_of_its_own_gets_nothing(changes: dict[str, object], whose: str) -> None:
    seen = state(host(), docker=docker(web(**changes), Container(name="db", id="b" * 64, pid=42)))
    for text, path in (
        (PAIR, "namespaces.gate.interfaces.p0.peer: web has no network of its own: it uses"),
        (
            "containers: {web: {routes: [{to: 10.0.0.0/8, via: 172.17.0.1}]}}\n",
            "web has no network of its own, to put interfaces or routes into: it uses",
        ),
        ("containers: {web: {publish: ['80:80']}}\n", "containers.web.publish[0]: web has no network of its own: it uses"),
    ):
        whole = text if text == PAIR else f"version: 1\nname: lab\n{text}"
        assert [f"{path} {whose}" in one for one in problems(whole, seen)] == [True]


def test_what_the_container_has_on_another_interface_is_told() -> None:
    text = PAIR.replace(
        "containers: {web: {}}", "containers: {web: {interfaces: {p1: {peer: {namespace: gate, interface: p0}, addresses: [ADDRESS]}}}}"
    )
    (told,) = problems(text.replace("ADDRESS", "172.17.0.2/32"), with_web())
    assert told.partition("containers")[1:] == (
        "containers",
        ".web.interfaces.p1: the container web has 172.17.0.2 already, on eth0\n    hint: give this interface another address",
    )
    near = resolved(text.replace("ADDRESS", "172.17.9.9/24"), with_web())
    assert near.problems == ()
    (warning,) = near.desired.warnings
    assert warning == (
        "containers.web.interfaces.p1: 172.17.9.0/24 overlaps 172.17.0.0/16, which the container web has on eth0: "
        "only one of the two is used to reach what is in both"
    )


LOAN = NicLoan(
    netns=container("web"),
    new_name="lan0",
    home=HOST,
    name="eth1",
    alias="the uplink",
    up=True,
    mtu=1400,
    mac="02:00:00:00:01:04",
    permanent_mac=None,
    master="",
    txqlen=1000,
    group=0,
    addrgenmode=0,
    addresses=(),
    routes=(),
)
NIC = "version: 1\nname: lab\ncontainers: {web: {interfaces: {lan0: {nic: eth1}}}}\n"


def test_a_nic_in_a_container_comes_home_from_where_the_container_is_now() -> None:
    lent = link("lan0", alias="netwright-loan:lab")
    inside = Namespace(ref=WEB, links={"lan0": lent}, seen={"lan0": Observation(index=7)})
    facts = Facts(observed=state(host(), inside, docker=docker(web())), loans=(LOAN,))
    back = give_back(LOAN, "lab", facts)
    assert back is not None
    # A namespace is entered by its path, which no loan remembers.
    assert back.nic.current.netns.path == "/proc/41/ns/net"
    assert (back.nic.name, back.nic.home) == ("eth1", LinkKey(HOST, "eth1"))


def test_a_nic_that_the_kernel_put_back_as_its_container_ended_is_moved_into_the_next_one() -> None:
    stray = link("lan0", alias="netwright-loan:lab", up=False)
    facts = Facts(observed=state(host(stray), Namespace(ref=WEB), docker=docker(web())), loans=(LOAN,))
    nic = resolve(parse(NIC, "file.yaml"), facts).desired.state.namespaces[WEB].links["lan0"]
    assert isinstance(nic, Nic)
    assert (nic.current, nic.home) == (LinkKey(HOST, "lan0"), LinkKey(HOST, "eth1"))


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("0123456789ab", ["web"]), ("0123456789abcdef", ["web"]), ("01234567", ["01234567"]), ("ba0123456789", ["ba0123456789"])],
)
def test_the_start_of_an_id_means_its_container_though_another_has_taken_it_for_a_name(wanted: str, found: list[str]) -> None:
    there = docker(web(id="0123456789ab" + "cdef" * 13), *(web(name=name, id="f" * 64) for name in (wanted,)))
    assert [one.name for one in matches(wanted, None, there)] == found
