"""Rules for chains of others, as iptables-save prints them; and what cannot be got around."""

from __future__ import annotations

import pytest

from netwright.firewall.foreign import foreign_rules, marked_stack
from netwright.firewall.intents import BridgeNetwork, Intents, Opening, Publish, Restriction
from netwright.firewall.obstruction import obstacles
from netwright.model.firewall import ForeignChain, ForwardFilter, Obstacle

LAN = BridgeNetwork(bridge="br0", subnets=("172.30.0.0/16",), masquerade=True, internal=False)
BOTH = BridgeNetwork(bridge="br1", subnets=("172.31.0.0/16", "fd31::/64"), masquerade=True, internal=False)
INTERNAL = BridgeNetwork(bridge="br2", subnets=("172.32.0.0/16",), masquerade=False, internal=True)
TO_DOCKER = Publish(protocol="tcp", ports=(8000, 8010), target="172.17.0.5", target_ports=(9000, 9010))
DOCKER_USER4, DOCKER_USER6 = (ForeignChain(family, "filter", "DOCKER-USER") for family in (4, 6))
DOCKER_HOST = ForwardFilter(drops=frozenset({4}), docker_user=frozenset({4}))


def test_a_restriction_is_by_the_port_that_was_asked_for_and_refuses_all_but_its_source() -> None:
    restriction = Restriction(protocol="tcp", ports=(8080, 8080), sources=("10.0.0.0/16",))
    forward = ForwardFilter(docker_user=frozenset({4, 6}))
    connection = "-m conntrack --ctstate DNAT --ctorigdstport 8080 --ctdir ORIGINAL"
    assert foreign_rules("web", forward, Intents(restrictions=(restriction,))) == {
        DOCKER_USER4: (
            f'! -s 10.0.0.0/16 -p tcp {connection} -m comment --comment "netwright:web restriction" -j REJECT --reject-with tcp-reset',
        ),
        DOCKER_USER6: (f'-p tcp {connection} -m comment --comment "netwright:web restriction" -j REJECT --reject-with tcp-reset',),
    }


def test_several_sources_are_left_out_of_what_is_refused_and_nobody_skips_the_rules_of_others() -> None:
    restriction = Restriction(protocol="udp", ports=(53, 54), sources=("10.0.0.0/16", "192.0.2.0/24"), address="198.51.100.1")
    tail = (
        "-m conntrack --ctstate DNAT --ctorigdst 198.51.100.1 --ctorigdstport 53:54 --ctdir ORIGINAL"
        ' -m comment --comment "netwright:web restriction" -j REJECT --reject-with icmp-port-unreachable'
    )
    assert foreign_rules("web", ForwardFilter(docker_user=frozenset({4, 6})), Intents(restrictions=(restriction,))) == {
        DOCKER_USER4: (
            f"-p udp -m iprange --src-range 0.0.0.0-9.255.255.255 {tail}",
            f"-p udp -m iprange --src-range 10.1.0.0-192.0.1.255 {tail}",
            f"-p udp -m iprange --src-range 192.0.3.0-255.255.255.255 {tail}",
        )
    }


def test_where_everybody_may_or_docker_has_no_chain_there_is_no_restriction() -> None:
    everybody = Restriction(protocol="tcp", ports=(80, 80), sources=("0.0.0.0/0", "::/0"))
    assert foreign_rules("web", ForwardFilter(docker_user=frozenset({4, 6})), Intents(restrictions=(everybody,))) == {}
    somebody = Restriction(protocol="tcp", ports=(80, 80), sources=())
    assert foreign_rules("web", ForwardFilter(), Intents(restrictions=(somebody,))) == {}


def test_a_network_is_let_through_where_forward_drops_after_those_who_are_shut_out() -> None:
    restriction = Restriction(protocol="sctp", ports=(99, 99), sources=())
    comment = '-m comment --comment "netwright:web network"'
    assert foreign_rules("web", DOCKER_HOST, Intents(networks=(LAN,), restrictions=(restriction,))) == {
        DOCKER_USER4: (
            (
                "-p sctp -m conntrack --ctstate DNAT --ctorigdstport 99 --ctdir ORIGINAL"
                ' -m comment --comment "netwright:web restriction" -j REJECT --reject-with icmp-port-unreachable'
            ),
            f"-i br0 ! -o br0 {comment} -j ACCEPT",
            f"-o br0 -m conntrack --ctstate RELATED,ESTABLISHED {comment} -j ACCEPT",
            f"-o br0 -m conntrack --ctstate DNAT {comment} -j ACCEPT",
        )
    }


def test_within_a_bridge_only_where_iptables_sees_its_frames_and_an_internal_network_nothing_else() -> None:
    forward = ForwardFilter(drops=frozenset({4, 6}), bridge_calls_iptables=frozenset({4}))
    comment = '-m comment --comment "netwright:web network"'
    beyond = (
        f"-i br1 ! -o br1 {comment} -j ACCEPT",
        f"-o br1 -m conntrack --ctstate RELATED,ESTABLISHED {comment} -j ACCEPT",
        f"-o br1 -m conntrack --ctstate DNAT {comment} -j ACCEPT",
    )
    assert foreign_rules("web", forward, Intents(networks=(BOTH, INTERNAL))) == {
        ForeignChain(4, "filter", "FORWARD"): (
            f"-i br1 -o br1 {comment} -j ACCEPT",
            *beyond,
            f"-i br2 -o br2 {comment} -j ACCEPT",
        ),
        ForeignChain(6, "filter", "FORWARD"): beyond,
    }


