"""A host that somebody has built by hand with `ip`: described by `netwright import host`, and not touched by what is done with that file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import netwright
from conftest import Host

BY_HAND = """\
ip netns add red
ip netns add blue
ip link add br0 type bridge
ip address add 10.1.0.1/24 dev br0
ip address add fd01::1/64 dev br0 nodad
ip link set br0 up
ip link add to-red type veth peer name eth0 netns red
ip link set to-red master br0 up
ip -n red address add 10.1.0.2/24 dev eth0
ip -n red address add fd01::2/64 dev eth0 nodad
ip -n red link set eth0 mtu 1400 up
ip -n red route add default via 10.1.0.1
ip -n red route add default via fd01::1
ip link add p0 netns red type veth peer name p1 netns blue
ip -n red link set p0 up
ip -n blue link set p1 up
ip -n blue address add 10.2.0.2/30 dev p1
ip link set eth1 netns blue
ip -n blue address add 192.0.2.7/24 dev eth1
ip -n blue link set eth1 up
ip -n blue route add 198.51.100.0/24 via 192.0.2.1 metric 50
ip netns exec blue sysctl -qw net.ipv4.ip_forward=1
ip address add 203.0.113.7/24 dev eth2
ip link set eth2 up
ip route add default via 203.0.113.1
ip route add 10.77.0.0/16 nexthop via 203.0.113.2 nexthop via 203.0.113.3
ip route add blackhole 10.99.0.0/16
ip rule add from 10.1.0.0/24 lookup 100
ip route add 10.5.0.0/16 via 203.0.113.9 table 100
"""
FOUND = """\
version: 1
name: host

networks:
  br0: {external: true, bridge: br0, subnets: [10.1.0.0/24, "fd01::/64"]}

namespaces:
  # It forwards IPv4 (net.ipv4.ip_forward is 1).
  blue:
    external: true
    interfaces:
      # A veth; its other end is in a namespace without a name.
      eth1: {external: true, addresses: [192.0.2.7/24]}
      p1: {external: true, peer: {namespace: red, interface: p0}, addresses: [10.2.0.2/30]}
    routes:
      - {to: 198.51.100.0/24, via: 192.0.2.1, dev: eth1, metric: 50, external: true}
  red:
    external: true
    interfaces:
      eth0: {external: true, network: br0, port: to-red, addresses: [10.1.0.2/24, "fd01::2/64"], mtu: 1400}
      p0: {external: true, peer: {namespace: blue, interface: p1}}
    routes:
      - {to: default, via: 10.1.0.1, dev: eth0, external: true}
      - {to: default, via: "fd01::1", dev: eth0, external: true}

# It has routes in other tables than main: 100.
# It has 1 policy rule (ip rule).
host:
  interfaces:
    # A veth; its other end is in a namespace without a name.
    eth2: {external: true, addresses: [203.0.113.7/24]}
  # Left out of routes: {to: 10.77.0.0/16, via: 203.0.113.3, dev: eth2, external: true}
  #   host has a route to 10.77.0.0/16 already: host.routes[1].
  routes:
    - {to: default, via: 203.0.113.1, dev: eth2, external: true}
    - {to: 10.77.0.0/16, via: 203.0.113.2, dev: eth2, external: true}
    - {to: 10.99.0.0/16, type: blackhole, external: true}

# containers: none

