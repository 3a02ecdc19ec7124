"""The compiled table, whole: every test holds the text between the table's braces, or the part that it is about."""

from __future__ import annotations

import pytest

from netwright.errors import InvalidValue
from netwright.firewall.compiler import compile_table
from netwright.firewall.intents import BridgeNetwork, Intents, Publish, Restriction
from netwright.model.firewall import Published, Table


def compiled(*publishes: Publish, **others: object) -> Table:
    table = compile_table("article", Intents(publishes=publishes, **others))  # type: ignore[arg-type]
    assert table is not None
    return table


def part(table: Table, kind: str, name: str) -> str:
    """One set, map or chain of the table."""
    start = table.text.index(f"\t{kind} {name} {{\n")
    return table.text[start : table.text.index("\n\t}\n", start) + 4]


def publish(**values: object) -> Publish:
    article = {
        "protocol": "tcp",
        "ports": (1234, 1234),
        "target": "172.30.0.10",
        "target_ports": (1234, 1234),
        "interface": "eth1",
        "sources": ("10.0.0.0/16",),
        "target_subnet": "172.30.0.0/16",
    }
    return Publish(**(article | values))  # type: ignore[arg-type]


ARTICLE = """\
	set from4_1 {
		type ipv4_addr
		flags interval
		elements = {
			10.0.0.0/16
		}
	}
	map listen_interface4 {
		type ifname . inet_proto . inet_service : verdict
		elements = {
			"eth1" . tcp . 1234 : jump interface_from4_1
		}
	}
	map target_interface4 {
		type ifname . inet_proto . inet_service : ipv4_addr . inet_service
		elements = {
			"eth1" . tcp . 1234 : 172.30.0.10 . 1234
		}
	}
	map published4 {
		type inet_proto . inet_service . ipv4_addr . inet_service : verdict
		elements = {
			tcp . 1234 . 172.30.0.10 . 1234 : goto masquerade_it
		}
	}
	chain interface_from4_1 {
		ip saddr @from4_1 dnat ip to iifname . meta l4proto . th dport map @target_interface4
	}
	chain masquerade_it {
		masquerade
	}
	chain prerouting {
		type nat hook prerouting priority -101; policy accept;
		meta nfproto ipv4 fib daddr . iif type local iifname . meta l4proto . th dport vmap @listen_interface4
	}
	chain postrouting {
		type nat hook postrouting priority 99; policy accept;
		ct status dnat meta nfproto ipv4 meta l4proto tcp meta l4proto . ct original proto-dst . ip daddr . th dport vmap @published4
	}
"""


def test_the_articles_publish_is_one_element_in_each_map() -> None:
    table = compiled(publish())
    assert table.text == ARTICLE
    assert table.name == "nw_article"
    assert table.published == {Published("tcp", 1234, "172.30.0.10", 1234)}


def test_nothing_to_do_is_no_table() -> None:
    assert compile_table("article", Intents()) is None
    assert compile_table("article", Intents(publishes=(publish(sources=()),))) is None
    unmasqueraded = BridgeNetwork(bridge="br0", subnets=("172.30.0.0/16",), masquerade=False, internal=False)
    assert compile_table("article", Intents(networks=(unmasqueraded,))) is None


def test_equal_intents_give_equal_digests_and_others_another() -> None:
    assert compiled(publish()) == compiled(publish())
    assert compiled(publish()).digest != compiled(publish(sources=None)).digest


def test_another_port_or_target_is_other_elements_under_the_same_rules() -> None:
    one, two = compiled(publish()), compiled(publish(ports=(1235, 1235), target="172.30.0.11"))
    assert one.digest == two.digest
    assert two.elements == {
        "from4_1": frozenset({"10.0.0.0/16"}),
        "listen_interface4": frozenset({'"eth1" . 6 . 1235 : jump interface_from4_1'}),
        "target_interface4": frozenset({'"eth1" . 6 . 1235 : 172.30.0.11 . 1234'}),
        "published4": frozenset({"6 . 1235 . 172.30.0.11 . 1234 : goto masquerade_it"}),
    }


def test_two_thousand_ports_of_one_list_of_sources_add_no_rule() -> None:
    many = compiled(publish(ports=(10000, 11999), target_ports=(80, 80)))
    rules = many.text[many.text.index("\tchain ") :]
    assert rules == ARTICLE[ARTICLE.index("\tchain ") :]
    assert many.text.count("jump interface_from4_1") == 2000


