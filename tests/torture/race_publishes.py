"""Fifty who publish at the same time: by the command, through the daemon as root and as a member of its group; none is lost.

client `far`  10.9.0.9 ── eth1  10.9.0.1/24  the host
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from clients import fetch, serving
from daemon_process import DaemonProcess
from netwright.errors import NetwrightError
from netwright.frontends.cli.daemon_client import Daemon
from own_host import run
from sandbox_users import NOBODY, as_nobody
from torture.racing import BOUND_SECONDS, COMMAND, EMPTY, Stage, left

LAB = """\
version: 1
name: lab
networks: {lan: {bridge: br-lab, subnets: [10.77.0.0/24]}}
namespaces:
  app: {interfaces: {eth0: {network: lan, address: 10.77.0.20}}}
  shop: {interfaces: {eth0: {network: lan, address: 10.77.0.21}}}
"""
TARGETS = ("app", "shop")
ADDRESSES = {"app": "10.77.0.20", "shop": "10.77.0.21"}
FIRST = 21000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    target: str
    port: int
    withdrawn: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """As it is typed."""
        return ("unpublish", self.target, str(self.port)) if self.withdrawn else ("publish", self.target, f"{self.port}:80")

    @property
    def body(self) -> dict[str, Any]:
        """As the API is asked."""
        return {"target": self.target, "port": str(self.port) if self.withdrawn else f"{self.port}:80"}


Way = Callable[[Wish], str]
"""Has a wish fulfilled; empty, or why it was refused."""


@contextmanager
def lab(*, with_daemon: bool) -> Iterator[tuple[Stage, list[Way]]]:
    """The stack, two servers in it, a client beyond eth1, and the ways to publish."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as later:
        Path(folder).chmod(0o755)
        run("ip", "netns", "add", "far")
        later.callback(run, "ip", "netns", "delete", "far")
        run("ip", "link", "add", "eth1", "type", "veth", "peer", "name", "eth0", "netns", "far")
        later.callback(run, "ip", "link", "delete", "eth1")
        run("ip", "address", "add", "10.9.0.1/24", "dev", "eth1")
        run("ip", "link", "set", "eth1", "up")
        run("ip", "-n", "far", "address", "add", "10.9.0.9/24", "dev", "eth0")
        run("ip", "-n", "far", "link", "set", "eth0", "up")
        stage = later.enter_context(Stage(Path(folder)))
        assert stage.in_this_process("apply", stage.file("lab.yaml", LAB)) == 0
        for target, address in ADDRESSES.items():
            later.enter_context(serving(f"/run/netns/{target}", address, 80, f"{target} for CLIENT"))
        ways: list[Way] = [lambda wish: by_command(stage, wish)]
        if with_daemon:
            daemon = stage.daemon()
            daemon.start("--group", str(NOBODY))
            daemon.socket.parent.chmod(0o755)
            ways += [lambda wish: through_daemon(daemon, wish), lambda wish: by_a_member(stage, wish)]
        yield stage, ways


def by_command(stage: Stage, wish: Wish) -> str:
    ended = stage.run(*wish.words)
    return "" if ended.status == 0 else ended.err


def by_a_member(stage: Stage, wish: Wish) -> str:
    command = as_nobody([COMMAND[0], "-P", *COMMAND[1:], *wish.words])
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=BOUND_SECONDS, env=stage.environment, cwd="/")
    return "" if done.returncode == 0 else done.stderr


def through_daemon(daemon: DaemonProcess, wish: Wish) -> str:
    try:
        Daemon(str(daemon.socket)).ask("POST", "/v1/unpublish" if wish.withdrawn else "/v1/publish", wish.body)
    except NetwrightError as error:
        return str(error)
    return ""


def spread(wishes: Sequence[Wish], ways: Sequence[Way], *, typed: int) -> list[tuple[Way, Wish]]:
    """The first `typed` by the command, the others through the daemon if there is one; of these two by a member of the group."""
    by_daemon = ways[1] if len(ways) > 1 else ways[0]
    chosen = [(ways[0] if number < typed else by_daemon, wish) for number, wish in enumerate(wishes)]
    if len(ways) > 2:
        chosen[-2:] = [(ways[2], wish) for _, wish in chosen[-2:]]
    return chosen


def all_at_once(chosen: Sequence[tuple[Way, Wish]]) -> list[str]:
    """Why each was refused."""
    with ThreadPoolExecutor(len(chosen)) as threads:
        return list(threads.map(lambda one: one[0](one[1]), chosen))


