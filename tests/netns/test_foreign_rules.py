"""Our marked rules among other people's, in both kinds of iptables. The witness is iptables-save; the rest is real packets."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from firewall_net import run

from netwright.backends.iptables import Iptables
from netwright.backends.nft import Nft
from netwright.firewall.foreign import foreign_rules
from netwright.firewall.intents import BridgeNetwork, Intents, Publish, Restriction
from netwright.model.firewall import ForeignChain, ForeignRules
from netwright.model.netns import HOST
from netwright.model.operation import SetForeignRules
from own_host import away, new_network

pytestmark = pytest.mark.netns

CHAINS = frozenset(ForeignChain(family, "filter", "DOCKER-USER") for family in (4, 6))
EVERYTHING = Intents(
    networks=(
        BridgeNetwork(bridge="nw0", subnets=("172.31.0.0/16", "fd31::/64"), masquerade=True, internal=False),
        BridgeNetwork(bridge="nw1", subnets=("172.32.0.0/16", "fd32::/64"), masquerade=True, internal=True),
    ),
    publishes=(
        Publish(protocol="tcp", ports=(8000, 8010), target="172.17.0.5", target_ports=(9000, 9010)),
        Publish(protocol="udp", ports=(53, 53), target="fd17::5", target_ports=(5353, 5353)),
        Publish(protocol="sctp", ports=(36412, 36412), target="172.17.0.5", target_ports=(36412, 36412)),
    ),
    restrictions=(
        Restriction(protocol="tcp", ports=(8080, 8080), sources=("10.0.0.0/16",)),
        Restriction(protocol="udp", ports=(8080, 8090), sources=("10.0.0.0/16", "192.0.2.7/32", "fd10::/64", "fd12::1/128"), address=None),
        Restriction(protocol="sctp", ports=(99, 99), sources=("0.0.0.1/32", "255.255.255.254/32"), address="198.51.100.1"),
    ),
)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """A network of the test's own; its rules go with it."""
    with away():
        new_network()
        yield


@pytest.fixture(params=["nft", "legacy"])
def kind(request: pytest.FixtureRequest) -> str:
    """A Docker-like host in one kind of iptables: FORWARD drops, and others' rules stand in DOCKER-USER."""
    kind: str = request.param
    for word in ("iptables", "ip6tables"):
        program = f"{word}-{kind}"
        run(program, "-P", "FORWARD", "DROP")
        run(program, "-N", "DOCKER-USER")
        run(program, "-A", "FORWARD", "-j", "DOCKER-USER")
        run(program, "-A", "DOCKER-USER", "-i", "eth9", "-m", "comment", "--comment", "of the administrator", "-j", "DROP")
        run(program, "-A", "DOCKER-USER", "-j", "RETURN")
    return kind


def saved(kind: str, word: str = "iptables") -> list[str]:
    """iptables-save's lines without counters, times and warnings."""
    return [
        re.sub(r" \[\d+:\d+\]", "", line) for line in run(f"{word}-{kind}-save", "-t", "filter").splitlines() if not line.startswith("#")
    ]


def put(chain: ForeignChain, new: tuple[str, ...], old: tuple[str, ...] = ()) -> None:
    Iptables().execute([SetForeignRules(netns=HOST, chain=chain, old=old, new=new, why="a test")], lambda _: None)


def observe(stack: str = "web") -> dict[ForeignChain, ForeignRules]:
    return Iptables().observe_foreign(CHAINS, stack)


def test_what_is_put_reads_back_as_the_same_text(kind: str) -> None:
    forward = Nft().observe_forward()
    assert (forward.drops, forward.docker_user, forward.obstacles) == ({4, 6}, {4, 6}, ())
    wanted = foreign_rules("web", forward, EVERYTHING)
    assert set(wanted) == CHAINS
    assert [len(rules) for rules in wanted.values()] == [14, 10]
    for chain, rules in wanted.items():
        put(chain, rules)
    assert observe() == {chain: ForeignRules(rules=rules, on_top=True) for chain, rules in wanted.items()}
    for chain, rules in wanted.items():
        put(chain, rules, old=rules)
    assert observe() == {chain: ForeignRules(rules=rules, on_top=True) for chain, rules in wanted.items()}