def test_a_range_is_an_element_a_port_each_to_its_own() -> None:
    table = compiled(publish(ports=(8000, 8002), target_ports=(9000, 9002), interface=None, sources=None))
    assert part(table, "map", "listen_anywhere4") == (
        "\tmap listen_anywhere4 {\n"
        "\t\ttype inet_proto . inet_service : verdict\n"
        "\t\telements = {\n"
        "\t\t\ttcp . 8000 : jump anywhere4_everybody,\n"
        "\t\t\ttcp . 8001 : jump anywhere4_everybody,\n"
        "\t\t\ttcp . 8002 : jump anywhere4_everybody\n"
        "\t\t}\n"
        "\t}\n"
    )
    assert part(table, "map", "target_anywhere4") == (
        "\tmap target_anywhere4 {\n"
        "\t\ttype inet_proto . inet_service : ipv4_addr . inet_service\n"
        "\t\telements = {\n"
        "\t\t\ttcp . 8000 : 172.30.0.10 . 9000,\n"
        "\t\t\ttcp . 8001 : 172.30.0.10 . 9001,\n"
        "\t\t\ttcp . 8002 : 172.30.0.10 . 9002\n"
        "\t\t}\n"
        "\t}\n"
    )
    assert table.published == {Published("tcp", 8000 + n, "172.30.0.10", 9000 + n) for n in range(3)}


def test_ipv6_udp_on_an_address_has_maps_of_its_own() -> None:
    six = publish(
        protocol="udp",
        ports=(5353, 5353),
        target="fd30::10",
        target_ports=(53, 53),
        interface=None,
        address="fd10::1",
        sources=("fd11::/64", "fd10::/64"),
    )
    assert compiled(six).text == (
        """\
	set from6_1 {
		type ipv6_addr
		flags interval
		elements = {
			fd10::/64,
			fd11::/64
		}
	}
	map listen_address6 {
		type ipv6_addr . inet_proto . inet_service : verdict
		elements = {
			fd10::1 . udp . 5353 : jump address_from6_1
		}
	}
	map target_address6 {
		type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service
		elements = {
			fd10::1 . udp . 5353 : fd30::10 . 53
		}
	}
	map published6 {
		type inet_proto . inet_service . ipv6_addr . inet_service : verdict
		elements = {
			udp . 5353 . fd30::10 . 53 : goto masquerade_it
		}
	}
	chain address_from6_1 {
		ip6 saddr @from6_1 dnat ip6 to ip6 daddr . meta l4proto . th dport map @target_address6
	}
	chain masquerade_it {
		masquerade
	}
	chain prerouting {
		type nat hook prerouting priority -101; policy accept;
		ip6 daddr . meta l4proto . th dport vmap @listen_address6
	}
	chain output {
		type nat hook output priority -101; policy accept;
		ip6 daddr . meta l4proto . th dport vmap @listen_address6
	}
	chain postrouting {
		type nat hook postrouting priority 99; policy accept;
		ct status dnat meta nfproto ipv6 meta l4proto udp meta l4proto . ct original proto-dst . ip6 daddr . th dport vmap @published6
	}
"""
    )


def test_the_most_specific_listen_is_looked_up_first_and_loopback_never() -> None:
    table = compiled(
        publish(), publish(interface=None, address="10.0.0.2"), publish(interface=None, sources=None), publish(protocol="sctp")
    )
    assert part(table, "chain", "prerouting") == (
        "\tchain prerouting {\n"
        "\t\ttype nat hook prerouting priority -101; policy accept;\n"
        "\t\tip daddr . meta l4proto . th dport vmap @listen_address4\n"
        "\t\tmeta nfproto ipv4 fib daddr . iif type local iifname . meta l4proto . th dport vmap @listen_interface4\n"
        "\t\tip daddr != 127.0.0.0/8 fib daddr type local meta l4proto . th dport vmap @listen_anywhere4\n"
        "\t}\n"
    )
    assert part(table, "chain", "output") == (
        "\tchain output {\n"
        "\t\ttype nat hook output priority -101; policy accept;\n"
        "\t\tip daddr . meta l4proto . th dport vmap @listen_address4\n"
        "\t\tip daddr != 127.0.0.0/8 fib daddr type local meta l4proto . th dport vmap @listen_anywhere4\n"
        "\t}\n"
    )
    lookups = [line for line in part(table, "chain", "postrouting").splitlines() if "@published4" in line]
    assert [line.split("meta l4proto ")[1] for line in lookups] == ["tcp ", "sctp "]


