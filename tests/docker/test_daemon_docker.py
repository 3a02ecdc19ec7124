"""The daemon beside a real engine: stacks follow containers, the engine's restarts and other people's firewalls by themselves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from docker_host import CHURN, IMAGE, DockerHost, wait_for

import netwright
from clients import fetch
from daemon_process import DaemonProcess, until
from firewalls import NEEDS_FIREWALLD, NEEDS_UFW, firewalld, has_firewalld, has_ufw, ufw
from netwright.backends.store import SqliteStore

PUBLISHED = """\
version: 1
name: shop
containers:
  web: {publish: ["8080:80"]}
  guard:
policies:
  - {name: office, from: [10.0.0.0/16], to: web, ports: [8080]}
"""
FORWARDED = """\
version: 1
name: edge
networks: {lan: {subnets: [192.168.66.0/24], bridge: br-edge, masquerade: false}}
namespaces:
  inner: {interfaces: {eth0: {network: lan, address: 192.168.66.7}}}
"""
LAB = """\
version: 1
name: lab
networks:
  lan: {bridge: br7, subnets: [192.168.77.0/24], masquerade: false}
  custom: {managed_by: docker, bridge: docker7, subnets: [172.30.0.0/16]}
namespaces: {peer: {interfaces: {eth0: {network: lan, address: 192.168.77.9}}}}
containers:
  web:
    networks: {custom: {address: 172.30.0.10}}
    interfaces: {eth7: {network: lan, address: 192.168.77.20, mtu: 1400}}
"""


@pytest.fixture
def daemon(engine: DockerHost, tmp_path: Path) -> Iterator[DaemonProcess]:
    """Not started. Its stacks do not outlive the test."""
    daemon = DaemonProcess(tmp_path)
    try:
        yield daemon
    finally:
        daemon.close()
        engine.empty()
        with netwright.open_engine(state_folder=str(daemon.state)) as netwrights:
            for stack in netwrights.status():
                netwrights.destroy(stack.name)


@pytest.fixture
def outside(engine: DockerHost) -> str:
    """Clients in 10.0.0.0/16 and 10.1.0.0/16 beyond eth1. Their namespace's path."""
    engine.run("ip", "link", "set", "eth1", "up")
    engine.run("ip", "link", "set", "eth1", "up", netns=engine.ext)
    for netns, addresses in ((None, ("10.0.0.1/8",)), (engine.ext, ("10.0.7.7/8", "10.1.7.7/8"))):
        for address in addresses:
            engine.run("ip", "address", "add", address, "dev", "eth1", netns=netns)
    engine.run("ip", "route", "add", "192.168.66.0/24", "via", "10.0.0.1", netns=engine.ext)
    return f"/proc/{os.getpid()}/fd/{engine.ext}"


def served(outside: str, *, source: str = "10.0.7.7", page: str = "the page") -> None:
    """Wait until a client gets the page."""
    wait_for(f"{source} to be served", lambda: fetch(outside, "10.0.0.1", 8080, source) == page)


def address_of(engine: DockerHost, name: str) -> str:
    return engine.docker("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}", name).strip()


def restarted_elsewhere(engine: DockerHost, name: str) -> None:
    """Restart it; meanwhile somebody else takes the address that it had."""
    before = address_of(engine, name)
    engine.docker("stop", "--time", "0", name)
    engine.container(f"thief-of-{before.replace('.', '-')}")
    engine.docker("start", name)
    assert address_of(engine, name) not in {"", before}
    engine.wait_for_page(name, 80)


@pytest.mark.every_engine
def test_ports_and_policies_follow_a_container_to_another_address(engine: DockerHost, daemon: DaemonProcess, outside: str) -> None:
    engine.web("web")
    daemon.start()
    daemon.apply(PUBLISHED)
    served(outside)
    assert fetch(outside, "10.0.0.1", 8080, "10.1.7.7") == "refused"
    for _ in range(2):
        restarted_elsewhere(engine, "web")
        served(outside)
        assert fetch(outside, "10.0.0.1", 8080, "10.1.7.7") == "refused"
        assert address_of(engine, "web") in engine.run("nft", "list", "table", "inet", "nw_shop")
    reasons = {why for event in daemon.repairs("shop") for why in event["why"]}
    # Docker 28 tells that a container is connected before it tells that it has started.
    assert reasons & {"the container web: start", "the Docker network bridge: connect"}
    assert [event["message"] for event in daemon.events("docker")] == ["The Docker Engine is there."]


