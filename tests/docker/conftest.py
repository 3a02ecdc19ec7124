"""These tests play a host on which a real Docker Engine runs: one engine at a time for a pytest process, emptied after each test.

Most run with the engine that is installed. Those marked `every_engine` run with each of `docker_engines.ENGINES`,
those marked `nftables_engine` with one whose rules are in nftables.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_engines import ENGINES, NFTABLES, Programs
from docker_host import DockerHost
from docker_plugin import Plugin

import own_host
from netwright.backends.docker import DockerEngine


def pytest_configure(config: pytest.Config) -> None:
    own_host.leave_the_machine(config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "docker_host" in metafunc.fixturenames:
        engines = ENGINES if metafunc.definition.get_closest_marker("every_engine") else ENGINES[:1]
        engines = NFTABLES if metafunc.definition.get_closest_marker("nftables_engine") else engines
        metafunc.parametrize("docker_host", engines, indirect=True, scope="session", ids=lambda engine: engine.name)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if not item.path.is_relative_to(here):
            continue
        item.add_marker(pytest.mark.docker)
        if os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason=own_host.NEEDS_ROOT))
        if isinstance(item, pytest.Function) and (engine := _engine_of(item)):
            # For pytest-xdist: one worker for each engine, which is so started once.
            item.add_marker(pytest.mark.xdist_group(f"docker-{engine.name}"))


def _engine_of(item: pytest.Function) -> Programs | None:
    return item.callspec.params.get("docker_host") if hasattr(item, "callspec") else None


@pytest.fixture(scope="session")
def docker_host(request: pytest.FixtureRequest) -> Iterator[DockerHost]:
    programs: Programs = request.param
    if programs.missing:
        pytest.skip(programs.missing)
    host = DockerHost(programs)
    try:
        host.start()
        host.load_image()
        yield host
    finally:
        host.remove()


@pytest.fixture
def engine(docker_host: DockerHost, monkeypatch: pytest.MonkeyPatch) -> Iterator[DockerHost]:
    """The engine, and its host to be on: the test's thread is in dockerd's network namespace.

    Afterwards there are no containers, no networks and no named namespaces, and eth1 is there and down; and no thread of this process has
    moved, nor is a handle of a namespace open that was not before.
    """
    monkeypatch.setenv("NETWRIGHT_DOCKER", docker_host.url)
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    with own_host.nothing_held(), own_host.away():
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
