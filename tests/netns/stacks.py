"""Whole stacks on a host of the test's own, with iproute2 and nft as the witnesses and small servers and clients as the traffic.

client `ext`  10.9.0.9  10.9.1.9  fd09::9  fd09:0:0:1::9  ── eth1 ── 10.9.0.1/16  fd09::1/48  the host
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from firewall_net import CLIENT, SERVER

import netwright
from netwright.model.operation import Plan
from netwright.planning.sentence import sentence

HOST = ""
"""In the place of a namespace's name: the host."""

_WANDERING = {"ifindex", "link_index", "link_netnsid", "stats", "stats64", "link", "address", "permaddr", "promiscuity", "allmulti"}
_WANDERING |= {
    "operstate",
    "qdisc",
    "tso_max_size",
    "tso_max_segs",
    "state",
    "bridge_id",
    "root_id",
    "designated_root",
    "designated_bridge",
    "designated_port",
    "id",
    "no",
    "num_tx_queues",
    "num_rx_queues",
}
"""What differs from one making of a link to the next."""

FORWARDING = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")


def at(netns: str) -> tuple[str, ...]:
    """What a command in that namespace begins with."""
    return ("nsenter", f"--net=/run/netns/{netns}", "--") if netns else ()


def run(*command: str, netns: str = HOST, check: bool = True) -> str:
    """A program's stdout, in the named namespace if one is given."""
    return subprocess.run([*at(netns), *command], check=check, capture_output=True, text=True).stdout


def ip(*arguments: str, netns: str = HOST) -> list[dict[str, Any]]:
    """`ip -j -d …`, read."""
    return [entry for entry in json.loads(run("ip", "-j", "-d", *arguments, netns=netns) or "[]") if entry]


def ask(netns: str, address: str, port: int, protocol: str = "tcp", *, source: str = "", source_port: int = 0, seconds: float = 3) -> str:
    """What a client sees: `served PORT CLIENT` (as the server saw them), `refused`, `silence`, or `error …`."""
    arguments = (protocol, address, str(port), source, str(source_port), str(seconds))
    return run(sys.executable, "-I", "-S", "-c", CLIENT, *arguments, netns=netns).strip()


def reaches(netns: str, address: str) -> bool:
    """Whether packets come back from there: from a port that nobody listens on comes a refusal."""
    return ask(netns, address, 9, seconds=1) == "refused"


