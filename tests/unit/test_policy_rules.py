"""Policies as an nft table: the whole text where it matters, and what changes in it when somebody comes or goes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netwright.errors import InvalidValue
from netwright.firewall.policies import Passage, Policing, Policy, Service, Side
from netwright.firewall.policing import BLOCK, compile_policies
from netwright.model.firewall import Table

WEB = Side(addressed=True, prefixes=("10.30.0.10/32", "fd30::10/128"), addressed_here=False, here=())
OFFICE = Side(addressed=True, prefixes=("10.0.0.0/16",), addressed_here=True, here=("10.0.0.0/16",))
ANYONE = Side(anyone=True)
ITSELF = Side(itself=True)
WEB_FROM_OFFICE = Policy(name="office", sources=OFFICE, targets=WEB, services=(Service(protocol="tcp", ports=(80, 80)),))


def compiled(policing: Policing) -> Table:
    table = compile_policies("shop", policing)
    assert table is not None
    return table


def chain(table: Table, name: str) -> list[str]:
    """The rules of a chain."""
    body = table.text.partition(f"\tchain {name} {{\n")[2].partition("\t}\n")[0]
    return [line.strip() for line in body.splitlines()]


WHOLE = """\
	counter p_office {
	}
	counter closed {
	}
	counter confined {
	}
	set within {
		type ifname . ifname
		elements = {
			"br-shop" . "br-shop"
		}
	}
	set groups4 {
		type ipv4_addr
		flags interval
		elements = {
			10.30.0.255/32,
			224.0.0.0/4,
			255.255.255.255/32
		}
	}
	set groups6 {
		type ipv6_addr
		flags interval
		elements = {
			ff00::/8
		}
	}
	set policed {
		type ifname
		elements = {
			"br-shop"
		}
	}
	set p_office_ports {
		type inet_proto . inet_service
		flags interval
		elements = {
			tcp . 80
		}
	}
	set p_office_from4 {
		type ipv4_addr
		flags interval
		elements = {
			10.0.0.0/16
		}
	}
	set p_office_from6 {
		type ipv6_addr
		flags interval
	}
	set p_office_to4 {
		type ipv4_addr
		flags interval
		elements = {
			10.30.0.10/32
		}
	}
	set p_office_to6 {
		type ipv6_addr
		flags interval
		elements = {
			fd30::10/128
		}
	}
	set closed_to4 {
		type ipv4_addr
		flags interval
		elements = {
			10.30.0.10/32
		}
	}
	set closed_to6 {
		type ipv6_addr
		flags interval
		elements = {
			fd30::10/128
		}
	}
	set p_office_from_here4 {
		type ipv4_addr
		flags interval
		elements = {
			10.0.0.0/16
		}
	}
	set p_office_from_here6 {
		type ipv6_addr
		flags interval
	}
	set joined {
		type ifname
	}
	set bridged4 {
		type ipv4_addr
		flags interval
		elements = {
			10.30.0.0/24
		}
	}
	set bridged6 {
		type ipv6_addr
		flags interval
	}
	chain refuse {
		meta l4proto tcp reject with tcp reset
		reject
	}
	chain p_office {
		counter name "p_office"
		ct state new limit rate 10/second burst 20 packets log prefix "netwright shop office: "
		meta mark set meta mark | 0x20000000
		accept
	}
	chain closed_off {
		counter name "closed"
		goto refuse
	}
	chain confined_off {
		counter name "confined"
		goto refuse
	}
	chain unfollowed {
		ip daddr @closed_to4 drop
		ip6 daddr @closed_to6 drop
		ip saddr @closed_to4 drop
		ip6 saddr @closed_to6 drop
	}
	chain belated {
		ct original ip saddr @closed_to4 goto closed_off
		ct original ip6 saddr @closed_to6 goto closed_off
	}
	chain through {
		ct state related accept
		ct status expected accept
		ct original ip saddr @judged4 accept
		ct original ip6 saddr @judged6 accept
		ct state invalid jump unfollowed
		ct state untracked meta l4proto != ipv6-icmp jump unfollowed
		ct state new tcp flags & (fin | syn | rst | ack) != syn jump belated
		iifname . oifname @within ip6 daddr fe80::/10 ct state != untracked goto refuse
		oifname @policed ip daddr @groups4 ct state != untracked goto closed_off
		oifname @policed ip6 daddr @groups6 ct state != untracked goto closed_off
		ct original ip saddr @p_office_from4 ct reply ip saddr @p_office_to4 meta l4proto tcp meta l4proto . ct original proto-dst @p_office_ports goto p_office
		ct original ip6 saddr @p_office_from6 ct reply ip6 saddr @p_office_to6 meta l4proto tcp meta l4proto . ct original proto-dst @p_office_ports goto p_office
		ct reply ip saddr @closed_to4 goto closed_off
		ct reply ip6 saddr @closed_to6 goto closed_off
	}
	chain inbound {
		ct state related accept
		ct status expected accept
	}
	chain outbound {
		ct state related accept
		ct status expected accept
		oifname @policed ip6 daddr fe80::/10 ct state != untracked goto refuse
		ct original ip saddr @p_office_from_here4 ct reply ip saddr @p_office_to4 meta l4proto tcp meta l4proto . ct original proto-dst @p_office_ports goto p_office
		ct original ip6 saddr @p_office_from_here6 ct reply ip6 saddr @p_office_to6 meta l4proto tcp meta l4proto . ct original proto-dst @p_office_ports goto p_office
		ct reply ip saddr @closed_to4 goto closed_off
		ct reply ip6 saddr @closed_to6 goto closed_off
	}
	chain forward {
		type filter hook forward priority -10; policy accept;
		meta iifkind != "bridge" iifname != @joined ip saddr @bridged4 drop
		meta iifkind != "bridge" iifname != @joined ip6 saddr @bridged6 drop
		goto through
	}
	chain input {
		type filter hook input priority -10; policy accept;
		iifname "lo" accept
		meta iifkind != "bridge" iifname != @joined ip saddr @bridged4 drop
		meta iifkind != "bridge" iifname != @joined ip6 saddr @bridged6 drop
		ct direction original goto inbound
		ct direction reply goto outbound
	}
	chain output {
		type filter hook output priority -10; policy accept;
		fib daddr type local accept
		ct direction original goto outbound
		ct direction reply goto inbound
	}
