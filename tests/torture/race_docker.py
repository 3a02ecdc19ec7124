"""The same with a real Docker Engine, which is killed and started meanwhile. The process plays the engine's host."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "docker"))

from docker_host import DockerHost, wait_for
from docker_plugin import Plugin, create

import own_host
from clients import fetch
from daemon_process import until
from netwright.backends.store import SqliteStore
from rounds import Rounds
from torture.race_publishes import FIRST, Wish, all_at_once, by_command, spread, through_daemon
from torture.racing import Stage, within

LAB = """\
version: 1
name: lab
networks:
  custom: {managed_by: docker, bridge: docker7, subnets: [172.30.0.0/16]}
  lan: {bridge: br-lab, subnets: [192.168.77.0/24], masquerade: false}
namespaces: {peer: {interfaces: {eth0: {network: lan, address: 192.168.77.9}}}}
containers:
  web:
    networks: {custom: {address: 172.30.0.10}}
    interfaces: {eth7: {network: lan, address: 192.168.77.20}}
    publish: ["8080:80"]
"""
EDITED = LAB.replace("172.30.0.10", "172.30.0.11").replace("192.168.77.20", "192.168.77.21").replace("8080", "8081")
ROUND = """\
version: 1
name: rounds
networks: {lan: {bridge: br-lab, subnets: [192.168.77.0/24], masquerade: false}}
containers: {web: {interfaces: {eth7: {network: lan, address: 192.168.77.20}}, publish: ["8080:80"]}}
"""
TRUE = ("The host is as before", "othing was touched", "The host is between two states; what was begun is written down.")
"""What a command says that has failed: how the host is now."""
SOON = 60.0


@contextmanager
def staged(engine: DockerHost) -> Iterator[Stage]:
    """On the engine's host, with a container that serves; nothing of it outlives the block but the engine."""
    with tempfile.TemporaryDirectory() as folder, own_host.away():
        own_host.enter(engine.host)
        with Stage(Path(folder), NETWRIGHT_DOCKER=engine.url) as stage:
            engine.web("web", "--restart", "always")
            stage.file("lab.yaml", LAB)
            stage.file("edited.yaml", EDITED)
            try:
                yield stage
            finally:
                if not engine.running:
                    engine.start()
                stage.in_this_process("recover")
                for name in stage.committed():
                    stage.in_this_process("destroy", name)
                engine.empty()


@contextmanager
def a_client(engine: DockerHost) -> Iterator[None]:
    """Beyond eth1."""
    engine.run("ip", "link", "set", "eth1", "up")
    engine.run("ip", "link", "set", "eth1", "up", netns=engine.ext)
    engine.run("ip", "address", "add", "10.0.0.1/8", "dev", "eth1")
    engine.run("ip", "address", "add", "10.0.7.7/8", "dev", "eth1", netns=engine.ext)
    try:
        yield
    finally:
        engine.plug_in()


def _page(engine: DockerHost, port: int) -> str:
    """What that client gets."""
    return fetch(f"/proc/{os.getpid()}/fd/{engine.ext}", "10.0.0.1", port, "10.0.7.7")


def dockerd_is_killed_while_stacks_are_applied(engine: DockerHost, kills: int = 2, *, with_daemon: bool = True) -> None:
    """Each apply is done, or says truly how it ended; when the engine is there again, the last file is, and it is served."""
    with staged(engine) as stage, a_client(engine):
        if with_daemon:
            stage.daemon().start()
        stage.done("apply", str(stage.folder / "lab.yaml"))
        over, wrong = threading.Event(), list[str]()

        def apply() -> None:
            number = 0
            while not over.is_set():
                number += 1
                ended = stage.run("apply", str(stage.folder / ("lab.yaml", "edited.yaml")[number % 2]))
                if ended.status and not (ended.status in (1, 2) and any(words in ended.err for words in TRUE)):
                    wrong.append(str(ended))

        applying = threading.Thread(target=apply)
        applying.start()
        for _ in range(kills):
            engine.kill()
            engine.start()
            engine.wait_for_page("web", 80)
        over.set()
        applying.join()
        assert wrong == []
        recovered = stage.run("recover")
        assert recovered.status == 0, str(recovered)
        stage.done("apply", str(stage.folder / "edited.yaml"))
        wait_for("the last file to be so", lambda: stage.in_order() == [])
        wait_for("the page", lambda: _page(engine, 8081) == "the page")
        assert _page(engine, 8080) in ("refused", "dropped")