@pytest.mark.every_engine
def test_a_container_may_be_removed_made_again_and_renamed(engine: DockerHost, daemon: DaemonProcess, outside: str) -> None:
    daemon.start()
    daemon.apply(PUBLISHED)
    engine.web("web", page="the first")
    served(outside, page="the first")
    engine.docker("rm", "--force", "web")
    wait_for("it to be waited for", lambda: "web" in daemon.events("waiting")[-1]["message"])
    wait_for("its port to be closed", lambda: fetch(outside, "10.0.0.1", 8080, "10.0.7.7") == "refused")
    engine.web("other", page="the second")
    engine.docker("rename", "other", "web")
    served(outside, page="the second")
    engine.docker("rename", "web", "third")
    wait_for("its port to be closed", lambda: fetch(outside, "10.0.0.1", 8080, "10.0.7.7") == "refused")


@pytest.mark.every_engine
def test_what_a_container_was_given_is_put_back_when_it_is_restarted_or_disconnected(engine: DockerHost, daemon: DaemonProcess) -> None:
    daemon.start()
    daemon.apply(LAB)
    engine.web("web")
    for undo in ("restart", "disconnect", "restart", "link"):
        wait_for("the interface", lambda: fetch("/run/netns/peer", "192.168.77.20", 80) == "the page")
        wait_for("the network", lambda: "172.30.0.10" in address_of(engine, "web").split())
        pid = engine.pid("web")
        link = json.loads(engine.run("nsenter", f"--net=/proc/{pid}/ns/net", "ip", "-j", "link", "show", "dev", "eth7"))
        assert [one["mtu"] for one in link] == [1400]
        if undo == "restart":
            engine.docker("restart", "--time", "0", "web")
            engine.wait_for_page("web", 80)
        elif undo == "disconnect":
            engine.docker("network", "disconnect", "custom", "web")
        else:
            engine.run("nsenter", f"--net=/proc/{pid}/ns/net", "ip", "link", "delete", "eth7")
    wait_for("the interface", lambda: fetch("/run/netns/peer", "192.168.77.20", 80) == "the page")
    engine.docker("network", "disconnect", "custom", "web")
    wait_for("the network", lambda: "172.30.0.10" in address_of(engine, "web").split())


def test_before_the_engine_is_up_it_makes_what_it_can_and_the_rest_when_the_engine_comes(
    engine: DockerHost, daemon: DaemonProcess, outside: str
) -> None:
    with netwright.open_engine(state_folder=str(daemon.state)) as netwrights:
        netwrights.apply(netwright.parse(FORWARDED, "edge.yaml"))
        netwrights.apply(netwright.parse(PUBLISHED, "shop.yaml"))
        netwrights.apply(netwright.parse(LAB, "lab.yaml"))
    engine.web("web", "--restart", "always")
    engine.stop()
    # As after a boot: nothing of ours is there.
    engine.run("sh", "-c", "ip netns delete inner; ip netns delete peer; ip link delete br-edge; ip link delete br7; nft flush ruleset")
    daemon.start()
    assert engine.run("ip", "netns", "list").split()[0::1].count("inner") == 1
    assert "br-edge" in engine.run("ip", "-br", "link")
    engine.start()
    engine.wait_for_page("web", 80)
    served(outside)
    wait_for("the interface", lambda: fetch("/run/netns/peer", "192.168.77.20", 80) == "the page")
    assert "The Docker Engine is there." in [event["message"] for event in daemon.events("docker")]


@pytest.mark.every_engine
def test_the_engine_may_be_killed_and_started_again(engine: DockerHost, daemon: DaemonProcess, outside: str) -> None:
    engine.web("web", "--restart", "always")
    daemon.start()
    daemon.apply(PUBLISHED)
    daemon.apply(FORWARDED)
    served(outside)
    engine.kill()
    wait_for("it to be missed", lambda: "The Docker Engine is away." in [event["message"] for event in daemon.events("docker")])
    engine.start()
    engine.wait_for_page("web", 80)
    served(outside)
    assert fetch(outside, "10.0.0.1", 8080, "10.1.7.7") == "refused"
    assert fetch("/run/netns/inner", "10.0.7.7", 9) == "refused"
    assert daemon.running


@pytest.mark.every_engine
def test_after_a_flush_all_of_ours_is_there_again(engine: DockerHost, daemon: DaemonProcess, outside: str) -> None:
    engine.web("web")
    daemon.start()
    daemon.apply(PUBLISHED)
    daemon.apply(FORWARDED)
    flushings = ["iptables -F DOCKER-USER", "iptables -F", "nft flush ruleset"]
    try:
        for flushing in flushings[2:] if engine.programs.nftables else flushings:
            served(outside)
            wait_for("the network to be reached", lambda: fetch("/run/netns/inner", "10.0.7.7", 9) == "refused")
            daemon.quiet()
            engine.run(*flushing.split())
        served(outside)
        assert fetch(outside, "10.0.0.1", 8080, "10.1.7.7") == "refused"
        wait_for("the network to be reached", lambda: fetch("/run/netns/inner", "10.0.7.7", 9) == "refused")
        daemon.quiet()
        standing = json.loads(daemon.run("status", "--json").stdout)["stacks"]
        assert [(stack["name"], stack["in_order"]) for stack in standing] == [("edge", True), ("shop", True)]
    finally:
        # It lays its own rules anew only when it starts.
        engine.restart()


