"""Real packets on a host whose FORWARD drops, with br_netfilter on and a Docker-like bridge, in both kinds of iptables.

    ext 10.0.0.9, 10.1.0.9 ── eth0 10.0.0.1/8 [the host] nw0 172.31.0.1/16 ── one .2, two .3     (ours)
                                              dock0 172.17.0.1/16 ── box .5                      (Docker's)

Docker publishes box's port 80 as 8080 to everybody.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from firewall_net import Network, ask, run, up

from netwright.backends.iptables import Iptables
from netwright.backends.nft import Nft
from netwright.firewall.compiler import compile_table
from netwright.firewall.foreign import foreign_rules
from netwright.firewall.intents import BridgeNetwork, Intents, Publish, Restriction
from netwright.model.netns import HOST
from netwright.model.operation import ReplaceTable, SetForeignRules
from own_host import away, new_network

pytestmark = pytest.mark.netns

MEMBERS = {"one": ("nw0", "172.31.0.2"), "two": ("nw0", "172.31.0.3"), "box": ("dock0", "172.17.0.5")}
OURS = BridgeNetwork(bridge="nw0", subnets=("172.31.0.0/16",), masquerade=True, internal=False)
SWITCHES = ("net.ipv4.ip_forward", "net.bridge.bridge-nf-call-iptables")


@pytest.fixture(params=["nft", "legacy"])
def host_network(request: pytest.FixtureRequest) -> Iterator[tuple[str, Network]]:
    kind: str = request.param
    network = Network()
    iptables = f"iptables-{kind}"
    with away():
        new_network()
        try:
            run("sysctl", "-qw", *(f"{key}=1" for key in SWITCHES))
            for bridge, address in (("nw0", "172.31.0.1/16"), ("dock0", "172.17.0.1/16")):
                run("ip", "link", "add", bridge, "type", "bridge")
                run("ip", "address", "add", address, "dev", bridge)
                run("ip", "link", "set", bridge, "up")
            run("ip", "netns", "add", "ext")
            run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", "ext")
            run("ip", "address", "add", "10.0.0.1/8", "dev", "eth0")
            run("ip", "link", "set", "eth0", "up")
            up("ext", "eth0", "10.0.0.9/8", "10.1.0.9/8")
            for name, (bridge, address) in MEMBERS.items():
                run("ip", "netns", "add", name)
                run("ip", "link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", name)
                run("ip", "link", "set", f"to-{name}", "master", bridge, "up")
                up(name, "eth0", f"{address}/16")
                run("ip", "-n", name, "route", "add", "default", "via", address.rpartition(".")[0] + ".1")
            run(iptables, "-P", "FORWARD", "DROP")
            run(iptables, "-N", "DOCKER-USER")
            for rule in (
                "-j DOCKER-USER",
                "-o dock0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
                "-d 172.17.0.5 ! -i dock0 -o dock0 -p tcp --dport 80 -j ACCEPT",
                "-i dock0 ! -o dock0 -j ACCEPT",
            ):
                run(iptables, "-A", "FORWARD", *rule.split())
            run(
                iptables,
                "-t",
                "nat",
                "-A",
                "PREROUTING",
                *["-p", "tcp", "-m", "addrtype", "--dst-type", "LOCAL", "--dport", "8080", "-j", "DNAT", "--to", "172.17.0.5:80"],
            )
            yield kind, network
        finally:
            network.close()
            for name in ("ext", *MEMBERS):
                run("ip", "netns", "delete", name, check=False)


def apply(intents: Intents) -> None:
    """What the engine does with a host's intents: the table, then the foreign chains."""
    table = compile_table("web", intents)
    if table is not None:
        Nft().execute([ReplaceTable(netns=HOST, table=table, owner="web", why="a test")], lambda _: None)
    rules = foreign_rules("web", Nft().observe_forward(), intents)
    Iptables().execute(
        [SetForeignRules(netns=HOST, chain=chain, old=(), new=new, why="a test") for chain, new in rules.items()], lambda _: None
    )


