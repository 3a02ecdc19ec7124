"""On a host where others drop what is forwarded, what the file asks for passes all the same, or is refused with the name of what drops it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from stacks import Stacks, ask, outside, reaches, run, serving, witness

from netwright.errors import Refused

STACK = """\
version: 1
name: pass
networks:
  lan: {bridge: br-pass, subnets: [10.30.0.0/24, "fd30::/64"]}
  far: {bridge: br-far, subnets: [10.31.0.0/24, "fd31::/64"]}
namespaces:
  web: {interfaces: {eth0: {network: lan, address: [10.30.0.10, "fd30::10"]}}}
  mate: {interfaces: {eth0: {network: lan, address: [10.30.0.11, "fd30::11"]}}}
  away: {interfaces: {eth0: {network: far, address: [10.31.0.10, "fd31::10"]}}}
host: {publish: [{listen: 8080, from: [10.9.0.0/24, "fd09::/64"], to: "web:80"}]}
"""


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[Stacks]:
    with outside():
        made = Stacks(tmp_path / "state")
        yield made
        made.destroy_all()


def saved() -> str:
    """Both families' rules, without counters and dates."""
    lines = run("iptables-save").splitlines() + run("ip6tables-save").splitlines()
    return "\n".join(line.partition(" [")[0] for line in lines if not line.startswith("#"))


@pytest.fixture
def closed() -> Iterator[None]:
    """An administrator's FORWARD: policy DROP in both families, and a rule of theirs."""
    for program in ("iptables", "ip6tables"):
        run(program, "-P", "FORWARD", "DROP")
        run(program, "-A", "FORWARD", "-p", "icmp", "-j", "ACCEPT")
    yield
    for family in ("ip", "ip6"):
        run("nft", "delete", "table", family, "filter")


@pytest.mark.usefixtures("closed")
def test_a_policy_of_drop_does_not_stop_what_the_file_asks_for(stacks: Stacks) -> None:
    before, rules = witness(), saved()
    stacks.apply(STACK)
    for address, friend, inside, client, anywhere in (
        ("10.9.0.1", "10.9.0.9", "10.30.0.10", "10.9.0.9", "0.0.0.0"),
        ("fd09::1", "fd09::9", "fd30::10", "fd09::9", "::"),
    ):
        with serving("web", anywhere, 80), serving("ext", anywhere, 7):
            assert ask("ext", address, 8080, source=friend).startswith("served 80")
            assert ask("web", client, 7).startswith("served 7")
            # Inside one bridge, under br_netfilter, which hands bridged packets to FORWARD.
            assert reaches("mate", inside)
    stacks.destroy("pass")
    assert saved() == rules
    assert witness() == before


@pytest.mark.usefixtures("closed")
def test_strangers_are_dropped_still(stacks: Stacks) -> None:
    stacks.apply(STACK)
    run("ip", "route", "add", "10.30.0.0/24", "via", "10.9.0.1", netns="ext")
    with serving("web", "0.0.0.0", 80, 81):
        # Not published, and not asked for by the file: the administrator's policy stands.
        assert ask("ext", "10.30.0.10", 81, seconds=1) == "silence"
        assert ask("ext", "10.9.0.1", 8080, source="10.9.1.9") == "refused"


@pytest.mark.usefixtures("closed")
def test_rules_that_are_flushed_or_pushed_down_come_back_on_top(stacks: Stacks) -> None:
    stacks.apply(STACK)
    rules = saved()
    run("iptables", "-F", "FORWARD")
    run("iptables", "-A", "FORWARD", "-p", "icmp", "-j", "ACCEPT")
    stacks.apply(STACK)
    assert saved() == rules
    run("iptables", "-I", "FORWARD", "-d", "10.30.0.10", "-j", "DROP")
    stacks.apply(STACK)
    with serving("web", "0.0.0.0", 80):
        assert ask("ext", "10.9.0.1", 8080, source="10.9.0.9").startswith("served 80")


def test_a_policy_that_is_set_later_is_found_by_the_next_apply(stacks: Stacks) -> None:
    stacks.apply(STACK)
    run("iptables", "-P", "FORWARD", "DROP")
    try:
        with serving("web", "0.0.0.0", 80):
            assert ask("ext", "10.9.0.1", 8080, source="10.9.0.9", seconds=1) == "silence"
            assert stacks.plan(STACK)
            stacks.apply(STACK)
            assert ask("ext", "10.9.0.1", 8080, source="10.9.0.9").startswith("served 80")
        stacks.destroy("pass")
    finally:
        run("nft", "delete", "table", "ip", "filter")


@pytest.mark.parametrize("family", ["inet", "ip", "ip6"])
def test_an_nft_table_that_drops_is_named_before_anything_is_touched(stacks: Stacks, family: str) -> None:
    run("nft", f"add table {family} office; add chain {family} office keep {{ type filter hook forward priority 10; policy drop; }}")
    try:
        before = witness()
        with pytest.raises(Refused, match="office") as refused:
            stacks.apply(STACK)
        assert "policy drop" in str(refused.value)
        assert witness() == before
        # What forwards nothing on the host does not mind.
        quiet = "version: 1\nname: quiet\nnamespaces: {a: {interfaces: {p: {peer: {namespace: b, interface: q}}}}, b: {}}\n"
        stacks.apply(quiet)
        stacks.destroy("quiet")
    finally:
        run("nft", "delete", "table", family, "office")


PEER = """\
version: 1
name: side
namespaces:
  box:
    interfaces: {eth0: {peer: {namespace: host, interface: to-box}, addresses: [10.41.0.2/24, "fd41::2/64"]}}
    routes: [{to: default, via: 10.41.0.1}, {to: default, via: "fd41::1"}]
host:
  forward: true
  masquerade: [eth1]
  interfaces: {to-box: {peer: {namespace: box, interface: eth0}, addresses: [10.41.0.1/24, "fd41::1/64"], mtu: 1400}}
  routes: [{to: 10.42.0.0/24, via: 10.41.0.2}, {to: "fd42::/64", via: "fd41::2"}]
  publish: [{listen: "eth1:8080", to: "box:80"}]
"""


def test_a_veth_between_the_host_and_a_namespace_forwards_and_publishes(stacks: Stacks) -> None:
    before = witness()
    stacks.apply(PEER)
    with serving("box", "0.0.0.0", 80), serving("ext", "0.0.0.0", 7):
        assert ask("ext", "10.9.0.1", 8080) == "served 80 10.41.0.1"
        assert ask("box", "10.9.0.9", 7) == "served 7 10.9.0.1"
    with serving("box", "::", 80), serving("ext", "::", 7):
        assert ask("ext", "fd09::1", 8080) == "served 80 fd41::1"
        assert ask("box", "fd09::9", 7) == "served 7 fd09::1"
    stacks.destroy("side")
    assert witness() == before


@pytest.mark.usefixtures("closed")
def test_a_policy_of_drop_does_not_stop_what_the_host_forwards_between_its_own_interfaces(stacks: Stacks) -> None:
    before = saved()
    stacks.apply(PEER)
    with serving("box", "0.0.0.0", 80), serving("ext", "0.0.0.0", 7):
        assert ask("ext", "10.9.0.1", 8080) == "served 80 10.41.0.1"
        assert ask("box", "10.9.0.9", 7) == "served 7 10.9.0.1"
    stacks.destroy("side")
    assert saved() == before
