"""A stack on a host that a real firewall looks after: what it asks for works, or is refused before anything is touched, with the rule.

ext 10.9.0.9 ── eth1 10.9.0.1 [the host] br7 172.29.7.1/24 ── web .10, which ext reaches as 10.9.0.1:8080
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from stacks import Stacks, ask, outside, run, serving

import firewalls
from netwright.errors import Refused
from own_host import away, new_network

pytestmark = pytest.mark.netns

LAB = """\
version: 1
name: lab
networks: {lan: {bridge: br7, subnets: [172.29.7.0/24]}}
namespaces: {web: {interfaces: {eth0: {network: lan, address: 172.29.7.10}}}}
host: {publish: [{listen: 8080, from: [10.9.0.0/24], to: "web:80"}]}
"""


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """A network of the test's own, with a client and a server beyond eth1. Its rules go with it."""
    with away():
        new_network()
        with outside():
            yield


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[Stacks]:
    made = Stacks(tmp_path / "state")
    yield made
    made.destroy_all()


def works() -> list[str]:
    """What a client of the published port gets, another that is not in `from`, and what the namespace gets from outside."""
    with serving("web", "172.29.7.10", 80), serving("ext", "10.9.0.9", 99):
        return [
            ask("ext", "10.9.0.1", 8080, source="10.9.0.9", seconds=5),
            ask("ext", "10.9.0.1", 8080, source="10.9.1.9", seconds=0.5).partition(" ")[0],
            ask("web", "10.9.0.9", 99, seconds=5),
        ]


SERVED = ["served 80 172.29.7.1", "silence", "served 99 10.9.0.1"]


def rules() -> list[str]:
    """Everybody's rules, without counters; chains that stand empty count as none."""
    saved = run("iptables-save") + run("ip6tables-save")
    lines = [re.sub(r" \[\d+:\d+\]", "", line) for line in saved.splitlines() if not line.startswith("#")]
    tables = [line for line in run("nft", "list", "tables").splitlines() if "nw_" in line or " ip" not in f" {line.partition(' ')[2]}"]
    return [*lines, *tables]


@pytest.mark.skipif(not firewalls.has_ufw(), reason=firewalls.NEEDS_UFW)
def test_beside_ufw_what_is_asked_for_passes_also_after_reloads_and_flushes(stacks: Stacks) -> None:
    with firewalls.ufw() as ufw:
        before = rules()
        stacks.apply(LAB)
        assert works() == SERVED
        stacks.destroy("lab")
        assert rules() == before
        stacks.apply(LAB)
        ufw.reload()
        assert works() == SERVED
        assert stacks.plan(LAB) == []
        run("iptables", "-F", "FORWARD")
        assert works() == ["silence", "silence", "silence"]
        assert len(stacks.apply(LAB).operations) == 1
        assert works() == SERVED
        run("nft", "flush", "ruleset")
        stacks.apply(LAB)
        ufw.disable()
        ufw.enable()
        stacks.apply(LAB)
        assert works() == SERVED


@pytest.mark.skipif(not firewalls.has_firewalld(), reason=firewalls.NEEDS_FIREWALLD)
def test_beside_firewalld_a_network_is_refused_with_the_zones_rule_until_it_is_in_a_zone(stacks: Stacks) -> None:
    with firewalls.firewalld() as firewalld:
        with pytest.raises(Refused) as refused:
            stacks.apply(LAB)
        assert str(refused.value) == (
            "the chain filter_FWD_public of the nft table inet firewalld drops what network br7 of lab forwards, by `reject with icmpx admin-prohibited`,"
            " and no rule elsewhere can keep it from that; put it into a zone that lets it pass, with"
            " firewall-cmd --permanent --zone=trusted --add-interface=br7 and firewall-cmd --reload"
        )
        assert run("nft", "list", "tables") == "table inet firewalld\n"
        firewalld.run("--permanent", "--zone=trusted", "--add-interface=br7")
        firewalld.reload()
        stacks.apply(LAB)
        served = ["served 80 172.29.7.1", "error", "served 99 10.9.0.1"]
        assert [answer if "served" in answer else answer.partition(" ")[0] for answer in works()] == served
        firewalld.reload()
        assert stacks.plan(LAB) == []
        run("nft", "delete", "table", "inet", "nw_lab")
        stacks.apply(LAB)
        assert [answer if "served" in answer else answer.partition(" ")[0] for answer in works()] == served


