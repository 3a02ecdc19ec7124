"""These tests play the host, in namespaces of their own.

After each test nothing may be left; what is left fails that test, and is gone before the next one.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from own_host import FOLDERS, MACHINE, NEEDS_ROOT, leave_the_machine, new_network, nothing_held, run

FIRST_RULES = 3
"""A namespace is born with rules for the tables local, main and default (IPv6 has no default)."""


def pytest_configure(config: pytest.Config) -> None:
    leave_the_machine(config)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    if os.geteuid() != 0:
        for item in items:
            if item.path.is_relative_to(here):
                item.add_marker(pytest.mark.skip(reason=NEEDS_ROOT))


class Host:
    """The network namespace that the test plays the host in, looked at and changed with iproute2 and nft: the witnesses."""

    machine = MACHINE
    """The namespaces that the pytest process was started in, and has left."""

    def run(self, *command: str, netns: str | None = None) -> str:
        """Run a program, in the named namespace if one is given; its stdout. Raises CalledProcessError."""
        inside = ("nsenter", f"--net=/run/netns/{netns}", "--") if netns else ()
        return run(*inside, *command)

    def ip(self, *arguments: str, netns: str | None = None) -> list[dict[str, Any]]:
        """`ip -j -d …`, read."""
        output = self.run("ip", "-j", "-d", *arguments, netns=netns)
        return [entry for entry in json.loads(output or "[]") if entry]

    def link(self, name: str, netns: str | None = None) -> dict[str, Any]:
        """One link as `ip -j -d link` shows it."""
        (entry,) = self.ip("link", "show", "dev", name, netns=netns)
        return entry

    def links(self, netns: str | None = None) -> list[str]:
        """The names of the links, sorted."""
        return sorted(entry["ifname"] for entry in self.ip("link", netns=netns))

    def namespaces(self) -> list[str]:
        """The names below /run/netns, as `ip netns` lists them, sorted."""
        return sorted(line.split()[0] for line in self.run("ip", "netns", "list").splitlines())

    def left_over(self) -> list[str]:
        """What stands in the way of the next test, one phrase each."""
        left = [f"namespace {entry.name}" for entry in FOLDERS[0].iterdir()]
        left += [f"file {entry}" for entry in FOLDERS[1].iterdir()]
        left += [f"link {name}" for name in self.links() if name != "lo"]
        left += [f"address {entry}" for entry in self.ip("address", "show", "dev", "lo") if len(entry["addr_info"]) > 2]
        for family in ("-4", "-6"):
            left += [f"rule {entry}" for entry in self.ip(family, "rule")[FIRST_RULES - (family == "-6") :]]
            left += [f"route {entry}" for entry in self.ip(family, "route", "show", "table", "main") if entry.get("dev") != "lo"]
        left += [f"nft {line}" for line in self.run("nft", "list", "tables").splitlines()]
        return left


def _clear() -> None:
    """A new network for the next test, and no names: what a failed test left dies with its namespaces."""
    for entry in FOLDERS[0].iterdir():
        subprocess.run(["umount", "--lazy", str(entry)], check=False, capture_output=True)
        entry.unlink()
    run("find", str(FOLDERS[1]), "-mindepth", "1", "-delete")
    new_network()


@pytest.fixture(autouse=True)
def host() -> Iterator[Host]:
    """A host of the test's own, the namespace the test runs in. Nothing may be left in it, no thread of this process have moved, nor a
    handle of another namespace be open.
    """
    before = os.readlink("/proc/thread-self/ns/net")
    playing = Host()
    left: list[str] = []
    try:
        with nothing_held():
            yield playing
            left = playing.left_over()
    finally:
        if left or os.readlink("/proc/thread-self/ns/net") != before:
            _clear()
    assert left == [], "the test left these behind"
