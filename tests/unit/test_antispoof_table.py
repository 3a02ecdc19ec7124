"""The table that keeps ports from speaking for others, whole."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from scene import resolved

from netwright.errors import SpecError
from netwright.firewall.antispoof import GuardedPort, compile_antispoof
from netwright.model.netns import HOST
from netwright.model.operation import ChangeElements, DeleteTable, Plan
from netwright.planning.commands import shell_commands
from netwright.spec.load import parse

ENDS = [
    GuardedPort(port="a-1", mac="02:00:00:00:00:0a", addresses=("10.5.0.2", "fd05::2"), forwards=False),
    GuardedPort(port="r-1", mac="02:00:00:00:00:0b", addresses=("10.5.0.3",), forwards=True),
]


def test_it_holds_who_is_behind_each_port() -> None:
    table = compile_antispoof("my-lab", ENDS)
    assert table is not None
    assert table.name == "nwa_my_lab"
    assert table.elements == {
        "ports": frozenset({'"a-1"', '"r-1"'}),
        "ends": frozenset({'"a-1"'}),
        "macs": frozenset({'"a-1" . 02:00:00:00:00:0a', '"r-1" . 02:00:00:00:00:0b'}),
        "addresses4": frozenset({'"a-1" . 10.5.0.2', '"r-1" . 10.5.0.3'}),
        "addresses6": frozenset({'"a-1" . fd05::2', '"a-1" . fe80::ff:fe00:a', '"r-1" . fe80::ff:fe00:b'}),
        "targets6": frozenset(
            {
                '"a-1" . 0xfd050000000000000000000000000002',
                '"a-1" . 0xfe80000000000000000000fffe00000a',
                '"r-1" . 0xfe80000000000000000000fffe00000b',
            }
        ),
    }
    assert table.replacement("my-lab").startswith(
        f'table bridge nwa_my_lab\ndelete table bridge nwa_my_lab\ntable bridge nwa_my_lab {{\n\tcomment "netwright:my-lab {table.digest}"\n'
    )
    # One port more is another element, and no other rule.
    fewer = compile_antispoof("my-lab", ENDS[:1])
    assert fewer is not None
    assert fewer.digest == table.digest
    assert compile_antispoof("my-lab", []) is None


def test_by_hand_it_is_the_bridge_familys_too() -> None:
    change = ChangeElements(netns=HOST, table="nwa_lab", remove={}, add={"ends": frozenset({'"a-1"'})}, why="")
    lines = "\n".join(shell_commands(Plan(stack="lab", operations=(change, DeleteTable(netns=HOST, name="nwa_lab", why="")))))
    assert 'add element bridge nwa_lab ends { "a-1" }' in lines
    assert "nft delete table bridge nwa_lab" in lines


LAB = """\
version: 1
name: lab
networks: {lan: {subnets: [10.5.0.0/24], antispoof: true}, open: {subnets: [10.6.0.0/24]}}
namespaces:
  a: {interfaces: {eth0: {network: lan, port: a7}, eth1: {network: open, port: a8}}}
  b: {interfaces: {eth0: {network: lan, port: b7, mac: '02:00:00:00:00:77'}}, forward: true}
"""


def test_of_a_network_that_says_so_each_port_is_guarded() -> None:
    desired = resolved(LAB).desired.state.namespaces
    table = desired[HOST].antispoof
    assert table is not None
    assert table.elements["ports"] == {'"a7"', '"b7"'}
    assert table.elements["ends"] == {'"a7"'}
    (mac,) = {ref.name: space.links["eth0"].mac for ref, space in desired.items() if ref.name == "a"}.values()
    # It must be known before the interface is there.
    assert mac is not None
    assert table.elements["macs"] == {f'"a7" . {mac}', '"b7" . 02:00:00:00:00:77'}
    assert next(space for ref, space in desired.items() if ref.name == "a").links["eth1"].mac is None
    assert resolved(LAB.replace(", antispoof: true", "")).desired.state.namespaces[HOST].antispoof is None


@pytest.mark.parametrize(
    ("network", "why"),
    [
        ("managed_by: docker, subnets: [10.5.0.0/24]", "Docker's ports have no name that is known beforehand"),
        ("external: true, bridge: br7", "this would change an external network, which is joined as it is"),
        ("driver: macvlan, parent: eth0, subnets: [10.5.0.0/24]", "antispoof"),
    ],
)
def test_what_cannot_be_guarded_is_said(network: str, why: str) -> None:
    text = f"version: 1\nname: lab\nnetworks: {{lan: {{{network}, antispoof: true}}}}\n"
    with pytest.raises(SpecError, match=why):
        parse(text, "lab.yaml")


POLICED = """\
version: 1
name: lab
networks: {lan: {subnets: [10.5.0.0/24]}, two: {subnets: [10.6.0.0/24]}}
namespaces:
  a: {interfaces: {eth0: {network: lan, port: a7}, eth1: {network: two, port: a8}}}
policies: [{name: one, from: two, to: a}]
"""
BY_DOCKERS = 'oifname "veth*" ether type { 0x8100, 0x88a8 } @ll,116,12 0 drop'


def test_where_policies_are_kept_within_a_bridge_its_ports_give_out_what_is_judged_and_nothing_else() -> None:
    table = resolved(POLICED).desired.state.namespaces[HOST].antispoof
    assert table is not None
    assert table.elements == {"policed": {'"a7"', '"a8"'}}
    assert "\t\toifname @policed ether type != { ip, ip6, arp } drop\n" in table.text
    assert BY_DOCKERS not in table.text
    outward = POLICED.replace("to: a}", "to: internet}")
    assert resolved(outward).desired.state.namespaces[HOST].antispoof is None


@pytest.mark.parametrize(
    "more",
    ["containers: {web: {}}\n", "networks: {d: {managed_by: docker, subnets: [10.7.0.0/24]}, "],
    ids=["a container", "a network of Docker's"],
)
def test_where_docker_plugs_in_it_is_by_the_names_of_dockers_ports(more: str) -> None:
    text = POLICED + more if more.startswith("containers") else POLICED.replace("networks: {", more)
    table = resolved(text).desired.state.namespaces[HOST].antispoof
    assert table is not None
    assert BY_DOCKERS in table.text
