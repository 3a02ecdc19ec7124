"""Stacks beside each other and beside what others made; what is external; names; and a memory that was lost."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from stacks import HOST, Stacks, addresses, ask, devices, ip, outside, reaches, routes, run, serving, witness

from netwright.errors import NetwrightError, Refused

ONE = """\
version: 1
name: one
networks: {lan: {bridge: br-one, subnets: [10.30.0.0/24, "fd30::/64"]}}
namespaces:
  one-a: {interfaces: {eth0: {network: lan, address: [10.30.0.10, "fd30::10"]}}}
host: {publish: [{listen: 8080, to: "one-a:80"}], sysctls: {net.ipv4.ip_default_ttl: 77}}
"""
TWO = ONE.replace("10.30.", "10.31.").replace("fd30", "fd31").replace("one", "two").replace("8080", "8081")


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[Stacks]:
    with outside():
        made = Stacks(tmp_path / "state")
        yield made
        made.destroy_all()


def sysctl(key: str) -> str:
    return run("sysctl", "-n", key).strip()


@pytest.mark.parametrize("order", [("one", "two"), ("two", "one")])
def test_two_stacks_stand_side_by_side_and_the_last_gives_back(stacks: Stacks, order: tuple[str, str]) -> None:
    before = witness()
    stacks.apply(ONE)
    alone = witness()
    stacks.apply(TWO)
    with serving("one-a", "0.0.0.0", 80), serving("two-a", "0.0.0.0", 80):
        assert ask("ext", "10.9.0.1", 8080) == "served 80 10.30.0.1"
        assert ask("ext", "10.9.0.1", 8081) == "served 80 10.31.0.1"
        assert reaches("one-a", "10.31.0.10")
    stacks.destroy(order[0])
    assert [sysctl("net.ipv4.ip_forward"), sysctl("net.ipv4.ip_default_ttl")] == ["1", "77"]
    if order[0] == "two":
        assert witness() == alone
    stacks.destroy(order[1])
    assert witness() == before
    assert sysctl("net.ipv4.ip_default_ttl") == "64"


@pytest.mark.parametrize(
    ("theirs", "words"),
    [
        (TWO.replace("two-a", "one-a"), "the namespace one-a exists already, and belongs to the stack one"),
        (TWO.replace("br-two", "br-one"), "the host has an interface br-one of the stack one"),
        (TWO.replace("10.31.0", "10.30.0"), "10.30.0.0/24 overlaps 10.30.0.0/24, which the host reaches through br-one"),
    ],
    ids=["namespace", "bridge", "subnet"],
)
def test_what_another_stack_has_is_refused_and_untouched(stacks: Stacks, theirs: str, words: str) -> None:
    stacks.apply(ONE)
    alone = witness()
    with pytest.raises(NetwrightError, match=words):
        stacks.apply(theirs)
    assert witness() == alone


def test_what_others_made_is_refused_and_untouched(stacks: Stacks) -> None:
    run("ip", "netns", "add", "one-a")
    run("ip", "link", "add", "br-one", "type", "bridge")
    before = witness()
    with pytest.raises(Refused) as refused:
        stacks.apply(ONE)
    assert str(refused.value).splitlines() == [
        "the namespace one-a exists already, and is not Netwright's; external: true joins it as it is",
        "the host already has an interface br-one, and it is not Netwright's",
    ]
    assert witness() == before
    run("ip", "netns", "del", "one-a")
    run("ip", "link", "del", "br-one")


JOIN = """\
version: 1
name: guest
networks:
  theirs: {external: true, bridge: br-theirs, subnets: [10.60.0.0/24], gateway: 10.60.0.1}
  ours: {bridge: br-ours, subnets: [10.61.0.0/24]}
namespaces:
  room:
    external: true
    interfaces: {eth0: {network: ours, address: 10.61.0.10}, eth1: {network: theirs, address: 10.60.0.10}}
    routes: [{to: 192.0.2.0/24, via: 10.61.0.1}]
    sysctls: {net.ipv4.ip_default_ttl: 77}
    publish: [{listen: 8080, to: "own:80", source: preserve}]
  own: {interfaces: {eth0: {network: ours, address: 10.61.0.11}, eth1: {network: theirs, address: 10.60.0.11, default_route: false}}}