"""
JUDGED = """\
	set judged4 {
		type ipv4_addr
		flags interval
	}
	set judged6 {
		type ipv6_addr
		flags interval
	}
"""


def test_an_allow_is_a_rule_for_each_ip_version_and_closes_its_target() -> None:
    table = compiled(
        Policing(policies=(replace(WEB_FROM_OFFICE, log=True),), closed=WEB, on_host=True, bridges=("br-shop",), bridged=("10.30.0.0/24",))
    )
    assert (table.name, table.text) == ("nwp_shop", WHOLE.replace("\tset within {", f"{JUDGED}\tset within {{"))


def test_no_policies_are_no_table() -> None:
    assert compile_policies("shop", Policing(policies=())) is None


def test_who_comes_and_who_goes_are_elements_under_the_same_rules() -> None:
    there = compiled(Policing(policies=(WEB_FROM_OFFICE,), closed=WEB, on_host=True, bridges=("br-shop", "br-more")))
    gone = replace(WEB, prefixes=())
    absent = compiled(Policing(policies=(replace(WEB_FROM_OFFICE, targets=gone),), closed=gone, on_host=True))
    assert there.digest == absent.digest
    assert {name for name in there.elements if there.elements[name] != absent.elements[name]} == {
        "p_office_to4",
        "p_office_to6",
        "closed_to4",
        "closed_to6",
        "within",
        "policed",
    }


def test_denies_come_before_allows_wherever_they_are_written() -> None:
    deny = replace(WEB_FROM_OFFICE, name="not", deny=True, services=None)
    table = compiled(Policing(policies=(WEB_FROM_OFFICE, deny)))
    assert [rule.rpartition(" ")[2] for rule in chain(table, "through") if " goto " in rule] == ["p_not", "p_not", "p_office", "p_office"]
    assert chain(table, "p_not") == ['counter name "p_not"', "goto refuse"]


def test_many_policies_are_passed_by_in_blocks() -> None:
    many = [
        replace(
            WEB_FROM_OFFICE,
            name=f"n{number}",
            sources=Side(addressed=True, prefixes=(f"10.{number}.0.0/16",), here=(), addressed_here=False),
        )
        for number in range(BLOCK + 2)
    ]
    table = compiled(Policing(policies=tuple(many), closed=WEB))
    gate = (
        "ct original {ip} saddr @allows_{number}_from{family} ct reply {ip} saddr @allows_{number}_to{family} jump allows_{number}_through"
    )
    assert [rule for rule in chain(table, "through") if "allows" in rule] == [
        gate.format(ip=ip, family=family, number=number) for number in (1, 2) for ip, family in (("ip", 4), ("ip6", 6))
    ]
    assert [rule.rpartition(" ")[2] for rule in chain(table, "allows_2_through")] == ["p_n8", "p_n8", "p_n9", "p_n9"]
    assert table.elements["allows_2_from4"] == {"10.8.0.0/15"}
    assert table.elements["allows_1_to6"] == {"fd30::10"}
    assert [rule for rule in chain(table, "inbound") if "goto" in rule or "jump" in rule] == []
    anybody = replace(many[-1], sources=ANYONE, targets=ANYONE, services=None, name="any")
    assert "goto p_any" in chain(compiled(Policing(policies=(*many, anybody))), "through"), (
        "a block that says nothing of addresses is no block"
    )


def test_tcp_that_was_there_before_is_judged_the_other_way_round_too() -> None:
    wide = Policy(name="wide", sources=ANYONE, targets=WEB, deny=True)
    narrow = replace(WEB_FROM_OFFICE, name="narrow", deny=True)
    udp = replace(narrow, name="udp", services=(Service(protocol="udp", ports=(53, 53)),))
    assert chain(compiled(Policing(policies=(WEB_FROM_OFFICE, wide, narrow, udp), closed=WEB)), "belated") == [
        "ct original ip saddr @p_wide_to4 goto p_wide",
        "ct original ip6 saddr @p_wide_to6 goto p_wide",
        (
            "ct original ip saddr @p_narrow_to4 ct reply ip saddr @p_narrow_from4"
            " meta l4proto tcp meta l4proto . ct original proto-src @p_narrow_ports goto p_narrow"
        ),
        (
            "ct original ip6 saddr @p_narrow_to6 ct reply ip6 saddr @p_narrow_from6"
            " meta l4proto tcp meta l4proto . ct original proto-src @p_narrow_ports goto p_narrow"
        ),
        "ct original ip saddr @closed_to4 goto closed_off",
        "ct original ip6 saddr @closed_to6 goto closed_off",
    ]


def test_a_denied_packet_is_logged_whatever_its_connection_was_before() -> None:
    table = compiled(Policing(policies=(replace(WEB_FROM_OFFICE, deny=True, log=True),)))
    assert chain(table, "p_office")[1] == 'limit rate 10/second burst 20 packets log prefix "netwright shop office: "'


def test_services_are_a_rule_for_each_protocol_and_not_for_each_port() -> None:
    ports = (Service(protocol="udp", ports=(53, 53)), Service(protocol="tcp", ports=(8000, 8010)), Service(protocol="icmp"))
    table = compiled(Policing(policies=(Policy(name="all", sources=ANYONE, targets=ANYONE, services=ports),)))
    assert chain(table, "through")[7:] == [
        "meta l4proto tcp meta l4proto . ct original proto-dst @p_all_ports goto p_all",
        "meta l4proto udp meta l4proto . ct original proto-dst @p_all_ports goto p_all",
        "meta l4proto { icmp, ipv6-icmp } goto p_all",
    ]
    assert table.elements["p_all_ports"] == {"17 . 53", "6 . 8000-8010"}


def test_a_namespace_is_itself_by_the_hook_and_not_by_an_address() -> None:
    table = compiled(Policing(policies=(Policy(name="in", sources=OFFICE, targets=ITSELF),), closed=ITSELF))
    assert [rule for rule in chain(table, "through") if "goto" in rule] == []
    assert chain(table, "inbound")[2:] == [
        "ct original ip saddr @p_in_from4 goto p_in",
        "ct original ip6 saddr @p_in_from6 goto p_in",
        "goto closed_off",
    ]
    assert [rule for rule in chain(table, "outbound") if "goto" in rule] == []


def test_who_is_confined_reaches_what_is_inside_and_what_is_allowed() -> None:
    lan = Side(addressed=True, prefixes=("10.30.0.0/24",), here=(), addressed_here=False)
    out = Side(addressed=True, prefixes=("0.0.0.0/0",), here=("0.0.0.0/0",), addressed_here=True)
    policy = Policy(name="out", sources=lan, targets=out)
    table = compiled(Policing(policies=(policy,), confined=lan, inside=("10.30.0.0/24", "10.30.0.9/32", "ff00::/8")))
    assert chain(table, "through")[-2:] == [
        "ct original ip saddr @confined_from4 ct reply ip saddr != @inside4 goto confined_off",
        "ct original ip6 saddr @confined_from6 ct reply ip6 saddr != @inside6 goto confined_off",
    ]
    assert {name: table.elements[name] for name in ("p_out_to4", "inside4", "inside6", "confined_from4")} == {
        "p_out_to4": frozenset({"0.0.0.0/0"}),
        "inside4": frozenset({"10.30.0.0/24"}),
        "inside6": frozenset({"ff00::/8"}),
        "confined_from4": frozenset({"10.30.0.0/24"}),
    }


def test_what_another_publishes_passes_from_its_address_and_sources_of_one_port_are_merged() -> None:
    passages = (
        Passage(source="10.30.0.2/32", target="10.30.0.10", protocol="tcp", ports=(80, 81)),
        Passage(source="10.30.0.3/32", target="10.30.0.10", protocol="tcp", ports=(81, 81)),
        Passage(source="fd30::2/128", target="fd30::10", protocol="udp", ports=(53, 53)),
    )
    preserved = (Passage(source="0.0.0.0/0", target="10.30.0.10", protocol="tcp", ports=(90, 90)),)
    protocols = frozenset({"udp", "tcp"})
    policing = Policing(
        policies=(WEB_FROM_OFFICE,), closed=WEB, passages=passages, passing=protocols, preserved=preserved, preserving=frozenset({"tcp"})
    )
    table = compiled(replace(policing, on_host=True))
    flow = "ct original ip saddr . ct reply ip saddr . meta l4proto . ct original proto-dst"
    assert chain(table, "outbound")[2] == f"meta l4proto tcp {flow} @passages4 accept"
    assert f"iifname . oifname @within meta l4proto tcp {flow} @preserved4 accept" in chain(table, "through")
    assert [rule for rule in chain(table, "inbound") if "preserved" in rule] == [], (
        "on the host a client that is seen comes within a bridge"
    )
    assert len([rule for rule in chain(compiled(policing), "inbound") if "preserved" in rule]) == 2
    assert {name: table.elements[name] for name in ("passages4", "passages6", "preserved4")} == {
        "passages4": frozenset(
            {"10.30.0.2 . 10.30.0.10 . 6 . 80", "10.30.0.2/31 . 10.30.0.10 . 6 . 81"},
        ),
        "passages6": frozenset({"fd30::2 . fd30::10 . 17 . 53"}),
        "preserved4": frozenset({"0.0.0.0/0 . 10.30.0.10 . 6 . 90"}),
    }


@pytest.mark.parametrize(
    "wrong", [Policing(policies=(WEB_FROM_OFFICE,), on_host=True, bridges=('a"b',)), Policing(policies=(replace(WEB_FROM_OFFICE, targets=replace(WEB, prefixes=("web",))),))]
)  # fmt: skip
def test_what_cannot_stand_in_a_table_is_refused(wrong: Policing) -> None:
    with pytest.raises(InvalidValue):
        compile_policies("shop", wrong)
