"""Many commands, a daemon that is killed, readers, a holder of the lock that is dead or stopped: nobody is lost, and nobody waits for ever."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from daemon_process import until
from netwright.errors import NetwrightError
from netwright.frontends.cli.daemon_client import Daemon
from torture.race_pairs import EDITED, OTHER, SHOP, on_stage
from torture.racing import BOUND_SECONDS, EMPTY, NAMES, Stage, left

ROOM = 8 << 20
"""Bytes that the allocator may have to itself."""
MANY = "version: 1\nname: many\nnetworks: {lan: {subnets: [10.8.0.0/16], bridge: br-many}}\nnamespaces:\n" + "".join(
    f"  n{number}: {{interfaces: {{eth0: {{network: lan}}}}}}\n" for number in range(60)
)
"""Takes a while."""


def the_daemon_is_killed_while_stacks_are_applied(applies: int = 6) -> None:
    """And started again, over and over. What is applied last is there, and the daemon has undone nothing of it."""
    with on_stage() as stage:
        daemon = stage.daemon()
        daemon.start()
        failed: list[str] = []

        def apply() -> None:
            for number in range(applies):
                ended = stage.run("apply", str(stage.folder / ("shop.yaml", "edited.yaml")[number % 2]))
                failed.extend([str(ended)] if ended.status else [])

        applying = threading.Thread(target=apply)
        applying.start()
        # Here, not in a thread: the daemon ends with the thread that has started it.
        while applying.is_alive():
            daemon.end(signal.SIGKILL)
            daemon.start()
        applying.join()
        assert failed == []
        daemon.quiet()
        assert stage.committed() == {"shop": EDITED if applies % 2 == 0 else SHOP}
        assert stage.in_order() == []
        stage.undisturbed()
    assert left() == EMPTY, f"{left()} was left"


def the_daemon_keeps_what_is_applied_published_and_destroyed(rounds: int = 3) -> None:
    """A row of commands beside it, none of which waits for it: it undoes nothing, and has nothing to repair."""
    with on_stage(with_daemon=True) as stage:
        for _ in range(rounds):
            stage.done("apply", str(stage.folder / "shop.yaml"))
            stage.done("publish", "web", "8090:90")
            stage.done("apply", str(stage.folder / "edited.yaml"))
            stage.done("unpublish", "web", "8081")
            stage.done("destroy", "shop")
        stage.undisturbed()
    assert left() == EMPTY, f"{left()} was left"


def readers_neither_fail_nor_wait_nor_see_half(applies: int = 6) -> None:
    """Beside applies of two files of one stack: whoever reads sees one of the two, or is told that it is being changed."""
    digests = {hashlib.sha256(text.encode()).hexdigest() for text in (SHOP, EDITED)}
    with on_stage() as stage:
        files = [str(stage.folder / name) for name in ("shop.yaml", "edited.yaml")]
        stage.done("apply", files[0])
        over = threading.Event()
        wrong: list[str] = []

        def read(*arguments: str) -> None:
            while not over.is_set():
                ended = stage.run(*arguments)
                if ended.status != 0:
                    wrong.append(str(ended))
                elif arguments[0] == "status":
                    wrong.extend(_half(json.loads(ended.out), digests))

        reading = [
            threading.Thread(target=read, args=arguments)
            for arguments in (("status", "--json"), ("plan", "--json", files[1]), ("log", "--json"), ("graph", "shop"))
        ]
        for thread in reading:
            thread.start()
        try:
            for number in range(applies):
                stage.done("apply", files[(number + 1) % 2])
        finally:
            over.set()
            for thread in reading:
                thread.join()
        assert wrong == [], f"{len(wrong)}: {wrong[0]}"
    assert left() == EMPTY, f"{left()} was left"


def _half(document: dict[str, Any], digests: set[str]) -> Iterator[str]:
    for stack in document["stacks"]:
        if not stack["in_order"] and stack["changing"] is None:
            yield f"status tells neither that it is in order nor that it is being changed: {stack['drift']}, {stack['unfinished']}"


@contextmanager
def _in_the_middle(stage: Stage) -> Iterator[subprocess.Popen[str]]:
    """An apply that has begun, and is stopped."""
    process = stage.start("apply", stage.file("many.yaml", MANY))
    until("it to have begun", lambda: any(NAMES.iterdir()) or process.poll() is not None, BOUND_SECONDS)
    process.send_signal(signal.SIGSTOP)
    assert process.poll() is None, "it was done before it was stopped"
    yield process


def a_stopped_holder_is_named_and_a_dead_one_blocks_nobody() -> None:
    """Readers do not wait for it either. When it is killed, what it has begun is taken back, and those who waited have their turn."""
    with on_stage() as stage, _in_the_middle(stage) as holder:
        name = f"PID {holder.pid} (netwright apply "
        refused = stage.run("apply", "--no-wait", str(stage.folder / "shop.yaml"))
        assert (refused.status, refused.err.startswith(f"error: {name}")) == (1, True), str(refused)
        for reading in (("status",), ("plan", str(stage.folder / "shop.yaml")), ("log",)):
            stage.done(*reading)
        waiting = stage.start("apply", str(stage.folder / "shop.yaml"))
        assert waiting.stderr is not None
        told = waiting.stderr.readline()
        assert told.startswith(f"Waiting for {name}"), told
        others = [stage.start("apply", str(stage.folder / "other.yaml")), stage.start("recover"), stage.start("recover")]
        holder.kill()
        for process in (waiting, *others):
            ended = stage.ended(process)
            assert ended.status == 0, str(ended)
        assert stage.committed() == {"shop": SHOP, "other": OTHER}
        assert stage.in_order() == []
        assert not [entry.name for entry in NAMES.iterdir() if entry.name.startswith("n")]
    assert left() == EMPTY, f"{left()} was left"


def a_stack_is_destroyed_while_somebody_is_in_its_namespace() -> None:
    """`netwright exec` goes on in what is nobody's any more; the stack is gone."""
    with on_stage() as stage:
        stage.done("apply", str(stage.folder / "shop.yaml"))
        inside = stage.start("exec", "web", "--", "sh", "-c", "echo in >&2; exec sleep 1000")
        assert inside.stderr is not None
        assert inside.stderr.readline() == "in\n"
        stage.done("destroy", "shop")
        assert stage.committed() == {}
        assert "web" not in os.listdir(NAMES)
        assert inside.poll() is None
    assert left() == EMPTY, f"{left()} was left"