"""


@pytest.fixture
def theirs() -> Iterator[None]:
    """A bridge, and a namespace with something in it, that somebody else has made."""
    run("ip", "link", "add", "br-theirs", "type", "bridge")
    run("ip", "address", "add", "10.60.0.1/24", "dev", "br-theirs")
    run("ip", "link", "set", "br-theirs", "up")
    run("ip", "netns", "add", "room")
    run("ip", "link", "add", "old0", "type", "veth", "peer", "name", "old1", netns="room")
    for name, address in (("old0", "10.62.0.1/24"), ("lo", "10.63.0.1/32")):
        run("ip", "address", "add", address, "dev", name, netns="room")
        run("ip", "link", "set", name, "up", netns="room")
    run("ip", "route", "add", "blackhole", "198.51.100.0/24", netns="room")
    run("nft", "add", "table", "inet", "theirs", netns="room")
    yield
    run("ip", "netns", "del", "room")
    run("ip", "link", "del", "br-theirs")


@pytest.mark.usefixtures("theirs")
def test_what_is_external_is_joined_and_left_as_it_was(stacks: Stacks) -> None:
    before = witness()
    stacks.apply(JOIN)
    assert devices("room") == ["eth0", "eth1", "old0", "old1"]
    assert sorted(x["ifname"] for x in ip("link", "show", "master", "br-theirs")) == sorted(
        x["ifname"] for x in ip("link", "show", "master", "br-theirs") if x["ifalias"] == "netwright:guest"
    )
    assert reaches("room", "10.60.0.1")
    assert reaches("own", "10.60.0.10")
    with serving("own", "0.0.0.0", 80):
        assert ask(HOST, "10.61.0.10", 8080) == "served 80 10.61.0.10"
    stacks.apply(JOIN.replace("    routes: [{to: 192.0.2.0/24, via: 10.61.0.1}]\n", "").replace("10.60.0.10", "10.60.0.12"))
    assert not any("192.0.2.0" in line for line in routes("room"))
    assert addresses("eth1", "room") == ["10.60.0.12/24"]
    stacks.destroy("guest")
    assert witness() == before
    assert run("sysctl", "-n", "net.ipv4.ip_default_ttl", netns="room") == "64\n"


@pytest.mark.usefixtures("theirs")
def test_an_external_thing_that_is_gone_is_said_so_and_does_not_stop_destroy(stacks: Stacks) -> None:
    stacks.apply(JOIN)
    run("ip", "netns", "del", "room")
    run("ip", "link", "del", "br-theirs")
    with pytest.raises(NetwrightError, match="there is no bridge br-theirs on the host"):
        stacks.apply(JOIN)
    stacks.destroy("guest")
    assert devices() == ["eth1"]
    run("ip", "netns", "add", "room")
    run("ip", "link", "add", "br-theirs", "type", "bridge")


@pytest.mark.parametrize("what", ["destroy", "apply"])
def test_a_stack_whose_memory_was_lost_is_known_by_its_marks(stacks: Stacks, what: str) -> None:
    before = witness()
    stacks.apply(ONE)
    whole = witness()
    shutil.rmtree(stacks.folder)
    if what == "apply":
        stacks.apply(ONE)
        assert witness() == whole
        edited = ONE.replace("one-a", "one-b").replace('host: {publish: [{listen: 8080, to: "one-b:80"}], sysctls', "host: {sysctls")
        shutil.rmtree(stacks.folder)
        stacks.apply(edited)
        assert "one-a" not in run("ip", "netns", "list")
        assert "8080" not in run("nft", "list", "ruleset")
    stacks.destroy("one")
    # What the host's sysctls were is lost with the memory.
    lost = {key: value for key, value in witness().items() if key != "/host/sysctls"}
    assert lost == {key: value for key, value in before.items() if key != "/host/sysctls"}
    run("sysctl", "-qw", "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0", "net.ipv4.ip_default_ttl=64")


def test_names_are_found_by_what_runs_in_a_namespace(stacks: Stacks) -> None:
    stacks.apply(ONE + "  # no more\n")
    script = "import socket; print(sorted({x[4][0] for x in socket.getaddrinfo('one-a', 80)}))"
    command = [sys.executable, "-m", "netwright", "exec", "one-a", "--", sys.executable, "-c", script]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout == "['10.30.0.10', 'fd30::10']\n"
    assert run("ip", "netns", "exec", "one-a", sys.executable, "-c", script) == done.stdout
