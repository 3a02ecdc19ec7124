"""The unit files as they are shipped, under a systemd that is PID 1: what they forbid is forbidden, and what the services do they still can."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from booted_host import PACKAGING, BootedHost
from units import DAEMON, PLUGIN, put_right, seen

from daemon_process import until

CHOWN, DAC_OVERRIDE, NET_BIND_SERVICE, NET_BROADCAST, NET_ADMIN, NET_RAW, SYS_PTRACE, SYS_ADMIN = 0, 1, 10, 11, 12, 13, 19, 21
BOTH = (DAC_OVERRIDE, NET_BROADCAST, NET_ADMIN, NET_RAW, SYS_PTRACE, SYS_ADMIN)
"""capabilities(7), as linux/capability.h numbers them."""
CAPABILITIES = {DAEMON: {*BOTH, CHOWN}, PLUGIN: {*BOTH, NET_BIND_SERVICE}}
NEIGHBOUR = "10.77.0.9"
ANSWERS = {
    "a new namespace of network": "done",
    "a new namespace of mounts": "EPERM",
    "a new namespace of users": "EPERM",
    "a new namespace of processes": "EPERM",
    "memory to write and execute": "EPERM",
    "another root": "EPERM",
    "another process": "EPERM",
    "a kernel module": "EPERM",
    "the kernel's log": "EPERM",
    "the host's name": "EPERM",
    "the clock": "EPERM",
    "another user": "EPERM",
    "swap": "EPERM",
    "another personality": "EPERM",
    "memory that stays": "EPERM",
    "another processor": "EPERM",
    "a file of set-user-id": "EPERM",
    "a device": "EPERM",
    "a socket of AF_PACKET": "EAFNOSUPPORT",
    "a socket of AF_VSOCK": "EAFNOSUPPORT",
    "a socket of AF_ALG": "EAFNOSUPPORT",
    "a socket of AF_NETLINK": "done",
    "a packet to itself": "done",
    "a packet to a neighbour": "EPERM",
}
"""What the kernel says to tests/systemd/attempts.py."""
LAN = """\
version: 1
name: lab
networks: {lan: {subnets: [10.4.0.0/24, "fd04::/64"], bridge: br-lab}}
namespaces: {db: {interfaces: {eth0: {network: lan, address: [10.4.0.7, "fd04::7"]}}, sysctls: {net.ipv4.ip_default_ttl: 77}}}
host: {publish: [{listen: 8080/tcp, to: db:80}]}
"""


@pytest.mark.parametrize("unit", [DAEMON, PLUGIN])
def test_what_the_unit_forbids_is_forbidden(host: BootedHost, unit: str) -> None:
    host.run("systemctl", "start", unit)
    pid = host.main_pid(unit)
    status = host.status_of(pid)
    bounding = int(status["CapBnd"], 16)
    assert {number for number in range(64) if bounding >> number & 1} == CAPABILITIES[unit]
    assert status["CapEff"] == status["CapPrm"] == status["CapBnd"]
    assert (status["CapAmb"], status["NoNewPrivs"], status["Seccomp"], status["Umask"]) == ("0" * 16, "1", "2", "0077")
    assert int(status["Seccomp_filters"]) >= 10
    # It sees the host's mounts, and the host sees its.
    for kind in ("mnt", "net", "pid"):
        assert host.run("readlink", f"/proc/{pid}/ns/{kind}") == host.run("readlink", f"/proc/1/ns/{kind}")


@pytest.mark.parametrize("unit", [DAEMON, PLUGIN])
def test_a_program_in_its_place_gets_no_further(host: BootedHost, unit: str) -> None:
    """What the kernel answers to a process that has the unit's restrictions, and nothing else of it."""
    text = (PACKAGING / unit).read_text()
    probe = re.sub(r"^(Type|ExecStart|ExecReload|Restart|WatchdogSec)=.*\n", "", text, flags=re.MULTILINE)
    probe = probe.replace("[Service]", f"[Service]\nType=oneshot\nExecStart={sys.executable} -I -S /run/attempts.py {NEIGHBOUR}")
    host.write("/run/attempts.py", (Path(__file__).parent / "attempts.py").read_text())
    host.write("/etc/systemd/system/probe.service", probe)
    host.run("systemctl", "daemon-reload")
    host.sh("ip link add here type veth peer name there; ip address add 10.77.0.1/24 dev here; ip link set here up")
    host.run("systemctl", "start", "probe.service")
    answers = dict(line.split(": ") for line in host.journal("probe.service").splitlines()[-len(ANSWERS) :])
    host.sh("ip link delete here")
    assert answers == ANSWERS


