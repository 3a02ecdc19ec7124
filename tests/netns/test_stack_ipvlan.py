"""Networks that stand on a NIC and share its MAC address: ipvlan, with real packets, on kernels that have it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from stacks import Stacks, addresses, ask, devices, ip, outside, said, serving

pytestmark = pytest.mark.netns

WIRE = """
version: 1
name: ipwire
networks:
  lan:
    driver: ipvlan
    parent: eth1
    subnets: [10.9.0.0/16]
    gateway: 10.9.0.9
    ip_range: 10.9.7.0/28
    host_access: true
namespaces:
  a: {interfaces: {eth1: {network: lan}}}
  b: {interfaces: {up0: {network: lan, address: 10.9.5.5, mtu: 1400}}}
"""


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[Stacks]:
    probe = subprocess.run(["ip", "link", "add", "probe", "link", "lo", "type", "ipvlan"], check=False, capture_output=True, text=True)
    if "Unknown device type" in probe.stderr:
        pytest.skip("this kernel has no ipvlan")
    with outside():
        made = Stacks(tmp_path)
        yield made
        made.destroy_all()


def test_ipvlans_are_on_the_wire_under_their_parents_mac_and_the_host_reaches_them(stacks: Stacks) -> None:
    stacks.apply(WIRE)
    nic = ip("link", "show", "dev", "eth1")[0]["address"]
    shown = {name: ip("link", "show", "dev", dev, netns=name)[0] for name, dev in (("a", "eth1"), ("b", "up0"))}
    assert [(one["linkinfo"]["info_kind"], one["linkinfo"]["info_data"]["mode"], one["address"]) for one in shown.values()] == [
        ("ipvlan", "l2", nic),
        ("ipvlan", "l2", nic),
    ]
    assert shown["b"]["mtu"] == 1400
    assert addresses("eth1", "a") == ["10.9.7.0/16"]
    with serving("b", "10.9.5.5", 8000):
        assert ask("a", "10.9.5.5", 8000) == "served 8000 10.9.7.0"
        assert ask("ext", "10.9.5.5", 8000) == "served 8000 10.9.0.9"
        assert ask("", "10.9.5.5", 8000) == "served 8000 10.9.7.1"
    with serving("ext", "10.9.0.9", 8000):
        assert ask("a", "10.9.0.9", 8000) == "served 8000 10.9.7.0"
    stacks.destroy("ipwire")
    assert devices() == ["eth1"]


def test_mode_and_flag_change_on_living_ipvlans(stacks: Stacks) -> None:
    plain = WIRE.replace("    host_access: true\n", "")
    stacks.apply(plain)
    changed = said(stacks.apply(plain.replace("parent: eth1", "parent: eth1\n    mode: l3\n    flag: private")))
    assert changed == ["set flag private, mode l3 of eth1 in a", "set flag private, mode l3 of up0 in b"]
    data = ip("link", "show", "dev", "eth1", netns="a")[0]["linkinfo"]["info_data"]
    assert (data["mode"], data["private"]) == ("l3", True)
