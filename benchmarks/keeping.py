"""How soon the daemon has put right what was undone: `keeping.py ROUNDS`, JSON on stdout: what → seconds, one for each round.

Host, engine and firewalls are those of the tests: namespaces made here, dropped afterwards. The clock of each row begins when the
command that undoes something has returned (for a container: when Docker has started it), and ends when a poll without
pause sees in the kernel's rules what was gone, or what is new.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "docker")]

from docker_engines import ENGINES  # noqa: E402
from docker_host import DockerHost  # noqa: E402

import own_host  # noqa: E402
from daemon_process import DaemonProcess  # noqa: E402
from firewalls import firewalld, has_firewalld, has_ufw, ufw  # noqa: E402
from netwright.backends.libnftables import run_nft  # noqa: E402
from netwright.errors import FirewallError  # noqa: E402

STACK = """\
version: 1
name: shop
networks: {lan: {subnets: [192.168.66.0/24], bridge: br-shop}}
namespaces: {inner: {interfaces: {eth0: {network: lan}}}}
containers: {web: {publish: ["8080:80"]}}
policies: [{name: office, from: [10.0.0.0/16], to: web, ports: [8080]}]
"""
PATIENCE_SECONDS = 30
SLOW = 5
"""The most rounds of what takes a firewall or an engine seconds by itself."""


def listed(what: str) -> str:
    try:
        return run_nft(f"list {what}")
    except FirewallError:
        return ""


def until(true: Callable[[], object]) -> float:
    """Seconds since the epoch."""
    end = time.time() + PATIENCE_SECONDS
    while not true():
        if time.time() > end:
            sys.exit("the daemon did not put it right")
    return time.time()


def tables() -> bool:
    """Ours are there."""
    return "8080" in listed("table inet nw_shop") and "8080" in listed("table inet nwp_shop")


def whole() -> bool:
    """And our rules in iptables, where Docker's policy drops what is forwarded."""
    return tables() and ("policy drop" not in listed("chain ip filter FORWARD") or "netwright:shop" in _iptables())


def _iptables() -> str:
    return subprocess.run(["iptables-save", "-t", "filter"], capture_output=True, text=True, check=True).stdout


class Bench:
    def __init__(self, engine: DockerHost, daemon: DaemonProcess, rounds: int) -> None:
        self.engine = engine
        self.daemon = daemon
        self.rounds = rounds
        self.seconds: dict[str, list[float]] = {}

    def undo(self, what: str, undoing: Callable[[], object], back: Callable[[], object], rounds: int) -> None:
        print(what, file=sys.stderr)
        for _ in range(rounds):
            until(back)
            self.daemon.quiet()
            # An administrator's word that no fight is meant.
            self.daemon.reload()
            self.daemon.quiet()
            undoing()
            began = time.time()
            self.seconds.setdefault(what, []).append(until(back) - began)

    def restarts(self) -> None:
        what = "container restarted with another address"
        print(what, file=sys.stderr)
        for number in range(self.rounds):
            before = self._address("web")
            self.engine.docker("stop", "--time", "0", "web")
            self.engine.container(f"thief{number}")
            self.engine.docker("start", "web")
            now = self._address("web")
            assert now not in {"", before}
            seen = until(lambda now=now: now in listed("table inet nw_shop") and now in listed("table inet nwp_shop"))
            self.seconds.setdefault(what, []).append(max(seen - self._started(), 0.0))

    def _address(self, name: str) -> str:
        return self.engine.docker("inspect", "--format", "{{.NetworkSettings.IPAddress}}", name)

    def _started(self) -> float:
        """Seconds since the epoch, as Docker has it: a moment before it says that it has started the container."""
        told = self.engine.docker("inspect", "--format", "{{.State.StartedAt}}", "web")
        return datetime.fromisoformat(f"{told[:26]}+00:00").timestamp()


@contextmanager
def daemon_on(engine: DockerHost):  # type: ignore[no-untyped-def]
    with tempfile.TemporaryDirectory(prefix="netwright-keeping-") as folder:
        daemon = DaemonProcess(Path(folder), NETWRIGHT_DOCKER=engine.url)
        try:
            daemon.start()
            daemon.apply(STACK)
            until(whole)
            yield daemon
        finally:
            daemon.close()


def main() -> None:
    rounds = int(sys.argv[1])
    own_host.leave_the_machine(SimpleNamespace(getoption=lambda *_: None))  # type: ignore[arg-type]
    engine = DockerHost(ENGINES[0])
    try:
        engine.start()
        engine.load_image()
        own_host.enter(engine.host)
        os.environ["NETWRIGHT_DOCKER"] = engine.url
        engine.container("web", "--restart", "always")
        with daemon_on(engine) as daemon:
            bench = Bench(engine, daemon, rounds)
            bench.restarts()
            slow = min(rounds, SLOW)
            # First of them, while Docker's policy drops what is forwarded: so our rule is needed.
            bench.undo("iptables -F", lambda: engine.run("iptables", "-F"), whole, rounds)
            if has_ufw():
                with ufw() as wall:
                    bench.undo("ufw reload", wall.reload, whole, slow)
            if has_firewalld():
                with firewalld() as wall:
                    # It rejects what is forwarded, whatever stands in iptables: our tables are what can be there.
                    bench.undo("firewall-cmd --reload", wall.reload, tables, slow)
                engine.restart()
            bench.undo("nft flush ruleset", lambda: engine.run("nft", "flush", "ruleset"), whole, rounds)
            bench.undo("dockerd restarted", engine.restart, whole, slow)
        print(json.dumps(bench.seconds))
    finally:
        engine.remove()


if __name__ == "__main__":
    main()