def test_the_daemon_builds_what_was_committed_when_the_host_boots(host: BootedHost) -> None:
    host.run("systemctl", "enable", "--quiet", "--now", DAEMON)
    assert host.api("POST", "/v1/apply", {"text": LAN})[0] == 200
    whole = seen(host)
    assert any("ip_default_ttl = 77" in line for line in whole)
    host.cut_power()
    host.boot()
    assert host.property(DAEMON, "ActiveState") == "active"
    assert seen(host) == whole
    assert host.stat("/run/netwright/api.sock", "/var/lib/netwright", "/var/lib/netwright/state.db", "/var/lib/netwright/events.log") == [
        "root:root 600",
        "root:root 700",
        "root:root 600",
        "root:root 600",
    ]
    # In spite of its umask: for everybody who looks for names, or runs a command in a namespace.
    assert host.stat("/run/netns", "/etc/netns", "/etc/netns/db", "/etc/netns/db/hosts") == ["root:root 755"] * 3 + ["root:root 777"]


def test_one_that_is_killed_is_started_again_and_puts_right_what_was_undone(host: BootedHost) -> None:
    host.run("systemctl", "start", DAEMON)
    host.api("POST", "/v1/apply", {"text": LAN})
    whole = seen(host)
    before = host.main_pid(DAEMON)
    put_right(host, f"systemctl kill --signal=KILL {DAEMON}; ip netns delete db; nft flush ruleset", whole)
    until("it to be active", lambda: host.property(DAEMON, "ActiveState") == "active")
    assert host.property(DAEMON, "NRestarts") == "1"
    assert host.main_pid(DAEMON) not in {0, before}


def test_one_that_hangs_is_found_out_by_the_watchdog(host: BootedHost) -> None:
    host.run("systemctl", "start", DAEMON)
    assert host.property(DAEMON, "WatchdogUSec") == "30s"
    # Thirty seconds are too long for a test.
    host.write(f"/etc/systemd/system/{DAEMON}.d/soon.conf", "[Service]\nWatchdogSec=1s\n")
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "restart", DAEMON)
    before = host.main_pid(DAEMON)
    until("it to have lived for longer than that", lambda: float(host.run("ps", "-o", "etimes=", "-p", str(before))) >= 2)
    assert host.property(DAEMON, "NRestarts") == "0"
    host.run("kill", "-STOP", str(before))
    until("another one", lambda: host.main_pid(DAEMON) not in {0, before})
    assert host.property(DAEMON, "NRestarts") == "1"
    host.run("rm", f"/etc/systemd/system/{DAEMON}.d/soon.conf")
    host.run("systemctl", "daemon-reload")


def test_it_reloads_and_stops_and_what_it_has_made_stays(host: BootedHost) -> None:
    host.run("systemctl", "start", DAEMON)
    host.api("POST", "/v1/apply", {"text": LAN})
    whole = seen(host)
    # Of sysctls and of files below /etc/netns nobody tells: it looks when it is told to.
    put_right(host, f"ip netns exec db sysctl -qw net.ipv4.ip_default_ttl=64; systemctl reload {DAEMON}", whole)
    host.run("systemctl", "stop", DAEMON)
    assert (host.property(DAEMON, "Result"), host.property(DAEMON, "ExecMainStatus")) == ("success", "0")
    assert host.journal(DAEMON).endswith("The daemon has stopped.\n")
    assert seen(host) == whole


def test_names_that_a_service_with_mounts_of_its_own_makes_are_seen_by_nobody_else(host: BootedHost) -> None:
    """Why the unit files have no ProtectSystem= and the like."""
    host.write("/etc/systemd/system/closed.service", CLOSED)
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "start", "closed.service")
    assert host.property("closed.service", "Result") == "success"
    # The file is there, and no namespace is on it.
    assert host.run("ls", "/run/netns").split() == ["inside"]
    assert host.run("stat", "--file-system", "--format=%T", "/run/netns/inside") != "nsfs\n"
    host.run("rm", "/run/netns/inside")


CLOSED = """\
[Service]
Type=oneshot
ProtectSystem=yes
ExecStart=sh -ec 'ip netns add inside; [ "$$(stat --file-system --format=%%T /run/netns/inside)" = nsfs ]'
"""
