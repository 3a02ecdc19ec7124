"""`plan --commands`: who runs them by hand gets the same kernel state as `apply` makes, and `apply` then has nothing to do."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from netwright.engine.engine import Engine
from netwright.planning.commands import shell_commands
from netwright.spec.document import Document
from netwright.spec.load import parse
from netwright.wiring import open_engine

pytestmark = pytest.mark.netns

FULL = """
version: 1
name: byhand
networks:
  lan: {subnets: [10.77.0.0/24, "fd00:77::/64"], mtu: 1380, ageing_seconds: 77, forward_delay_seconds: 9, multicast_snooping: false}
  dmz: {bridge: dmz7, subnets: [10.78.0.0/24], masquerade: false, stp: true}
  wire: {driver: macvlan, parent: dmz7, subnets: [10.76.0.0/24], mtu: 1290, host_access: true}
namespaces:
  app:
    interfaces:
      eth0: {network: lan, address: [10.77.0.10, "fd00:77::10"], mac: "02:00:00:00:77:10"}
      eth1: {network: dmz, address: 10.78.0.10, mtu: 1300, up: false}
    nameservers: [192.0.2.53]
    sysctls: {net.ipv4.conf.all.rp_filter: 2, net.ipv4.ip_local_port_range: "20000 30000"}
  edge:
    interfaces:
      lan0: {network: lan, address: [10.77.0.2, "fd00:77::2"], default_route: false}
      p0: {peer: {namespace: far, interface: p1}, addresses: [10.79.0.1/30, "fd00:79::1/64"], mtu: 1410}
    masquerade: [p0]
    routes:
      - {to: default, via: 10.79.0.2, metric: 7, mtu: 1290}
      - {to: 198.51.100.0/24, type: blackhole}
      - {to: 192.0.2.0/24, via: 10.79.0.2, source: 10.77.0.2}
      - {to: "fd00:99::/64", via: "fd00:79::2"}
    publish:
      - {listen: "p0:1234/tcp", from: [10.79.0.0/30], to: "app:80"}
      - {listen: 5000-5003/udp, to: "app:6000-6003", source: preserve, from: [203.0.113.0/24]}
  far:
    interfaces:
      p1: {peer: {namespace: edge, interface: p0}, addresses: [10.79.0.2/30, "fd00:79::2/64"]}
      dmz7: {network: wire, default_route: false}
host:
  publish:
    - {listen: 8080/tcp, to: "app:80"}
policies:
  - {name: office, from: [10.79.0.0/30, lan], to: app, ports: [80, 1234, 5000-5003/udp, icmp], log: true}
  - {name: off, from: edge, to: internet, action: deny, log: true}
"""
LESS = """
version: 1
name: byhand
networks:
  lan: {subnets: [10.77.0.0/24, "fd00:77::/64"], mtu: 1360, ageing_seconds: 33, antispoof: true}
namespaces:
  app:
    interfaces:
      eth0: {network: lan, address: [10.77.0.11, "fd00:77::10"], mac: "02:00:00:00:77:11"}
    sysctls: {net.ipv4.conf.all.rp_filter: 1}
  far:
    interfaces:
      p1: {network: lan}
    routes: [{to: 198.51.100.0/24, type: prohibit}]
    publish:
      - {listen: 2222/tcp, to: "app:22"}
policies:
  - {name: office, from: [10.79.0.0/30, lan], to: app, ports: [80, 1234, 5000-5003/udp, icmp], log: true}
  - {name: off, from: far, to: internet, action: deny, log: true}
"""
NOTHING = "version: 1\nname: byhand\n"
WITH_NIC = """
version: 1
name: byhand
namespaces:
  inside:
    interfaces:
      wan0: {nic: nic0, addresses: [192.0.2.7/24], mtu: 1370}
    routes: [{to: default, via: 192.0.2.1}]
