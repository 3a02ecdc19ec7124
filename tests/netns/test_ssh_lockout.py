"""Whoever works on the host over SSH is not cut off by mistake, and gets the host back where it was meant: a real sshd, a real terminal."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from stacks import addresses, at, devices, outside, run

from netwright.backends.caller import connections_of, this_process
from netwright.model.caller import Connection

pytestmark = pytest.mark.netns

PORT = 2222
LENT = """\
version: 1
name: lent
namespaces: {box: {interfaces: {wan: {nic: eth1, addresses: [10.9.0.1/16]}}}}
"""
HARMLESS = """\
version: 1
name: lent
namespaces: {box: {interfaces: {p0: {peer: {namespace: other, interface: p0}}}}, other: {}}
"""
BESIDE = """\
version: 1
name: lent
host: {routes: [{to: 10.9.0.0/17, via: 10.9.1.9}]}
"""


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Login:
    """An sshd on the host, and root's way to it from the client `ext`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
        if sshd is None:
            pytest.skip("there is no sshd here (Debian: openssh-server)")
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        (folder / "sshd_config").write_text(
            f"Port {PORT}\nListenAddress 10.9.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/user.pub\n"
            "StrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin prohibit-password\nPrintMotd no\nPrintLastLog no\n"
        )
        # sshd goes there while it knows nobody yet; Debian makes it at boot.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self.sshd = subprocess.Popen([sshd, "-D", "-e", "-f", folder / "sshd_config"], stderr=subprocess.PIPE, text=True)
        assert self.sshd.stderr is not None
        until(lambda: "listening on" in self.sshd.stderr.readline())  # type: ignore[union-attr]

    def command(self, *words: str) -> list[str]:
        """A command of root's, in a login with a terminal, whose environment says nothing of the session: as sudo has it."""
        inside = [
            "env",
            "-i",
            "NO_COLOR=1",
            f"PATH={os.environ['PATH']}",
            f"NETWRIGHT_STATE={self.folder}/state",
            sys.executable,
            "-m",
            "netwright",
            *words,
        ]
        options = (
            "BatchMode=yes",
            "StrictHostKeyChecking=no",
            f"UserKnownHostsFile={self.folder}/known",
            "LogLevel=ERROR",
            "ConnectTimeout=20",
        )
        ssh = ["ssh", "-tt", "-F", "none", *(part for option in options for part in ("-o", option)), "-i", f"{self.folder}/user"]
        return [*at("ext"), *ssh, "-p", str(PORT), "root@10.9.0.1", f"cd {self.folder} && exec {' '.join(inside)}"]

    def netwright(self, *words: str) -> tuple[int, str]:
        """Exit status and what the terminal showed."""
        done = subprocess.run(self.command(*words), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120)
        return done.returncode, done.stdout.replace("\r\n", "\n") + done.stderr

    def close(self) -> None:
        self.sshd.terminate()
        self.sshd.communicate(timeout=30)


@pytest.fixture
def login(tmp_path: Path) -> Iterator[Login]:
    for name, text in (("lent", LENT), ("harmless", HARMLESS), ("beside", BESIDE)):
        (tmp_path / f"{name}.yaml").write_text(text)
    with ExitStack() as held:
        held.enter_context(outside())
        login = Login(tmp_path)
        held.callback(login.close)
        held.callback(own, login, "destroy", "lent", "--allow-lockout")
        yield login


