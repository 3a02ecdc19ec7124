"""Somebody on a network who says that they are another, or the router: with raw sockets, as CAP_NET_RAW allows."""

from __future__ import annotations

import json
from collections.abc import Iterator

from forgery import advertisement, frame, mac, port_of, send
from stacks import HOST, Stacks, addresses, devices, reaches, routes, run

from netwright.errors import NetwrightError, Refused
from torture.intruders import some

FOUR = """\
version: 1
name: four
networks: {four: {bridge: br-four, subnets: [10.40.0.0/24]}}
namespaces:
  four-a:
    interfaces:
      eth0: {network: four, address: 10.40.0.10}
      eth1: {peer: {namespace: host, interface: to-a}, addresses: ['10.41.0.2/30']}
host: {interfaces: {to-a: {peer: {namespace: four-a, interface: eth1}, addresses: ['10.41.0.1/30']}}}
"""
GUARDED = """\
version: 1
name: guarded
networks: {lan: {bridge: br-guard, subnets: [10.42.0.0/24], antispoof: true}}
namespaces:
  good: {interfaces: {eth0: {network: lan, address: 10.42.0.10}}}
  bad: {interfaces: {eth0: {network: lan, address: 10.42.0.11}}}
"""
OWN_GROUPS = range(16)
"""01:80:c2:00:00:00 to 0f: groups that a bridge keeps to itself (IEEE 802.1Q, table 8-1)."""


def the_hosts_router(stacks: Stacks, every: int) -> Iterator[str]:
    """a container as the host's IPv6 router"""
    stacks.apply(FOUR)
    for number, dev in enumerate(("eth0", "eth1")):
        send("four-a", [advertisement(mac("four-a", dev), f"fd66:{number}::")] * 2, dev=dev)
        # What was heard is there before the answer to a question that came after it.
        assert reaches("four-a", "10.40.0.1" if dev == "eth0" else "10.41.0.1")
        taken = [route for route in routes() if "proto ra" in route]
        taken += [one for link in ("br-four", "to-a") for one in addresses(link) if one.startswith("fd66:")]
        yield f"by {dev}, the host has {', '.join(taken)}" if taken else ""
    stacks.destroy("four")


def the_owner_of_a_mac_address(stacks: Stacks, every: int) -> Iterator[str]:
    """past antispoof: another's MAC address is learnt"""
    stacks.apply(GUARDED)
    own, port, gateway = mac("good"), port_of("good"), mac(HOST, "br-guard")
    assert reaches("good", "10.42.0.1")
    targets = [f"01:80:c2:00:00:{last:02x}" for last in (*OWN_GROUPS, 0x20, 0x21)][:: min(every, 2)]
    for target in [*targets, gateway, "ff:ff:ff:ff:ff:ff"]:
        send("bad", [frame("x", own, target, kind, bytes(46)) for kind in (0x0800, 0x0806, 0x86DD, 0x888E, 0x88CC, 46)])
        known = {one["mac"]: one["ifname"] for one in json.loads(run("bridge", "-j", "fdb", "show", "br", "br-guard"))}
        yield "" if known.get(own, port) == port else f"by a frame to {target}, frames for {own} go to {known[own]}"
    stacks.destroy("guarded")


def a_nic_that_was_lent(stacks: Stacks, every: int) -> Iterator[str]:
    """a namespace's program marks its links: one gets to the host"""
    for dev, mark in some(
        (
            ("eth7", "netwright-loan:guarded"),
            ("eth0", "netwright-loan:guarded"),
            ("eth7", "netwright:guarded"),
            ("eth0", ""),
            ("lo", "netwright-loan:guarded"),
            ("lo", ""),
        ),
        every,
    ):
        stacks.apply(GUARDED)
        before = devices()
        run("ip", "link", "add", "eth7", "type", "veth", "peer", "name", "evil", netns="bad")
        run("ip", "link", "set", "dev", dev, "alias", mark, netns="bad")
        try:
            stacks.apply(GUARDED)
        except NetwrightError as error:
            yield "" if isinstance(error, Refused) else f"{dev} as {mark!r}: apply failed: {error}"
        yield "" if devices() == before else f"{dev} as {mark!r}: the host has {devices()} after an apply"
        try:
            stacks.destroy("guarded")
        except NetwrightError as error:
            yield f"{dev} as {mark!r}: destroy failed: {error}"
        left = [one for one in devices() if one != "eth1"]
        yield f"{dev} as {mark!r}: the host has {left} after a destroy" if left else ""
        # What does not say any more that it is the stack's is left alone.
        run("ip", "netns", "delete", "bad", check=False)


IMPOSTORS = (the_hosts_router, the_owner_of_a_mac_address, a_nic_that_was_lent)
