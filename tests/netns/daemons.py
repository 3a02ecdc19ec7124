"""The daemon on the test's host, with a stack to keep and witnesses of what it is."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

from stacks import devices, witness

from daemon_process import DaemonProcess, until

SHOP = """\
version: 1
name: shop
networks: {lan: {subnets: [10.3.0.0/24, "fd03::/64"], bridge: br-shop}}
namespaces:
  web:
    interfaces: {eth0: {network: lan, address: 10.3.0.7, mtu: 1400}}
    sysctls: {net.ipv4.conf.all.rp_filter: 2}
    routes: [{to: 10.99.0.0/16, via: 10.3.0.1}]
    publish: [{listen: 81/tcp, to: 10.3.0.9:80}]
host:
  publish: [{listen: 8080/tcp, to: web:80}]
  routes: [{to: 10.98.0.0/16, via: 10.3.0.7}]
"""


def sh(command: str) -> str:
    """A line of shell on the host; its stdout. Raises CalledProcessError."""
    return subprocess.run(["sh", "-ec", command], check=True, capture_output=True, text=True).stdout


def whole(expected: dict[str, Any]) -> Callable[[], bool]:
    """Whether the host is so."""

    def same() -> bool:
        try:
            return witness() == expected
        except (subprocess.CalledProcessError, ValueError, KeyError):
            # Looked at while it is being changed.
            return False

    return same


def repaired(daemon: DaemonProcess, undoing: str, expected: dict[str, Any]) -> list[str]:
    """Undo something; when the daemon has made the host as `expected` again: what it did."""
    before = len(daemon.repairs())
    sh(undoing)
    until(f"a repair after {undoing}", lambda: len(daemon.repairs()) > before)
    try:
        until("the host to be whole", whole(expected), 20)
    except TimeoutError:
        # What differs is what the test is about.
        assert witness() == expected
    return [sentence for event in daemon.repairs()[before:] for sentence in event["done"]]


def left() -> list[str]:
    """Links, namespaces and tables on the host."""
    return [*devices(), *sh("ip netns list; nft list tables").splitlines()]