"""

SECRETS = {
    # Numbers that the kernel gives out anew every time, clocks, and what is counted.
    "ifindex", "link_index", "link_netnsid", "bridge_id", "root_id", "gc_timer", "hello_timer", "tcn_timer", "topology_change_timer",
    "topology_change", "topology_change_detected", "designated_bridge", "designated_root", "message_age_timer", "forward_delay_timer",
    "hold_timer", "state", "handle", "index", "root_port", "root_path_cost", "topology_change_ack", "config_pending", "designated_port",
    "designated_cost", "id", "no",
}  # fmt: skip


@pytest.fixture
def engine(tmp_path) -> Iterator[Engine]:
    with open_engine(state_folder=str(tmp_path)) as opened:
        yield opened


@pytest.fixture
def forwarding(host) -> Iterator[None]:
    """On before the test begins: who works by hand writes no loan down, and so could not give it back."""
    host.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    yield
    host.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0")


def document(text: str) -> Document:
    return parse(text, "byhand.yaml")


def snapshot(host) -> dict[str, Any]:
    """All that the witnesses show of the host and of every namespace."""
    seen: dict[str, Any] = {"namespaces": host.namespaces()}
    for netns in (None, *host.namespaces()):
        links = {entry["ifname"]: plain(entry) for entry in host.ip("link", netns=netns)}
        for entry in links.values():
            # A MAC address that nobody asked for is random: the kernel says so.
            if entry["ifname"] != "lo" and not entry["address"].startswith("02:00:00:00:77:"):
                entry["address"] = "random"
            entry.pop("stats64", None)
            # Without a carrier it is one or the other, by what came first (net/core/link_watch.c: default_operstate).
            entry["operstate"] = entry["operstate"].replace("LOWERLAYERDOWN", "DOWN")
        ruleset = json.loads(host.run("nft", "-j", "list", "ruleset", netns=netns))["nftables"]
        seen[netns or "host"] = {
            "links": links,
            "addresses": [plain(one) | {"dev": entry["ifname"]} for entry in host.ip("address", netns=netns) for one in entry["addr_info"] if one.get("scope") != "link"],
            "routes": sorted(
                (json.dumps(plain(one)) for family in ("-4", "-6") for one in host.ip(family, "route", "show", "table", "all", netns=netns) if one.get("table") != "local" and one.get("type") != "multicast"),
            ),
            "rules": [[plain(one) for one in host.ip(family, "rule", netns=netns)] for family in ("-4", "-6")],
            "nft": [plain(one) for one in ruleset if "metainfo" not in one],
            "sysctls": host.run("sysctl", "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding", "net.ipv4.conf.all.rp_filter", "net.ipv4.ip_local_port_range", netns=netns),
        }  # fmt: skip
    seen["files"] = {str(path): path.read_text() for path in sorted(Path("/etc/netns").rglob("*")) if path.is_file()}
    seen["folders"] = [str(path) for path in sorted(Path("/etc/netns").rglob("*")) if path.is_dir() or path.is_symlink()]
    return seen


def plain(value: Any) -> Any:
    """Without what is another one each time."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items() if key not in SECRETS}
    return [plain(one) for one in value] if isinstance(value, list) else value


def by_hand(commands: list[str]) -> None:
    script = "set -e\n" + "\n".join(commands) + "\n"
    done = subprocess.run(["sh"], input=script, text=True, capture_output=True, check=False)
    assert done.returncode == 0, f"{done.stderr}\n{script}"


def settled(host, expected: dict[str, Any]) -> dict[str, Any]:
    """What the witnesses show, as soon as it is as expected: carriers and IPv6's checks for duplicates take their time."""
    end = time.monotonic() + 8
    while (seen := snapshot(host)) != expected and time.monotonic() < end:
        time.sleep(0.1)
    return seen


def differences(seen: Any, expected: Any, path: str = "") -> list[str]:
    """One line for every place in which they differ."""
    if isinstance(seen, dict) and isinstance(expected, dict):
        keys = sorted(seen.keys() | expected.keys(), key=str)
        return [line for key in keys for line in differences(seen.get(key), expected.get(key), f"{path}/{key}")]
    if isinstance(seen, list) and isinstance(expected, list):
        return [f"{path}: {one} is there" for one in seen if one not in expected] + [
            f"{path}: {one} is not" for one in expected if one not in seen
        ]
    return [] if seen == expected else [f"{path}: {seen!r}, not {expected!r}"]


def quiet(host) -> dict[str, Any]:
    """A snapshot that was the same twice, a second apart."""
    end = time.monotonic() + 8
    seen = snapshot(host)
    while time.monotonic() < end:
        time.sleep(1)
        before, seen = seen, snapshot(host)
        if before == seen:
            break
    return seen


def test_the_commands_make_what_apply_makes(host, engine, forwarding):
    steps = [document(FULL), document(LESS), document(NOTHING)]
    wanted = []
    for step in steps:
        engine.apply(step)
        wanted.append(quiet(host))
    for step, expected in zip(steps, wanted, strict=True):
        by_hand(shell_commands(engine.plan(step)))
        assert differences(settled(host, expected), expected) == []
        assert shell_commands(engine.plan(step)) == []
        engine.apply(step)


def test_a_nic_is_moved_and_given_back_by_hand(host, engine):
    host.run("ip", "link", "add", "nic0", "type", "veth", "peer", "name", "cable")
    host.run("ip", "link", "set", "dev", "nic0", "address", "02:00:00:00:77:01", "mtu", "1444", "alias", "mine", "txqueuelen", "77", "up")
    host.run("ip", "link", "set", "dev", "cable", "up")
    host.run("ip", "address", "add", "192.0.2.9/24", "dev", "nic0", "label", "nic0:x")
    host.run("ip", "route", "add", "203.0.113.0/24", "via", "192.0.2.1", "metric", "7", "proto", "77")
    try:
        before = quiet(host)
        engine.apply(document(WITH_NIC))
        moved = quiet(host)
        by_hand(shell_commands(engine.plan(document(NOTHING))))
        assert differences(settled(host, before), before) == []
        engine.apply(document(NOTHING))
        by_hand(shell_commands(engine.plan(document(WITH_NIC))))
        assert differences(settled(host, moved), moved) == []
    finally:
        subprocess.run(["ip", "netns", "delete", "inside"], check=False, capture_output=True)
        # With the namespace the NIC's stand-in may have gone already, and its other end with it.
        subprocess.run(["ip", "link", "delete", "cable"], check=False, capture_output=True)
        host.run("find", "/etc/netns", "-mindepth", "1", "-delete")


def test_every_command_is_one_that_a_person_knows(engine):
    commands = shell_commands(engine.plan(document(FULL)))
    programs = {re.sub(r"^ip netns exec \S+ ", "", command).split()[0] for command in commands}
    assert programs == {"ip", "sysctl", "nft", "mkdir", "cat", "ln"}
