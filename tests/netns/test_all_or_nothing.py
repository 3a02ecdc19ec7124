"""On the real kernel: whichever operation fails, and wherever the process is killed, the host is as before."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import netwright
from conftest import Host
from torture.program import Fault, Program

STACK = """\
version: 1
name: article
networks:
  custom: {bridge: docker1, subnets: [172.30.0.0/16, "fd30::/64"]}
  wire: {driver: macvlan, parent: docker1, subnets: [172.31.0.0/24], host_access: true}
namespaces:
  web: {interfaces: {eth0: {network: custom, address: 172.30.0.10}, eth9: {network: wire}}, sysctls: {net.ipv4.ip_default_ttl: 77}}
  my_netns:
    interfaces:
      eth1: {nic: eth1, addresses: [10.0.0.1/8], mtu: 1300}
      uplink: {network: custom, address: 172.30.0.2}
    nameservers: [172.30.0.53]
    publish:
      - {listen: "eth1:1234/tcp", from: [10.0.0.0/16], to: "web:1234", source: preserve}
host:
  publish: [{listen: 8080, to: "web:80"}]
policies: [{name: office, from: [10.0.0.0/16], to: web, ports: [1234, 8080]}]
"""
EDITED = STACK.replace("172.30.0.10", "172.30.0.77").replace("eth1:1234", "eth1:4321").replace("  web: {", "  new: {}\n  web: {")

WANDERING = ("ifindex", "link_index", "link_netnsid", "stats", "stats64")


@pytest.fixture
def uplink(host: Host) -> Iterator[None]:
    """eth1, configured, with its other end in a namespace `ext`: stands for a NIC. No duplicate detection: it would change what is seen."""
    for which in ("all", "default"):
        host.run("sysctl", "-qw", f"net.ipv6.conf.{which}.accept_dad=0")
    host.run("ip", "netns", "add", "ext")
    host.run("ip", "link", "add", "eth1", "address", "02:00:00:00:e1:07", "type", "veth", "peer", "name", "eth1", "netns", "ext")
    host.run("ip", "link", "set", "eth1", "mtu", "1450", "txqueuelen", "77", "alias", "the uplink", "group", "9")
    host.run("ip", "link", "set", "eth1", "up")
    host.run("ip", "link", "set", "eth1", "up", netns="ext")
    host.run("ip", "address", "add", "192.0.2.7/24", "broadcast", "192.0.2.200", "label", "eth1:one", "dev", "eth1")
    host.run("ip", "address", "add", "2001:db8::7/64", "dev", "eth1", "nodad")
    host.run("ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.1", "metric", "77", "proto", "static")
    host.run("ip", "-6", "route", "add", "2001:db8:9::/48", "via", "2001:db8::1", "metric", "78")
    host.run("sysctl", "-qw", "net.ipv4.conf.eth1.rp_filter=2", "net.ipv4.neigh.eth1.gc_stale_time=77")
    host.run("sysctl", "-qw", "net.ipv6.conf.eth1.accept_ra=0", "net.ipv6.neigh.eth1.mcast_solicit=7")
    yield
    for which in ("all", "default"):
        host.run("sysctl", "-qw", f"net.ipv6.conf.{which}.accept_dad=1")
    host.run("ip", "netns", "del", "ext")
    subprocess.run(["ip", "link", "del", "eth1"], check=False, capture_output=True)


def witness(host: Host) -> dict[str, Any]:
    """All that others see of the host."""
    seen: dict[str, Any] = {"namespaces": host.namespaces(), "nft": host.run("nft", "--stateless", "list", "ruleset")}
    links = [{k: v for k, v in x.items() if k not in WANDERING} for x in host.ip("address", "show")]
    for link in links:
        for moment in [key for key in link.get("linkinfo", {}).get("info_slave_data", {}) if key.endswith("_timer")]:
            link["linkinfo"]["info_slave_data"].pop(moment)
        for moment in [key for key in link.get("linkinfo", {}).get("info_data", {}) if key.endswith("_timer")]:
            link["linkinfo"]["info_data"].pop(moment)
        link["addr_info"] = sorted(link["addr_info"], key=lambda a: (a["family"], a["local"]))
        for address in link["addr_info"]:
            address.pop("tentative", None)
    seen["links"] = sorted(links, key=lambda x: x["ifname"])
    for family in ("-4", "-6"):
        seen[f"routes{family}"] = sorted(json.dumps(r, sort_keys=True) for r in host.ip(family, "route", "show", "table", "main"))
        seen[f"rules{family}"] = host.ip(family, "rule")
    seen["sysctls"] = host.run("sysctl", "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding", "net.bridge.bridge-nf-call-iptables")
    # grep fails where there is nothing to be read: while the NIC is away, and for what has no value yet.
    seen["sysctls of eth1"] = host.run("sh", "-c", "grep -rs . /proc/sys/net/ipv[46]/*/eth1 || :").splitlines()
    seen["files"] = sorted(str(path) for path in Path("/etc/netns").rglob("*"))
    return seen


def settled(host: Host, expected: dict[str, Any]) -> dict[str, Any]:
    """What others see when it is as expected, or after three seconds: the kernel tells of a carrier up to a second late
    (net/core/link_watch.c), and gives a link-local address only then.
    """
    deadline = time.monotonic() + 3
    while (seen := witness(host)) != expected and time.monotonic() < deadline:
        time.sleep(0.02)
    return seen


def at_rest(host: Host) -> dict[str, Any]:
    """What others see when every carrier has been told of."""
    deadline = time.monotonic() + 5
    while (
        any("NO-CARRIER" in x["flags"] or len(x["addr_info"]) == 0 for x in host.ip("address", "show", "up"))
        and time.monotonic() < deadline
    ):
        time.sleep(0.02)
    return witness(host)


def operations(text: str, folder: Path) -> int:
    with netwright.open_engine(state_folder=str(folder)) as planning:
        return len(planning.plan(netwright.parse(text, "article.yaml")).operations)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    with Program({"NETWRIGHT_STATE": str(tmp_path / "state")}) as program:
        yield program


def refused(program: Program, file: Path, number: int) -> dict[str, Any]:
    """The error of an apply to whose operation `number` the kernel says that it has no memory."""
    ended = program.run("apply", "--json", str(file), fault=Fault(way="refused", number=number))
    assert ended.status == 1
    error = json.loads(ended.output)["error"]
    assert isinstance(error, dict)
    return error


def killed(program: Program, file: Path, number: int) -> None:
    """An apply that is killed at an operation."""
    assert program.run("apply", str(file), fault=Fault(way="killed", number=number)).status == -signal.SIGKILL


def test_whichever_operation_fails_the_host_is_as_before(host: Host, uplink: None, program: Program, tmp_path: Path) -> None:
    file = tmp_path / "article.yaml"
    file.write_text(STACK)
    before = witness(host)
    count = operations(STACK, tmp_path / "state")
    assert count > 25
    for number in range(count):
        error = refused(program, file, number)
        assert re.search(r"made to fail\nThe host is as before: the stack article is not there\.", error["message"])
        assert error["rolled_back"]
        assert settled(host, before) == before, f"operation {number}"


def test_a_failed_edit_leaves_the_stack_as_it_was_last_applied(host: Host, uplink: None, program: Program, tmp_path: Path) -> None:
    file = tmp_path / "article.yaml"
    file.write_text(EDITED)
    folder = str(tmp_path / "state")
    with netwright.open_engine(state_folder=folder) as real:
        real.apply(netwright.parse(STACK, "article.yaml"))
    committed = at_rest(host)
    for number in range(operations(EDITED, tmp_path / "state")):
        assert "as it was last applied" in refused(program, file, number)["message"]
        assert settled(host, committed) == committed, f"operation {number}"
        with netwright.open_engine(state_folder=folder) as real:
            assert real.apply(netwright.parse(STACK, "article.yaml")).plan.operations == ()
    with netwright.open_engine(state_folder=folder) as real:
        real.destroy("article")


def test_after_kill_9_at_any_operation_recover_brings_the_host_back(host: Host, uplink: None, program: Program, tmp_path: Path) -> None:
    file = tmp_path / "article.yaml"
    file.write_text(STACK)
    before = witness(host)
    for number in range(operations(STACK, tmp_path / "state")):
        killed(program, file, number)
        with netwright.open_engine(state_folder=str(tmp_path / "state")) as real:
            assert real.status("article")[0].unfinished
            assert real.recover() == ("article",)
            assert settled(host, before) == before, f"operation {number}"


def test_a_name_that_a_killed_run_gave_to_no_namespace_yet_is_gone_after_recover(
    host: Host, uplink: None, program: Program, tmp_path: Path
) -> None:
    file = tmp_path / "article.yaml"
    file.write_text(STACK)
    killed(program, file, 0)
    names = Path("/run/netns")
    (names / "my_netns").touch(mode=0)
    (names / "theirs").touch(mode=0)
    with netwright.open_engine(state_folder=str(tmp_path / "state")) as real:
        assert real.recover() == ("article",)
    left = {each.name for each in names.iterdir()}
    (names / "theirs").unlink()
    assert "theirs" in left
    assert "my_netns" not in left


def test_an_apply_after_kill_9_recovers_first(host: Host, uplink: None, program: Program, tmp_path: Path) -> None:
    file = tmp_path / "article.yaml"
    file.write_text(STACK)
    before = witness(host)
    killed(program, file, 17)
    with netwright.open_engine(state_folder=str(tmp_path / "state")) as real:
        outcome = real.apply(netwright.load(file))
        assert outcome.recovered == ("article",)
        assert real.apply(netwright.load(file)).plan.operations == ()
        real.destroy("article")
    assert settled(host, before) == before


def test_an_edit_that_is_killed_before_it_sends_a_nic_elsewhere_loses_nothing_of_it(
    host: Host, uplink: None, program: Program, tmp_path: Path
) -> None:
    text = "version: 1\nname: article\nnamespaces: {one: {interfaces: {wan: {nic: eth1, addresses: [10.0.0.1/8], mtu: 1300}}}}\n"
    file = tmp_path / "article.yaml"
    file.write_text(text.replace("one:", "two:"))
    before = witness(host)
    with netwright.open_engine(state_folder=str(tmp_path / "state")) as real:
        real.apply(netwright.parse(text, "article.yaml"))
    killed(program, file, 1)
    with netwright.open_engine(state_folder=str(tmp_path / "state")) as real:
        assert real.recover() == ("article",)
        real.destroy("article")
    assert settled(host, before) == before


def test_a_nic_whose_namespace_died_is_found_on_the_host_and_given_back(host: Host, uplink: None, tmp_path: Path) -> None:
    before = witness(host)
    with netwright.open_engine(state_folder=str(tmp_path / "state")) as real:
        real.apply(netwright.parse(STACK, "article.yaml"))
        # What the kernel does with a physical NIC when its namespace dies; a veth would die with it.
        host.run("ip", "link", "set", "eth1", "netns", str(os.getpid()), "name", "dev7", netns="my_netns")
        host.run("ip", "netns", "del", "my_netns")
        real.destroy("article")
    assert settled(host, before) == before
