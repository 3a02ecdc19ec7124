"""These tests play a host on which a real Docker Engine runs: one engine for a pytest process, emptied after each test."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_host import DockerHost
from docker_plugin import Plugin

import own_host
from netwright.backends.docker import DockerEngine

NEEDS_DOCKER = "needs dockerd (Debian's package is docker.io)"


def pytest_configure(config: pytest.Config) -> None:
    own_host.leave_the_machine(config)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    reason = own_host.NEEDS_ROOT if os.geteuid() != 0 else None if shutil.which("dockerd") else NEEDS_DOCKER
    for item in items:
        if reason and item.path.is_relative_to(here):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def docker_host() -> Iterator[DockerHost]:
    host = DockerHost()
    try:
        host.start()
        host.load_image()
        yield host
    finally:
        host.remove()


@pytest.fixture
def engine(docker_host: DockerHost, monkeypatch: pytest.MonkeyPatch) -> Iterator[DockerHost]:
    """The engine, and its host to be on: the test's thread is in dockerd's network namespace.

    Afterwards there are no containers, no networks and no named namespaces, and eth1 is there and down.
    """
    monkeypatch.setenv("NETWRIGHT_DOCKER", docker_host.url)
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    with own_host.away():
        own_host.enter(docker_host.host)
        try:
            yield docker_host
        finally:
            docker_host.empty()
            for name in own_host.FOLDERS[0].iterdir():
                subprocess.run(["umount", "--lazy", str(name)], check=False, capture_output=True)
                name.unlink()
            own_host.run("find", str(own_host.FOLDERS[1]), "-mindepth", "1", "-delete")
            docker_host.plug_in()


@pytest.fixture
def plugin(engine: DockerHost, tmp_path: Path) -> Iterator[Plugin]:
    """Netwright as the engine's driver. Afterwards containers and networks are gone, and nothing of its is left on the host."""
    plugin = Plugin(engine, tmp_path)
    plugin.start()
    try:
        yield plugin
    finally:
        if not plugin.running:
            plugin.start()
        engine.empty()
        plugin.end()
    assert [name for name in engine.run("ip", "-br", "link").split() if name.startswith("nw")] == []
    assert engine.run("nft", "list", "tables").count("nw_docker_plugin") == 0


@pytest.fixture
def backend(engine: DockerHost) -> Iterator[DockerEngine]:
    """Netwright's own view of the engine."""
    docker = DockerEngine()
    yield docker
    docker.close()