def test_preserve_masquerades_the_targets_neighbours_alone() -> None:
    table = compiled(publish(preserve=True), publish(ports=(80, 80), preserve=True, target_subnet=None), publish(ports=(81, 81)))
    assert part(table, "map", "published4") == (
        "\tmap published4 {\n"
        "\t\ttype inet_proto . inet_service . ipv4_addr . inet_service : verdict\n"
        "\t\telements = {\n"
        "\t\t\ttcp . 1234 . 172.30.0.10 . 1234 : goto hairpin_1,\n"
        "\t\t\ttcp . 80 . 172.30.0.10 . 1234 : accept,\n"
        "\t\t\ttcp . 81 . 172.30.0.10 . 1234 : goto masquerade_it\n"
        "\t\t}\n"
        "\t}\n"
    )
    assert part(table, "chain", "hairpin_1") == "\tchain hairpin_1 {\n\t\tip saddr 172.30.0.0/16 masquerade\n\t}\n"


def test_one_port_of_two_listens_is_masqueraded_if_either_asks_for_it() -> None:
    for preserve in ((True, False), (False, True)):
        table = compiled(publish(preserve=preserve[0]), publish(interface="eth2", preserve=preserve[1]))
        assert "tcp . 1234 . 172.30.0.10 . 1234 : goto masquerade_it\n" in part(table, "map", "published4")


def test_networks_and_interfaces_are_masqueraded_by_maps_and_internal_ones_shut() -> None:
    networks = (
        BridgeNetwork(bridge="br0", subnets=("172.30.0.0/16", "fd30::/64"), masquerade=True, internal=False),
        BridgeNetwork(bridge="br1", subnets=("172.31.0.0/16",), masquerade=True, internal=False),
        BridgeNetwork(bridge="br2", subnets=("172.32.0.0/16",), masquerade=True, internal=True),
        BridgeNetwork(bridge="br3", subnets=("172.33.0.0/16",), masquerade=False, internal=False),
    )
    assert compiled(networks=networks, masquerade_interfaces=("ppp0", "eth1")).text == (
        """\
	set masquerade_interfaces {
		type ifname
		elements = {
			"eth1",
			"ppp0"
		}
	}
	map leaving4 {
		type ipv4_addr : verdict
		flags interval
		elements = {
			172.30.0.0/16 : goto leaving_1,
			172.31.0.0/16 : goto leaving_2
		}
	}
	map leaving6 {
		type ipv6_addr : verdict
		flags interval
		elements = {
			fd30::/64 : goto leaving_1
		}
	}
	set internal {
		type ifname
		elements = {
			"br2"
		}
	}
	set internal_within {
		type ifname . ifname
		elements = {
			"br2" . "br2"
		}
	}
	chain leaving_1 {
		oifname != "br0" masquerade
	}
	chain leaving_2 {
		oifname != "br1" masquerade
	}
	chain postrouting {
		type nat hook postrouting priority 99; policy accept;
		oifname @masquerade_interfaces masquerade
		ip saddr vmap @leaving4
		ip6 saddr vmap @leaving6
	}
	chain forward {
		type filter hook forward priority 0; policy accept;
		iifname . oifname @internal_within accept
		iifname @internal drop
		oifname @internal drop
	}
"""
    )


def test_an_isolated_network_is_entered_by_replies_and_through_published_ports_only() -> None:
    networks = (
        BridgeNetwork(bridge="br0", subnets=("172.30.0.0/16",), masquerade=False, internal=False, isolated=True),
        BridgeNetwork(bridge="br1", subnets=("172.31.0.0/16",), masquerade=False, internal=False, isolated=True),
        BridgeNetwork(bridge="br2", subnets=("172.32.0.0/16",), masquerade=False, internal=True, isolated=True),
    )
    assert part(compiled(networks=networks), "chain", "forward") == (
        """\
	chain forward {
		type filter hook forward priority 0; policy accept;
		iifname . oifname @internal_within accept
		iifname @internal drop
		oifname @internal drop
		iifname . oifname @isolated_within accept
		oifname @isolated ct direction original ct status & dnat == 0 drop
		oifname @isolated ct state invalid,untracked drop
	}
"""
    )
    assert '"br0",\n\t\t\t"br1"\n' in part(compiled(networks=networks), "set", "isolated")


