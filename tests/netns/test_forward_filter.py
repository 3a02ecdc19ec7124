"""What others drop of what the host forwards, as it is found on hosts that iptables, nft and firewall daemons have set up."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from firewall_net import run

from netwright.backends.nft import Nft
from netwright.model.firewall import ForwardFilter, Obstacle
from own_host import away, new_network

pytestmark = pytest.mark.netns

SWITCHES = ("net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """A network in which the kernel's older tables were never used: once in use, they stay."""
    with away():
        new_network()
        run("sysctl", "-qw", *(f"{key}=0" for key in SWITCHES))
        yield


def nft(text: str) -> None:
    run("nft", "-f", "-", stdin=text)


def observe() -> ForwardFilter:
    return Nft().observe_forward()


def no_program(*arguments: object, **options: object) -> None:
    raise AssertionError(f"a program was started: {arguments}")


def test_an_untouched_host_drops_nothing_and_no_program_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", no_program)
    assert observe() == ForwardFilter()


def test_a_policy_of_iptables_nft_is_found_by_version_without_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    run("ip6tables-nft", "-P", "FORWARD", "DROP")
    run("iptables-nft", "-P", "INPUT", "DROP")
    monkeypatch.setattr(subprocess, "Popen", no_program)
    assert observe() == ForwardFilter(drops=frozenset({6}))


def test_a_policy_of_iptables_legacy_is_found_by_version() -> None:
    run("iptables-legacy", "-P", "FORWARD", "DROP")
    assert observe() == ForwardFilter(drops=frozenset({4}))


@pytest.mark.parametrize("kind", ["nft", "legacy"])
def test_docker_user_counts_where_forward_leads_to_it(kind: str) -> None:
    run(f"iptables-{kind}", "-N", "DOCKER-USER")
    assert observe() == ForwardFilter()
    run(f"iptables-{kind}", "-A", "FORWARD", "-j", "DOCKER-USER")
    assert observe() == ForwardFilter(docker_user=frozenset({4}))


@pytest.mark.parametrize("kind", ["nft", "legacy"])
@pytest.mark.parametrize("target", [("DROP",), ("REJECT", "--reject-with", "icmp-host-prohibited")])
def test_a_last_rule_that_stops_everything_is_as_good_as_a_policy(kind: str, target: tuple[str, ...]) -> None:
    run(f"iptables-{kind}", "-A", "FORWARD", "-i", "eth0", "-j", "DROP")
    assert observe() == ForwardFilter()
    run(f"iptables-{kind}", "-A", "FORWARD", "-m", "comment", "--comment", 'the "rest"', "-j", *target)
    assert observe() == ForwardFilter(drops=frozenset({4}))


@pytest.mark.parametrize(("kind", "rule"), [("nft", "drop (iptables-nft)"), ("legacy", "-j DROP (iptables-legacy)")])
def test_a_rule_that_stops_everything_before_docker_user_cannot_be_got_around(kind: str, rule: str) -> None:
    run(f"iptables-{kind}", "-N", "DOCKER-USER")
    run(f"iptables-{kind}", "-A", "FORWARD", "-j", "DROP")
    run(f"iptables-{kind}", "-A", "FORWARD", "-j", "DOCKER-USER")
    assert observe() == ForwardFilter(
        docker_user=frozenset({4}), obstacles=(Obstacle(family="ip", table="filter", chain="FORWARD", rule=rule),)
    )


def test_where_both_kinds_drop_the_one_without_docker_is_an_obstacle() -> None:
    run("iptables-nft", "-P", "FORWARD", "DROP")
    run("iptables-legacy", "-P", "FORWARD", "DROP")
    run("iptables-legacy", "-N", "DOCKER-USER")
    run("iptables-legacy", "-A", "FORWARD", "-j", "DOCKER-USER")
    assert observe() == ForwardFilter(
        drops=frozenset({4}),
        docker_user=frozenset({4}),
        obstacles=(Obstacle(family="ip", table="filter", chain="FORWARD", rule="policy drop (iptables-nft)"),),
    )


def test_other_tables_of_nft_that_drop_are_obstacles_with_what_they_name() -> None:
    nft("""
        table inet wall {
            set lans { type ifname; elements = { "lan0" }
            }
            chain ahead {
                type filter hook forward priority -5; policy drop;
                iifname "br-*" accept
                ct status dnat counter accept
            }
        }
        table ip6 fence {
            chain forward {
                type filter hook forward priority 10; policy accept;
                ct state established accept
                counter log prefix "gone" reject with icmpv6 admin-prohibited
            }
        }
        table bridge layer2 {
            chain forward { type filter hook forward priority 0; policy drop
            }
        }
        table ip picky {
            chain forward { type filter hook forward priority 0; policy accept
                iifname "x" drop
            }
        }
        table ip harmless {
            chain forward { type filter hook forward priority 1; policy accept
                iifname "x" accept
            }
            chain elsewhere { type filter hook input priority 0; policy drop
            }
        }
    """)
    assert set(observe().obstacles) == {
        Obstacle(family="inet", table="wall", chain="ahead", rule="policy drop", mentions=frozenset({"br-*", "lan0", "ct status dnat"})),
        Obstacle(family="ip6", table="fence", chain="forward", rule="reject with icmpv6 admin-prohibited"),
        Obstacle(family="bridge", table="layer2", chain="forward", rule="policy drop"),
        Obstacle(family="ip", table="picky", chain="forward", rule="", mentions=frozenset({"x"})),
    }


def test_another_table_of_iptables_that_drops_is_an_obstacle() -> None:
    run("iptables-nft", "-t", "mangle", "-P", "FORWARD", "DROP")
    assert observe().obstacles == (Obstacle(family="ip", table="mangle", chain="FORWARD", rule="policy drop"),)


def test_the_bridge_switches_are_read_by_version() -> None:
    run("sysctl", "-qw", f"{SWITCHES[1]}=1")
    assert observe() == ForwardFilter(bridge_calls_iptables=frozenset({6}))


@pytest.mark.parametrize(("family", "table"), [("inet", "nw_lab"), ("inet", "nwp_lab"), ("bridge", "nwa_lab")])
def test_tables_of_ours_are_no_obstacles(family: str, table: str) -> None:
    nft(f"table {family} {table} {{ chain forward {{ type filter hook forward priority 0; policy accept; drop; }}\n}}\n")
    assert observe().obstacles == ()
