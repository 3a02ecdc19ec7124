"""Edits of the file, one of each kind: apply converges, and the host is what a fresh apply of the new file makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from stacks import Stacks, addresses, ip, outside, run, witness

FILE = """\
version: 1
name: shop
networks:
  lan: {bridge: br-lan, subnets: [10.30.0.0/24, "fd30::/64"]}
  dmz: {bridge: br-dmz, subnets: [10.31.0.0/24], mtu: 1400}
namespaces:
  web: {interfaces: {eth0: {network: lan, address: [10.30.0.10, "fd30::10"]}}}
  mate: {interfaces: {eth0: {network: dmz, address: 10.31.0.11}, eth1: {network: lan, address: [10.30.0.11, "fd30::11"]}}, sysctls: {net.ipv4.ip_default_ttl: 64}}
  gate:
    interfaces:
      eth0: {network: lan, address: [10.30.0.2, "fd30::2"]}
      p0: {peer: {namespace: far, interface: p1}, addresses: [10.40.0.1/24]}
    masquerade: [p0]
    publish: [{listen: "p0:8080", to: "web:80", source: preserve}]
  far: {interfaces: {p1: {peer: {namespace: gate, interface: p0}, addresses: [10.40.0.2/24]}}}
host:
  publish: [{listen: 8080, from: [10.9.0.0/24], to: "web:80"}]
  interfaces: {up0: {peer: {namespace: far, interface: up1}, addresses: [10.41.0.1/24]}}
  routes: [{to: 10.42.0.0/24, via: 10.41.0.2}]