@contextmanager
def serving(netns: str, address: str, *ports: int, protocol: str = "tcp") -> Iterator[None]:
    """A server that answers `PORT CLIENT`. It listens when the block begins."""
    command = [*at(netns), sys.executable, "-I", "-S", "-c", SERVER, protocol, address, *map(str, ports)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield
    finally:
        process.kill()
        process.communicate()


@contextmanager
def outside() -> Iterator[None]:
    """The client above, behind eth1 of the host; nothing is left of it afterwards."""
    run("ip", "netns", "add", "ext")
    run("ip", "link", "add", "eth1", "type", "veth", "peer", "name", "eth0", "netns", "ext")
    try:
        for netns, dev, addresses in (
            (HOST, "eth1", ("10.9.0.1/16", "fd09::1/48")),
            ("ext", "eth0", ("10.9.0.9/16", "10.9.1.9/16", "fd09::9/48", "fd09:0:0:1::9/48")),
        ):
            for address in addresses:
                run("ip", "address", "add", address, "dev", dev, *(("nodad",) if ":" in address else ()), netns=netns)
            run("ip", "link", "set", dev, "up", netns=netns)
        run("ip", "link", "set", "lo", "up", netns="ext")
        yield
    finally:
        run("ip", "link", "delete", "eth1", check=False)
        run("ip", "netns", "delete", "ext", check=False)


class Stacks:
    """An engine with a state folder of its own. Every apply is looked at twice: the second one must have nothing to do."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def apply(self, text: str) -> Plan:
        """The plan that was carried out."""
        with netwright.open_engine(state_folder=self.folder) as engine:
            done = engine.apply(netwright.parse(text, "stack.yaml")).plan
            again = engine.apply(netwright.parse(text, "stack.yaml")).plan
            assert [sentence(operation) for operation in again.operations] == []
        return done

    def plan(self, text: str) -> list[str]:
        """What an apply would do, in words."""
        with netwright.open_engine(state_folder=self.folder) as engine:
            return [sentence(operation) for operation in engine.plan(netwright.parse(text, "stack.yaml")).operations]

    def destroy(self, name: str) -> Plan:
        with netwright.open_engine(state_folder=self.folder) as engine:
            done = engine.destroy(name).plan
            assert engine.destroy(name).plan.operations == ()
        return done

    def destroy_all(self) -> None:
        with netwright.open_engine(state_folder=self.folder) as engine:
            for status in engine.status():
                engine.destroy(status.name)


def said(plan: Plan) -> list[str]:
    """A plan in words."""
    return [sentence(operation) for operation in plan.operations]


def witness(*, macs: bool = False, without: Iterable[str] = ()) -> dict[str, Any]:
    """All that others see: of the host, and of every named namespace but those `without`.

    Not what differs from one making to the next (indexes, generated MACs and the link-local addresses from them).
    """
    names = sorted(path.name for path in Path("/run/netns").iterdir() if path.name not in without)
    seen: dict[str, Any] = {name or "host": _seen(name, macs=macs) for name in ("", *names)}
    seen["files"] = {
        str(path): str(path.readlink()) if path.is_symlink() else path.read_text()
        for path in sorted(Path("/etc/netns").rglob("*"))
        if not path.is_dir()
    }
    return dict(_flat(seen))


def settled(expected: dict[str, Any], *, macs: bool = False, without: Iterable[str] = ()) -> dict[str, Any]:
    """The witness when it is as expected, or after three seconds: the kernel tells of a carrier up to a second late
    (net/core/link_watch.c), and gives a link-local address only then.
    """
    deadline = time.monotonic() + 3
    while (seen := witness(macs=macs, without=without)) != expected and time.monotonic() < deadline:
        time.sleep(0.02)
    return seen


def _flat(entry: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """One line for each value: what differs is then said in a line."""
    if isinstance(entry, dict):
        for key, value in entry.items():
            yield from _flat(value, f"{path}/{key}")
    else:
        yield path, entry


def _seen(netns: str, *, macs: bool) -> dict[str, Any]:
    kept = _WANDERING - {"address", "permaddr"} if macs else _WANDERING
    links = {}
    for link in ip("address", "show", netns=netns):
        plain = _without(link, kept)
        plain["addr_info"] = sorted(
            (
                {k: v for k, v in a.items() if k not in {"tentative", "valid_life_time", "preferred_life_time"}}
                for a in link["addr_info"]
                if macs or not a["local"].startswith("fe80:")
            ),
            key=lambda a: (a["family"], a["local"], a["prefixlen"]),
        )
        plain["flags"] = sorted(set(link["flags"]) - {"NO-CARRIER", "LOWER_UP", "M-DOWN"})
        links[link["ifname"]] = plain
    routes = {
        family: sorted(
            json.dumps({**route, "flags": [flag for flag in route["flags"] if flag != "linkdown"]}, sort_keys=True)
            for route in ip(family, "route", "show", "table", "all", netns=netns)
            if route.get("table") != "local" and not route["dst"].startswith(("fe80:", "multicast", "ff00:"))
        )
        for family in ("-4", "-6")
    }
    return {
        "links": links,
        "routes": routes,
        "rules": {family: sorted(json.dumps(rule, sort_keys=True) for rule in ip(family, "rule", netns=netns)) for family in ("-4", "-6")},
        "sysctls": run("sysctl", *FORWARDING, netns=netns).splitlines(),
        "nft": run("nft", "--stateless", "list", "ruleset", netns=netns),
    }


def _without(entry: dict[str, Any], kept: set[str]) -> dict[str, Any]:
    return {
        key: _without(value, kept) if isinstance(value, dict) else value
        for key, value in entry.items()
        if key not in kept and not key.endswith("_timer")
    }


def devices(netns: str = HOST) -> list[str]:
    """The names of the links but lo, sorted."""
    return sorted(entry["ifname"] for entry in ip("link", netns=netns) if entry["ifname"] != "lo")


def addresses(dev: str, netns: str = HOST) -> list[str]:
    """`ADDRESS/LENGTH` of an interface, link-local ones left out, sorted."""
    (entry,) = ip("address", "show", "dev", dev, netns=netns)
    return sorted(f"{a['local']}/{a['prefixlen']}" for a in entry["addr_info"] if a["scope"] != "link")


def routes(netns: str = HOST, *arguments: str) -> list[str]:
    """`ip route` of both families, without what the kernel makes by itself."""
    shown = [run("ip", family, "route", "show", *arguments, netns=netns) for family in ("-4", "-6")]
    return [" ".join(line.split()) for text in shown for line in text.splitlines() if "proto kernel" not in line]
