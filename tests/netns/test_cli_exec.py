"""`netwright exec`, beside `ip netns exec`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from netwright.backends.files import NetnsFiles
from netwright.model.names import SHARED_FILE
from netwright.model.netns import HOST, named
from netwright.model.operation import RemoveFile, WriteFile

pytestmark = pytest.mark.netns

HOSTS = "# netwright:shop\n10.3.0.7\tdb db.shop\n"


def netwright(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "netwright", *arguments], capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(autouse=True)
def client(host) -> Iterator[None]:
    """A namespace `client` that somebody else made, with an interface of its own."""
    host.run("ip", "netns", "add", "client")
    host.run("ip", "-n", "client", "link", "add", "only-here", "type", "bridge")
    yield
    host.run("ip", "netns", "delete", "client")


@pytest.fixture
def with_files() -> Iterator[None]:
    """/etc/netns/client/hosts is a link to the file of a stack, resolv.conf a file."""
    files = NetnsFiles()
    files.observe(frozenset(), "shop")
    written = (
        (HOST, "hosts", HOSTS),
        (named("client"), "hosts", SHARED_FILE),
        (named("client"), "resolv.conf", "# netwright:shop\nnameserver 10.3.0.53\n"),
    )
    files.execute([WriteFile(netns=netns, name=name, content=content, why="") for netns, name, content in written], lambda _: None)
    yield
    files.execute([RemoveFile(netns=netns, name=name, why="") for netns, name, _ in written], lambda _: None)


def test_the_command_is_in_the_namespace_and_its_sys_shows_it() -> None:
    done = netwright("exec", "client", "--", "sh", "-c", "ls /sys/class/net; cut -d: -f1 /proc/self/net/dev | tail -n +3 | sort")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["lo", "only-here", "lo", "only-here"]


def test_what_is_mounted_below_sys_is_still_there() -> None:
    # Which file system is seen there: the mount table would also show what is covered.
    listing = "for at in $(findmnt -rno TARGET | grep '^/sys/' | sort -u); do stat -f -c '%n %T' $at; ls $at | head -n 3; done"
    outside = subprocess.run(["sh", "-c", listing], capture_output=True, text=True, check=False).stdout
    assert netwright("exec", "client", "--", "sh", "-c", listing).stdout == outside
    assert "/sys/fs/cgroup" in outside


def test_the_namespaces_files_stand_over_those_in_etc_also_for_ip_netns(host, with_files: None) -> None:
    outside = Path("/etc/hosts").read_text()
    assert netwright("exec", "client", "cat", "/etc/hosts").stdout == HOSTS
    assert host.run("ip", "netns", "exec", "client", "cat", "/etc/hosts") == HOSTS
    assert netwright("exec", "client", "getent", "hosts", "db").stdout.split() == ["10.3.0.7", "db", "db.shop"]
    assert netwright("exec", "client", "cat", "/etc/resolv.conf").stdout == "# netwright:shop\nnameserver 10.3.0.53\n"
    assert Path("/etc/hosts").read_text() == outside


def test_a_file_that_has_no_place_in_etc_is_a_warning_and_the_command_runs() -> None:
    folder = Path("/etc/netns/client")
    folder.mkdir()
    (folder / "no-such-file-in-etc").write_text("")
    try:
        done = netwright("exec", "client", "echo", "here")
    finally:
        (folder / "no-such-file-in-etc").unlink()
        folder.rmdir()
    assert (done.returncode, done.stdout) == (0, "here\n")
    assert done.stderr == (
        "warning: /etc/netns/client/no-such-file-in-etc cannot be put over /etc/no-such-file-in-etc: No such file or directory\n"
    )


@pytest.mark.parametrize(("command", "status"), [(["sh", "-c", "exit 37"], 37), (["no-such-command-here"], 127), (["/etc/hostname"], 126)])
def test_the_exit_status_is_the_commands_or_says_why_there_is_none(command: list[str], status: int) -> None:
    assert netwright("exec", "client", "--", *command).returncode == status


def test_a_signal_that_ends_the_command_ends_it_as_seen_from_outside() -> None:
    assert netwright("exec", "client", "--", "sh", "-c", "kill -TERM $$").returncode == -signal.SIGTERM


def test_a_closed_pipe_ends_the_command_as_it_would_in_a_shell() -> None:
    assert netwright("exec", "client", "--", "sh", "-c", "kill -PIPE $$; echo survived").stdout == ""


def test_options_of_the_command_are_the_commands() -> None:
    assert netwright("exec", "client", "printf", "%s\n", "--json", "--help", "--", "-x").stdout.split() == ["--json", "--help", "--", "-x"]


def test_mounts_made_by_the_command_stay_inside() -> None:
    assert netwright("exec", "client", "--", "mount", "-t", "tmpfs", "inside", "/mnt").returncode == 0
    assert "inside /mnt" not in Path("/proc/mounts").read_text()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cleint", "error: There is no namespace cleint.\nhint: did you mean client?\n"),
        ("web7", "error: There is no namespace web7.\nhint: ip netns list shows those there are; for a container use docker exec\n"),
        ("host", "error: There is no namespace host.\nhint: host is the namespace that you are in: run the command as it is\n"),
        ("../client", "error: '../client' is no namespace's name.\nhint: give the name alone, as ip netns lists it\n"),
    ],
)
def test_a_namespace_that_is_not_there_is_said_with_what_may_have_been_meant(name: str, said: str) -> None:
    done = netwright("exec", name, "--", "true")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)


def test_a_file_left_over_from_a_namespace_is_said_to_be_one() -> None:
    left_over = Path("/run/netns/gone")
    left_over.touch()
    try:
        done = netwright("exec", "gone", "--", "true")
    finally:
        left_over.unlink()
    assert (done.returncode, done.stderr) == (
        1,
        "error: /run/netns/gone is a file that was left over, not a namespace.\nhint: sudo ip netns delete gone\n",
    )


def test_the_shell_completes_namespaces() -> None:
    environment = {**os.environ, "_NETWRIGHT_COMPLETE": "zsh_complete", "COMP_WORDS": "netwright exec cl", "COMP_CWORD": "2"}
    done = subprocess.run([sys.executable, "-m", "netwright"], env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[1] == "client"
