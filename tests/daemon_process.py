"""`netwright daemon` as a process, which a test starts, kills and starts again; the test plays systemd for it (sd_notify(3))."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 60
PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl


def until(what: str, true: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Poll until it is true. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(0.005)


class DaemonProcess:
    """Its state, its socket and what it says are in a folder of the test's; commands that are given here share them."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.state = folder / "state"
        self.socket = folder / "run" / "api.sock"
        self.log = folder / "daemon.log"
        self.environment = {
            **os.environ,
            "NETWRIGHT_STATE": str(self.state),
            "NETWRIGHT_SOCKET": str(self.socket),
            **environment,
        }
        self.notified: list[str] = []
        """What it has told systemd, oldest first."""
        self._door = folder / "notify"
        self._systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._systemd.bind(str(self._door))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str, through: Sequence[str] = (), ready: bool = True, **environment: str) -> None:
        """Start it (`through`: a program that starts it), and wait until it says that it is ready."""
        self.notified.clear()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*through, sys.executable, "-m", "netwright", "daemon", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**self.environment, "NOTIFY_SOCKET": str(self._door), **environment},
                preexec_fn=lambda: _prctl(PR_SET_PDEATHSIG, signal.SIGKILL),  # noqa: PLW1509 - it must not outlive a killed test run
            )
        if ready:
            self.wait_until_notified("READY=1")

    def wait_until_notified(self, words: str) -> None:
        """Until it has told systemd so (again)."""
        end = time.monotonic() + PATIENCE_SECONDS
        self._systemd.settimeout(0.2)
        while True:
            try:
                self.notified.append(self._systemd.recv(4096).decode())
            except TimeoutError:
                assert self._process is not None
                assert self._process.poll() is None, f"the daemon ended with status {self._process.returncode}: {self.words()}"
                assert time.monotonic() < end, f"the daemon has not said {words}: {self.words()}"
                continue
            if self.notified[-1] == words:
                return

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def send(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def reload(self) -> None:
        """As `systemctl reload`."""
        self.send(signal.SIGHUP)
        self.wait_until_notified("READY=1")

    def end(self, number: int = signal.SIGTERM) -> int | None:
        """End it by a signal; its exit status, None if it did not run."""
        process, self._process = self._process, None
        if process is None:
            return None
        process.send_signal(number)
        return process.wait(PATIENCE_SECONDS)

    def exit_status(self) -> int:
        """Of one that ends by itself."""
        process, self._process = self._process, None
        assert process is not None
        return process.wait(PATIENCE_SECONDS)

    def close(self) -> None:
        """Kill it if it runs."""
        self.end(signal.SIGKILL)
        self._systemd.close()

    def words(self) -> str:
        """What it has said."""
        return self.log.read_text() if self.log.exists() else ""

    def run(self, *arguments: str, stdin: str = "", check: bool = True, through: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        """`netwright …` with the daemon's state and socket. Raises AssertionError with what it said, unless `check` is false."""
        done = subprocess.run(
            [*through, sys.executable, "-m", "netwright", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env=self.environment,
        )
        assert not check or done.returncode == 0, f"netwright {' '.join(arguments)}: {done.returncode}: {done.stderr}"
        return done

    def apply(self, text: str) -> None:
        self.run("apply", "--quiet", "-", stdin=text)

    def events(self, what: str | None = None) -> list[dict[str, Any]]:
        """What stands in its log (both files): all of it, or one sort."""
        files = [self.state / "events.log.1", self.state / "events.log"]
        lines = [line for file in files if file.exists() for line in file.read_text().splitlines()]
        return [event for event in map(json.loads, lines) if what in (None, event["what"])]

    def repairs(self, stack: str | None = None) -> list[dict[str, Any]]:
        return [event for event in self.events("repaired") if stack in (None, event["stack"])]

    def wait_for(self, what: str, count: int = 1) -> dict[str, Any]:
        """Until so many events of this sort are in its log; the last one."""

        def there() -> bool:
            assert self.running, f"the daemon has ended: {self.words()}"
            return len(self.events(what)) >= count

        until(f"{count} × {what} in {self.events()}", there)
        return self.events(what)[count - 1]

    def quiet(self) -> float:
        """Seconds of processor time that it has used, when it uses none any more: it is waiting for something to happen."""
        used = -1.0
        end = time.monotonic() + PATIENCE_SECONDS
        while (now := self._used()) != used:
            assert time.monotonic() < end, "the daemon does not come to rest"
            used = now
            time.sleep(0.15)
        return used

    def _used(self) -> float:
        times = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self) -> list[str]:
        """What it has open, sorted, without numbers that differ."""
        found = []
        for entry in Path(f"/proc/{self.pid}/fd").iterdir():
            try:
                found.append(os.readlink(entry).partition("[")[0].partition(":")[0])
            except FileNotFoundError:
                continue
        return sorted(found)

    def memory(self) -> int:
        """Bytes that it holds (proc(5): VmRSS)."""
        (line,) = (line for line in Path(f"/proc/{self.pid}/status").read_text().splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024
