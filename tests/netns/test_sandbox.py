"""`netwright sandbox`: a file built on a throw-away host; iproute2 inside is the witness."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox_users import ENVIRONMENT, USERS, Pinned, as_nobody, innermost, python, run

pytestmark = pytest.mark.netns

FILE = """\
version: 1
name: shop
networks:
  lan: {managed_by: docker, bridge: shop0, subnets: [192.0.2.0/24], mtu: 1400}
namespaces:
  gate:
    interfaces:
      wan: {nic: {mac: "02:00:00:00:07:09"}, addresses: [203.0.113.1/24]}
      lan: {network: lan, address: 192.0.2.9}
containers:
  web: {networks: {lan: {address: 192.0.2.80}}}
"""
NETWRIGHT = [sys.executable, "-P", "-c", "from netwright.frontends.cli import main; main()"]
PATH = "/media/shop.yaml"
Users = Callable[[list[str]], list[str]]


@pytest.fixture(autouse=True)
def file() -> object:
    """Where everybody can read it."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "file", "/media"], check=True)
    Path(PATH).write_text(FILE)
    yield
    subprocess.run(["umount", "/media"], check=True)


@pytest.mark.parametrize("user", USERS.values(), ids=USERS)
def test_what_the_file_asks_for_is_there_without_docker_and_without_a_nic(user: Users) -> None:
    links = run(["ip", "-j", "link"]).stdout
    show = "for n in gate web outside-nic020000000709; do ip -j -d -n $n address show; done; ip -j -d link show dev shop0"
    done = run(user([*NETWRIGHT, "sandbox", PATH, "--", "sh", "-c", show]))
    assert (done.returncode, done.stderr) == (0, "")
    gate, web, outside, bridge = (json.loads(line) for line in done.stdout.splitlines())

    def seen(entries: list[dict[str, object]]) -> list[tuple[object, ...]]:
        return [
            (entry["ifname"], entry["operstate"], entry["mtu"], [a["local"] for a in entry["addr_info"] if a["family"] == "inet"])
            for entry in sorted(entries, key=lambda entry: str(entry["ifname"]))
        ]

    loopback = ("lo", "UNKNOWN", 65536, ["127.0.0.1"])
    assert seen(gate) == [("lan", "UP", 1400, ["192.0.2.9"]), loopback, ("wan", "UP", 1500, ["203.0.113.1"])]
    assert [entry["address"] for entry in gate if entry["ifname"] == "wan"] == ["02:00:00:00:07:09"]
    assert seen(web) == [("eth0", "UP", 1400, ["192.0.2.80"]), loopback]
    assert seen(outside) == [loopback, ("nic020000000709", "UP", 1500, [])]
    assert [entry["linkinfo"]["info_kind"] for entry in bridge] == ["bridge"]
    assert run(["ip", "-j", "link"]).stdout == links


def test_netwright_itself_works_inside() -> None:
    status = " ".join(f"'{word}'" for word in NETWRIGHT) + " status shop --json"
    (stack,) = json.loads(run([*NETWRIGHT, "sandbox", PATH, "--", "sh", "-c", status]).stdout)["stacks"]
    assert (stack["name"], stack["in_order"], stack["trouble"]) == ("shop", True, None)


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        (["sh", "-c", "exit 9"], 9, ""),
        (["sh", "-c", "kill -TERM $$"], 128 + signal.SIGTERM, ""),
        (["no-such-program"], 127, "netwright: no-such-program: No such file or directory\n"),
        (["/etc/passwd"], 126, "netwright: /etc/passwd: Permission denied\n"),
    ],
)
def test_its_exit_status_is_the_commands(command: list[str], status: int, said: str) -> None:
    done = run([*NETWRIGHT, "sandbox", PATH, "--", *command])
    assert (done.returncode, done.stderr) == (status, said)