def test_beside_a_ruleset_that_drops_the_chain_is_named_and_what_to_add_there_works(stacks: Stacks) -> None:
    firewalls.load_nft(firewalls.WALL)
    with pytest.raises(Refused) as refused:
        stacks.apply(LAB)
    assert str(refused.value) == (
        "the chain forward of the nft table inet wall drops what network br7 of lab forwards, by `policy drop`, and no rule elsewhere can keep it from that;"
        ' accept it there, with iifname "br7" accept and oifname "br7" ct state established,related accept, and ct status dnat accept for published ports'
    )
    assert run("nft", "list", "tables") == "table inet wall\n"
    run("nft", "add", "rule", "inet", "wall", "forward", "iifname", "br7", "accept")
    run("nft", "add", "rule", "inet", "wall", "forward", "oifname", "br7", "ct", "state", "established,related", "accept")
    with pytest.raises(Refused, match="drops what network br7 of lab forwards"):
        stacks.apply(LAB)
    run("nft", "add", "rule", "inet", "wall", "forward", "ct", "status", "dnat", "accept")
    stacks.apply(LAB)
    assert works() == SERVED


def test_beside_libvirt_a_stack_works_and_its_rules_stand_as_they_are(stacks: Stacks) -> None:
    firewalls.load_iptables(firewalls.LIBVIRT)
    before = rules()
    stacks.apply(LAB)
    assert works() == ["served 80 172.29.7.1", "refused", "served 99 10.9.0.1"]
    stacks.destroy("lab")
    assert rules() == before


def test_a_port_that_leads_to_a_virtual_machine_passes_libvirts_rules_also_when_these_are_put_on_top_again(stacks: Stacks) -> None:
    run("ip", "link", "add", "virbr0", "type", "bridge")
    run("ip", "address", "add", "192.168.122.1/24", "dev", "virbr0")
    run("ip", "link", "set", "virbr0", "up")
    run("ip", "netns", "add", "vm")
    run("ip", "link", "add", "vnet0", "type", "veth", "peer", "name", "eth0", "netns", "vm")
    run("ip", "link", "set", "vnet0", "master", "virbr0", "up")
    run("ip", "address", "add", "192.168.122.10/24", "dev", "eth0", netns="vm")
    run("ip", "link", "set", "eth0", "up", netns="vm")
    text = LAB.replace("web:80", "192.168.122.10:80")
    firewalls.load_iptables(firewalls.LIBVIRT)
    before = rules()
    try:
        with serving("vm", "192.168.122.10", 80):
            stacks.apply(text)
            assert ask("ext", "10.9.0.1", 8080, seconds=10) == "served 80 192.168.122.1"
            run("iptables", "-D", "FORWARD", "1")
            assert ask("ext", "10.9.0.1", 8080, seconds=1) != "served 80 192.168.122.1"
            stacks.apply(text)
            for rule in ("LIBVIRT_FWO", "LIBVIRT_FWI", "LIBVIRT_FWX"):
                run("iptables", "-D", "FORWARD", "-j", rule)
                run("iptables", "-I", "FORWARD", "-j", rule)
            assert len(stacks.plan(text)) == 1
            stacks.apply(text)
            assert ask("ext", "10.9.0.1", 8080, seconds=10) == "served 80 192.168.122.1"
        stacks.destroy("lab")
        assert rules() == before
    finally:
        run("ip", "netns", "delete", "vm")
