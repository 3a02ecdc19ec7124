"""The daemon and what stands on a NIC: put back when somebody deletes it, and when its NIC has been away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from daemons import repaired, sh
from stacks import Stacks, devices, outside, witness

import netwright
from daemon_process import DaemonProcess, until

pytestmark = pytest.mark.netns

WIRE = """
version: 1
name: wire
networks:
  lan: {driver: macvlan, parent: eth1, subnets: [10.9.0.0/16], gateway: none, ip_range: 10.9.7.0/28, host_access: true}
namespaces:
  a: {interfaces: {eth1: {network: lan, mac: "02:00:00:00:09:0a", default_route: false}}}
"""


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[DaemonProcess]:
    with outside():
        daemon = DaemonProcess(tmp_path)
        with netwright.open_engine(state_folder=str(daemon.state)) as engine:
            engine.apply(netwright.parse(WIRE, "wire.yaml"))
        daemon.start()
        try:
            yield daemon
        finally:
            daemon.close()
            Stacks(daemon.state).destroy_all()


def test_what_stands_on_a_nic_is_put_back(daemon: DaemonProcess) -> None:
    (shim,) = [name for name in devices() if name != "eth1"]
    whole = witness()
    assert repaired(daemon, "ip -n a link delete eth1", whole) == [
        "create macvlan mode bridge eth1 in a, standing on eth1 on the host",
        "set eth1 up with alias netwright:wire in a",
        "add address 10.9.7.0/16 on eth1 in a",
    ]
    assert repaired(daemon, "ip -n a link set eth1 type macvlan mode private", whole) == ["set mode bridge of eth1 in a"]
    assert f"create macvlan mode bridge {shim} on the host, standing on eth1" in repaired(daemon, f"ip link delete {shim}", whole)
    assert repaired(daemon, "ip route delete 10.9.7.0/28", whole) == [f"add route to 10.9.7.0/28 through {shim} from 10.9.7.1 on the host"]


def test_when_the_nic_comes_back_what_stood_on_it_does_too(daemon: DaemonProcess) -> None:
    names = devices()
    sh("ip link delete eth1")
    until("the daemon to have nothing to stand on", lambda: devices("a") == [] and devices() == [])
    sh("ip link add eth1 up type veth peer name eth0 netns ext")
    until("the daemon to have put it back", lambda: (devices("a"), devices()) == (["eth1"], names))