"""

EDITS: dict[str, tuple[tuple[str, str], ...]] = {
    "subnet changed": (("10.30.0.", "10.33.0."),),
    "IPv6 subnet changed": (("fd30::", "fd33::"),),
    "subnet widened": (("10.30.0.0/24", "10.30.0.0/16"),),
    "gateway changed": (("dmz: {", "dmz: {gateway: 10.31.0.254, "),),
    "gateway taken away": (("dmz: {", "dmz: {gateway: none, "),),
    "subnets change places": (("10.30.0.", "X"), ("10.31.0.", "10.30.0."), ("X", "10.31.0.")),
    "bridge renamed": (("br-lan", "br-new"),),
    "bridges change names": (("br-lan", "X"), ("br-dmz", "br-lan"), ("X", "br-dmz")),
    "network renamed": (("dmz: {bridge", "other: {bridge"), ("network: dmz", "network: other")),
    "network removed": (('  dmz: {bridge: br-dmz, subnets: [10.31.0.0/24], mtu: 1400}\n', ""), ("eth0: {network: dmz, address: 10.31.0.11}, ", "")),
    "namespace removed": (("  mate: {interfaces", "#"),),
    "namespace renamed": (("  mate:", "  pal:"),),
    "namespaces change names": (("  mate:", "  X:"), ("  far:", "  mate:"), ("  X:", "  far:"), ("namespace: far", "namespace: mate")),
    "interface renamed": (("eth1: {network: lan", "eth7: {network: lan"),),
    "interfaces change names": (("eth0: {network: dmz", "ethX: {network: dmz"), ("eth1: {", "eth0: {"), ("ethX: {", "eth1: {")),
    "interface to another network": (("eth0: {network: dmz, address: 10.31.0.11}", "eth0: {network: lan, address: [10.30.0.12, 'fd30::12']}"),),
    "addresses change places": (("10.30.0.10", "X"), ("10.30.0.11", "10.30.0.10"), ("X", "10.30.0.11")),
    "peer becomes network": (("p0: {peer: {namespace: far, interface: p1}, addresses: [10.40.0.1/24]}", "p0: {network: dmz, address: 10.31.0.40}"),
                             ("p1: {peer: {namespace: gate, interface: p0}, addresses: [10.40.0.2/24]}", "p1: {network: dmz, address: 10.31.0.41}")),
    "network becomes peer": (("eth0: {network: dmz, address: 10.31.0.11}", "eth0: {peer: {namespace: far, interface: q}, addresses: [10.44.0.1/24]}"),),
    "peer elsewhere": (("p1}, addresses: [10.40.0.1/24]", "p1}, addresses: [10.40.0.1/24], mtu: 1300"), ("namespace: far, interface: up1", "namespace: gate, interface: up1"), ("via: 10.41.0.2", "dev: up0")),
    "peer renamed": (("interface: p1}", "interface: p2}"), ("far: {interfaces: {p1:", "far: {interfaces: {p2:")),
    "peer described once": (("  far: {interfaces: {p1: {peer: {namespace: gate, interface: p0}, addresses: [10.40.0.2/24]}}}\n", "  far: {}\n"),),
    "IPv6 taken away": ((', "fd30::/64"', ""), (', "fd30::10"', ""), (', "fd30::11"', ""), (', "fd30::2"', "")),
    "IPv6 to the other": (("subnets: [10.31.0.0/24]", 'subnets: [10.31.0.0/24, "fd31::/64"]'),),
    "no IPv4": (("[10.30.0.0/24, ", "["), ("[10.30.0.10, ", "["), ("[10.30.0.11, ", "["), ("[10.30.0.2, ", "["), ('p0:8080', "eth0:8080"), ("[{listen: 8080, from: [10.9.0.0/24]", "[{listen: 8080")),
    "published elsewhere": (('listen: 8080, from: [10.9.0.0/24], to: "web:80"', 'listen: 8080, from: [10.9.0.0/24], to: "mate:81"'),),
    "published on another port": (("listen: 8080, from", "listen: 8081-8089, from"), ('from: [10.9.0.0/24], to: "web:80"', 'from: [10.9.0.0/24], to: "web:81-89"')),
    "published for others": (("from: [10.9.0.0/24]", 'from: [10.9.1.0/24, "fd09::/64"]'),),
    "published no more": (('    publish: [{listen: "p0:8080", to: "web:80", source: preserve}]\n', ""), ('  publish: [{listen: 8080, from: [10.9.0.0/24], to: "web:80"}]\n', "")),
    "source masquerade": ((", source: preserve", ""),),
    "no masquerade": (("    masquerade: [p0]\n", ""), ("dmz: {", "dmz: {masquerade: false, ")),
    "internal": (("dmz: {", "dmz: {internal: true, "),),
    "mtu changed": (("mtu: 1400", "mtu: 1300"),),
    "mtu taken away": ((", mtu: 1400", ""),),
    "mac stated": (("address: 10.31.0.11", "address: 10.31.0.11, mac: '02:00:00:00:77:11'"),),
    "sysctl changed": (("net.ipv4.ip_default_ttl: 64", "net.ipv4.ip_default_ttl: 63"),),
    "down": (("address: 10.31.0.11", "address: 10.31.0.11, up: false"),),
    "port named": (("address: 10.31.0.11", "address: 10.31.0.11, port: to-mate"),),
    "stp": (("dmz: {", "dmz: {stp: true, ageing_seconds: 77, multicast_snooping: false, "),),
    "no host": (("  interfaces: {up0: {peer: {namespace: far, interface: up1}, addresses: [10.41.0.1/24]}}\n  routes: [{to: 10.42.0.0/24, via: 10.41.0.2}]\n", ""),),
    "nameservers": (("  web: {", "  web: {nameservers: [10.30.0.1, 'fd30::1'], search: [example.org], "),),
    "default route": (("address: 10.31.0.11", "address: 10.31.0.11, default_route: false"),),
}  # fmt: skip


def edited(edit: str) -> str:
    text = FILE
    for old, new in EDITS[edit]:
        assert old in text, old
        text = text.replace(old, new)
    return text


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[Stacks]:
    with outside():
        made = Stacks(tmp_path / "state")
        yield made
        made.destroy_all()


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_makes_what_a_fresh_apply_makes_and_so_does_its_undoing(stacks: Stacks, edit: str) -> None:
    before = witness()
    stacks.apply(FILE)
    original = witness()
    stacks.apply(edited(edit))
    changed = witness()
    stacks.apply(FILE)
    assert witness() == original
    stacks.destroy("shop")
    assert witness() == before
    stacks.apply(edited(edit))
    assert witness() == changed
    stacks.destroy("shop")
    assert witness() == before


def test_an_edit_touches_nothing_else(stacks: Stacks) -> None:
    stacks.apply(FILE)
    index = {netns: ip("link", netns=netns) for netns in ("web", "gate", "far")}
    stacks.apply(edited("interface to another network"))
    assert {netns: [x["ifindex"] for x in ip("link", netns=netns)] for netns in index} == {
        netns: [x["ifindex"] for x in links] for netns, links in index.items()
    }
    assert len(stacks.plan(edited("interface to another network").replace("10.30.0.12", "10.30.0.13"))) == 6


def test_an_allocated_address_is_kept_until_its_interface_leaves_the_file(stacks: Stacks) -> None:
    text = "version: 1\nname: kept\nnetworks: {lan: {subnets: [10.30.0.0/24, 'fd30::/64']}}\nnamespaces:\n"
    one, two = "  one: {interfaces: {eth0: {network: lan}}}\n", "  two: {interfaces: {eth0: {network: lan}}}\n"
    stacks.apply(text + one + two)
    assert addresses("eth0", "two") == ["10.30.0.3/24", "fd30::3/64"]
    stacks.apply(text + two)
    assert addresses("eth0", "two") == ["10.30.0.3/24", "fd30::3/64"]
    stacks.apply(
        text + one.replace("eth0: {network: lan}", "eth0: {network: lan, address: 10.30.0.3}").replace("one:", "new:") + "  three: {}\n"
    )
    assert addresses("eth0", "new") == ["10.30.0.3/24", "fd30::2/64"]
    stacks.apply(text + "  three: {}\n" + two)
    assert run("ip", "netns", "list").split()[0::3]
    assert addresses("eth0", "two") == ["10.30.0.2/24", "fd30::2/64"]