def another_state_takes_nothing_away() -> None:
    """Two states on one host are two who do not know each other: neither takes what the other has made."""
    with on_stage() as stage, on_stage_beside(stage) as beside:
        stage.done("apply", str(stage.folder / "shop.yaml"))
        for file in ("same-namespace.yaml", "same-bridge.yaml"):
            refused = beside.run("apply", str(stage.folder / file))
            assert refused.status != 0, str(refused)
            assert "othing was touched" in refused.err, str(refused)
        beside.done("apply", str(stage.folder / "other.yaml"))
        assert (stage.in_order(), beside.in_order()) == ([], [])
        beside.done("destroy", "other")
        assert stage.in_order() == []
    assert left() == EMPTY, f"{left()} was left"


@contextmanager
def on_stage_beside(stage: Stage) -> Iterator[Stage]:
    """The same host with another state."""
    (stage.folder / "beside").mkdir()
    with Stage(stage.folder / "beside") as beside:
        yield beside


def many_requests_leave_nothing_in_the_daemon(count: int = 300) -> None:
    """Those that are answered, those that are refused, and those whose client is gone: neither descriptors nor memory grow."""
    with on_stage() as stage:
        stage.done("apply", str(stage.folder / "shop.yaml"))
        daemon = stage.daemon()
        daemon.start()
        asking = Daemon(str(daemon.socket))

        def ask(times: int) -> None:
            for number in range(times):
                asking.ask("GET", "/v1/status")
                asking.ask("POST", "/v1/plan", {"text": EDITED})
                asking.ask(
                    "POST", "/v1/unpublish" if number % 2 else "/v1/publish", {"target": "web", "port": "8090" if number % 2 else "8090:90"}
                )
                with suppress(NetwrightError):
                    asking.ask("POST", "/v1/publish", {"target": "nobody", "port": "7:7"})
                with socket.socket(socket.AF_UNIX) as gone:
                    gone.connect(str(daemon.socket))
                    gone.sendall(b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n")

        ask(count // 5)
        daemon.quiet()
        descriptors, memory = daemon.descriptors(), daemon.memory()
        ask(count - count // 5)
        daemon.quiet()
        assert daemon.descriptors() == descriptors
        assert daemon.memory() - memory < ROOM, f"{daemon.memory() - memory} bytes more"
        assert stage.in_order() == []
        stage.undisturbed()
    assert left() == EMPTY, f"{left()} was left"


CROWDS: dict[str, Callable[[], None]] = {
    "the daemon is killed while stacks are applied": the_daemon_is_killed_while_stacks_are_applied,
    "the daemon keeps what is applied, published, destroyed": the_daemon_keeps_what_is_applied_published_and_destroyed,
    "readers neither fail nor wait nor see half": readers_neither_fail_nor_wait_nor_see_half,
    "a stopped holder is named, a dead one blocks nobody": a_stopped_holder_is_named_and_a_dead_one_blocks_nobody,
    "a stack is destroyed while somebody is in it": a_stack_is_destroyed_while_somebody_is_in_its_namespace,
    "many requests leave nothing in the daemon": many_requests_leave_nothing_in_the_daemon,
    "another state takes nothing away": another_state_takes_nothing_away,
}

STRANGERS = {
    "deletes our links": "for link in $(ip -o link | awk -F'[:@ ]+' '/netwright/ {print $2}'); do ip link delete $link; done",
    "flushes the ruleset": "nft flush ruleset",
    "adds addresses to our bridge": "ip address add 10.200.0.1/24 dev br-shop; ip address delete 10.200.0.1/24 dev br-shop",
    "takes our bridge down": "ip link set br-shop down",
    "deletes our namespaces": "ip netns delete web",
    "deletes our routes": "ip -n web route flush table main",
}
"""What somebody else does over and over, as a line of shell."""


def a_stranger_changes_the_same(what: str, applies: int = 2) -> None:
    """An apply beside it is done, or is told to have failed, and then it is as before; when the stranger is gone nothing stands in the way."""
    with on_stage() as stage:
        loop = subprocess.Popen(
            ["sh", "-c", f"for n in $(seq 3000); do {STRANGERS[what]}; done"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        expected: dict[str, str] = {}
        try:
            for number in range(applies):
                name, text = (("edited.yaml", EDITED), ("shop.yaml", SHOP))[number % 2]
                ended = stage.run("apply", str(stage.folder / name))
                if ended.status == 0:
                    expected = {"shop": text}
                else:
                    truth = "The host is as before: the stack shop " + ("as it was last applied." if expected else "is not there.")
                    ways = (truth, "othing was touched", "The host is between two states; what was begun is written down.")
                    assert ended.status in (1, 2), str(ended)
                    assert any(way in ended.err for way in ways), str(ended)
                assert {name: text for name, text in stage.committed().items() if text} == expected, str(ended)
        finally:
            loop.kill()
            loop.wait()
        recovered = stage.run("recover")
        assert recovered.status == 0, str(recovered)
        stage.done("apply", str(stage.folder / "shop.yaml"))
        assert stage.in_order() == []
    assert left() == EMPTY, f"{left()} was left"
