"""`source: preserve`: what the target sees, how its replies come back, and that the rest of its traffic keeps its way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from stacks import HOST, Stacks, ask, ip, outside, routes, run, serving, witness

GATE = """\
version: 1
name: keep
networks:
  lan: {bridge: br-keep, subnets: [10.30.0.0/24, "fd30::/64"]}
namespaces:
  web: {interfaces: {eth0: {network: lan, address: [10.30.0.10, "fd30::10"]}}}
  gate:
    interfaces:
      eth0: {network: lan, address: [10.30.0.2, "fd30::2"], default_route: false}
      out: {peer: {namespace: beyond, interface: in}, addresses: [10.40.0.1/16, "fd40::1/48"]}
    publish:
      - {listen: "out:8080", from: [10.40.0.0/24, 10.40.2.0/24, "fd40::/64"], to: "web:80", source: preserve}
      - {listen: "out:5300-5301/udp", to: "web:53-54", source: preserve}
  beyond:
    interfaces:
      in:
        peer: {namespace: gate, interface: out}
        addresses: [10.40.0.9/16, 10.40.1.9/16, "fd40::9/48", "fd40:0:0:1::9/48"]
"""

ON_HOST = """\
version: 1
name: keep
networks: {lan: {bridge: br-keep, subnets: [10.30.0.0/24, "fd30::/64"]}}
namespaces:
  web: {interfaces: {eth0: {network: lan, address: [10.30.0.10, "fd30::10"]}}}
  mate: {interfaces: {eth0: {network: lan, address: [10.30.0.11, "fd30::11"]}}}
host: {publish: [{listen: 8080, to: "web:80", source: preserve}, {listen: "5300/udp", to: "web:53", source: preserve}]}
"""


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[Stacks]:
    with outside():
        made = Stacks(tmp_path / "state")
        yield made
        made.destroy_all()


@pytest.mark.parametrize(
    ("gate", "friend", "other", "anywhere"),
    [("10.40.0.1", "10.40.0.9", "10.40.1.9", "0.0.0.0"), ("fd40::1", "fd40::9", "fd40:0:0:1::9", "::")],
)
def test_the_target_sees_the_client_and_its_replies_go_back_through_the_publisher(
    stacks: Stacks, gate: str, friend: str, other: str, anywhere: str
) -> None:
    stacks.apply(GATE)
    with serving("web", anywhere, 80), serving("web", anywhere, 53, 54, protocol="udp"):
        assert ask("beyond", gate, 8080, source=friend) == f"served 80 {friend}"
        assert ask("beyond", gate, 8080, source=other) == "refused"
        assert ask("beyond", gate, 5301, "udp", source=other) == f"served 54 {other}"
        assert ask("beyond", gate, 5300, "udp", source=friend) == f"served 53 {friend}"


def test_the_targets_own_traffic_keeps_its_way(stacks: Stacks) -> None:
    stacks.apply(GATE)
    assert [line.replace(" metric 1024 pref medium", "") for line in routes("web")] == [
        "default via 10.30.0.1 dev eth0 proto 78",
        "default via fd30::1 dev eth0 proto 78",
    ]
    # To a client of the published port it goes through its own gateway, and only the port's answers through the publisher.
    assert ip("route", "get", "10.40.0.9", netns="web")[0]["gateway"] == "10.30.0.1"
    for arguments, gateway in (
        (("10.40.0.9", "from", "10.30.0.10", "ipproto", "tcp", "sport", "80"), "10.30.0.2"),
        (("10.40.1.9", "from", "10.30.0.10", "ipproto", "tcp", "sport", "80"), "10.30.0.1"),
        (("10.40.1.9", "from", "10.30.0.10", "ipproto", "udp", "sport", "54"), "10.30.0.2"),
        (("10.40.1.9", "from", "10.30.0.10", "ipproto", "udp", "sport", "55"), "10.30.0.1"),
        (("fd40::9", "from", "fd30::10", "ipproto", "tcp", "sport", "80"), "fd30::2"),
        (("fd40::9", "from", "fd30::10", "ipproto", "tcp", "sport", "81"), "fd30::1"),
    ):
        assert ip("route", "get", *arguments, netns="web")[0]["gateway"] == gateway, arguments
    with serving("ext", "0.0.0.0", 7), serving("ext", "::", 8):
        assert ask("web", "10.9.0.9", 7) == "served 7 10.9.0.1"
        assert ask("web", "fd09::9", 8) == "served 8 fd09::1"


def test_without_preserve_nothing_of_it_is_left(stacks: Stacks) -> None:
    plain = GATE.replace(", source: preserve", "")
    stacks.apply(plain)
    without = witness()
    stacks.apply(GATE)
    assert len(ip("-4", "rule", netns="web")) == 3 + 2 + 1
    stacks.apply(plain)
    assert witness() == without


def test_the_host_publishes_and_the_target_sees_the_client(stacks: Stacks) -> None:
    stacks.apply(ON_HOST)
    with serving("web", "0.0.0.0", 80), serving("web", "0.0.0.0", 53, protocol="udp"):
        assert ask("ext", "10.9.0.1", 8080, source="10.9.1.9") == "served 80 10.9.1.9"
        assert ask("ext", "10.9.0.1", 5300, "udp", source="10.9.1.9") == "served 53 10.9.1.9"
        # A neighbour on the target's network would be answered past the publisher: it is masqueraded.
        assert ask("mate", "10.9.0.1", 8080) == "served 80 10.30.0.1"
        assert ask(HOST, "10.9.0.1", 8080).startswith("served 80")
    with serving("web", "::", 80):
        assert ask("ext", "fd09::1", 8080, source="fd09::9") == "served 80 fd09::9"
        assert ask("mate", "fd09::1", 8080) == "served 80 fd30::1"


def test_a_target_may_be_kept_by_two_publishers(stacks: Stacks) -> None:
    second = """\
  gate2:
    interfaces:
      eth0: {network: lan, address: [10.30.0.3, "fd30::3"], default_route: false}
      out: {peer: {namespace: beyond, interface: in2}, addresses: [10.50.0.1/16]}
    publish: [{listen: "out:8080", from: [10.50.0.0/16], to: "web:80", source: preserve}]
"""
    text = GATE.replace("  beyond:\n    interfaces:\n", second + "  beyond:\n    interfaces:\n").rstrip()
    text += "\n      in2: {peer: {namespace: gate2, interface: out}, addresses: [10.50.0.9/16]}\n"
    stacks.apply(text)
    with serving("web", "0.0.0.0", 80):
        assert ask("beyond", "10.40.0.1", 8080, source="10.40.0.9") == "served 80 10.40.0.9"
        assert ask("beyond", "10.50.0.1", 8080) == "served 80 10.50.0.9"


def test_a_rule_and_a_route_of_the_way_back_are_repaired(stacks: Stacks) -> None:
    stacks.apply(GATE)
    whole = witness()
    rule = next(r for r in ip("-4", "rule", netns="web") if r["priority"] == 7800)
    run("ip", "rule", "del", "priority", "7800", netns="web")
    run(
        "ip",
        "-6",
        "route",
        "flush",
        "table",
        str(next(r["table"] for r in ip("-6", "rule", netns="web") if r["priority"] == 7800)),
        netns="web",
    )
    assert rule["protocol"] == "78"
    assert len(stacks.plan(GATE)) == 3
    stacks.apply(GATE)
    assert witness() == whole
