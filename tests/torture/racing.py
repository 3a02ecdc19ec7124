"""Real commands at the same time on the host that the process plays: started, waited for with a bound, and looked at by others."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import netwright
from daemon_process import DaemonProcess, until
from netwright.frontends.cli.program import program
from own_host import new_network

BOUND_SECONDS = 120.0
"""No command takes so long, on a busy machine either: one that does waits for what never comes."""
NAMES = Path("/run/netns")
COMMAND = (sys.executable, "-m", "netwright")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A command that has come to its end."""

    said: str
    """The command, as it was typed."""
    status: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"{self.said}: exit status {self.status}: {self.err.strip()}"


class Stage:
    """A state folder, and the commands and the daemon that share it. A context manager: nothing of it outlives the block."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.environment = {
            **os.environ,
            "NETWRIGHT_STATE": str(self.state),
            "NETWRIGHT_SOCKET": str(folder / "run" / "api.sock"),
            # What does not come to its end is asked where it is: it is sent SIGABRT, and writes its stacks.
            "PYTHONFAULTHANDLER": "1",
            **environment,
        }
        self._processes: list[tuple[str, subprocess.Popen[str]]] = []
        self._closing = ExitStack()
        self._daemon: DaemonProcess | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for _, process in self._processes:
            process.kill()
            process.communicate()
        self._closing.close()
        for watcher in watchers():
            os.kill(watcher, signal.SIGKILL)
        self.destroy_all()

    def destroy_all(self) -> None:
        with self.here(), netwright.open_engine(state_folder=str(self.state)) as engine:
            engine.recover()
            for stack in engine.status():
                engine.destroy(stack.name, allow_lockout=True)

    def file(self, name: str, text: str) -> str:
        """Its path."""
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def daemon(self) -> DaemonProcess:
        """Not started. One a stage."""
        daemon = DaemonProcess(self.folder, **{key: value for key, value in self.environment.items() if os.environ.get(key) != value})
        self._closing.callback(daemon.close)
        self._daemon = daemon
        return daemon

    def undisturbed(self) -> None:
        """Raises AssertionError where the daemon, if there is one, has ended, has repaired or failed, or found that somebody fights it."""
        if self._daemon is not None:
            assert self._daemon.running, f"the daemon has ended: {self._daemon.words()}"
            told = [event for event in self._daemon.events() if event["what"] in ("repaired", "failed", "fight", "recovered")]
            assert told == [], f"the daemon has done what nobody needed: {told}"

    def start(self, *arguments: str, through: Sequence[str] = (), **options: Any) -> subprocess.Popen[str]:
        """`netwright …`, which is not waited for."""
        process = subprocess.Popen(
            [*through, *COMMAND, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            **options,
        )
        self._processes.append((f"netwright {' '.join(arguments)}", process))
        return process

    def ended(self, process: subprocess.Popen[str], seconds: float = BOUND_SECONDS) -> Ended:
        """How it ended. Raises AssertionError with its stacks if it does not."""
        said = next(said for said, one in self._processes if one is process)
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGABRT)
            _, err = process.communicate()
            raise AssertionError(f"{said} has not ended in {seconds:.0f} s: {err}") from None
        return Ended(said=said, status=process.returncode, out=out, err=err)

    def run(self, *arguments: str) -> Ended:
        return self.ended(self.start(*arguments))

    def done(self, *arguments: str) -> str:
        """Its standard output. Raises AssertionError where it fails."""
        ended = self.run(*arguments)
        assert ended.status == 0, str(ended)
        return ended.out

    def at_once(self, *commands: Sequence[str]) -> list[Ended]:
        """All of them, each begun before any has ended: they wait in a row for the lock, which is held until the last one is there."""
        with self.lock_held():
            processes = [self.start(*arguments) for arguments in commands]
            until(
                "all to wait for the lock", lambda: waiting_for(self.state, {p.pid for p in processes if p.poll() is None}), BOUND_SECONDS
            )
        return [self.ended(process) for process in processes]

    def started_together(self, *commands: Sequence[str], pauses: Sequence[float] = ()) -> list[Ended]:
        """All of them, as they come. `pauses`: seconds before each but the first."""
        processes = []
        for number, arguments in enumerate(commands):
            if number and pauses:
                time.sleep(pauses[number - 1])
            processes.append(self.start(*arguments))
        return [self.ended(process) for process in processes]

    @contextmanager
    def lock_held(self) -> Iterator[None]:
        """As somebody else holds it who changes the host: by flock(2) on the folder."""
        self.state.mkdir(mode=0o700, exist_ok=True)
        folder = os.open(self.state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def in_this_process(self, *arguments: str) -> int:
        """The command without a process of its own; its exit status. For what comes before a race, and for the orders to compare it with."""
        try:
            with self.here(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                program.main(list(arguments))
        except SystemExit as end:
            return int(end.code or 0)

    @contextmanager
    def here(self) -> Iterator[None]:
        """This process has the environment of the stage's commands."""
        before = dict(os.environ)
        os.environ.update(self.environment)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def committed(self) -> dict[str, str]:
        """The stacks' files, by name, as they are remembered."""
        with self.here(), netwright.open_engine(state_folder=str(self.state)) as engine:
            return {stack.name: stack.spec_text for stack in engine.status()}

    def in_order(self) -> list[str]:
        """What is not as it should be, as `netwright status` tells; a stack on a line."""
        with self.here(), netwright.open_engine(state_folder=str(self.state)) as engine:
            return [
                f"{stack.name}: unfinished {stack.unfinished}, {stack.trouble}, {stack.drift.operations if stack.drift else None}"
                for stack in engine.status()
                if stack.unfinished or stack.trouble is not None or stack.drift is None or stack.drift.operations
            ]


