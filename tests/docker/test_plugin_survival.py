"""What stays, and what comes back, when the engine or the plugin is restarted or killed."""

from __future__ import annotations

import os
import signal

import pytest
from docker_host import DockerHost, wait_for
from docker_plugin import Plugin, create, inside

from clients import fetch

pytestmark = pytest.mark.every_engine


def serve_abroad(engine: DockerHost) -> str:
    for netns in (None, engine.ext):
        engine.run("ip", "link", "set", "eth1", "up", netns=netns)
    engine.run("ip", "address", "add", "10.0.0.1/8", "dev", "eth1")
    engine.run("ip", "address", "add", "10.0.7.7/8", "dev", "eth1", netns=engine.ext)
    return f"/proc/{os.getpid()}/fd/{engine.ext}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_containers_do_not_notice_that_the_plugin_is_away(engine: DockerHost, plugin: Plugin, number: int) -> None:
    outside = serve_abroad(engine)
    create(engine, "shop", "--subnet", "172.30.0.0/24")
    engine.web("web", "--network", "shop", "--publish", "8080:80")
    plugin.end(number)
    assert fetch(outside, "10.0.0.1", 8080) == "the page"
    plugin.start()
    assert fetch(outside, "10.0.0.1", 8080) == "the page"
    client = engine.container("client", "--network", "shop")
    assert fetch(inside(client), "172.30.0.2", 80) == "the page"
    with pytest.raises(AssertionError, match="published already"):
        engine.container("late", "--network", "shop", "--publish", "8080:80")
    engine.docker("rm", "--force", "web")
    assert fetch(outside, "10.0.0.1", 8080) == "refused"


def test_the_network_is_there_after_a_restart_of_the_engine(engine: DockerHost, plugin: Plugin) -> None:
    outside = serve_abroad(engine)
    create(engine, "shop", "--subnet", "172.30.0.0/24")
    engine.web("web", "--network", "shop", "--ip", "172.30.0.77", "--publish", "8080:80")
    engine.restart()
    assert fetch(outside, "10.0.0.1", 8080) == "refused"
    other = engine.container("other", "--network", "shop")
    engine.docker("start", "web")
    engine.wait_for_page("web", 80)
    assert fetch(outside, "10.0.0.1", 8080) == "the page"
    assert fetch(inside(other), "172.30.0.77", 80) == "the page"


def test_an_engine_and_a_plugin_that_were_killed_leave_nothing_in_the_way(engine: DockerHost, plugin: Plugin) -> None:
    outside = serve_abroad(engine)
    create(engine, "shop", "--subnet", "172.30.0.0/24")
    engine.web("web", "--network", "shop", "--publish", "8080:80")
    engine.kill()
    plugin.end(signal.SIGKILL)
    plugin.start()
    engine.start()
    engine.docker("start", "web")
    engine.wait_for_page("web", 80)
    assert fetch(outside, "10.0.0.1", 8080) == "the page"
    assert sum(line.startswith("nwp") for line in engine.run("ip", "-br", "link").splitlines()) == 1


def test_what_others_remove_is_put_back(engine: DockerHost, plugin: Plugin) -> None:
    outside = serve_abroad(engine)
    create(engine, "shop", "--subnet", "172.30.0.0/24", "-o", "netwright.bridge=br-shop")
    pid = engine.web("web", "--network", "shop", "--publish", "8080:80")
    engine.run("nft", "flush", "ruleset")
    engine.run("ip", "address", "flush", "dev", "br-shop")
    # Sooner than it looks without being told.
    wait_for("the port to be back", lambda: fetch(outside, "10.0.0.1", 8080) == "the page", 20)
    engine.run("ip", "link", "delete", "br-shop")
    wait_for("the bridge to be back", lambda: fetch(outside, "10.0.0.1", 8080) == "the page", 20)
    assert engine.pid("web") == pid


def test_a_second_plugin_is_refused(engine: DockerHost, plugin: Plugin) -> None:
    second = Plugin(engine, plugin.state.parent)
    with pytest.raises(AssertionError, match="serves Docker as its driver already"):
        second.start()