def test_a_restriction_answers_others_as_if_nothing_were_there() -> None:
    restrictions = (
        Restriction(protocol="tcp", ports=(8080, 8080), sources=("10.0.0.0/16",)),
        Restriction(protocol="udp", ports=(53, 54), sources=("10.0.0.0/16", "::/0"), address="fd10::1"),
        Restriction(protocol="sctp", ports=(99, 99), sources=("192.0.2.0/24",), address="198.51.100.1"),
    )
    assert compiled(restrictions=restrictions).text == (
        """\
	set from4_1 {
		type ipv4_addr
		flags interval
		elements = {
			10.0.0.0/16
		}
	}
	set from4_2 {
		type ipv4_addr
		flags interval
		elements = {
			192.0.2.0/24
		}
	}
	map restricted_address4 {
		type ipv4_addr . inet_proto . inet_service : verdict
		elements = {
			198.51.100.1 . sctp . 99 : goto restrict_from4_2
		}
	}
	map restricted4 {
		type inet_proto . inet_service : verdict
		elements = {
			tcp . 8080 : goto restrict_from4_1
		}
	}
	map restricted6 {
		type inet_proto . inet_service : verdict
		elements = {
			tcp . 8080 : goto refuse_it
		}
	}
	chain refuse_it {
		meta l4proto tcp reject with tcp reset
		reject
	}
	chain restrict_from4_1 {
		ip saddr @from4_1 return
		goto refuse_it
	}
	chain restrict_from4_2 {
		ip saddr @from4_2 return
		goto refuse_it
	}
	chain input {
		type filter hook input priority -1; policy accept;
		iifname "lo" accept
		ct direction reply accept
		ip daddr . meta l4proto . th dport vmap @restricted_address4
		meta nfproto ipv4 meta l4proto . th dport vmap @restricted4
		meta nfproto ipv6 meta l4proto . th dport vmap @restricted6
	}
"""
    )


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"interface": 'eth1" accept; #'}, "cannot be an interface's name"),
        ({"target": "172.30.0.10 . 80 }"}, "is not an address"),
        ({"sources": ("10.0.0.1/8",)}, "has bits set behind its prefix length"),
        ({"protocol": "icmp"}, "'icmp' is not a protocol"),
        ({"ports": (0, 5)}, "0-5 is not a range of ports"),
        ({"ports": (1, 3), "target_ports": (1, 2)}, "3 ports cannot be published to 2"),
        ({"interface": None, "address": "fd00::1"}, "fd00::1 and the target 172.30.0.10 are not of the same IP version"),
        ({"interface": None, "address": "::1", "target": "fd30::10", "sources": None}, "::1 cannot be published on"),
        ({"address": "10.0.0.1"}, "not on both: eth1, 10.0.0.1"),
        ({"preserve": True, "target_subnet": "fd30::/64"}, "fd30::/64 is not of the same IP version"),
    ],
)
def test_what_cannot_stand_in_a_table_is_refused_with_a_sentence(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(InvalidValue, match=sentence):
        compiled(publish(**values))


def test_what_is_published_on_a_loopback_address_is_guarded_before_connections_are_tracked() -> None:
    table = compiled(publish(interface=None, address="127.0.0.1", sources=None), publish(ports=(99, 99), target_ports=(99, 99)))
    assert part(table, "chain", "martians") == (
        "\tchain martians {\n"
        "\t\ttype filter hook prerouting priority -300; policy accept;\n"
        '\t\tiifname != "lo" ip saddr 127.0.0.0/8 drop\n'
        '\t\tiifname != "lo" ip daddr 127.0.0.0/8 drop\n'
        "\t}\n"
    )
    assert "martians" not in compiled(publish(interface=None, address="192.0.2.1")).text


def test_one_port_cannot_lead_to_two_targets_nor_be_restricted_twice() -> None:
    with pytest.raises(InvalidValue, match=r"tcp port 1234 is published twice, to 172.30.0.10:1234 and to 172.30.0.11:1234"):
        compiled(publish(), publish(target="172.30.0.11"))
    one = Restriction(protocol="tcp", ports=(80, 80), sources=("10.0.0.0/8",))
    two = Restriction(protocol="tcp", ports=(80, 81), sources=())
    with pytest.raises(InvalidValue, match="tcp port 80 is restricted twice"):
        compiled(restrictions=(one, two))
