"""Networks that stand on a NIC of the host: macvlan, with real packets to and from the wire."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from stacks import Stacks, addresses, ask, devices, ip, outside, routes, run, said, serving, witness

from netwright.errors import SpecError

pytestmark = pytest.mark.netns

WIRE = """
version: 1
name: wire
networks:
  lan:
    driver: macvlan
    parent: eth1
    mode: bridge
    subnets: [10.9.0.0/16, "fd09::/48"]
    gateway: [10.9.0.9, "fd09::9"]
    ip_range: [10.9.7.0/28, "fd09:0:0:7::/64"]
    mtu: 1400
namespaces:
  a: {interfaces: {eth1: {network: lan, mac: "02:00:00:00:09:0a"}}}
  b: {interfaces: {up0: {network: lan, address: [10.9.5.5, "fd09::5"]}}}
"""


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[Stacks]:
    with outside():
        made = Stacks(tmp_path)
        yield made
        made.destroy_all()


def test_what_stands_on_a_nic_is_on_its_wire_and_its_host_is_not_reached(stacks: Stacks) -> None:
    plan = stacks.apply(WIRE)
    assert "create macvlan mode bridge eth1 in a, standing on eth1 on the host" in said(plan)
    shown = {name: ip("link", "show", "dev", dev, netns=name)[0] for name, dev in (("a", "eth1"), ("b", "up0"))}
    assert [(one["linkinfo"]["info_kind"], one["linkinfo"]["info_data"]["mode"], one["mtu"]) for one in shown.values()] == [
        ("macvlan", "bridge", 1400),
        ("macvlan", "bridge", 1400),
    ]
    assert shown["a"]["address"] == "02:00:00:00:09:0a"
    assert addresses("eth1", "a") == ["10.9.7.0/16", "fd09:0:0:7::/48"]
    assert addresses("up0", "b") == ["10.9.5.5/16", "fd09::5/48"]
    assert routes("a") == [
        "default via 10.9.0.9 dev eth1 proto 78",
        "default via fd09::9 dev eth1 proto 78 metric 1024 pref medium",
    ]
    assert devices() == ["eth1"]
    with serving("ext", "10.9.0.9", 8000):
        assert ask("a", "10.9.0.9", 8000) == "served 8000 10.9.7.0"
    with serving("b", "10.9.5.5", 8000):
        assert ask("a", "10.9.5.5", 8000) == "served 8000 10.9.7.0"
        assert ask("ext", "10.9.5.5", 8000) == "served 8000 10.9.0.9"
        assert ask("", "10.9.5.5", 8000, seconds=1) not in ("served 8000 10.9.0.1", "refused")


def test_a_mode_is_changed_on_living_links_and_what_left_the_file_goes(stacks: Stacks) -> None:
    stacks.apply(WIRE)
    before = ip("link", "show", "dev", "eth1", netns="a")[0]["ifindex"]
    assert said(stacks.apply(WIRE.replace("mode: bridge", "mode: private"))) == [
        "set mode private of eth1 in a",
        "set mode private of up0 in b",
    ]
    assert ip("link", "show", "dev", "eth1", netns="a")[0]["ifindex"] == before
    stacks.apply(WIRE.replace("mode: bridge", "mode: vepa").replace('{up0: {network: lan, address: [10.9.5.5, "fd09::5"]}}', "{}"))
    assert devices("b") == []
    stacks.destroy("wire")
    assert devices() == ["eth1"]


def test_what_stands_on_a_nic_that_is_made_anew_is_put_back(stacks: Stacks) -> None:
    stacks.apply(WIRE)
    run("ip", "link", "delete", "eth1", netns="a")
    assert stacks.plan(WIRE)[0] == "create macvlan mode bridge eth1 in a, standing on eth1 on the host"
    stacks.apply(WIRE)
    run("ip", "link", "delete", "eth1")
    assert devices("a") == devices("b") == []
    with pytest.raises(SpecError, match=r"networks.lan.parent: there is no interface eth1 on the host"):
        stacks.apply(WIRE)
    run("ip", "link", "add", "eth1", "up", "type", "veth", "peer", "name", "eth0", "netns", "ext")
    stacks.apply(WIRE)
    assert (devices("a"), devices("b")) == (["eth1"], ["up0"])


@pytest.mark.parametrize(
    ("commands", "edit", "sentence"),
    [
        (
            ("link add br9 type bridge", "link set eth1 master br9"),
            ("", ""),
            "networks.lan.parent: eth1 is a port of br9, which takes all that comes in there\n    hint: say parent: br9",
        ),
        (
            ("link add over link eth1 type macvlan mode bridge",),
            ("parent: eth1", "parent: over"),
            "networks.lan.parent: over stands on another interface itself\n    hint: say parent: eth1",
        ),
        (("link set eth1 mtu 1300",), ("", ""), "networks.lan.mtu: 1400 is more than eth1 carries: 1300\n    hint: at most 1300"),
    ],
)
def test_a_parent_that_cannot_carry_the_network_is_said(
    stacks: Stacks, commands: tuple[str, ...], edit: tuple[str, str], sentence: str
) -> None:
    for command in commands:
        run("ip", *command.split())
    try:
        with pytest.raises(SpecError) as refused:
            stacks.apply(WIRE.replace(*edit) if edit[0] else WIRE)
        assert sentence in str(refused.value)
    finally:
        run("ip", "link", "delete", "br9", check=False)
        run("ip", "link", "delete", "over", check=False)


def test_a_parent_that_is_down_is_warned_of(stacks: Stacks) -> None:
    run("ip", "link", "set", "eth1", "down")
    assert stacks.apply(WIRE).warnings == (
        "networks.lan: its parent eth1 is down, and nothing on the network reaches anybody: ip link set eth1 up",
    )


ACCESS = WIRE.replace("mode: bridge", "host_access: true").replace("name: wire", "name: shim")


def test_with_host_access_the_host_reaches_what_stands_on_its_nic(stacks: Stacks) -> None:
    before = routes()
    stacks.apply(ACCESS)
    (shim,) = [name for name in devices() if name != "eth1"]
    assert ip("link", "show", "dev", shim)[0]["link"] == "eth1"
    assert addresses(shim) == ["10.9.7.1/32", "fd09:0:0:7::1/128"]
    assert sorted(set(routes()) - set(before)) == [
        f"10.9.5.5 dev {shim} proto 78 scope link src 10.9.7.1",
        f"10.9.7.0/28 dev {shim} proto 78 scope link src 10.9.7.1",
        f"fd09:0:0:7::/64 dev {shim} proto 78 src fd09:0:0:7::1 metric 1024 pref medium",
        f"fd09::5 dev {shim} proto 78 src fd09:0:0:7::1 metric 1024 pref medium",
    ]
    for address in ("10.9.7.0", "fd09:0:0:7::"):
        with serving("a", address, 8000):
            assert ask("", address, 8000) == f"served 8000 {addresses(shim)[':' in address].partition('/')[0]}"
            assert ask("ext", address, 8000).startswith("served 8000 ")
    with serving("", "10.9.7.1", 8001):
        assert ask("b", "10.9.7.1", 8001) == "served 8001 10.9.5.5"
    with serving("", "10.9.0.1", 8002):
        assert ask("a", "10.9.0.1", 8002) == "served 8002 10.9.7.0"
        assert ask("ext", "10.9.0.1", 8002) == "served 8002 10.9.0.9"
    stacks.destroy("shim")
    assert (devices(), routes()) == (["eth1"], before)


WHO_HAS = r"""
import socket, struct, sys
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
wire.bind(("eth0", 0x0806))
wire.settimeout(10)
own = wire.getsockname()[4]
heard = []
for address in sys.argv[1:]:
    target = socket.inet_aton(address)
    question = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + own + socket.inet_aton("10.9.0.9") + bytes(6) + target
    wire.send(b"\xff" * 6 + own + struct.pack("!H", 0x0806) + question)
