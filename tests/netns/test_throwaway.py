"""Becoming a throw-away host, as root and as a user who may nothing; the witnesses are iproute2, ps, lsns and /proc."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from netwright.sandbox.forbidden import explain
from sandbox_users import ENVIRONMENT, NOBODY, USERS, Pinned, as_nobody, innermost, python, run

pytestmark = pytest.mark.netns

INSIDE = """
import os, subprocess, sys
from netwright.errors import Missing
from netwright.sandbox import throwaway
try:
    throwaway.become()
except Missing as error:
    sys.exit(f"{error}\\n{error.hint}")
sys.exit(subprocess.run(sys.argv[1:]).returncode)
"""
PYTHON = Path(sys.executable).name[:15]
"""As the kernel calls a process that runs it."""

Users = Callable[[list[str]], list[str]]


@pytest.fixture(params=sorted(USERS))
def user(request: pytest.FixtureRequest) -> Users:
    wrap: Users = USERS[request.param]
    return wrap


def inside(user: Users, script: str) -> subprocess.CompletedProcess[str]:
    return run(user(python(INSIDE, "sh", "-c", script)))


def test_it_has_a_loopback_that_is_up_and_nothing_else(user: Users) -> None:
    done = inside(user, "ip -j link; ls /sys/class/net")
    links, names = done.stdout.splitlines()
    assert [(link["ifname"], "UP" in link["flags"]) for link in json.loads(links)] == [("lo", True)]
    assert names == "lo"
    assert (done.returncode, done.stderr) == (0, "")


def test_it_sees_no_name_no_socket_and_no_process_of_the_machine(user: Users) -> None:
    subprocess.run(["ip", "netns", "add", "seen"], check=True)
    try:
        done = inside(user, "ip netns list; ls /run; ps -e -o pid= -o comm=")
    finally:
        subprocess.run(["ip", "netns", "del", "seen"], check=True)
    listed = [line.split() for line in done.stdout.splitlines()]
    assert [line[0] for line in listed if len(line) == 1 and line[0] in ("netns", "netwright", "seen", "docker.sock", "dbus")] == [
        "netns",
        "netwright",
    ]
    assert [line[1] for line in listed if len(line) == 2] == [PYTHON, PYTHON, "sh", "ps"]


def test_names_can_be_made_in_etc_and_its_files_are_the_machines(user: Users) -> None:
    before = sorted(os.listdir("/etc"))
    done = inside(
        user,
        "cmp /etc/passwd /run/netwright/etc/passwd && ls /etc/netns && ip netns add a && mkdir /etc/netns/a"
        " && echo nameserver 192.0.2.53 > /etc/netns/a/resolv.conf && ip netns exec a cat /etc/resolv.conf",
    )
    assert (done.stdout, done.stderr) == ("nameserver 192.0.2.53\n", "")
    assert sorted(os.listdir("/etc")) == before


def test_root_keeps_its_ids_and_a_user_becomes_root() -> None:
    assert inside(USERS["root"], "cat /proc/self/uid_map /proc/self/gid_map").stdout.split() == ["0", "0", "4294967295"] * 2
    assert inside(USERS["nobody"], "cat /proc/self/uid_map; id -u").stdout.split() == ["0", str(NOBODY), "1", "0"]


def test_its_end_is_the_commands_end(user: Users) -> None:
    assert inside(user, "exit 7").returncode == 7


def test_an_orphan_that_ends_is_buried_and_the_host_goes_on() -> None:
    done = inside(USERS["root"], "setsid -f sleep 0.1; while pgrep -x sleep > /dev/null; do :; done; exit 7")
    assert done.returncode == 7


def started(user: Users, script: str) -> subprocess.Popen[str]:
    """A throw-away host in which `script` has got as far as to say so, and waits for a line on stdin."""
    command = user(python(INSIDE, "sh", "-c", f"{script}; echo ready; read -r line"))
    outer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/", env=ENVIRONMENT)
    assert outer.stdout is not None
    assert outer.stdout.readline() == "ready\n"
    return outer


def test_when_it_ends_its_daemons_namespaces_mounts_and_links_are_gone(user: Users) -> None:
    links, mounts = run(["ip", "-j", "link"]).stdout, Path("/proc/self/mounts").read_text()
    # setsid returns before what it starts has become `sleep`.
    seen = "for try in $(seq 1000); do pgrep -fx 'sleep 3217' > /dev/null && break; done"
    with started(user, f"ip netns add a; ip link add x0 type veth peer name x1 netns a; setsid -f sleep 3217; {seen}") as outer:
        with Pinned(innermost(outer.pid)) as inside:
            assert [words for words in inside.processes() if "3217" in words and words.startswith("sleep")] == ["sleep 3217 "]
            outer.communicate("end\n", timeout=10)
            assert inside.processes() == []
        assert outer.returncode == 0
    assert run(["ip", "-j", "link"]).stdout == links
    assert Path("/proc/self/mounts").read_text() == mounts


def test_killing_the_process_that_waits_outside_ends_all_that_is_inside(user: Users) -> None:
    with started(user, "setsid -f sleep 3218") as outer, Pinned(innermost(outer.pid)) as inside:
        assert len(inside.processes()) >= 4
        outer.send_signal(signal.SIGKILL)
        outer.wait(10)
        assert inside.left_after(10) == []


def in_a_user_namespace(script: str) -> list[str]:
    """As root of a user namespace that has every id, so that its limits can be set."""
    program = "import os, sys\nfrom netwright.sandbox import throwaway\nthrowaway.become()\nos.execvp('sh', ['sh', '-c', sys.argv[1], 'sh', *sys.argv[2:]])"
    return python(program, script)


def test_what_it_mounts_does_not_spread_over_shared_mounts() -> None:
    without_user_namespace = "echo 0 > /proc/sys/user/max_user_namespaces; mount --make-rshared /"
    compared = 'before=$(cat /proc/self/mounts); "$@"; test "$before" = "$(cat /proc/self/mounts)" && echo unchanged'
    done = run([*in_a_user_namespace(f"{without_user_namespace}; {compared}"), *python(INSIDE, "true")])
    assert (done.stdout, done.stderr) == ("unchanged\n", "")


def test_a_user_who_may_make_no_user_namespace_is_told_which_setting_forbids_it() -> None:
    command = as_nobody(python(INSIDE, "true"), before=["echo 0 > /proc/sys/user/max_user_namespaces"])
    done = run([*in_a_user_namespace('exec "$@"'), *command])
    assert (done.returncode, done.stderr) == (
        1,
        (
            "A sandbox needs namespaces of its own, and user.max_user_namespaces = 0 forbids them to ordinary users.\n"
            "sudo sysctl user.max_user_namespaces=15000 allows them; or run it as root\n"
        ),
    )


def test_root_needs_no_user_namespace() -> None:
    script = 'readlink /proc/self/ns/user; echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'
    done = run([*in_a_user_namespace(script), *python(INSIDE, "sh", "-c", "readlink /proc/self/ns/user; ip -br link; ps -e -o comm=")])
    outer, inner, link, *programs = done.stdout.splitlines()
    assert outer == inner
    assert link.split()[0] == "lo"
    assert programs == [PYTHON, PYTHON, "sh", "ps"]


@pytest.mark.parametrize(
    ("setting", "value", "hint"),
    [
        ("kernel.unprivileged_userns_clone", 0, "sudo sysctl kernel.unprivileged_userns_clone=1 allows them; or run it as root"),
        (
            "kernel.apparmor_restrict_unprivileged_userns",
            1,
            "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0 allows them; or run it as root",
        ),
    ],
)
def test_the_distributions_own_settings_are_named(tmp_path: Path, setting: str, value: int, hint: str) -> None:
    (tmp_path / "kernel").mkdir()
    (tmp_path / setting.replace(".", "/")).write_text(f"{value}\n")
    missing = explain(PermissionError(errno.EPERM, "Operation not permitted"), root=False, proc_sys=tmp_path)
    assert str(missing) == f"A sandbox needs namespaces of its own, and {setting} = {value} forbids them to ordinary users."
    assert missing.hint == hint


def test_a_container_that_forbids_it_is_told_how_it_is_to_be_started(tmp_path: Path) -> None:
    missing = explain(PermissionError(errno.EPERM, "Operation not permitted"), root=True, proc_sys=tmp_path)
    assert str(missing) == "This system lets this process make no namespaces of its own (Operation not permitted)."
    assert missing.hint == (
        "in a container: start it with --privileged, or with --cap-add SYS_ADMIN --cap-add NET_ADMIN"
        " --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
    )


def test_where_proc_and_sys_are_covered_in_part_it_keeps_the_old_ones() -> None:
    covered = ["mount --bind /dev/null /proc/version", "mount -t tmpfs -o ro cover /sys/kernel"]
    script = "ip -br link; echo 1 > /proc/sys/net/ipv4/ip_forward; cat /proc/sys/net/ipv4/ip_forward; readlink /proc/self/ns/net"
    done = run(as_nobody(python(INSIDE, "sh", "-c", script), before=covered))
    link, forward, network = done.stdout.splitlines()
    assert (link.split()[0], forward, done.returncode, done.stderr) == ("lo", "1", 0, "")
    assert network != os.readlink("/proc/self/ns/net")


def test_root_without_capabilities_is_told_how_a_container_is_to_be_started() -> None:
    script = 'echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --bounding-set=-all --inh-caps=-all -- "$@"'
    done = run([*in_a_user_namespace(script), *python(INSIDE, "true")])
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "This system lets this process make no namespaces of its own (unshare: Operation not permitted)."