"""


@pytest.fixture
def by_hand(host: Host, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """The host with all that; eth1 and eth2 are NICs: their other ends are in a namespace that has no name."""
    monkeypatch.setenv("NETWRIGHT_DOCKER", "unix:///nowhere/docker.sock")
    outside = subprocess.Popen(["unshare", "--net", "sleep", "120"])
    try:
        end = time.monotonic() + 10
        while os.readlink(f"/proc/{outside.pid}/ns/net") == os.readlink("/proc/thread-self/ns/net"):
            assert time.monotonic() < end
            time.sleep(0.01)
        for nic in ("eth1", "eth2"):
            host.run("ip", "link", "add", nic, "type", "veth", "peer", "name", nic, "netns", str(outside.pid))
            host.run("nsenter", f"--net=/proc/{outside.pid}/ns/net", "ip", "link", "set", nic, "up")
        for line in BY_HAND.splitlines():
            host.run(*line.split())
        end = time.monotonic() + 10
        while not _at_rest(host):
            assert time.monotonic() < end
            time.sleep(0.05)
        yield host
    finally:
        subprocess.run(["ip", "rule", "del", "from", "10.1.0.0/24"], check=False, capture_output=True)
        for name in host.namespaces():
            host.run("ip", "netns", "delete", name)
        for name in set(host.links()) - {"lo"}:
            subprocess.run(["ip", "link", "delete", name], check=False, capture_output=True)
        subprocess.run(["ip", "route", "flush", "table", "all", "type", "blackhole"], check=False, capture_output=True)
        outside.kill()
        outside.wait()


def _at_rest(host: Host) -> bool:
    """The bridge forwards, and no IPv6 address is being tried any more: from here on nothing changes by itself."""
    trying = [host.run("ip", "-6", "-o", "address", "show", "tentative", netns=netns) for netns in (None, *host.namespaces())]
    return host.link("br0")["operstate"] == "UP" and not any(trying)


def witness(host: Host) -> str:
    """All of it, in the words of ip, sysctl and nft; counters and ages aside."""
    return "\n".join(part for netns in (None, *host.namespaces()) for part in _witnessed(host, netns))


def _witnessed(host: Host, netns: str | None) -> Iterator[str]:
    for words in ("-d address", "-4 route show table all", "-6 route show table all", "-4 rule", "-6 rule"):
        yield json.dumps(_lasting(json.loads(host.run("ip", "-j", *words.split(), netns=netns) or "[]")))
    yield host.run("nft", "list", "ruleset", netns=netns)
    yield host.run("sysctl", "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding", netns=netns)


def _lasting(entry: object) -> object:
    if isinstance(entry, dict):
        return {key: _lasting(value) for key, value in entry.items() if not key.endswith("_timer")}
    return [_lasting(each) for each in entry] if isinstance(entry, list) else entry


def netwrights(*arguments: str, state: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "netwright", *arguments],
        env={**os.environ, "NETWRIGHT_STATE": str(state)}, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return done.stdout


def test_a_host_built_by_hand_is_described_and_left_as_it_is(by_hand: Host, tmp_path: Path) -> None:
    before = witness(by_hand)
    text = netwrights("import", "host", state=tmp_path)
    assert text.partition("version: 1\n")[0].startswith("# This host, as `netwright import host` has found it.\n")
    described = "version: 1\n" + text.partition("version: 1\n")[2]
    assert (
        described
        == FOUND + "# Nothing of Docker's is here: no Docker Engine answers at unix:///nowhere/docker.sock: no such file or directory\n"
    )

    document = netwright.parse(text, "host.yaml")
    with netwright.open_engine(state_folder=str(tmp_path)) as engine:
        plan = engine.plan(document)
        assert (plan.operations, plan.waiting) == ((), ())
        assert engine.apply(document).plan.operations == ()
        assert witness(by_hand) == before
        (status,) = engine.status("host")
        assert status.drift is not None
        assert (status.trouble, status.drift.operations, status.drift.waiting) == (None, (), ())
        assert engine.destroy("host").plan.operations == ()
    assert witness(by_hand) == before


def test_what_is_no_more_as_it_was_described_is_told_and_not_repaired(by_hand: Host, tmp_path: Path) -> None:
    document = netwright.parse(netwright.import_host(), "host.yaml")
    with netwright.open_engine(state_folder=str(tmp_path)) as engine:
        engine.apply(document)
        by_hand.run("ip", "-n", "red", "address", "del", "fd01::2/64", "dev", "eth0")
        by_hand.run("ip", "-n", "red", "link", "del", "p0")
        by_hand.run("ip", "route", "del", "blackhole", "10.99.0.0/16")
        before = witness(by_hand)
        (status,) = engine.status("host")
        assert status.drift is not None
        assert status.drift.operations == ()
        assert status.drift.waiting == (
            "namespaces.blue.interfaces.p1 waits for somebody else to make it",
            "namespaces.red.interfaces.eth0 waits for somebody else to give it the address fd01::2/64",
            "namespaces.red.interfaces.p0 waits for somebody else to make it",
            "host.routes[2] waits for somebody else to add the route to 10.99.0.0/16",
        )
        assert engine.apply(document).plan.operations == ()
        engine.destroy("host")
    assert witness(by_hand) == before


def test_beside_what_it_describes_a_file_can_have_something_of_its_own(by_hand: Host, tmp_path: Path) -> None:
    before = witness(by_hand)
    text = netwright.import_host("mixed").replace("namespaces:\n", "namespaces:\n  mine: {interfaces: {eth0: {network: br0}}}\n", 1)
    document = netwright.parse(text, "mixed.yaml")
    with netwright.open_engine(state_folder=str(tmp_path)) as engine:
        engine.apply(document)
        (address, *_) = [each["local"] for each in by_hand.ip("-4", "address", "show", "dev", "eth0", netns="mine")[0]["addr_info"]]
        assert address == "10.1.0.3"  # the bridge has .1, red .2
        assert engine.apply(document).plan.operations == ()
        assert "the namespace mine, of the stack mixed" in netwright.import_host()
        with pytest.raises(netwright.NetwrightError, match="There is a stack mixed on this host already"):
            netwright.import_host("mixed")
        everything = netwright.parse(netwright.import_host(everything=True), "all.yaml")
        assert engine.plan(everything).operations == ()
        engine.destroy("mixed")
    assert witness(by_hand) == before


def test_the_description_is_built_in_a_sandbox(by_hand: Host, tmp_path: Path) -> None:
    (tmp_path / "host.yaml").write_text(netwright.import_host())
    seen = netwrights(
        "sandbox",
        str(tmp_path / "host.yaml"),
        "--",
        sys.executable,
        "-m",
        "netwright",
        "exec",
        "red",
        "--",
        "ip",
        "-j",
        "route",
        state=tmp_path,
    )
    (default, *_) = [route for route in json.loads(seen) if route["dst"] == "default"]
    assert default["gateway"] == "10.1.0.1"


def test_a_namespace_that_was_made_by_hand_is_taken_over_once_it_is_taken_away(by_hand: Host, tmp_path: Path) -> None:
    lines = netwright.import_host("mixed").splitlines()
    start = lines.index("  red:")
    end = next(number for number, line in enumerate(lines) if number > start and not line.startswith("    "))
    taken = [
        line.replace("external: true, ", "").replace(", external: true", "") for line in lines[start:end] if line != "    external: true"
    ]
    text = "\n".join([*lines[:start], *taken, *lines[end:]]).replace("p1: {external: true, ", "p1: {")
    document = netwright.parse(text, "mixed.yaml")
    folder = str(tmp_path)
    with pytest.raises(netwright.NetwrightError, match="already has an interface p1, and it is not Netwright's"):
        netwright.apply(document, state_folder=folder)
    by_hand.run("ip", "netns", "delete", "red")
    end = time.monotonic() + 10
    while "to-red" in by_hand.links():  # the kernel takes its time with a namespace's links
        assert time.monotonic() < end
        time.sleep(0.01)
    netwright.apply(document, state_folder=folder)
    (default,) = by_hand.ip("route", "show", "default", netns="red")
    assert default["gateway"] == "10.1.0.1"
    assert by_hand.link("eth0", netns="red")["mtu"] == 1400
    assert {each["local"] for each in by_hand.ip("address", "show", "dev", "eth0", netns="red")[0]["addr_info"]} >= {"10.1.0.2", "fd01::2"}
    assert netwright.apply(document, state_folder=folder).plan.operations == ()
    netwright.destroy("mixed", state_folder=folder)
    assert by_hand.namespaces() == ["blue"]
