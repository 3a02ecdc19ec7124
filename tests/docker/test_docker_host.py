"""The host that the other tests here stand on: an engine of its own, away from the machine."""

from __future__ import annotations

import os

import own_host


def test_the_engine_runs_on_a_host_of_its_own(engine):
    assert os.readlink("/proc/thread-self/ns/net") not in own_host.MACHINE
    links = [line.split(": ")[1].partition("@")[0] for line in engine.run("ip", "-o", "link").splitlines()]
    assert sorted(links) == ["docker0", "eth1", "lo"]
    assert engine.docker("network", "ls", "--format", "{{.Name}}").split() == ["bridge", "host", "none"]


def test_a_container_serves_a_page_to_its_host(engine):
    engine.web(port=1234, page="hello")
    address = engine.inspect("container", "web")["NetworkSettings"]["IPAddress"]
    assert engine.run("busybox", "wget", "-q", "-O", "-", f"http://{address}:1234/") == "hello\n"


def test_the_world_beyond_reaches_a_port_that_docker_publishes(engine):
    engine.web("web", "--publish", "8080:80", page="published")
    for netns, address in ((engine.host, "192.0.2.1/24"), (engine.ext, "192.0.2.2/24")):
        engine.run("ip", "address", "add", address, "dev", "eth1", netns=netns)
        engine.run("ip", "link", "set", "eth1", "up", netns=netns)
    assert engine.run("busybox", "wget", "-q", "-O", "-", "http://192.0.2.1:8080/", netns=engine.ext) == "published\n"


def test_the_engine_comes_back_after_a_restart_with_its_containers_stopped(engine):
    pid = engine.web()
    engine.restart()
    assert not os.path.exists(f"/proc/{pid}")
    assert engine.pid("web") == 0
    engine.docker("start", "web")
    assert engine.pid("web") > 0
