"""The daemon as a service: it starts at boot, is told things by signals, may be killed, is alone, and says what it did."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from daemons import SHOP, left, repaired, sh
from stacks import Stacks, devices, settled, witness

import own_host
from daemon_process import DaemonProcess, until

pytestmark = pytest.mark.netns

OTHER = """\
version: 1
name: other
networks: {lan: {subnets: [10.4.0.0/24], bridge: br-other, masquerade: false}}
namespaces:
  db: {interfaces: {eth0: {network: lan, address: 10.4.0.7}}}
"""
CAPABILITIES = ("net_admin", "net_raw", "net_broadcast", "sys_admin", "sys_ptrace", "dac_override", "chown")
UNIT = Path(__file__).parents[2] / "packaging" / "netwright.service"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[DaemonProcess]:
    """Not started. Its stacks do not outlive the test."""
    daemon = DaemonProcess(tmp_path)
    try:
        yield daemon
    finally:
        daemon.close()
        Stacks(daemon.state).destroy_all()


@contextmanager
def booted() -> Iterator[None]:
    """A kernel in which nothing was ever made: no link, no name, no rule. What is in it is gone afterwards."""
    with own_host.away():
        for entry in own_host.FOLDERS[0].iterdir():
            sh(f"umount --lazy {entry}; rm {entry}")
        own_host.new_network()
        try:
            yield
        finally:
            for entry in own_host.FOLDERS[0].iterdir():
                sh(f"umount --lazy {entry}; rm {entry}")


def test_all_stacks_are_there_again_after_a_reboot_when_it_says_that_it_is_ready(daemon, host) -> None:
    with booted():
        Stacks(daemon.state).apply(SHOP)
        Stacks(daemon.state).apply(OTHER)
        before = settled(witness(macs=False))
    assert left() == []
    with booted():
        daemon.start()
        assert daemon.notified == ["READY=1"]
        assert settled(before) == before
        assert [event["why"] for event in daemon.repairs()] == [["the daemon has started"]] * 2
        daemon.end()
        Stacks(daemon.state).destroy_all()


def test_a_change_that_was_not_confirmed_before_a_reboot_is_not_made_again_after_it(daemon, host) -> None:
    import netwright

    with booted():
        Stacks(daemon.state).apply(OTHER)
        before = settled(witness())
        with netwright.open_engine(state_folder=str(daemon.state)) as engine:
            engine.apply(netwright.parse(OTHER.replace("10.4.0.7", "10.4.0.8"), "other.yaml"), confirm_seconds=0.01)
    with booted():
        daemon.start()
        assert settled(before) == before
        assert daemon.events("expired")[0]["stack"] == "other"
        daemon.end()
        Stacks(daemon.state).destroy_all()


def test_sigterm_ends_it_and_what_it_has_made_stays(daemon, host) -> None:
    daemon.start()
    daemon.apply(SHOP)
    daemon.quiet()
    before = witness()
    assert daemon.socket.is_socket()
    daemon.send(signal.SIGTERM)
    daemon.wait_until_notified("STOPPING=1")
    assert daemon.exit_status() == 0
    assert witness() == before
    assert not daemon.socket.exists()
    assert [event["what"] for event in daemon.events()] == ["started", "stopped"]
    assert daemon.words().endswith("The daemon has stopped.\n")


def test_sigterm_waits_for_nobody_who_follows_events(daemon, host) -> None:
    daemon.start()
    with socket.socket(socket.AF_UNIX) as follower:
        follower.connect(str(daemon.socket))
        follower.sendall(b"GET /v1/events?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        until("an answer", lambda: b"started" in follower.recv(65536))
        assert daemon.end() == 0


def test_sighup_makes_it_look_at_what_nobody_tells(daemon, host) -> None:
    daemon.start()
    daemon.apply(SHOP.replace("rp_filter: 2}", "rp_filter: 2, net.ipv4.ip_default_ttl: 77}"))
    daemon.quiet()
    sh("nsenter --net=/run/netns/web sysctl -qw net.ipv4.ip_default_ttl=64")
    daemon.notified.clear()
    daemon.reload()
    assert daemon.notified == ["RELOADING=1", "READY=1"]
    assert daemon.wait_for("repaired")["done"] == ["set net.ipv4.ip_default_ttl to 77 in web"]
    assert daemon.repairs()[0]["why"] == ["SIGHUP"]


def test_killed_and_started_again_it_puts_right_what_was_undone_meanwhile(daemon, host) -> None:
    daemon.start()
    daemon.apply(SHOP)
    daemon.quiet()
    whole = settled(witness())
    assert daemon.end(signal.SIGKILL) == -signal.SIGKILL
    sh("nft flush ruleset; ip netns delete web")
    daemon.start()
    assert settled(whole) == whole
    assert daemon.repairs()[-1]["why"] == ["the daemon has started"]
    assert repaired(daemon, "ip -n web route delete default", whole) == ["add default route via 10.3.0.1 through eth0 in web"]


def test_killed_in_the_middle_of_a_repair_it_brings_the_stack_back(daemon, host) -> None:
    names = [f"n{number}" for number in range(60)]
    many = "version: 1\nname: shop\nnetworks: {lan: {subnets: [10.4.0.0/16], bridge: br-many}}\nnamespaces:\n"
    many += "".join(f"  {name}: {{interfaces: {{eth0: {{network: lan}}}}}}\n" for name in names)
    Stacks(daemon.state).apply(many)
    whole = settled(witness())
    sh("ip link delete br-many; " + "; ".join(f"ip netns delete {name}" for name in names))
    daemon.start(ready=False)
    until("it to have begun", lambda: any(Path("/run/netns").iterdir()))
    daemon.end(signal.SIGKILL)
    daemon.start()
    assert settled(whole) == whole


def test_a_run_of_another_netwright_that_was_killed_is_taken_back(daemon, tmp_path, host) -> None:
    daemon.start()
    many = "version: 1\nname: other\nnetworks: {lan: {subnets: [10.4.0.0/16], bridge: br-other}}\nnamespaces:\n"
    many += "".join(f"  n{number}: {{interfaces: {{eth0: {{network: lan}}}}}}\n" for number in range(150))
    (tmp_path / "many.yaml").write_text(many)
    command = [sys.executable, "-m", "netwright", "apply", str(tmp_path / "many.yaml")]
    with subprocess.Popen(command, env=daemon.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as other:
        until("it to have begun", devices)
        other.kill()
    assert daemon.wait_for("recovered")["stack"] == "other"
    assert left() == []


def test_a_second_daemon_is_refused(daemon, tmp_path, host) -> None:
    daemon.start()
    refused = daemon.run("daemon", check=False)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == ("error: The daemon runs already, in another process.\nhint: stop that one first: systemctl stop netwright\n")
    (tmp_path / "elsewhere").mkdir()
    elsewhere = DaemonProcess(tmp_path / "elsewhere", NETWRIGHT_SOCKET=str(daemon.socket))
    refused = elsewhere.run("daemon", check=False)
    elsewhere.close()
    assert refused.returncode == 1
    assert "Another daemon serves" in refused.stderr
    assert "NETWRIGHT_SOCKET" in refused.stderr
    # The first one has noticed nothing of it.
    assert json.loads(daemon.run("status", "--json").stdout) == {"version": 1, "stacks": []}
    assert daemon.socket.is_socket()
    assert daemon.end() == 0


def test_what_it_did_is_told_in_words_as_documents_and_as_it_comes(daemon, host) -> None:
    daemon.start()
    daemon.apply(SHOP)
    daemon.quiet()
    command = [sys.executable, "-m", "netwright", "events", "shop", "--follow", "--json"]
    with subprocess.Popen(command, env=daemon.environment, stdout=subprocess.PIPE, text=True) as follower:
        try:
            assert follower.stdout is not None
            until("it to listen", lambda: "nanosleep" in Path(f"/proc/{follower.pid}/wchan").read_text())
            sh("nft delete table inet nw_shop")
            told = json.loads(follower.stdout.readline())
        finally:
            follower.send_signal(signal.SIGINT)
        assert follower.wait(60) == 130
    assert told == daemon.repairs()[0]
    assert sorted(told) == ["again_in", "at", "done", "message", "seconds", "stack", "suspects", "what", "why"]
    assert (told["what"], told["stack"], told["done"]) == ("repaired", "shop", ["load nft table nw_shop (2 published ports) on the host"])
    assert re.fullmatch(r"the nft table nw_shop is gone from the host, by nft \(PID \d+\)", told["why"][0])
    words = daemon.run("events").stdout.splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  The daemon is at work\.", words[0])
    assert re.search(
        r"  shop: repaired in \d+ ms, because the nft table nw_shop is gone from the host, by nft \(PID \d+\): "
        r"load nft table nw_shop \(2 published ports\) on the host\.$",
        words[1],
    )
    documents = [json.loads(line) for line in daemon.run("events", "--json").stdout.splitlines()]
    assert documents == daemon.events()
    assert daemon.run("events", "nobody").stdout == ""


def test_its_log_is_turned_over_when_it_has_a_megabyte(daemon, host) -> None:
    daemon.start()
    daemon.apply(SHOP)
    log = daemon.state / "events.log"
    line = log.read_text().splitlines()[0] + "\n"
    with log.open("a") as file:
        file.write(line * ((1 << 20) // len(line) - file.tell() // len(line)))
    sh("nft flush ruleset")
    until("the log to be turned over", (daemon.state / "events.log.1").exists)
    daemon.reload()
    sh("nft flush ruleset")
    until("a second repair", lambda: len(daemon.repairs()) == 2)
    assert log.stat().st_size < 2000
    assert (1 << 20) <= (daemon.state / "events.log.1").stat().st_size < (1 << 20) + 2000
    assert {log.stat().st_mode & 0o777, (daemon.state / "events.log.1").stat().st_mode & 0o777} == {0o600}
    told = daemon.run("events", "shop", "--json").stdout.splitlines()
    assert [json.loads(one)["what"] for one in told] == ["repaired", "repaired"]


def test_it_tells_systemd_that_it_is_alive(daemon, host) -> None:
    daemon.start(WATCHDOG_USEC="200000")
    daemon.wait_until_notified("WATCHDOG=1")
    daemon.wait_until_notified("WATCHDOG=1")
    assert daemon.end() == 0


def test_who_listens_to_it_and_does_not_read_does_not_stop_it(daemon, host) -> None:
    daemon.start(WATCHDOG_USEC="2000")
    daemon.apply(SHOP)
    sh("nft flush ruleset")
    daemon.wait_for("repaired")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (Debian's package is systemd)")
def test_systemd_takes_the_unit_as_it_is(tmp_path, host) -> None:
    unit = tmp_path / "netwright.service"
    unit.write_text(UNIT.read_text().replace("/usr/local/bin/netwright", sys.executable))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_unit_grants_what_is_tested_here(host) -> None:
    unit = UNIT.read_text()
    granted = re.search(r"^CapabilityBoundingSet=(.*)$", unit, re.MULTILINE)
    assert granted is not None
    assert tuple(name.removeprefix("CAP_").lower() for name in granted[1].split()) == CAPABILITIES


def test_it_works_with_the_capabilities_and_restrictions_of_its_unit(daemon, host) -> None:
    bounds = ",".join(("-all", *(f"+{name}" for name in CAPABILITIES)))
    # setpriv drops from the bounding set only what it may: the rest goes with the exec.
    through = ("setpriv", f"--bounding-set={bounds}", f"--inh-caps={bounds}", "--no-new-privs", sys.executable, "-I", "-S", "-c", CONFINED)
    daemon.start(through=through)
    status = Path(f"/proc/{daemon.pid}/status").read_text()
    assert "CapEff:\t" + f"{_mask():016x}" in status
    assert "NoNewPrivs:\t1" in status
    assert daemon.run("apply", "-", stdin=SHOP, check=False).returncode == 0
    daemon.quiet()
    whole = settled(witness())
    for undoing in ("nft flush ruleset", "ip netns delete web", "ip link delete br-shop", "sysctl -qw net.ipv4.ip_forward=0"):
        assert repaired(daemon, undoing, whole) != []
    assert daemon.end() == 0


CONFINED = """
import ctypes, os, sys
# PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN (linux/prctl.h): what MemoryDenyWriteExecute= asks of the kernel.
ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)
os.umask(0o077)
os.execv(sys.argv[1], sys.argv[1:])
"""
_NUMBERS = {
    "chown": 0,
    "dac_override": 1,
    "net_broadcast": 11,
    "net_admin": 12,
    "net_raw": 13,
    "sys_ptrace": 19,
    "sys_admin": 21,
}


def _mask() -> int:
    return sum(1 << _NUMBERS[name] for name in CAPABILITIES)


def test_without_the_right_to_hear_other_namespaces_it_says_what_it_lacks(daemon, host) -> None:
    daemon.start(through=("setpriv", "--bounding-set=-net_broadcast", "--inh-caps=-net_broadcast"), ready=False)
    assert daemon.exit_status() == 1
    assert daemon.words().endswith(
        "error: listening to the kernel: Operation not permitted\nhint: it takes CAP_NET_ADMIN and CAP_NET_BROADCAST\n"
    )
    assert not daemon.socket.exists()
    assert os.listdir(daemon.socket.parent) == []
