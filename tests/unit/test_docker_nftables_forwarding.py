"""Docker's nftables backend makes no network on a host that does not forward: so that is seen to first, and given back."""

from __future__ import annotations

import pytest
from scene import host, planned, state

from netwright.backends.docker_answers import uses_nftables
from netwright.model.docker import DockerState
from netwright.model.loan import SysctlLoan
from netwright.model.netns import HOST
from netwright.planning.sentence import sentence

SILENT = host(
    sysctls={"net.ipv4.ip_forward": "0", "net.ipv6.conf.all.forwarding": "0", "net.ipv4.conf.all.accept_redirects": "1"},
)
BOTH = 'version: 1\nname: six\nnetworks: {custom: {managed_by: docker, subnets: [172.30.0.0/16, "fd30::/64"]}}\n'


def done(text: str, *, nftables: bool) -> list[str]:
    plan = planned(text, state(SILENT, docker=DockerState(nftables=nftables)))
    return [sentence(operation).partition(":")[0].partition(" (bridge)")[0] for operation in plan.operations]


def test_forwarding_comes_before_the_network() -> None:
    assert done(BOTH, nftables=True) == [
        "set net.ipv4.ip_forward to 1 on the host",
        "set net.ipv6.conf.all.forwarding to 1 on the host",
        "create Docker network custom",
    ]
    loans = planned(BOTH, state(SILENT, docker=DockerState(nftables=True))).loans
    assert {(loan.netns, loan.key, loan.value) for loan in loans if isinstance(loan, SysctlLoan)} >= {
        (HOST, "net.ipv4.ip_forward", "0"),
        (HOST, "net.ipv6.conf.all.forwarding", "0"),
    }


def test_iptables_own_docker_sees_to_it_itself() -> None:
    assert done(BOTH, nftables=False) == ["create Docker network custom"]


@pytest.mark.parametrize(
    ("network", "keys"),
    [
        ("{managed_by: docker}", ["net.ipv4.ip_forward"]),
        ("{managed_by: docker, internal: true, subnets: ['fd30::/64']}", ["net.ipv6.conf.all.forwarding"]),
    ],
)
def test_only_what_the_network_needs_is_turned_on(network: str, keys: list[str]) -> None:
    operations = done(f"version: 1\nname: one\nnetworks: {{custom: {network}}}\n", nftables=True)
    assert [text for text in operations if "forward" in text] == [f"set {key} to 1 on the host" for key in keys]


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({}, False),
        ({"FirewallBackend": None}, False),
        ({"FirewallBackend": {"Driver": "iptables+firewalld", "Info": []}}, False),
        ({"FirewallBackend": {"Driver": "nftables", "Info": [["EnableUserlandProxy", "true"]]}}, True),
        ({"FirewallBackend": {"Driver": "nftables+firewalld"}}, True),
    ],
)
def test_the_engine_says_where_its_rules_are(info: dict[str, object], expected: bool) -> None:
    assert uses_nftables(info) is expected
