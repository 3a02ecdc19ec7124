"""Ports published on 127.0.0.1: for the namespace itself, and for nobody beside it, though the kernel would let neighbours in.

lan 10.0.0.9 ── eth0 10.0.0.1/16 [the host] br7 10.77.0.1/24 ── box 10.77.0.5     [the host] listens on 127.0.0.1:631
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from firewall_net import Network, ask, run, up
from stacks import serving

import netwright
from netwright.errors import SpecError
from own_host import away, new_network

pytestmark = pytest.mark.netns

SWITCH = "net.ipv4.conf.dock0.route_localnet"
LAB = """\
version: 1
name: lab
networks: {lan: {bridge: br7, subnets: [10.77.0.0/24]}}
namespaces: {box: {interfaces: {eth0: {network: lan, address: 10.77.0.5}}}}
host:
  publish:
    - {listen: "127.0.0.1:8080", to: "box:80"}
    - {listen: "127.7.7.7:8080-8081", to: "box:80"}
"""
GUEST = """\
version: 1
name: guest
host: {publish: [{listen: "127.0.0.1:9090/udp", to: "172.17.0.5:53"}]}
"""


@pytest.fixture(autouse=True)
def network() -> Iterator[Network]:
    network = Network()
    with away():
        new_network()
        try:
            run("ip", "netns", "add", "lan")
            run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", "lan")
            run("ip", "address", "add", "10.0.0.1/16", "dev", "eth0")
            run("ip", "link", "set", "eth0", "up")
            up("lan", "eth0", "10.0.0.9/16")
            run("ip", "netns", "add", "ctr")
            run("ip", "link", "add", "dock0", "type", "bridge")
            run("ip", "link", "add", "to-ctr", "type", "veth", "peer", "name", "eth0", "netns", "ctr")
            run("ip", "link", "set", "to-ctr", "master", "dock0", "up")
            run("ip", "address", "add", "172.17.0.1/16", "dev", "dock0")
            run("ip", "link", "set", "dock0", "up")
            up("ctr", "eth0", "172.17.0.5/16")
            yield network
        finally:
            network.close()
            for name in ("lan", "ctr"):
                run("ip", "netns", "delete", name, check=False)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[netwright.Engine]:
    with netwright.open_engine(state_folder=str(tmp_path / "state")) as engine:
        yield engine
        for status in engine.status():
            engine.destroy(status.name)


def here(address: str, port: int, protocol: str = "tcp") -> str:
    """What a client on the host itself sees."""
    return ask("", address, port, protocol, seconds=2)


def test_the_host_itself_reaches_it_and_nobody_beside(engine: netwright.Engine, network: Network) -> None:
    before = run("nft", "list", "ruleset"), run("sysctl", "net.ipv4.conf.eth0.route_localnet")
    engine.apply(netwright.parse(LAB, "lab.yaml"))
    assert engine.apply(netwright.parse(LAB, "lab.yaml")).plan.operations == ()
    network.serve("box", "10.77.0.5", 80)
    with serving("", "127.0.0.1", 631):
        looked_at_from_all_sides(engine)

    engine.destroy("lab")
    assert (run("nft", "list", "ruleset"), run("sysctl", "net.ipv4.conf.eth0.route_localnet")) == before


def looked_at_from_all_sides(engine: netwright.Engine) -> None:
    assert here("127.0.0.1", 8080) == "served 80 10.77.0.1"
    assert here("127.7.7.7", 8081) == "served 80 10.77.0.1"
    assert here("127.0.0.1", 8081) == "refused"
    assert here("10.0.0.1", 8080) == "refused", "nor on the host's other addresses"

    assert run("sysctl", "-n", "net.ipv4.conf.br7.route_localnet") == "1\n"
    assert here("127.0.0.1", 631).startswith("served 631")
    # A neighbour that takes the host for its way to 127.0.0.1, which its own kernel must be talked into first.
    for neighbour, gateway in (("lan", "10.0.0.1"), ("box", "10.77.0.1")):
        run("ip", "address", "delete", "127.0.0.1/8", "dev", "lo", netns=neighbour, check=False)
        run("sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1", netns=neighbour)
        run("ip", "route", "add", "127.0.0.1/32", "via", gateway, "dev", "eth0", netns=neighbour)
        run("ip", "route", "flush", "table", "local", "127.0.0.0/8", netns=neighbour, check=False)
        assert ask(neighbour, "127.0.0.1", 8080, seconds=1) == "silence"
        assert ask(neighbour, "127.0.0.1", 631, seconds=1) == "silence"

    # The guard is what keeps them out: without it, a neighbour on the bridge is served by what listens on 127.0.0.1 alone.
    run("nft", "flush", "chain", "inet", "nw_lab", "martians")
    assert ask("box", "127.0.0.1", 631, seconds=2) == "served 631 10.77.0.5"
    engine.apply(netwright.parse(LAB, "lab.yaml"))
    assert ask("box", "127.0.0.1", 631, seconds=1) == "silence"


def test_an_interface_of_somebody_elses_gets_its_switch_back(engine: netwright.Engine, network: Network) -> None:
    network.serve("ctr", "172.17.0.5", 53, protocol="udp")
    document = netwright.parse(GUEST, "guest.yaml")
    done = [type(operation).__name__ for operation in engine.apply(document).plan.operations]
    assert done.index("ReplaceTable") < len(done) - 1 - done[::-1].index("SetSysctl"), "the guard stands before the switch is turned"
    assert run("sysctl", "-n", SWITCH) == "1\n"
    assert here("127.0.0.1", 9090, "udp") == "served 53 172.17.0.1"
    assert engine.apply(document).plan.operations == ()
    engine.destroy("guest")
    assert run("sysctl", "-n", SWITCH) == "0\n"
    assert here("127.0.0.1", 9090, "udp") == "refused"


@pytest.mark.parametrize(
    ("publish", "said"),
    [
        ('{listen: "[::1]:80", to: "[fd77::5]:80"}', r"host.publish\[0\].listen: ::1 cannot be published on"),
        ('{listen: "127.0.0.1:80", to: "10.77.0.5:80", source: preserve}', r"source: nobody but the namespace itself uses 127.0.0.1"),
        (
            '{listen: "127.0.0.1:80", from: [10.0.0.0/8], to: "10.77.0.5:80"}',
            r"from\[0\]: nobody in 10.0.0.0/8 can use it: it listens on a loopback",
        ),
        ('{listen: "127.0.0.1:80", to: "192.0.2.5:80"}', "192.0.2.5 is on no network of this namespace"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_touched(engine: netwright.Engine, publish: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        engine.apply(netwright.parse(f"version: 1\nname: no\nhost: {{publish: [{publish}]}}\n", "no.yaml"))
    assert run("nft", "list", "tables") == ""
