"""What becomes of a packet in somebody else's rules, as nft lists them."""

from __future__ import annotations

import pytest

from netwright.firewall.intents import BridgeNetwork, Intents, Publish
from netwright.firewall.listing import BaseChain, obstacle, ruleset_of
from netwright.firewall.obstruction import obstacles
from netwright.firewall.walk import Probe, Stop, stop_of, stops_anything
from netwright.model.firewall import ForwardFilter, Ruleset

LAN = BridgeNetwork(bridge="br0", subnets=("172.30.0.0/16",), masquerade=True, internal=False)
OUT = Probe(family=4, comes="br0", source="172.30.0.0/16")
IN = Probe(family=4, translated=True, target="192.0.2.7", protocol="tcp", port=80)
DROP = Stop("forward", "policy drop")

ZONES = """\
table inet firewalld {
\tchain filter_FORWARD {
\t\ttype filter hook forward priority filter + 10; policy accept;
\t\tct state { established, related } accept
\t\tct status dnat accept
\t\tiifname "lo" accept
\t\tct state invalid drop
\t\tip6 daddr { ::/96, 2002:a00::/24 } reject with icmpv6 addr-unreachable
\t\tjump filter_FORWARD_ZONES
\t\treject with icmpx admin-prohibited
\t}

\tchain filter_FORWARD_ZONES {
@@\t\tgoto filter_FWD_public
\t}

\tchain filter_FWD_trusted {
\t\tjump filter_FWD_trusted_allow
\t\taccept
\t}

\tchain filter_FWD_trusted_allow {
\t\toifname "br0" accept
\t}

\tchain filter_FWD_public {
\t\tjump filter_FWD_public_allow
\t\treject with icmpx admin-prohibited
\t}

\tchain filter_FWD_public_allow {
\t\toifname "eth1" accept
\t}
}
"""


def stop(rules: str, probe: Probe, *, policy: str = "drop", **more: str) -> Stop | None:
    chains = {name: tuple(line.strip() for line in text.strip().splitlines()) for name, text in {"forward": rules, **more}.items()}
    sets: dict[str, tuple[str, ...]] = {"lans": ("br0", "br1"), "good": ("192.0.2.0/24",), "by_dev": ("br0 : goto other", "eth0 : accept")}
    return stop_of(Ruleset(chains=chains, sets=sets), "forward", policy=policy, probe=probe)


@pytest.mark.parametrize(
    "rules",
    [
        'iifname "br0" accept',
        'iifname "br*" accept',
        'iifname { "eth0", "br0" } accept',
        "iifname @lans accept",
        'iifname != "eth0" accept',
        "ip saddr 172.16.0.0/12 accept",
        "ip saddr 172.30.0.0-172.31.255.255 accept",
        "meta nfproto ipv4 ct state new accept",
        'iifname "br0" tcp dport { 80, 443 } accept',
        'iifname "br0" oifname "eth0" accept',
        "ip saddr 172.30.7.0/24 ip daddr 10.0.0.0/8 tcp dport 443 accept\niifname br0 accept",
        'iifname vmap { "br0" : accept, "eth0" : drop }',
        "ct state vmap { new : accept, invalid : drop }",
        'ip daddr 203.0.113.0/24 drop\niifname "br0" accept',
        "accept",
    ],
)
def test_what_names_the_packet_and_may_accept_it_lets_it_pass(rules: str) -> None:
    assert stop(rules, OUT) is None


@pytest.mark.parametrize(
    "rules",
    [
        "",
        "ct state established,related accept",
        "ct status dnat accept",
        'iifname "eth0" accept',
        'iifname != "br0" accept',
        "meta nfproto ipv6 accept",
        "icmp type echo-request accept",
        "tcp dport 22 accept",
        "ip saddr 10.0.0.0/8 accept",
        'oifname "eth0" accept',
        'iifname "br0" return\naccept',
        'iifname "br0" ct state established accept',
    ],
)
def test_what_does_not_name_the_packet_lets_it_fall(rules: str) -> None:
    assert stop(rules, OUT) == DROP


def test_a_rule_that_drops_for_certain_is_found_with_its_chain_and_one_that_only_may_is_passed_over() -> None:
    assert stop('iifname "br0" drop\naccept', OUT) == Stop("forward", 'iifname "br0" drop')
    assert stop("ip saddr 203.0.113.0/24 drop\naccept", OUT) is None
    assert stop("tcp dport 25 reject\naccept", OUT) is None
    assert stop("jump other\naccept", OUT, other='iifname "br0" reject with icmpx admin-prohibited') == Stop(
        "other", 'iifname "br0" reject with icmpx admin-prohibited'
    )
    assert stop('xt target "REJECT"', OUT) == Stop("forward", 'xt target "REJECT"')