def test_a_network_of_ours_works_where_forward_drops_and_bridged_frames_pass_iptables(host_network: tuple[str, Network]) -> None:
    kind, network = host_network
    network.serve("ext", "10.0.0.9", 80)
    network.serve("one", "172.31.0.2", 80)
    publish = Publish(protocol="tcp", ports=(1234, 1234), target="172.31.0.2", target_ports=(80, 80), target_subnet="172.31.0.0/16")
    intents = Intents(networks=(OURS,), publishes=(publish,))
    assert ask("two", "10.0.0.9", 80, seconds=0.5) == "silence"
    assert ask("two", "172.31.0.2", 80, seconds=0.5) == "silence"
    apply(intents)
    for _ in ("as it is", "after a flush"):
        assert ask("two", "10.0.0.9", 80) == "served 80 10.0.0.1"
        assert ask("two", "172.31.0.2", 80) == "served 80 172.31.0.3"
        assert ask("ext", "10.0.0.1", 1234) == "served 80 172.31.0.1"
        assert ask("two", "172.31.0.1", 1234) == "served 80 172.31.0.1"
        run(f"iptables-{kind}", "-F", "DOCKER-USER")
        assert ask("ext", "10.0.0.1", 1234, seconds=0.5) == "silence"
        apply(intents)


def test_what_the_host_publishes_reaches_a_container_on_dockers_bridge(host_network: tuple[str, Network]) -> None:
    _, network = host_network
    network.serve("box", "172.17.0.5", 81, 82)
    publish = Publish(
        protocol="tcp",
        ports=(81, 82),
        target="172.17.0.5",
        target_ports=(81, 82),
        target_subnet="172.17.0.0/16",
        sources=("10.0.0.0/16",),
    )
    apply(Intents(publishes=(publish,)))
    assert ask("ext", "10.0.0.1", 81) == "served 81 172.17.0.1"
    assert ask("ext", "10.0.0.1", 82) == "served 82 172.17.0.1"
    assert ask("ext", "10.0.0.1", 81, source="10.1.0.9") == "refused"
    run("ip", "-n", "ext", "route", "add", "172.17.0.0/16", "via", "10.0.0.1")
    assert ask("ext", "172.17.0.5", 81, seconds=0.5) == "silence"


@pytest.mark.parametrize("sources", [("10.0.0.0/16",), ("10.0.0.0/24", "192.0.2.0/24")])
def test_a_port_that_docker_publishes_to_all_is_shut_for_others_by_the_port_they_asked_for(
    host_network: tuple[str, Network], sources: tuple[str, ...]
) -> None:
    kind, network = host_network
    network.serve("box", "172.17.0.5", 80)
    assert ask("ext", "10.0.0.1", 8080, source="10.1.0.9") == "served 80 10.1.0.9"
    restriction = Restriction(protocol="tcp", ports=(8080, 8080), sources=sources)
    apply(Intents(restrictions=(restriction,)))
    assert ask("ext", "10.0.0.1", 8080, source="10.0.0.9") == "served 80 10.0.0.9"
    assert ask("ext", "10.0.0.1", 8080, source="10.1.0.9") == "refused"
    run(f"iptables-{kind}", "-A", "DOCKER-USER", "-s", "10.0.0.9/32", "-j", "DROP")
    assert ask("ext", "10.0.0.1", 8080, source="10.0.0.9", seconds=0.5) == "silence"


def test_a_restriction_does_not_touch_another_port_to_the_same_container(host_network: tuple[str, Network]) -> None:
    kind, network = host_network
    network.serve("box", "172.17.0.5", 80)
    run(
        f"iptables-{kind}",
        "-t",
        "nat",
        "-A",
        "PREROUTING",
        *["-p", "tcp", "-m", "addrtype", "--dst-type", "LOCAL", "--dport", "8081", "-j", "DNAT", "--to", "172.17.0.5:80"],
    )
    apply(Intents(restrictions=(Restriction(protocol="tcp", ports=(8080, 8080), sources=()),)))
    assert ask("ext", "10.0.0.1", 8080) == "refused"
    assert ask("ext", "10.0.0.1", 8081) == "served 80 10.0.0.9"
