"""Our table in a namespace: loaded, read back, replaced, told from other people's. The witness is `nft -j list ruleset`."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterator

import pytest
from firewall_net import ask, ruleset, run

from netwright.backends.nft import Nft
from netwright.errors import FirewallError, Refused
from netwright.firewall.compiler import compile_table
from netwright.firewall.intents import Intents, Publish
from netwright.model.firewall import Published, Table
from netwright.model.netns import HOST, NetnsRef, named
from netwright.model.operation import DeleteTable, ReplaceTable
from netwright.ports import OperationFailed

pytestmark = pytest.mark.netns


@pytest.fixture
def netns() -> Iterator[str]:
    run("ip", "netns", "add", "t1")
    yield "t1"
    run("ip", "netns", "delete", "t1", check=False)


def table_of(*ports: int, target: str = "192.0.2.10") -> Table:
    publishes = tuple(
        Publish(protocol="udp", ports=(p, p), target=target, target_ports=(p + 1, p + 1), sources=("198.51.100.0/24",)) for p in ports
    )
    table = compile_table("one-two", Intents(publishes=publishes))
    assert table is not None
    return table


def replace(table: Table, netns: NetnsRef) -> None:
    Nft().execute([ReplaceTable(netns=netns, table=table, owner="one-two", why="a test")], lambda _: None)


def delete(name: str, netns: NetnsRef) -> None:
    Nft().execute([DeleteTable(netns=netns, name=name, why="a test")], lambda _: None)


def observe(netns: str, name: str = "nw_one_two") -> Table | None:
    return Nft().observe_tables({named(netns): name}).get(named(netns))


def elements(netns: str, map_name: str) -> list[object]:
    (found,) = [entry["map"] for entry in ruleset(netns) if entry.get("map", {}).get("name") == map_name]
    return list(found["elem"])


def test_a_loaded_table_reads_back_as_what_was_loaded(netns: str) -> None:
    wanted = table_of(53, 54)
    replace(wanted, named(netns))
    seen = observe(netns)
    assert seen is not None
    assert (seen.name, seen.digest) == ("nw_one_two", wanted.digest)
    assert seen.published == {Published("udp", 53, "192.0.2.10", 54), Published("udp", 54, "192.0.2.10", 55)}
    assert elements(netns, "target_anywhere4") == [
        [{"concat": ["udp", 53]}, {"concat": ["192.0.2.10", 54]}],
        [{"concat": ["udp", 54]}, {"concat": ["192.0.2.10", 55]}],
    ]
    assert f'comment "netwright:one-two {wanted.digest}"' in run("nft", "list", "table", "inet", "nw_one_two", netns=netns)


def test_ipv6_targets_read_back_too(netns: str) -> None:
    publish = Publish(protocol="tcp", ports=(80, 80), target="fd00::a:0:b", target_ports=(8080, 8080), preserve=True)
    table = compile_table("one-two", Intents(publishes=(publish,)))
    assert table is not None
    replace(table, named(netns))
    seen = observe(netns)
    assert seen is not None
    assert seen.published == table.published == {Published("tcp", 80, "fd00::a:0:b", 8080)}


def test_replacing_leaves_nothing_of_the_old_table_and_other_tables_alone(netns: str) -> None:
    run("nft", "add table inet theirs; add chain inet theirs c; add rule inet theirs c counter", netns=netns)
    theirs = ruleset(netns)
    replace(table_of(53, 54), named(netns))
    replace(table_of(99), named(netns))
    assert elements(netns, "listen_anywhere4") == [[{"concat": ["udp", 99]}, {"jump": {"target": "anywhere_from4_1"}}]]
    assert [entry for entry in ruleset(netns) if "theirs" in str(entry)] == theirs
    delete("nw_one_two", named(netns))
    assert ruleset(netns) == theirs


def test_a_listing_is_the_same_however_often_the_table_is_loaded(netns: str) -> None:
    wanted = table_of(*range(1000, 1200))
    replace(wanted, named(netns))
    first = observe(netns)
    replace(wanted, named(netns))
    second = observe(netns)
    assert first is not None
    assert second is not None
    assert first.listing == second.listing is not None


@pytest.mark.parametrize(
    "edit",
    [
        "add element inet nw_one_two from4_1 { 203.0.113.0/24 }",
        "insert rule inet nw_one_two prerouting accept",
        "delete element inet nw_one_two listen_anywhere4 { udp . 53 }",
        "add chain inet nw_one_two more",
    ],
)
def test_another_hand_in_our_table_shows_in_its_listing(netns: str, edit: str) -> None:
    replace(table_of(53), named(netns))
    before = observe(netns)
    run("nft", edit, netns=netns)
    after = observe(netns)
    assert before is not None
    assert after is not None
    assert (after.digest, after.name) == (before.digest, before.name)
    assert (after.listing, after.elements) != (before.listing, before.elements)


def test_a_packet_does_not_show_in_the_listing(netns: str) -> None:
    replace(table_of(53), named(netns))
    run("nft", "add rule inet nw_one_two output counter", netns=netns)
    run("ip", "-n", netns, "link", "set", "lo", "up")
    before = observe(netns)
    assert ask(netns, "127.0.0.1", 9, "udp") == "refused"
    assert "counter packets 1 " in run("nft", "list", "chain", "inet", "nw_one_two", "output", netns=netns)
    assert observe(netns) == before


def test_a_namespace_without_our_table_or_without_itself_has_none(netns: str) -> None:
    assert Nft().observe_tables({named(netns): "nw_one_two", named("never-made"): "nw_one_two"}) == {}


def test_deleting_what_is_gone_is_done_at_once(netns: str) -> None:
    delete("nw_one_two", named(netns))
    delete("nw_one_two", named("never-made"))
    assert ruleset(netns) == []


def test_somebody_elses_table_of_our_name_is_never_touched(netns: str) -> None:
    run("nft", 'add table inet nw_one_two { comment "mine, says the administrator"; }', netns=netns)
    before = ruleset(netns)
    with pytest.raises(Refused, match="in t1 there is an nft table inet nw_one_two that Netwright did not make"):
        observe(netns)
    with pytest.raises(OperationFailed, match="did not make"):
        replace(table_of(53), named(netns))
    with pytest.raises(OperationFailed, match="did not make"):
        delete("nw_one_two", named(netns))
    assert ruleset(netns) == before


def test_what_nft_refuses_is_said_and_changes_nothing(netns: str) -> None:
    replace(table_of(53), named(netns))
    before = ruleset(netns)
    broken = dataclasses.replace(table_of(54), text="\tchain c {\n\t\tjump nowhere\n\t}\n")
    with pytest.raises(OperationFailed) as failure:
        replace(broken, named(netns))
    assert isinstance(failure.value.cause, FirewallError)
    assert (
        str(failure.value.cause)
        == "the nft table nw_one_two was not taken in t1: nftables says: Could not process rule: No such file or directory"
    )
    assert ruleset(netns) == before


def test_a_namespace_whose_table_was_looked_at_can_still_die(netns: str) -> None:
    run("ip", "link", "add", "stays", "type", "veth", "peer", "name", "inside", "netns", netns)
    replace(table_of(53), named(netns))
    assert observe(netns) is not None
    run("ip", "netns", "delete", netns)
    deadline = time.monotonic() + 10
    while "stays" in run("ip", "-br", "link") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert "stays" not in run("ip", "-br", "link")


def test_the_host_is_where_the_caller_is_and_the_caller_stays_there() -> None:
    before = os.readlink("/proc/thread-self/ns/net")
    wanted = table_of(53)
    replace(wanted, HOST)
    try:
        assert run("nft", "list", "tables") == "table inet nw_one_two\n"
        assert Nft().observe_tables({HOST: "nw_one_two"})[HOST].digest == wanted.digest
    finally:
        delete("nw_one_two", HOST)
    assert os.readlink("/proc/thread-self/ns/net") == before


def test_two_thousand_elements_are_loaded_and_read_back(netns: str) -> None:
    publish = Publish(protocol="tcp", ports=(20000, 21999), target="192.0.2.7", target_ports=(30000, 31999))
    table = compile_table("one-two", Intents(publishes=(publish,)))
    assert table is not None
    replace(table, named(netns))
    seen = observe(netns)
    assert seen is not None
    assert seen.published == table.published
    assert len(elements(netns, "published4")) == 2000