def test_a_publish_to_somebody_elses_network_is_let_through_by_what_it_translates_alone() -> None:
    inside = Publish(protocol="tcp", ports=(1, 1), target="172.30.0.10", target_ports=(1, 1))
    six = Publish(protocol="udp", ports=(53, 53), target="fd17::5", target_ports=(53, 53))
    assert foreign_rules("web", DOCKER_HOST, Intents(networks=(LAN,), publishes=(inside, TO_DOCKER, six)))[DOCKER_USER4][3:] == (
        (
            "-m conntrack --ctstate DNAT --ctproto 6 --ctreplsrc 172.17.0.5 --ctorigdstport 8000:8010 --ctreplsrcport 9000:9010"
            ' -m comment --comment "netwright:web publish" -j ACCEPT'
        ),
    )


def test_where_nothing_is_dropped_nothing_is_put_but_what_docker_itself_may_drop() -> None:
    intents = Intents(networks=(LAN,), publishes=(TO_DOCKER,))
    assert foreign_rules("web", ForwardFilter(), intents) == {}
    assert foreign_rules("web", ForwardFilter(docker_user=frozenset({4, 6})), intents) == {
        DOCKER_USER4: (
            (
                "-m conntrack --ctstate DNAT --ctproto 6 --ctreplsrc 172.17.0.5 --ctorigdstport 8000:8010 --ctreplsrcport 9000:9010"
                ' -m comment --comment "netwright:web publish" -j ACCEPT'
            ),
        )
    }


@pytest.mark.parametrize(
    ("rule", "stack"),
    [
        ('-i br0 -m comment --comment "netwright:web network" -j ACCEPT', "web"),
        ('-i br0 -m comment --comment "netwright:web-2 network" -j ACCEPT', "web-2"),
        ('-i br0 -m comment --comment "of netwright:web network" -j ACCEPT', None),
        ("-i br0 -m comment --comment web -j ACCEPT", None),
        (r'-m comment --comment "say --comment \"netwright:web x\"" -j DROP', None),
        ("-j RETURN", None),
    ],
)
def test_a_rule_is_ours_by_its_comment(rule: str, stack: str | None) -> None:
    assert marked_stack(rule) == stack


def test_a_chain_that_drops_is_named_with_its_rule_and_what_to_do() -> None:
    wall = Obstacle(family="inet", table="wall", chain="fwd", rule="policy drop")
    found = obstacles("web", ForwardFilter(obstacles=(wall,)), Intents(networks=(LAN,), publishes=(TO_DOCKER,)))
    assert found == [
        (
            "the chain fwd of the nft table inet wall drops what network br0 of web forwards, by `policy drop`, and no rule elsewhere can keep it from"
            ' that; accept it there, with iifname "br0" accept and oifname "br0" ct state established,related accept, and ct status dnat accept for'
            " published ports"
        ),
        (
            "the chain fwd of the nft table inet wall drops what web publishes to 172.17.0.5, by `policy drop`, and no rule elsewhere can keep it from"
            " that; accept it there, with ct status dnat accept"
        ),
    ]


@pytest.mark.parametrize("mentions", [{"br0"}, {"br*"}, {"*"}])
def test_a_chain_that_names_the_bridge_was_written_with_it_in_mind(mentions: set[str]) -> None:
    wall = Obstacle(family="ip", table="wall", chain="fwd", rule="policy drop", mentions=frozenset(mentions))
    assert obstacles("web", ForwardFilter(obstacles=(wall,)), Intents(networks=(LAN,))) == []
    assert len(obstacles("web", ForwardFilter(obstacles=(wall,)), Intents(networks=(BOTH,)))) == (0 if mentions != {"br0"} else 1)


def test_a_chain_that_lets_translated_connections_through_is_none_for_a_publish() -> None:
    wall = Obstacle(family="ip", table="wall", chain="fwd", rule="policy drop", mentions=frozenset({"ct status dnat"}))
    assert obstacles("web", ForwardFilter(obstacles=(wall,)), Intents(publishes=(TO_DOCKER,))) == []


def test_only_what_passes_the_chain_is_stopped_by_it() -> None:
    six = Obstacle(family="ip6", table="wall", chain="fwd", rule="policy drop")
    assert obstacles("web", ForwardFilter(obstacles=(six,)), Intents(networks=(LAN, INTERNAL), publishes=(TO_DOCKER,))) == []
    four = Obstacle(family="ip", table="wall", chain="fwd", rule="policy drop")
    assert obstacles("web", ForwardFilter(obstacles=(four,)), Intents(networks=(INTERNAL,))) == []
    assert len(obstacles("web", ForwardFilter(obstacles=(four,), bridge_calls_iptables=frozenset({4})), Intents(networks=(INTERNAL,)))) == 1
    frames = Obstacle(family="bridge", table="wall", chain="fwd", rule="policy drop")
    assert len(obstacles("web", ForwardFilter(obstacles=(frames,)), Intents(networks=(INTERNAL,), publishes=(TO_DOCKER,)))) == 1


def test_a_port_of_dockers_that_the_file_opens_passes_a_forward_that_drops_where_docker_has_no_chain_in_it() -> None:
    opening = Opening(protocol="tcp", ports=(8080, 8080), sources=("10.0.0.0/16",), target="172.17.0.2")
    ours = Opening(protocol="tcp", ports=(90, 90), sources=None)
    intents = Intents(openings=(opening, ours))
    assert foreign_rules("web", ForwardFilter(drops=frozenset({4, 6})), intents) == {
        ForeignChain(4, "filter", "FORWARD"): (
            (
                "-m conntrack --ctstate DNAT --ctproto 6 --ctreplsrc 172.17.0.2 --ctorigdstport 8080"
                ' -m comment --comment "netwright:web publish" -j ACCEPT'
            ),
        )
    }
    assert foreign_rules("web", DOCKER_HOST, intents) == {}
