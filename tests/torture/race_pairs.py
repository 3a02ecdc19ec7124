"""Two commands at the same time: what is there afterwards is what one of the two orders leaves, and both are told the truth."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from own_host import run
from torture.racing import EMPTY, Stage, host, left

Command = tuple[str, ...]

SHOP = """\
version: 1
name: shop
networks: {lan: {subnets: [10.3.0.0/24], bridge: br-shop}}
namespaces:
  web: {interfaces: {eth0: {network: lan, address: 10.3.0.7, mtu: 1400}}}
host:
  publish: [{listen: 8080/tcp, to: "web:80"}]
"""
EDITED = SHOP.replace("10.3.0.7, mtu: 1400", "10.3.0.8, mtu: 1300").replace("8080", "8081").replace("  web: {", "  db: {}\n  web: {")
OTHER = SHOP.replace("shop", "other").replace("10.3.0", "10.4.0").replace("web", "app").replace("8080", "9090")
PLAIN = "version: 1\nname: other\nnetworks: {lan: {subnets: [10.4.0.0/24], bridge: br-other}}\n"
FILES = {
    "shop.yaml": SHOP,
    "edited.yaml": EDITED,
    "other.yaml": OTHER,
    "same-namespace.yaml": OTHER.replace("app", "web"),
    "same-port.yaml": OTHER.replace("9090", "8080"),
    "same-subnet.yaml": OTHER.replace("10.4.0", "10.3.0"),
    "same-bridge.yaml": OTHER.replace("br-other", "br-shop"),
    "nic.yaml": "version: 1\nname: shop\nnamespaces: {web: {interfaces: {wan: {nic: eth1, addresses: [203.0.113.5/24]}}}}\n",
    "same-nic.yaml": "version: 1\nname: other\nnamespaces: {app: {interfaces: {out: {nic: eth1, addresses: [203.0.113.6/24]}}}}\n",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    what: str
    before: tuple[Command, ...] = ()
    """One after the other, before the two."""
    first: Command
    second: Command
    one_wins: bool = False
    """They want the same: one of them is refused."""


def _apply(file: str) -> Command:
    return ("apply", file)


PAIRS = (
    Pair(what="two applies of one file", first=_apply("shop.yaml"), second=_apply("shop.yaml")),
    Pair(what="two files of one stack", first=_apply("shop.yaml"), second=_apply("edited.yaml")),
    Pair(
        what="two edits of one stack",
        before=(_apply("other.yaml"),),
        first=("publish", "app", "9091:80"),
        second=("unpublish", "app", "9090"),
    ),
    Pair(what="two stacks", first=_apply("shop.yaml"), second=_apply("other.yaml")),
    Pair(what="one namespace's name for two", first=_apply("shop.yaml"), second=_apply("same-namespace.yaml"), one_wins=True),
    Pair(what="one port for two", first=_apply("shop.yaml"), second=_apply("same-port.yaml"), one_wins=True),
    Pair(what="one subnet for two", first=_apply("shop.yaml"), second=_apply("same-subnet.yaml"), one_wins=True),
    Pair(what="one bridge's name for two", first=_apply("shop.yaml"), second=_apply("same-bridge.yaml"), one_wins=True),
    Pair(what="one NIC for two", first=_apply("nic.yaml"), second=_apply("same-nic.yaml"), one_wins=True),
    Pair(what="apply and destroy", before=(_apply("shop.yaml"),), first=_apply("edited.yaml"), second=("destroy", "shop")),
    Pair(what="two destroys", before=(_apply("shop.yaml"),), first=("destroy", "shop"), second=("destroy", "shop")),
    Pair(what="apply and publish", before=(_apply("shop.yaml"),), first=_apply("edited.yaml"), second=("publish", "web", "8090:90")),
    Pair(what="destroy and publish", before=(_apply("shop.yaml"),), first=("destroy", "shop"), second=("publish", "web", "8090:90")),
    Pair(what="apply and recover", first=_apply("shop.yaml"), second=("recover",)),
    Pair(
        what="apply and confirm",
        before=(_apply("shop.yaml"), ("apply", "--confirm", "600", "edited.yaml")),
        first=_apply("shop.yaml"),
        second=("confirm", "shop"),
    ),
)

Seen = dict[str, Any]


@contextmanager
def on_stage(*, with_daemon: bool = False) -> Iterator[Stage]:
    """A host with the NIC eth1; the files; a daemon that runs, if it is asked for."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as later:
        run("ip", "link", "add", "eth1", "type", "veth", "peer", "name", "eth1-far")
        later.callback(run, "ip", "link", "delete", "eth1")
        stage = later.enter_context(Stage(Path(folder)))
        for name, text in FILES.items():
            stage.file(name, text)
        if with_daemon:
            stage.daemon().start()
        yield stage


def placed(stage: Stage, command: Command) -> Command:
    """With its file in the stage's folder."""
    return tuple(str(stage.folder / word) if word in FILES else word for word in command)


def result(stage: Stage, statuses: Sequence[int]) -> Seen:
    return {"statuses": list(statuses), "committed": stage.committed(), "host": host()}


def orders(pair: Pair) -> list[Seen]:
    """What the two orders leave. The statuses are in the order of the pair."""
    found = []
    for order in ((0, 1), (1, 0)):
        with on_stage() as stage:
            for command in pair.before:
                assert stage.in_this_process(*placed(stage, command)) == 0
            statuses = [0, 0]
            for number in order:
                statuses[number] = stage.in_this_process(*placed(stage, (pair.first, pair.second)[number]))
            found.append(result(stage, statuses))
    return found


def race(pair: Pair, expected: Sequence[Seen], *, pause: float | None = None, with_daemon: bool = False) -> None:
    """Raises AssertionError where it ends as neither order does. `pause`: seconds between their starts; None: they wait for one lock."""
    with on_stage(with_daemon=with_daemon) as stage:
        for command in pair.before:
            assert stage.in_this_process(*placed(stage, command)) == 0
        commands = [placed(stage, command) for command in (pair.first, pair.second)]
        ended = stage.at_once(*commands) if pause is None else stage.started_together(*commands, pauses=[pause])
        seen = result(stage, [one.status for one in ended])
        assert seen in expected, f"{seen['statuses']}, {list(seen['committed'])}: {'; '.join(map(str, ended))}: {json.dumps(seen)}"
        if pair.one_wins:
            (loser,) = (one for one in ended if one.status != 0)
            assert "othing was touched" in loser.err, str(loser)
        assert stage.in_order() == []
        stage.undisturbed()
    assert left() == EMPTY, f"{left()} was left"