def test_ours_stand_before_other_peoples_and_go_without_touching_them(kind: str) -> None:
    before = saved(kind), saved(kind, "ip6tables")
    four = ForeignChain(4, "filter", "DOCKER-USER")
    rules = tuple(f'-i lan{n} -m comment --comment "netwright:web network" -j ACCEPT' for n in (1, 2))
    put(four, rules)
    assert saved(kind) == [
        "*filter",
        ":INPUT ACCEPT",
        ":FORWARD DROP",
        ":OUTPUT ACCEPT",
        ":DOCKER-USER -",
        "-A FORWARD -j DOCKER-USER",
        '-A DOCKER-USER -i lan1 -m comment --comment "netwright:web network" -j ACCEPT',
        '-A DOCKER-USER -i lan2 -m comment --comment "netwright:web network" -j ACCEPT',
        '-A DOCKER-USER -i eth9 -m comment --comment "of the administrator" -j DROP',
        "-A DOCKER-USER -j RETURN",
        "COMMIT",
    ]
    put(four, rules[1:], old=rules)
    assert observe()[four] == ForeignRules(rules=rules[1:])
    put(four, (), old=rules[1:])
    assert (saved(kind), saved(kind, "ip6tables")) == before


def test_rules_that_another_put_before_ours_are_noticed_and_passed(kind: str) -> None:
    four = ForeignChain(4, "filter", "DOCKER-USER")
    rules = ('-i lan1 -m comment --comment "netwright:web network" -j ACCEPT',)
    put(four, rules)
    run(f"iptables-{kind}", "-I", "DOCKER-USER", "-s", "10.9.9.9/32", "-j", "DROP")
    assert observe()[four] == ForeignRules(rules=rules, on_top=False)
    put(four, rules, old=rules)
    assert observe()[four] == ForeignRules(rules=rules, on_top=True)
    assert len(saved(kind)) == 11


def test_two_stacks_share_a_chain_and_neither_counts_the_other_as_a_stranger(kind: str) -> None:
    four = ForeignChain(4, "filter", "DOCKER-USER")
    one = ('-i lan1 -m comment --comment "netwright:web network" -j ACCEPT',)
    two = ('-i lan2 -m comment --comment "netwright:web-2 network" -j ACCEPT',)
    put(four, one)
    put(four, two)
    assert observe("web")[four] == ForeignRules(rules=one, on_top=True)
    assert observe("web-2")[four] == ForeignRules(rules=two, on_top=True)
    put(four, (), old=one)
    assert observe("web")[four] == ForeignRules()
    assert observe("web-2")[four] == ForeignRules(rules=two)


def test_after_the_chain_was_flushed_the_rules_come_back(kind: str) -> None:
    four = ForeignChain(4, "filter", "DOCKER-USER")
    rules = ('-i lan1 -m comment --comment "netwright:web network" -j ACCEPT',)
    put(four, rules)
    run(f"iptables-{kind}", "-F", "DOCKER-USER")
    assert observe()[four] == ForeignRules()
    put(four, rules)
    assert observe()[four] == ForeignRules(rules=rules)
    run(f"iptables-{kind}", "-F", "DOCKER-USER")
    put(four, (), old=rules)
    assert observe()[four] == ForeignRules()


def test_rules_twice_in_a_chain_are_seen_as_such_and_made_single(kind: str) -> None:
    four = ForeignChain(4, "filter", "DOCKER-USER")
    rules = ('-i lan1 -m comment --comment "netwright:web network" -j ACCEPT',)
    put(four, rules)
    run(f"iptables-{kind}", "-A", "DOCKER-USER", "-i", "lan1", "-m", "comment", "--comment", "netwright:web network", "-j", "ACCEPT")
    assert observe()[four] == ForeignRules(rules=rules * 2, on_top=False)
    put(four, rules, old=rules * 2)
    assert observe()[four] == ForeignRules(rules=rules)


def test_others_counters_are_kept(kind: str) -> None:
    four = ForeignChain(4, "filter", "DOCKER-USER")
    run(f"iptables-{kind}", "-A", "DOCKER-USER", "-s", "10.9.9.9/32", "-c", "17", "1700", "-j", "DROP")
    put(four, ('-i lan1 -m comment --comment "netwright:web network" -j ACCEPT',))
    assert "[17:1700] -A DOCKER-USER -s 10.9.9.9/32 -j DROP" in run(f"iptables-{kind}-save", "-c", "-t", "filter")


def test_where_iptables_is_not_in_use_there_is_nothing_and_nothing_to_take_out() -> None:
    assert observe() == {chain: ForeignRules() for chain in CHAINS}
    put(ForeignChain(4, "filter", "DOCKER-USER"), (), old=('-i lan1 -m comment --comment "netwright:web network" -j ACCEPT',))