def test_a_file_may_come_from_standard_input() -> None:
    done = run([*NETWRIGHT, "sandbox", "-", "--", "cat", "/sys/class/net/shop0/mtu"], input=FILE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1400\n", "")


def test_a_wrong_file_is_told_at_its_own_place_and_nothing_is_built() -> None:
    Path(PATH).write_text(FILE + "  gate: {networks: {lan: }}\n")
    done = run([*NETWRIGHT, "sandbox", PATH, "--", "echo", "built"])
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{PATH}:12:3: containers.gate: " in done.stderr


def test_where_it_is_forbidden_it_says_what_allows_it() -> None:
    command = as_nobody([*NETWRIGHT, "sandbox", PATH, "--", "true"], before=["echo 0 > /proc/sys/user/max_user_namespaces"])
    limited = "import os, sys\nfrom netwright.sandbox import throwaway\nthrowaway.become()\nos.execvp(sys.argv[1], sys.argv[1:])"
    done = run(python(limited, *command))
    assert done.returncode == 1
    assert "user.max_user_namespaces = 0 forbids them to ordinary users." in done.stderr
    assert "sudo sysctl user.max_user_namespaces=15000" in done.stderr


def test_a_shell_that_is_given_its_commands_by_a_pipe_says_nothing_of_its_own() -> None:
    environment = {**ENVIRONMENT, "SHELL": "/bin/sh"}
    done = run([*NETWRIGHT, "sandbox", PATH], input="ip netns exec web ip -br address show dev eth0; exit 3\n", env=environment)
    assert (done.returncode, done.stdout.split()[2]) == (3, "192.0.2.80/24")
    assert done.stderr.endswith("netwright exec NAMESPACE -- COMMAND runs a command in one; exit drops it all.\n")


def test_ctrl_c_is_the_commands_and_then_nothing_is_left() -> None:
    script = "setsid -f sleep 3230; echo ready; exec sleep 3231"
    command = [*NETWRIGHT, "sandbox", PATH, "--", "sh", "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd="/", start_new_session=True) as sandbox:
        assert sandbox.stdout is not None
        assert sandbox.stdout.readline() == "ready\n"
        with Pinned(innermost(sandbox.pid)) as inside:
            assert len(inside.processes()) >= 4
            os.killpg(sandbox.pid, signal.SIGINT)
            assert sandbox.wait(10) == 128 + signal.SIGINT
            assert inside.processes() == []


class Terminal:
    """A person at a terminal: their own shell in front, the sandbox started from it."""

    def __init__(self, shell: str) -> None:
        pid, self.fd = pty.fork()
        if pid == 0:
            os.environ.clear()
            os.environ.update(ENVIRONMENT | {"SHELL": shell, "HOME": "/media", "TERM": "dumb"})
            os.chdir("/")
            os.execvp("bash", ["bash", "--norc", "--noprofile"])
        self.pid = pid

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def read_until(self, expected: str) -> str:
        text, deadline = "", time.monotonic() + 20
        while expected not in text and time.monotonic() < deadline:
            if select.select([self.fd], [], [], 0.1)[0]:
                text += os.read(self.fd, 65536).decode()
        assert expected in text, text
        return text

    def close(self) -> None:
        self.type("exit 0\n")
        os.waitpid(self.pid, 0)
        os.close(self.fd)


@pytest.mark.parametrize("shell", ["/bin/bash", "/bin/sh"])
def test_a_shell_says_where_it_is_and_the_terminal_comes_back(shell: str) -> None:
    terminal = Terminal(shell)
    try:
        words = " ".join(f"'{word}'" for word in NETWRIGHT)
        terminal.type(f'{words} sandbox {PATH}; echo "status $?"\n')
        greeting = terminal.read_until("(netwright shop) ")
        assert "The sandbox of shop has the namespaces gate, web, outside-nic020000000709." in greeting
        terminal.type("ip -br link show dev shop0; echo $NETWRIGHT_SANDBOX-$((40+2))\n")
        assert "shop0" in terminal.read_until("shop-42")
        terminal.type("sh -c 'echo begun-$((5+6)); exec sleep 3232'\n")
        terminal.read_until("begun-11")
        terminal.type("\x03")
        terminal.type("echo still-$((20+3))\n")
        terminal.read_until("still-23")
        terminal.type("exit 5\n")
        terminal.read_until("status 5")
        terminal.type("read -r line; echo got-$line\nword\n")
        terminal.read_until("got-word")
    finally:
        terminal.close()