last = socket.inet_aton(sys.argv[-1])
while True:
    frame = wire.recv(64)
    if frame[20:22] == b"\0\2":
        heard.append(frame[28:32])
        print(socket.inet_ntoa(frame[28:32]), frame[22:28].hex(":"))
        if frame[28:32] == last:
            break
"""
"""Asks who has each address. What stands on the wire is asked in turn: when the last one answers, those before it have."""


def test_the_nic_alone_answers_for_the_hosts_own_address(stacks: Stacks) -> None:
    stacks.apply(ACCESS)
    nic, far = ip("link", "show", "dev", "eth1")[0]["address"], ip("link", "show", "dev", "up0", netns="b")[0]["address"]
    assert run(sys.executable, "-c", WHO_HAS, "10.9.0.1", "10.9.5.5", netns="ext").splitlines() == [f"10.9.0.1 {nic}", f"10.9.5.5 {far}"]


def test_host_access_comes_and_goes_with_its_key(stacks: Stacks) -> None:
    stacks.apply(ACCESS.replace("    host_access: true\n", ""))
    assert devices() == ["eth1"]
    stacks.apply(ACCESS)
    assert len(devices()) == 2
    stacks.apply(ACCESS.replace("    host_access: true\n", ""))
    assert devices() == ["eth1"]


def test_a_port_of_the_host_leads_to_what_stands_on_its_nic_only_with_host_access(stacks: Stacks) -> None:
    publish = 'host: {publish: [{listen: "8080", to: "b:8000"}]}\n'
    with pytest.raises(SpecError) as refused:
        stacks.apply(WIRE + publish)
    assert str(refused.value).splitlines()[-2:] == [
        "stack.yaml:16:18: host.publish[0]: the host does not reach b, which stands on eth1, its own NIC",
        "    hint: say host_access: true at networks.lan",
    ]
    stacks.apply(ACCESS + publish)
    with serving("b", "10.9.5.5", 8000):
        assert ask("ext", "10.9.0.1", 8080).startswith("served 8000 ")
    stacks.destroy("shim")


def test_a_parent_that_the_file_configures_may_change_its_size(stacks: Stacks) -> None:
    text = WIRE.replace("    mtu: 1400\n", "") + "host: {interfaces: {eth1: {nic: eth1, mtu: 1450}}}\n"
    stacks.apply(text)
    assert ip("link", "show", "dev", "eth1", netns="a")[0]["mtu"] == 1450
    stacks.apply(text.replace("1450", "1300"))
    assert ip("link", "show", "dev", "eth1", netns="a")[0]["mtu"] == 1300
    stacks.apply(text.replace("1450", "1480"))
    assert ip("link", "show", "dev", "eth1")[0]["mtu"] == 1480


def test_what_stands_on_a_nic_follows_its_size_both_ways(stacks: Stacks) -> None:
    text = WIRE.replace("    mtu: 1400\n", "")
    stacks.apply(text)
    run("ip", "link", "set", "eth1", "mtu", "1300")
    assert ip("link", "show", "dev", "eth1", netns="a")[0]["mtu"] == 1300
    assert stacks.plan(text) == []
    run("ip", "link", "set", "eth1", "mtu", "1450")
    assert stacks.plan(text) == ["set mtu 1450 of eth1 in a", "set mtu 1450 of up0 in b"]
    stacks.apply(text)


def test_a_nic_that_gets_another_name_carries_the_network_under_that(stacks: Stacks) -> None:
    mac = ip("link", "show", "dev", "eth1")[0]["address"]
    renamed = f'host: {{interfaces: {{wan0: {{nic: {{mac: "{mac}"}}, addresses: [10.9.0.1/16]}}}}}}\n'
    stacks.apply(WIRE.replace("parent: eth1", "parent: wan0") + renamed)
    assert devices() == ["wan0"]
    with serving("ext", "10.9.0.9", 8000):
        assert ask("a", "10.9.0.9", 8000) == "served 8000 10.9.7.0"
    stacks.apply(WIRE)
    assert devices() == ["eth1"]
    with serving("ext", "10.9.0.9", 8000):
        assert ask("a", "10.9.0.9", 8000) == "served 8000 10.9.7.0"


def test_a_nic_that_another_stacks_network_stands_on_stays_on_the_host(stacks: Stacks) -> None:
    stacks.apply(WIRE)
    whole = witness()
    taker = "version: 1\nname: taker\nnamespaces: {box: {interfaces: {wan: {nic: NIC, addresses: [10.9.7.7/16]}}}}\n"
    (mac,) = [link["address"] for link in ip("link", "show", "dev", "eth1")]
    for nic in ("eth1", f"{{mac: '{mac}'}}"):
        with pytest.raises(
            SpecError, match=r"box\.interfaces\.wan\.nic: networks\.lan of the stack wire stands on eth1, which has to stay"
        ):
            stacks.apply(taker.replace("NIC", nic))
        assert witness() == whole
    stacks.destroy("wire")
    stacks.apply(taker.replace("NIC", "eth1"))
    assert devices("box") == ["wan"]
