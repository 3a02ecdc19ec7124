"""What somebody else has done to a stack: apply repairs exactly that, and the stack is as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stacks import HOST, Stacks, outside, run, said, witness

from netwright.errors import Refused

STACK = """\
version: 1
name: drift
networks:
  lan: {bridge: br-drift, subnets: [10.30.0.0/24, "fd30::/64"]}
namespaces:
  web:
    interfaces: {eth0: {network: lan, address: [10.30.0.10, "fd30::10"], mac: "02:00:00:00:77:10", port: to-web}}
    sysctls: {net.ipv4.ip_default_ttl: 77}
    nameservers: [10.30.0.53]
  gate:
    interfaces:
      eth0: {network: lan, address: [10.30.0.2, "fd30::2"], port: to-gate}
      p0: {peer: {namespace: web, interface: p1}, addresses: [10.40.0.1/24], mtu: 1400}
    routes: [{to: 192.0.2.0/24, type: blackhole}, {to: 10.50.0.0/16, via: 10.30.0.77, metric: 5}]
    masquerade: [p0]
    publish: [{listen: "p0:8080", from: [10.40.0.0/24], to: "web:80", source: preserve}]
host:
  publish: [{listen: 8080, from: [10.9.0.0/24, "fd09::/64"], to: "web:80"}]
"""

DAMAGE: dict[str, tuple[tuple[tuple[str, ...], ...], str]] = {
    "a port is deleted": ((("ip", "link", "del", "to-web"),), HOST),
    "an inner end is deleted": ((("ip", "link", "del", "eth0"),), "web"),
    "a port is renamed": ((("ip", "link", "set", "to-web", "down"), ("ip", "link", "set", "to-web", "name", "other")), HOST),
    "an inner end is renamed": ((("ip", "link", "set", "eth0", "name", "other"),), "gate"),
    "a peer is renamed": ((("ip", "link", "set", "p1", "name", "p9"),), "web"),
    "an interface is down": ((("ip", "link", "set", "eth0", "down"),), "gate"),
    "a port is down": ((("ip", "link", "set", "to-web", "down"),), HOST),
    "the loopback is down": ((("ip", "link", "set", "lo", "down"),), "web"),
    "a port is of no bridge": ((("ip", "link", "set", "to-web", "nomaster"),), HOST),
    "addresses are flushed": ((("ip", "address", "flush", "dev", "eth0"),), "gate"),
    "IPv6 addresses are flushed": ((("ip", "-6", "address", "flush", "dev", "eth0"),), "web"),
    "the gateway's address is gone": ((("ip", "address", "del", "10.30.0.1/24", "dev", "br-drift"),), HOST),
    "routes are flushed": ((("ip", "route", "flush", "proto", "78"), ("ip", "-6", "route", "flush", "proto", "78")), "gate"),
    "a route has another metric": ((("ip", "route", "change", "10.50.0.0/16", "via", "10.30.0.78", "metric", "5", "proto", "78"),), "gate"),
    "a way back is gone": ((("ip", "rule", "del", "priority", "7800"),), "web"),
    "an mtu is changed": ((("ip", "link", "set", "p0", "mtu", "1300"),), "gate"),
    "a MAC is changed": ((("ip", "link", "set", "eth0", "address", "02:00:00:00:77:11"),), "web"),
    "a sysctl is changed": ((("sysctl", "-qw", "net.ipv4.ip_default_ttl=66"),), "web"),
    "forwarding is off": ((("sysctl", "-qw", "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0"),), HOST),
    "IPv6 is off": ((("sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=1"),), "web"),
    "the table is flushed": ((("nft", "flush", "table", "inet", "nw_drift"),), HOST),
    "the table is gone": ((("nft", "delete", "table", "inet", "nw_drift"),), "gate"),
    "a rule is added": ((("nft", "add", "rule", "inet", "nw_drift", "prerouting", "accept"),), HOST),
    "the bridge is gone": ((("ip", "link", "del", "br-drift"),), HOST),
    "the bridge is down": ((("ip", "link", "set", "br-drift", "down"),), HOST),
    "a namespace is gone": ((("ip", "netns", "del", "web"),), HOST),
    "all namespaces are gone": ((("ip", "netns", "del", "web"), ("ip", "netns", "del", "gate")), HOST),
}

REPAIRS = {
    "the loopback is down": ["set up of lo in web"],
    "a port is of no bridge": ["set bridge of to-web on the host"],
    "a sysctl is changed": ["set net.ipv4.ip_default_ttl to 77 in web"],
    "an mtu is changed": ["set mtu 1400 of p0 in gate"],
    "the gateway's address is gone": ["add address 10.30.0.1/24 on br-drift on the host"],
}
"""Where the number of operations is known: not one more."""


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[Stacks]:
    with outside():
        made = Stacks(tmp_path / "state")
        yield made
        made.destroy_all()


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_repaired_and_all_is_as_it_was(stacks: Stacks, damage: str) -> None:
    stacks.apply(STACK)
    whole = witness()
    commands, netns = DAMAGE[damage]
    for command in commands:
        run(*command, netns=netns)
    done = stacks.apply(STACK)
    assert done.operations
    assert witness() == whole, said(done)
    if damage in REPAIRS:
        assert len(said(done)) == len(REPAIRS[damage]), said(done)
    assert stacks.destroy("drift").waiting == ()


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_stack_is_destroyed_whole(stacks: Stacks, damage: str) -> None:
    before = witness()
    stacks.apply(STACK)
    commands, netns = DAMAGE[damage]
    for command in commands:
        run(*command, netns=netns)
    stacks.destroy("drift")
    assert witness() == before


def test_a_link_that_has_lost_its_mark_is_nobodys_to_change(stacks: Stacks) -> None:
    stacks.apply(STACK)
    whole = witness()
    run("ip", "link", "set", "p0", "alias", "", netns="gate")
    with pytest.raises(Refused, match="gate already has an interface p0, and it is not Netwright's"):
        stacks.apply(STACK)
    run("ip", "link", "set", "p0", "alias", "netwright:drift", netns="gate")
    stacks.apply(STACK)
    assert witness() == whole


def _deleted(path: Path) -> None:
    path.unlink()


def _rewritten(path: Path) -> None:
    first = path.read_text().splitlines()[0]
    path.write_text(f"{first}\nnameserver 192.0.2.1\n")


@pytest.mark.parametrize("change", [_deleted, _rewritten], ids=["deleted", "rewritten"])
def test_files_of_a_namespace_are_repaired(stacks: Stacks, change: Callable[[Path], None]) -> None:
    stacks.apply(STACK)
    whole = witness()
    change(Path("/etc/netns/web/resolv.conf"))
    assert len(stacks.plan(STACK)) == 1
    stacks.apply(STACK)
    assert witness() == whole