def waiting_for(state: Path, pids: set[int]) -> bool:
    """Whether all of these wait for the lock (proc_locks(5): a line with `->` waits)."""
    inodes = {(state / name).stat().st_ino for name in ("", "lock") if (state / name).exists()}
    waiting = set()
    for line in Path("/proc/locks").read_text().splitlines():
        found = re.match(r"\d+: -> FLOCK +\S+ +\S+ +(\d+) \S+:(\d+) ", line)
        if found and int(found[2]) in inodes:
            waiting.add(int(found[1]))
    return pids <= waiting


def watchers() -> list[int]:
    """The processes in this network namespace that wait for a confirmation."""
    here = os.readlink("/proc/thread-self/ns/net")
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"_watch-trial" in (process / "cmdline").read_bytes() and os.readlink(process / "ns" / "net") == here:
                found.append(int(process.name))
        except OSError:
            continue
    return found


def host() -> dict[str, Any]:
    """What others see of the host and of every namespace: links, addresses, routes, rules of nftables."""
    names = sorted(entry.name for entry in NAMES.iterdir())
    return {name or "host": _seen(name) for name in ("", *names)}


def _seen(netns: str) -> dict[str, Any]:
    inside = ("nsenter", f"--net={NAMES / netns}", "--") if netns else ()

    def asked(*command: str) -> str:
        return subprocess.run([*inside, *command], check=True, capture_output=True, text=True).stdout

    links = {}
    for link in json.loads(asked("ip", "-j", "-d", "address") or "[]"):
        addresses = sorted(f"{a['local']}/{a['prefixlen']}" for a in link.get("addr_info", []) if not a["local"].startswith("fe80:"))
        links[link["ifname"]] = [link.get(key) for key in ("mtu", "master", "ifalias")] + ["UP" in link["flags"], addresses]
    return {
        "links": links,
        "routes": sorted(" ".join(line.split()) for line in asked("ip", "route").replace(" linkdown", "").splitlines()),
        "nft": asked("nft", "--stateless", "list", "ruleset"),
        "forward": asked("sysctl", "-n", "net.ipv4.ip_forward").strip(),
    }


EMPTY = {"links": ["lo"], "names": [], "tables": ""}


def left() -> dict[str, Any]:
    """What is on the host; `EMPTY` where nothing is."""
    tables = subprocess.run(["nft", "list", "tables"], check=True, capture_output=True, text=True).stdout
    links = sorted(link["ifname"] for link in json.loads(subprocess.run(["ip", "-j", "link"], check=True, capture_output=True).stdout))
    return {"links": links, "names": sorted(entry.name for entry in NAMES.iterdir()), "tables": tables}


def clear() -> None:
    """What a failed try has left goes with the network that it played the host in; this thread gets a new one."""
    for entry in NAMES.iterdir():
        subprocess.run(["umount", "--lazy", str(entry)], check=False, capture_output=True)
        entry.unlink()
    new_network()


def within(seconds: float, true: Callable[[], object]) -> bool:
    """Whether it becomes true in so many seconds."""
    try:
        until("it", true, seconds)
    except TimeoutError:
        return False
    return True
