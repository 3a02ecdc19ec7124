"""`netwright docker-plugin` as a process on the docker_host, which a test starts, kills and starts again."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

from docker_host import DockerHost, wait_for


class Plugin:
    """Its state is in a folder of the test's."""

    def __init__(self, engine: DockerHost, folder: Path) -> None:
        self.engine = engine
        self.state = folder / "state"
        self.log = folder / "plugin.log"
        self.socket = engine.plugins / "netwright.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it serves."""
        environment = {**os.environ, "NETWRIGHT_STATE": str(self.state), "NETWRIGHT_DOCKER": self.engine.url, "NETWRIGHT_DEBUG": "1"}
        told = len(self.words())
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "netwright", "docker-plugin", "--socket", str(self.socket)]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        process = self._process

        def serving() -> bool:
            assert process.poll() is None, f"the plugin ended with status {process.returncode}: {self.words()}"
            return "Serving Docker's driver" in self.words()[told:]

        wait_for("the plugin to serve", serving)

    def end(self, number: int = signal.SIGTERM) -> int | None:
        """Stop it by a signal; its exit status, None if it did not run."""
        process, self._process = self._process, None
        if process is None:
            return None
        process.send_signal(number)
        return process.wait(60)

    @property
    def running(self) -> bool:
        return self._process is not None

    def words(self) -> str:
        """What it has said."""
        return self.log.read_text() if self.log.exists() else ""

    def listing(self) -> str:
        """`netwright docker-plugin --list`."""
        command = [sys.executable, "-m", "netwright", "docker-plugin", "--list"]
        environment = {**os.environ, "NETWRIGHT_STATE": str(self.state)}
        return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout

    def rows(self) -> dict[str, int]:
        """How many rows its tables have."""
        database = sqlite3.connect(self.state / "docker-plugin" / "records.db")
        try:
            tables = ("pools", "leases", "networks", "endpoints")
            return {table: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}
        finally:
            database.close()


def create(engine: DockerHost, name: str, *options: str) -> str:
    """A network of the driver netwright; its id."""
    return engine.docker("network", "create", "--driver", "netwright", "--ipam-driver", "netwright", *options, name)


def inside(pid: int) -> str:
    """A container's network namespace."""
    return f"/proc/{pid}/ns/net"