def own(login: Login, *words: str) -> subprocess.CompletedProcess[str]:
    """From the console: in no SSH session."""
    return subprocess.run(
        [sys.executable, "-m", "netwright", *words],
        env={**os.environ, "NETWRIGHT_STATE": f"{login.folder}/state"},
        cwd=login.folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_plan_that_cuts_the_session_is_refused_and_says_by_what(login: Login) -> None:
    status, shown = login.netwright("apply", "lent.yaml")
    assert (status, shown) == (
        1,
        (
            "error: This may lock you out:\n"
            "- the SSH session from 10.9.0.9 to 10.9.0.1 comes in by eth1, and the address would not be there any more; "
            "it is cut by: move NIC eth1 from the host to box as wan\n"
            "Nothing was touched.\n"
            "hint: if that is meant: apply with --confirm 60 --allow-lockout; it goes back by itself after a minute unless you say netwright confirm\n"
        ),
    )
    assert (devices(), addresses("eth1")) == (["eth1"], ["10.9.0.1/16", "fd09::1/48"])
    status, shown = login.netwright("apply", "--confirm", "60", "beside.yaml")
    assert status == 1
    assert "is answered through eth1, and would be answered via 10.9.1.9 through eth1" in shown
    status, shown = login.netwright("plan", "lent.yaml")
    assert status == 0
    assert "apply will refuse this without --allow-lockout: the SSH session from 10.9.0.9" in shown
    # What does not touch it is done; nobody else's session hinders the console.
    assert login.netwright("apply", "harmless.yaml")[0] == 0
    assert own(login, "apply", "lent.yaml").returncode == 0
    assert devices("box") == ["wan"]


def test_a_port_of_the_session_that_is_opened_to_its_client_is_refused(login: Login) -> None:
    for name, prefix in (("narrow", "203.0.113.0/24"), ("wide", "10.9.0.0/16")):
        publish = f"host: {{publish: [{{listen: {PORT}/tcp, to: '10.66.0.5:22', from: [{prefix}]}}], routes: [{{to: 10.66.0.0/16, via: 10.9.1.9}}]}}"
        (login.folder / f"{name}.yaml").write_text(f"version: 1\nname: lent\n{publish}\n")
    assert login.netwright("apply", "narrow.yaml")[0] == 0
    status, words = login.netwright("apply", "wide.yaml")
    assert status == 1
    assert f"port {PORT} of 10.9.0.1, on which the SSH session from 10.9.0.9 came in, would be published" in words
    # Nothing has changed: whoever comes next gets in.
    assert login.netwright("status")[0] == 0


def test_a_session_that_cuts_itself_off_gets_the_host_back(login: Login) -> None:
    with subprocess.Popen(
        login.command("apply", "--confirm", "2", "--allow-lockout", "lent.yaml"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as client:
        until(lambda: Path("/run/netns/box").exists())
        until(lambda: not Path("/run/netns/box").exists())
        # All that the client ever saw of it is that nothing came any more.
        client.kill()
    until(lambda: addresses("eth1") == ["10.9.0.1/16", "fd09::1/48"])
    until(lambda: not watchers())
    assert login.netwright("plan", "--check", "harmless.yaml")[0] == 3


def test_whoever_is_killed_in_the_middle_of_it_is_taken_back_by_the_one_who_stays_behind(login: Login) -> None:
    many = HARMLESS.rstrip().removesuffix("}") + "".join(f", many-{number}: {{}}" for number in range(300)) + "}\n"
    (login.folder / "many.yaml").write_text(many)
    with subprocess.Popen(
        login.command("apply", "--confirm", "600", "many.yaml"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as client:
        until(lambda: len(os.listdir("/run/netns")) > 20)
        # The terminal, and what works on it.
        (worker,) = (pid for pid in processes(b"many.yaml") if pid != client.pid and b"\0apply\0" in command_line(pid))
        os.kill(worker, signal.SIGKILL)
        client.kill()
    until(lambda: not watchers())
    assert sorted(os.listdir("/run/netns")) == ["ext"]


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGKILL])
def test_a_terminal_that_is_gone_takes_nothing_with_it(login: Login, number: signal.Signals) -> None:
    status, _ = login.netwright("apply", "--confirm", "3", "harmless.yaml")
    assert status == 0
    (watcher,) = watchers()
    # Nobody's child, in a session of its own, without a terminal.
    assert Path(f"/proc/{watcher}/stat").read_text().rpartition(")")[2].split()[1:5:3] == ["1", "0"]
    # The whole login, by force: sshd and all that it has started.
    for pid in [pid for pid in processes(b"sshd: root") if pid != login.sshd.pid]:
        os.kill(pid, number)
    until(lambda: not watchers())
    assert sorted(os.listdir("/run/netns")) == ["ext"]


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def processes(words: bytes) -> list[int]:
    """In this network namespace, with these words in their command line."""
    here = os.readlink("/proc/self/ns/net")
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if words in command_line(int(process.name)) and os.readlink(process / "ns" / "net") == here:
                found.append(int(process.name))
        except OSError:
            continue
    return found


def watchers() -> list[int]:
    return processes(b"_watch-trial")


ASK = "import json, os; from netwright.backends.caller import connections_of; print(json.dumps([[c.address, c.port, c.client, c.client_port] for c in connections_of(os.getpid())]))"


def asked(**environment: str) -> list[list[object]]:
    """What a process finds that is the grandchild of one with this environment, and has none itself."""
    inner = f"env -i PATH=/usr/bin:/bin {sys.executable} -c '{ASK}'"
    clean = {name: value for name, value in os.environ.items() if name not in ("SSH_CONNECTION", "TMUX", "STY")}
    done = subprocess.run(
        ["sh", "-c", f"{inner}; true"], env={**clean, **environment}, capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_a_session_is_believed_as_long_as_the_kernel_has_its_connection() -> None:
    run("ip", "link", "set", "lo", "up")
    with socket.create_server(("::ffff:127.0.0.1", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client, server.accept()[0]:
            theirs = client.getsockname()[1]
            live = f"127.0.0.1 {theirs} 127.0.0.1 {port}"
            expected = [["127.0.0.1", port, "127.0.0.1", theirs]]
            assert asked(SSH_CONNECTION=live) == expected
            assert asked(SSH_CONNECTION=f"127.0.0.1 {theirs} 127.0.0.1 {port - 1}") == []
            assert asked(SSH_CONNECTION="from the moon") == []
            assert asked() == []
            # In tmux the session that is told may be one of long ago: then it may be any that there is.
            with subprocess.Popen(["sleep", "60"], env={"SSH_CONNECTION": live, "PATH": "/usr/bin:/bin"}) as other:
                assert asked(SSH_CONNECTION="192.0.2.1 1 192.0.2.2 2", TMUX="/tmp/tmux-0/default,1,0") == expected
                assert asked(SSH_CONNECTION="192.0.2.1 1 192.0.2.2 2") == []
                other.kill()
    assert asked(SSH_CONNECTION=live) == []


MOSH = """
import os, socket, subprocess, sys
with open("/proc/self/comm", "w") as comm:
    comm.write("mosh-server")
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
    door.bind(("127.0.0.1", 60001))
    subprocess.run([sys.executable, "-c", sys.argv[1]], env={"PATH": "/usr/bin:/bin"}, check=True)
"""


def test_of_a_mosh_session_the_udp_port_is_known_and_the_client_as_it_began() -> None:
    run("ip", "link", "set", "lo", "up")
    environment = {**os.environ, "SSH_CONNECTION": "192.0.2.9 50123 192.0.2.7 22"}
    done = subprocess.run([sys.executable, "-c", MOSH, ASK], env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == [["192.0.2.7", 60001, "192.0.2.9", 0]]


def test_this_process_is_known_by_its_user_and_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/opt/site/deploy.py", "--password", "hunter2"])
    caller = this_process()
    assert (caller.pid, caller.uid, caller.user, caller.command) == (os.getpid(), 0, "root", "deploy.py")
    monkeypatch.setattr(sys, "argv", ["/usr/bin/netwright", "apply", "a\nb\x1b[2J.yaml"])
    assert this_process().command == "netwright apply a?b?[2J.yaml"
    assert connections_of(1 << 22) == ()
    assert Connection(address="10.0.0.1", port=22, client="10.0.0.2", client_port=1) < Connection(
        address="10.0.0.1", port=22, client="10.0.0.3", client_port=1
    )
