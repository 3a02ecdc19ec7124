"""These tests boot systemd in namespaces of its own: one for a pytest process, which goes on from test to test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from booted_host import NETWRIGHT, PROGRAM, BootedHost
from units import DAEMON, PLUGIN

import own_host


def pytest_configure(config: pytest.Config) -> None:
    own_host.leave_the_machine(config)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if not item.path.is_relative_to(here):
            continue
        item.add_marker(pytest.mark.netns)
        # For pytest-xdist: one worker, which boots once.
        item.add_marker(pytest.mark.xdist_group("systemd"))
        if os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason=own_host.NEEDS_ROOT))
        elif not PROGRAM.exists():
            item.add_marker(pytest.mark.skip(reason="needs systemd (Debian's package is systemd)"))


@pytest.fixture(scope="session")
def booted() -> Iterator[BootedHost]:
    host = BootedHost()
    try:
        host.boot()
        yield host
    finally:
        host.remove()


@pytest.fixture
def host(booted: BootedHost) -> Iterator[BootedHost]:
    """Both units are installed, and neither runs. Afterwards the host is empty again."""
    for unit in (DAEMON, PLUGIN):
        booted.install(unit)
    yield booted
    booted.sh(f"systemctl stop {DAEMON} {PLUGIN}; systemctl disable --quiet {DAEMON} {PLUGIN}; systemctl reset-failed")
    booted.sh(f"[ ! -e /var/lib/netwright/state.db ] || {NETWRIGHT} destroy --quiet lab; rm -rf /var/lib/netwright")
    assert booted.sh("ip netns list; nft list tables inet") == ""
