"""The daemon puts back what is undone of a stack, and nothing else; iproute2 and nft are the witnesses."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from daemons import SHOP, left, repaired, sh
from stacks import Stacks, ask, outside, serving, settled, witness

import netwright
from daemon_process import DaemonProcess, until
from netwright.backends.listening.folders import FolderEars

pytestmark = pytest.mark.netns

MORE = """\
version: 1
name: shop
networks: {lan: {subnets: [10.3.0.0/24], bridge: br-shop, masquerade: false}}
namespaces:
  web: {interfaces: {eth0: {network: lan, address: 10.3.0.7}}}
"""
EDITED = MORE + "  other: {interfaces: {eth0: {network: lan, address: 10.3.0.8, mtu: 1300}}}\n"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[DaemonProcess]:
    """One that runs. Its stack does not outlive the test."""
    daemon = DaemonProcess(tmp_path)
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.close()
        Stacks(daemon.state).destroy_all()


PUT_BACK = {
    "nft flush ruleset": ["load nft table nw_shop (2 published ports) on the host"],
    "nft delete table inet nw_shop": ["load nft table nw_shop (2 published ports) on the host"],
    "nft flush chain inet nw_shop $(nft list chains inet | sed -n '/nw_shop/,/^}/s/.*chain \\([a-z_-]*\\) {.*/\\1/p' | head -n1)": [
        "load nft table nw_shop (2 published ports) on the host"
    ],
    "nsenter --net=/run/netns/web nft flush ruleset": ["load nft table nw_shop (1 published port) in web"],
    "ip address flush dev br-shop": [
        "add address 10.3.0.1/24 on br-shop on the host",
        "add address fd03::1/64 on br-shop on the host",
        "add route to 10.98.0.0/16 via 10.3.0.7 on the host",
    ],
    "ip -n web address flush dev eth0": [
        "add address 10.3.0.7/24 on eth0 in web",
        "add address fd03::2/64 on eth0 in web",
        "add default route via 10.3.0.1 through eth0 in web",
        "add route to 10.99.0.0/16 via 10.3.0.1 through eth0 in web",
    ],
    "ip route delete 10.98.0.0/16": ["add route to 10.98.0.0/16 via 10.3.0.7 on the host"],
    "ip -n web route delete default": ["add default route via 10.3.0.1 through eth0 in web"],
    "ip -n web route delete 10.99.0.0/16": ["add route to 10.99.0.0/16 via 10.3.0.1 through eth0 in web"],
    "ip -n web link set lo down": ["set lo up in web"],
    "ip -n web link set eth0 mtu 1500": ["set mtu 1400 of eth0 in web"],
    "sysctl -qw net.ipv4.ip_forward=0": ["set net.ipv4.ip_forward to 1 on the host"],
    "nsenter --net=/run/netns/web sysctl -qw net.ipv4.conf.all.rp_filter=0": ["set net.ipv4.conf.all.rp_filter to 2 in web"],
}


def test_whatever_is_undone_is_put_back_and_nothing_else_is_done(daemon, host) -> None:
    daemon.apply(SHOP)
    whole = settled(witness())
    assert {undoing: repaired(daemon, undoing, whole) for undoing in PUT_BACK} == PUT_BACK


@pytest.mark.parametrize(
    "undoing",
    [
        "ip link delete br-shop",
        "ip -n web link delete eth0",
        "ip netns delete web",
        "umount /run/netns/web && rm /run/netns/web",
        "ip link set br-shop down",
        "ip netns delete web; ip link delete br-shop; nft flush ruleset; sysctl -qw net.ipv4.ip_forward=0",
    ],
)
def test_links_and_namespaces_that_are_gone_are_made_again_with_all_that_they_had(daemon, host, undoing) -> None:
    daemon.apply(SHOP)
    whole = settled(witness())
    assert repaired(daemon, undoing, whole) != []
    # It hears what was made anew as well as it heard what was there before.
    assert repaired(daemon, "ip -n web route delete default", whole) == PUT_BACK["ip -n web route delete default"]
    assert repaired(daemon, "ip address flush dev br-shop", whole) == PUT_BACK["ip address flush dev br-shop"]


def test_published_ports_are_served_again_by_real_packets(daemon, host) -> None:
    with outside(), ExitStack() as servers:
        daemon.apply(SHOP)
        servers.enter_context(serving("web", "10.3.0.7", 80))
        assert ask("ext", "10.9.0.1", 8080) == "served 80 10.3.0.1"
        sh("nft flush ruleset")
        daemon.wait_for("repaired")
        assert ask("ext", "10.9.0.1", 8080) == "served 80 10.3.0.1"
        daemon.end()
        Stacks(daemon.state).destroy_all()


def test_what_is_not_of_a_stack_is_left_as_others_leave_it(daemon, host) -> None:
    sh("ip link add foreign0 type bridge; ip address add 10.88.0.1/24 dev foreign0; ip link set foreign0 up")
    sh("ip route add 10.87.0.0/16 via 10.88.0.9; ip netns add theirs")
    sh("nft add table inet theirs; nft add chain inet theirs in; nft add rule inet theirs in tcp dport 9 drop")
    daemon.apply(SHOP)
    rest = daemon.quiet()
    try:
        # All of theirs changes: nothing is done, and nobody even looks.
        sh("ip address flush dev foreign0; ip link set foreign0 mtu 1300; ip netns add theirs2; ip netns delete theirs2")
        sh("nft add rule inet theirs in tcp dport 10 drop; ip -n theirs link set lo up")
        assert daemon.quiet() - rest < 0.25
        # All that is gone was theirs and the stack's: only the stack's comes back.
        sh("nft flush ruleset; ip link delete foreign0; ip netns delete theirs")
        daemon.wait_for("repaired")
        daemon.quiet()
        assert sh("nft list tables") == "table inet nw_shop\n"
        assert "theirs" not in sh("ip netns list")
        assert "foreign0" not in sh("ip -br link")
        assert [event["done"] for event in daemon.repairs()] == [PUT_BACK["nft flush ruleset"]]
    finally:
        sh("nft delete table inet theirs || true; ip link delete foreign0 || true; ip netns delete theirs || true")
    daemon.end()
    Stacks(daemon.state).destroy_all()
    assert left() == []


def test_a_repair_makes_it_look_a_few_times_and_then_it_rests(daemon, tmp_path, host) -> None:
    daemon.apply(SHOP)
    daemon.quiet()
    looks = FolderEars(str(daemon.state))
    (reader,) = looks.sources().values()
    try:
        sh("nft flush ruleset")
        daemon.wait_for("repaired")
        daemon.quiet()
        # The repair, and the look that finds it in order.
        assert 1 <= len([notice for notice in reader() if notice.kind.value == "state"]) <= 3
        sh("ip netns delete web")
        daemon.wait_for("repaired", 2)
        daemon.quiet()
        made = len([notice for notice in reader() if notice.kind.value == "state"])
        # The kernel itself goes on for two seconds: addresses are checked, carriers told (net/ipv6/addrconf.c).
        rest = time.monotonic()
        while time.monotonic() - rest < 1:
            if more := list(reader()):
                made += len(more)
                rest = time.monotonic()
            time.sleep(0.02)
        assert 2 <= made <= 12
        used = daemon.quiet()
        assert daemon.quiet() - used < 0.05
    finally:
        looks.close()


def test_who_fights_it_is_named_and_answered_ever_later(daemon, host) -> None:
    daemon.apply(SHOP)
    number = 0
    while len(daemon.events("fight")) < 3:
        number += 1
        assert number <= 40
        sh("nft flush ruleset")
        daemon.wait_for("repaired", number)
        daemon.quiet()
    fights = daemon.events("fight")
    assert [fight["again_in"] for fight in fights] == [1.0, 2.0, 4.0]
    for fight in fights:
        assert fight["message"] == "The same repair was needed again and again."
        assert re.fullmatch(r"nft \(PID \d+\) has changed it", fight["suspects"][0])
        assert not any("python" in one or "netwright" in one for one in fight["suspects"])
    # A repair is not made before its time.
    times = [event["at"] for event in daemon.repairs()]
    assert times[-2] - times[-3] >= 0.9
    assert times[-1] - times[-2] >= 1.9
    assert re.search(
        r"shop: The same repair .* Suspected: nft \(PID \d+\) has changed it.* The next attempt is in 4 seconds\.", daemon.words()
    )
    # Asked to look again, it does so at once.
    sh("nft flush ruleset")
    daemon.reload()
    daemon.wait_for("repaired", number + 1)
    assert daemon.events()[-1]["what"] == "repaired"


def test_it_follows_what_the_command_line_applies_edits_and_destroys(daemon, host) -> None:
    daemon.apply(MORE)
    daemon.quiet()
    daemon.apply(EDITED)
    edited = settled(witness())
    assert any(done.startswith("create namespace other") for done in repaired(daemon, "ip netns delete other", edited))
    daemon.apply(MORE)
    daemon.quiet()
    assert sh("ip netns list").split()[0] == "web"
    assert "other" not in sh("ip netns list")
    daemon.run("destroy", "shop")
    daemon.quiet()
    assert left() == []
    assert len(daemon.repairs()) == 1


def test_it_hears_what_was_destroyed_and_made_again_before_it_looked(daemon, host) -> None:
    daemon.apply(SHOP)
    daemon.quiet()
    # Under the same name, with the same file: another namespace, other links.
    daemon.send(signal.SIGSTOP)
    daemon.run("destroy", "shop")
    daemon.apply(SHOP)
    daemon.send(signal.SIGCONT)
    daemon.quiet()
    whole = settled(witness())
    assert repaired(daemon, "ip -n web route delete default", whole) == PUT_BACK["ip -n web route delete default"]
    assert repaired(daemon, "ip address flush dev br-shop", whole) == PUT_BACK["ip address flush dev br-shop"]


def test_a_namespace_that_is_deleted_dies_although_the_daemon_looks_at_it(daemon, host) -> None:
    daemon.apply(SHOP)
    for _ in range(2):
        sh("ip link add probe type veth peer name probe9; ip link set probe9 netns web")
        daemon.quiet()
        sh("ip netns delete web")
        # The kernel takes the other end away when the last that holds the namespace has let go.
        until("the namespace to die", lambda: "probe" not in sh("ip -br link"))
        until("another to be made", lambda: sh("ip -n web -br link || true").count("eth0") == 1)


def test_many_repairs_leave_no_descriptor_and_no_memory_behind(daemon, host) -> None:
    daemon.apply(SHOP)

    def rounds(numbers: range) -> None:
        for number in numbers:
            before = len(daemon.repairs())
            sh("nft flush ruleset; ip -n web address flush dev eth0" if number % 5 else "ip netns delete web")
            daemon.reload()
            until("a repair", lambda: len(daemon.repairs()) > before)  # noqa: B023 - it is called before the next round

    rounds(range(1, 11))
    daemon.quiet()
    descriptors, memory = daemon.descriptors(), daemon.memory()
    rounds(range(11, 41))
    daemon.quiet()
    assert daemon.descriptors() == descriptors
    assert daemon.memory() - memory < 6_000_000


def test_a_change_that_is_not_confirmed_in_time_is_taken_back(daemon, host) -> None:
    daemon.apply(MORE)
    before = settled(witness())
    with netwright.open_engine(state_folder=str(daemon.state)) as engine:
        engine.apply(netwright.parse(EDITED, "stack.yaml"), confirm_seconds=0.5)
    assert daemon.wait_for("expired")["stack"] == "shop"
    assert settled(before) == before


def test_what_cannot_be_taken_back_is_told_once_and_does_not_make_it_spin(daemon, host) -> None:
    daemon.apply(MORE)
    with netwright.open_engine(state_folder=str(daemon.state)) as engine:
        engine.apply(netwright.parse(SHOP, "stack.yaml"), confirm_seconds=1)
    # Somebody else's table under the stack's name: nothing of the stack can be looked at until it is gone.
    sh("nft delete table inet nw_shop; nft add table inet nw_shop")
    try:
        failed = daemon.wait_for("failed", 2)
        used = daemon.quiet()
        assert "there is an nft table inet nw_shop that Netwright did not make" in failed["message"]
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            time.sleep(0.05)
        assert daemon.quiet() - used < 1.0
        assert len(daemon.events("failed")) <= 5
    finally:
        sh("nft delete table inet nw_shop")
    daemon.reload()
    daemon.wait_for("expired")