@pytest.mark.skipif(not has_ufw(), reason=NEEDS_UFW)
def test_after_ufw_reload_all_of_ours_is_there(engine: DockerHost, daemon: DaemonProcess, outside: str) -> None:
    engine.web("web")
    with ufw() as wall:
        daemon.start()
        daemon.apply(PUBLISHED)
        daemon.apply(FORWARDED)
        for _ in range(2):
            served(outside)
            wait_for("the network to be reached", lambda: fetch("/run/netns/inner", "10.0.7.7", 9) == "refused")
            wall.reload()
        served(outside)
        wait_for("the network to be reached", lambda: fetch("/run/netns/inner", "10.0.7.7", 9) == "refused")
        daemon.run("destroy", "shop")
        daemon.run("destroy", "edge")


@pytest.mark.skipif(not has_firewalld(), reason=NEEDS_FIREWALLD)
def test_after_firewalld_reloads_all_of_ours_is_there(engine: DockerHost, daemon: DaemonProcess, outside: str) -> None:
    engine.web("web")
    daemon.start()
    daemon.apply(PUBLISHED)
    with firewalld() as wall:
        for _ in range(2):
            wait_for("it to be listed", lambda: "nw_shop" in engine.run("nft", "list", "tables"))
            wall.reload()
            daemon.quiet()
        assert "nw_shop" in engine.run("nft", "list", "tables")
        assert json.loads(daemon.run("status", "shop", "--json").stdout)["stacks"][0]["trouble"] is None


def test_many_containers_leave_nothing_behind(engine: DockerHost, daemon: DaemonProcess) -> None:
    """By a network of Docker's, an interface of ours and a published port, all by label."""
    daemon.start()
    daemon.apply(
        """\
version: 1
name: lab
networks: {lan: {bridge: br7, subnets: [192.168.77.0/24], masquerade: false}}
containers:
  web: {publish: ["8080:80"], interfaces: {eth7: {network: lan}}}
  many: {docker: {label: role=many}}
policies:
  - {name: many, from: many, to: web, ports: [8080]}
"""
    )

    def there() -> dict[str, object]:
        """Links, rules and elements, when the daemon has nothing more to do."""
        with netwright.open_engine(state_folder=str(daemon.state)) as netwrights:
            (standing,) = netwrights.status("lab")
            assert standing.drift is not None
            if standing.drift.operations:
                return {}
        rules = [engine.run("nft", "--stateless", "list", "table", "inet", name, check=False) for name in ("nw_lab", "nwp_lab")]
        saved = engine.run("sh", "-c", "iptables-save; ip6tables-save")
        return {
            "links": sorted(one["ifname"] for one in json.loads(engine.run("ip", "-j", "link"))),
            "rules": rules,
            "ours": [line for line in saved.splitlines() if "netwright" in line],
        }

    def leased() -> dict[str, str]:
        with closing(SqliteStore(str(daemon.state))) as store:
            return dict(store.leases("lab"))

    until("it to be in order", there)
    before = there()
    descriptors = leases = None
    batch = 8
    for first in range(0, CHURN, batch):
        names = [f"many{number}" for number in range(first, min(first + batch, CHURN))]
        started = [
            subprocess.Popen(
                ["docker", "--host", engine.url, "run", "--rm", "--name", name, "--label", "role=many", IMAGE, "sleep", "0.2"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            for name in names
        ]
        engine.docker("run", "--detach", "--rm", "--name", "web", IMAGE, "sleep", "1000")
        wait_for("the interface", lambda: "eth7" in engine.run("nsenter", f"--net=/proc/{engine.pid('web')}/ns/net", "ip", "-br", "link"))
        engine.docker("kill", "web")
        for process in started:
            _, told = process.communicate(timeout=120)
            assert process.returncode == 0, told.decode()
        wait_for("web to be gone", lambda: engine.docker("ps", "--quiet", "--all") == "")
        if first == 0:
            until("it to be as before", lambda: there() == before)
            daemon.quiet()
            descriptors, leases = daemon.descriptors(), leased()
    until("it to be as before", lambda: there() == before)
    daemon.quiet()
    # An address stays with the container that the file names, and with nobody else.
    assert leased() == leases
    assert daemon.descriptors() == descriptors
    assert daemon.end(signal.SIGTERM) == 0
