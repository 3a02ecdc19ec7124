"""A host as it is after a boot: nothing of what was made is there, and the NIC is back under its first name.

The network namespace is new; /run/netns and /etc/netns are emptied, and what a disk had of the latter is put there.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from own_host import FOLDERS, away, new_network, run

NIC = "eth1"
MAC = "02:00:00:00:e1:07"
CONFIGURED = "192.0.2.7/24"
"""What the distribution gives it."""
OTHERWISE = "192.0.2.99/24"
"""What it gives it another time: a DHCP server has changed its mind."""
_ROUTE = ("198.51.100.0/24", "via", "192.0.2.1", "metric", "77")


@contextmanager
def booted(address: str | None) -> Iterator[None]:
    """The calling thread plays a host with one NIC; `address`: what that was configured with at boot. Nothing is left of it."""
    _clear()
    with away():
        new_network()
        run("ip", "link", "add", NIC, "address", MAC, "type", "veth", "peer", "name", "far1")
        run("ip", "link", "set", "far1", "up")
        if address is not None:
            configure(address)
        try:
            yield
        finally:
            _clear()


def configure(address: str) -> None:
    """As a distribution's network set-up does."""
    run("ip", "link", "set", NIC, "up")
    run("ip", "address", "add", address, "dev", NIC)
    run("ip", "route", "add", *_ROUTE, "proto", "static")


Standing = dict[str, list[str]]


def standing() -> Standing:
    """What others see of it: links, addresses, routes, namespaces, tables and files."""
    return {
        "links": sorted(line.split(":")[1].split("@")[0].strip() for line in run("ip", "-o", "link").splitlines()),
        "addresses": sorted(
            " ".join(line.split()[1:4]) for line in run("ip", "-o", "address").splitlines() if " lo " not in line and " fe80:" not in line
        ),
        "routes": sorted(line.replace(" linkdown", "").strip() for line in run("ip", "route").splitlines()),
        "namespaces": sorted(path.name for path in FOLDERS[0].iterdir()),
        "tables": sorted(run("nft", "list", "tables").splitlines()),
        "files": sorted(str(path) for path in FOLDERS[1].rglob("*") if not path.is_dir()),
        "forwarding": [Path("/proc/sys/net/ipv4/ip_forward").read_text().strip()],
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a command answered."""

    status: int
    out: str
    err: str

    @property
    def fault(self) -> str | None:
        """Why this is not how a command ends; None: it is."""
        text = self.out + self.err
        if "Traceback" in text or "This should not happen" in text:
            return f"not a sentence: {text[-500:]}"
        return None if self.status in (0, 1, 2, 3) else f"exit status {self.status}: {text[-500:]}"


def netwright(state: Path, *arguments: str) -> Said:
    """The command line, in this process: it plays the host that the thread is on."""
    from netwright.frontends.cli.program import program

    out, err = io.StringIO(), io.StringIO()
    before = os.environ.get("NETWRIGHT_STATE")
    os.environ["NETWRIGHT_STATE"] = str(state)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                program.main(list(arguments))
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else 1
    finally:
        if before is None:
            del os.environ["NETWRIGHT_STATE"]
        else:
            os.environ["NETWRIGHT_STATE"] = before
    return Said(status=status, out=out.getvalue(), err=err.getvalue())


def _clear() -> None:
    for entry in FOLDERS[0].iterdir():
        subprocess.run(["umount", "--lazy", str(entry)], check=False, capture_output=True)
        entry.unlink()
    run("find", str(FOLDERS[1]), "-mindepth", "1", "-delete")