def test_chains_are_followed_as_the_kernel_does() -> None:
    assert stop("jump other\naccept", OUT, other="return\ndrop") is None
    assert stop("goto other\naccept", OUT, other='iifname "eth9" accept') == DROP
    assert stop("jump one\naccept", OUT, one="goto two\ndrop", two="return") is None
    assert stop("iifname vmap @by_dev", OUT, other="accept") is None
    assert stop("iifname vmap @by_dev", OUT, other="drop") == Stop("other", "drop")
    assert stop("jump forward", OUT) == DROP, "a circle ends"


def test_a_translated_connection_is_known_by_what_it_is_and_where_it_goes() -> None:
    assert stop("ct status dnat accept", IN) is None
    assert stop("ip daddr @good tcp dport 80-90 accept", IN) is None
    assert stop("ip daddr @good tcp dport 81 accept", IN) == DROP
    assert stop("ip daddr @good udp dport 80 accept", IN) == DROP
    assert stop("ct status ! dnat drop\naccept", IN) is None
    assert stop('oifname "virbr0" reject\naccept', IN) is None
    within = 'iifname "virbr0" oifname "virbr0" accept'
    assert stop(within, Probe(family=4, translated=True, goes="virbr0")) == DROP, "it comes from elsewhere"
    assert stop('oifname "virbr0" reject\naccept', Probe(family=4, translated=True, goes="virbr0")) == Stop(
        "forward", 'oifname "virbr0" reject'
    )


def test_chains_and_sets_are_read_from_a_listing() -> None:
    listing = """\
table inet wall {
\tset lans {
\t\ttype ifname
\t\telements = { "br0",
\t\t\t     "br1" }
\t}

\tmap where {
\t\ttype ifname : verdict
\t\telements = { "br0" : jump on, "eth0" : drop }
\t}

\tset empty {
\t\ttype ipv4_addr
\t}

\tchain on {
\t\tcounter packets 3 bytes 180 log prefix "x" accept comment "why { not"
\t}
}
"""
    assert ruleset_of(listing) == Ruleset(
        chains={"on": ("accept",)},
        sets={"lans": ('"br0"', '"br1"'), "where": ('"br0" : jump on', '"eth0" : drop'), "empty": ("",)},
    )
    assert stops_anything(ruleset_of(listing)) is False


BASE = BaseChain(family="inet", table="firewalld", chain="filter_FORWARD", policy="accept")


def told(zone: str, intents: Intents) -> list[str]:
    found = obstacle(BASE, ZONES.replace("@@", zone))
    assert found is not None
    return obstacles("web", ForwardFilter(obstacles=(found,)), intents)


def test_firewalld_is_told_of_with_its_zones_rule_and_its_own_remedy_until_the_bridge_is_in_a_zone() -> None:
    intents = Intents(networks=(LAN,), publishes=(Publish(protocol="tcp", ports=(80, 80), target="172.17.0.2", target_ports=(80, 80)),))
    sentence = (
        "the chain filter_FWD_public of the nft table inet firewalld drops what network br0 of web forwards, by `reject with icmpx admin-prohibited`,"
        " and no rule elsewhere can keep it from that; put it into a zone that lets it pass, with"
        " firewall-cmd --permanent --zone=trusted --add-interface=br0 and firewall-cmd --reload"
    )
    assert told("", intents) == [sentence]
    assert told('\t\tiifname "br0" goto filter_FWD_trusted\n', intents) == []
    assert told('\t\tiifname "br0" goto filter_FWD_public\n', Intents(publishes=intents.publishes)) == []


def test_a_drop_for_one_bridge_only_is_told_of_as_well() -> None:
    picky = obstacle(
        BaseChain(family="ip", table="picky", chain="forward", policy="accept"),
        'table ip picky {\n\tchain forward {\n\t\ttype filter hook forward priority 0; policy accept;\n\t\toifname "br0" counter packets 1 bytes 2 drop\n\t}\n}\n',
    )
    assert picky is not None
    assert obstacles("web", ForwardFilter(obstacles=(picky,)), Intents(networks=(LAN,))) == [
        (
            'the chain forward of the nft table ip picky drops what network br0 of web forwards, by `oifname "br0" drop`, and no rule elsewhere can keep it from'
            ' that; accept it there, with iifname "br0" accept and oifname "br0" ct state established,related accept, and ct status dnat accept for'
            " published ports"
        )
    ]