def check(stage: Stage, expected: dict[int, str], *, packets: Sequence[int]) -> None:
    """That so it is kept in the file, and in the kernel; `packets`: ports that a client asks. Raises AssertionError."""
    kept = yaml.safe_load(stage.committed()["lab"]).get("host", {}).get("publish", [])
    in_file = {int(entry["listen"].partition("/")[0]): entry["to"].partition(":")[0] for entry in kept}
    assert in_file == expected, f"in the file: lost {expected.keys() - in_file.keys()}, too many {in_file.keys() - expected.keys()}"
    in_kernel = published()
    wanted = {port: ADDRESSES[target] for port, target in expected.items()}
    assert in_kernel == wanted, f"in the kernel: lost {wanted.keys() - in_kernel.keys()}, too many {in_kernel.keys() - wanted.keys()}"
    assert stage.in_order() == []
    stage.undisturbed()
    for port in packets:
        page = fetch("/run/netns/far", "10.9.0.1", port)
        assert page.startswith(f"{expected[port]} for ") if port in expected else page == "refused", f"port {port} answers: {page}"


def published() -> dict[int, str]:
    """Ports of the host and the addresses that they lead to, in the stack's table, as nft tells."""
    found: dict[int, str] = {}
    for entry in json.loads(run("nft", "-j", "list", "table", "inet", "nw_lab"))["nftables"]:
        for element in entry.get("map", {}).get("elem", []):
            numbers = [word for word in _flat(element) if isinstance(word, int) and FIRST <= word < FIRST + 1000]
            addresses = [word for word in _flat(element) if word in ADDRESSES.values()]
            if numbers and addresses:
                found[numbers[0]] = addresses[0]
    return found


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _flat(each)
    else:
        yield value


def none_is_lost(count: int, *, typed: int, with_daemon: bool = True) -> None:
    """All publish ports of their own, to two targets."""
    with lab(with_daemon=with_daemon) as (stage, ways):
        wishes = [Wish(target=TARGETS[number % 2], port=FIRST + number) for number in range(count)]
        refused = [why for why in all_at_once(spread(wishes, ways, typed=typed)) if why]
        assert refused == []
        check(stage, {wish.port: wish.target for wish in wishes}, packets=(FIRST, FIRST + count - 1))
    assert left() == EMPTY, f"{left()} was left"


def some_come_some_go(count: int, *, typed: int, with_daemon: bool = True) -> None:
    """Half of them take back what was published, while the others publish."""
    with lab(with_daemon=with_daemon) as (stage, ways):
        going = [Wish(target=TARGETS[number % 2], port=FIRST + number) for number in range(count // 2)]
        for wish in going:
            assert stage.in_this_process(*wish.words) == 0
        coming = [Wish(target=TARGETS[number % 2], port=FIRST + 500 + number) for number in range(count - count // 2)]
        mixed = [
            wish
            for pair in zip(coming, going, strict=False)
            for wish in (pair[0], Wish(target=pair[1].target, port=pair[1].port, withdrawn=True))
        ]
        refused = [why for why in all_at_once(spread(mixed, ways, typed=typed)) if why]
        assert refused == []
        check(stage, {wish.port: wish.target for wish in mixed if not wish.withdrawn}, packets=(FIRST, FIRST + 500))
    assert left() == EMPTY, f"{left()} was left"


def one_port_for_many(count: int, *, typed: int, with_daemon: bool = True) -> None:
    """All want the same port, for one target or the other: one target has it, and all who wanted it for the other are told so."""
    with lab(with_daemon=with_daemon) as (stage, ways):
        wishes = [Wish(target=TARGETS[number % 2], port=FIRST) for number in range(count)]
        why = all_at_once(spread(wishes, ways, typed=typed))
        served = {wish.target for wish, reason in zip(wishes, why, strict=True) if not reason}
        assert len(served) == 1, f"served: {served}"
        (winner,) = served
        for wish, reason in zip(wishes, why, strict=True):
            assert wish.target != winner or "published already" in reason or not reason, reason
            assert wish.target == winner or "21000" in reason, f"{wish.target}: {reason!r}"
        check(stage, {FIRST: winner}, packets=(FIRST,))
    assert left() == EMPTY, f"{left()} was left"


CONTESTS = {"none is lost": none_is_lost, "some come, some go": some_come_some_go, "one port for many": one_port_for_many}