def docker_is_gone_when_a_change_is_to_be_taken_back(engine: DockerHost) -> None:
    """The host's part goes back in time all the same; what only Docker can do is told, and done when Docker is there, at the next apply."""
    with staged(engine) as stage:
        stage.done("apply", str(stage.folder / "lab.yaml"))
        stage.done("apply", "--confirm", "3", str(stage.folder / "edited.yaml"))
        engine.kill()
        with closing(SqliteStore(str(stage.state))) as store:
            until("it to be taken back", lambda: not store.trials(), SOON)
        assert stage.committed() == {"lab": LAB}
        table = engine.run("nft", "list", "table", "inet", "nw_lab", check=False)
        assert "8081" not in table, table
        engine.start()
        engine.wait_for_page("web", 80)
        stage.done("apply", str(stage.folder / "lab.yaml"))
        assert stage.in_order() == []
        assert engine.inspect("container", "web")["NetworkSettings"]["Networks"]["custom"]["IPAddress"] == "172.30.0.10"


def docker_is_gone_when_a_new_stack_is_to_be_taken_back(engine: DockerHost) -> None:
    """It goes from the host, and is not forgotten: what Docker has of it goes when Docker is there."""
    with staged(engine) as stage:
        stage.done("apply", "--confirm", "3", str(stage.folder / "lab.yaml"))
        engine.kill()
        until("the host's part to be gone", lambda: "br-lab" not in engine.run("ip", "link"), SOON)
        told = stage.run("recover").err
        assert "removing the Docker network custom" in told, told
        assert "Docker, which is away" in told, told
        engine.start()
        engine.wait_for_page("web", 80)
        until("Docker's part to be gone", lambda: "custom" not in engine.docker("network", "ls"), SOON)
        until("it to be written down", lambda: stage.committed() == {}, SOON)


def many_publish_to_containers(engine: DockerHost, count: int = 24, *, typed: int = 4) -> None:
    """To one container and to another, by the command and through the daemon: none is lost."""
    with staged(engine) as stage, a_client(engine):
        engine.web("shop", page="the shop")
        daemon = stage.daemon()
        daemon.start()
        wishes = [Wish(target=("web", "shop")[number % 2], port=FIRST + number) for number in range(count)]
        ways = [lambda wish: by_command(stage, wish), lambda wish: through_daemon(daemon, wish)]
        assert [why for why in all_at_once(spread(wishes, ways, typed=typed)) if why] == []
        (text,) = stage.committed().values()
        assert [wish.port for wish in wishes if f"{wish.port}" not in text] == []
        for wish in (*wishes[:2], *wishes[-2:]):
            page = {"web": "the page", "shop": "the shop"}[wish.target]
            assert within(SOON, lambda wish=wish, page=page: _page(engine, wish.port) == page), f"port {wish.port} is not served"
        assert stage.in_order() == []


def a_container_and_a_stack_want_one_port(engine: DockerHost, tries: int = 2) -> None:
    """`docker run -p` on a network of the driver netwright, and an apply: one of them has it."""
    with staged(engine) as stage:
        plugin = Plugin(engine, stage.folder)
        plugin.start()
        try:
            create(engine, "shop", "--subnet", "172.31.0.0/24")
            stack = stage.file("port.yaml", "version: 1\nname: port\nhost: {publish: [{listen: 8090/tcp, to: '192.0.2.7:80'}]}\n")
            for number in range(tries):
                applying = stage.start("apply", stack)
                try:
                    engine.container(f"c{number}", "--network", "shop", "--publish", "8090:80")
                    has_it = True
                except AssertionError as error:
                    assert "8090" in str(error), str(error)
                    has_it = False
                ended = stage.ended(applying)
                assert (ended.status == 0) != has_it or not has_it, f"both have it: {ended}"
                stage.done("destroy", "port")
                subprocess.run(["docker", "--host", engine.url, "rm", "--force", f"c{number}"], check=False, capture_output=True)
        finally:
            engine.empty()
            plugin.end(signal.SIGTERM)


def rounds_with_a_container_hold_nothing(engine: DockerHost, count: int = 40) -> None:
    """Apply and destroy of a stack that gives a container an interface and a port: descriptors and threads of this process stay as they are."""
    with staged(engine) as stage, tempfile.TemporaryDirectory() as folder, stage.here():
        rounds = Rounds(ROUND, folder)
        rounds.run(count // 4)
        first = rounds.held()
        rounds.run(count - count // 4)
        last = rounds.held()
        assert (last.descriptors, last.threads) == (first.descriptors, first.threads), f"{first}, then {last}"
        assert last.memory - first.memory < 3 << 20, f"{first}, then {last}"


RACES: dict[str, Callable[[DockerHost], None]] = {
    "dockerd is killed while stacks are applied": dockerd_is_killed_while_stacks_are_applied,
    "Docker is gone when a change is to be taken back": docker_is_gone_when_a_change_is_to_be_taken_back,
    "Docker is gone when a new stack is to be taken back": docker_is_gone_when_a_new_stack_is_to_be_taken_back,
    "many publish to containers": many_publish_to_containers,
    "a container and a stack want one port": a_container_and_a_stack_want_one_port,
    "rounds with a container hold nothing": rounds_with_a_container_hold_nothing,
}
