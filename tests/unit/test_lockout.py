"""What would cut off those who work on the host: told from the facts, before anything is touched."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from memory_host import a_host, an_engine
from scene import host, link, state

import netwright
from netwright.errors import Refused
from netwright.kinds.veth import Veth
from netwright.model.caller import Caller, Connection
from netwright.model.docker import DockerNetwork, DockerSubnet
from netwright.model.firewall import Published, Table
from netwright.model.link import LinkKey
from netwright.model.netns import HOST, named
from netwright.model.operation import (
    AddAddress,
    AddRoute,
    AnyOperation,
    ChangeLink,
    CreateDockerNetwork,
    DeleteLink,
    DeleteNetns,
    MoveLink,
    Plan,
    RemoveAddress,
    RemoveRoute,
    SetSysctl,
)
from netwright.model.route import Address, Route
from netwright.model.state import Namespace, State
from netwright.planning.lockout import lockout
from netwright.resolve.lockout import taken_ports
from netwright.spec.document import Document

SSH = Connection(address="192.0.2.7", port=2222, client="198.51.100.9", client_port=50123)
SSH6 = Connection(address="fd00::7", port=2222, client="fd99::9", client_port=50124)
ADDRESS = Address(dev="eth0", cidr="192.0.2.7/24")
ADDRESS6 = Address(dev="eth0", cidr="fd00::7/64")
DEFAULT = Route(to="0.0.0.0/0", via="192.0.2.1", dev="eth0", protocol=3)
DEFAULT6 = Route(to="::/0", via="fd00::1", dev="eth0", protocol=3, metric=512)
CONNECTED = Route(to="192.0.2.0/24", dev="eth0", protocol=2, source="192.0.2.7", scope=253)
SESSION = "the SSH session from 198.51.100.9 to 192.0.2.7"
BOX = named("box")


def scene(*more: Route) -> State:
    """A host with eth0 to the world, by which both sessions come in, and eth1 beside it."""
    own = host(link("eth0"), link("eth1"), routes=frozenset({DEFAULT, DEFAULT6, CONNECTED, *more}))
    return state(replace(own, addresses=frozenset({ADDRESS, ADDRESS6, Address(dev="eth1", cidr="10.0.0.1/8")})))


def found(*operations: AnyOperation, observed: State | None = None, connections: Sequence[Connection] = (SSH,)) -> list[str]:
    return list(lockout(connections, observed or scene(), Plan(stack="lab", operations=operations)))


def move(name: str, *, target: object = BOX, new_name: str = "wan") -> MoveLink:
    return MoveLink(source=HOST, name=name, target=target, new_name=new_name, alias="netwright-loan:lab", why="")  # type: ignore[arg-type]


def test_the_nic_of_the_session_and_of_the_default_routes() -> None:
    by = "; it is cut by: move NIC eth0 from the host to box as wan"
    assert found(move("eth0")) == [
        f"{SESSION} comes in by eth0, and the address would not be there any more{by}",
        f"the host's IPv4 default route via 192.0.2.1 through eth0 would be gone{by}",
        f"the host's IPv6 default route via fd00::1 through eth0 would be gone{by}",
    ]


def test_another_nic_may_go() -> None:
    assert found(move("eth1")) == []


def test_a_nic_that_is_taken_down() -> None:
    down = ChangeLink(netns=HOST, link=replace(link("eth0"), up=False), fields=frozenset({"up"}), why="")
    assert (
        found(down)[0]
        == f"{SESSION} comes in by eth0, and the address would not be there any more; it is cut by: set eth0 down on the host"
    )
    up = ChangeLink(netns=HOST, link=link("eth0"), fields=frozenset({"up"}), why="")
    assert found(down, up, AddRoute(netns=HOST, route=DEFAULT, why=""), AddRoute(netns=HOST, route=DEFAULT6, why="")) == []


def test_a_nic_that_becomes_a_port_hears_nothing_itself_any_more() -> None:
    port = ChangeLink(netns=HOST, link=link("eth0", master="br7"), fields=frozenset({"master"}), why="")
    assert found(port)[0] == (
        f"{SESSION} comes in by eth0, and the address would not be there any more; it is cut by: make eth0 a port of br7 on the host"
    )


def test_a_renamed_nic_that_gets_everything_back_is_no_loss() -> None:
    rename = move("eth0", target=HOST, new_name="wan0")
    back = [replace(DEFAULT, dev="wan0"), replace(DEFAULT6, dev="wan0")]
    up = ChangeLink(netns=HOST, link=link("wan0"), fields=frozenset({"up"}), why="")
    assert found(rename, up, *(AddRoute(netns=HOST, route=route, why="") for route in back)) == []
    assert found(rename, up)[0] == f"{SESSION} would have no way back; it is cut by: rename eth0 to wan0 on the host"


def test_the_address_goes() -> None:
    assert found(RemoveAddress(netns=HOST, address=ADDRESS, why="")) == [
        f"{SESSION} comes in by eth0, and the address would not be there any more; it is cut by: remove address 192.0.2.7/24 on eth0 on the host"
    ]


def test_an_address_that_moves_to_another_nic() -> None:
    there = AddAddress(netns=HOST, address=replace(ADDRESS, dev="eth1"), why="")
    assert found(there, RemoveAddress(netns=HOST, address=ADDRESS, why="")) == [
        f"{SESSION} comes in by eth0, and the address would be on eth1; it is cut by: remove address 192.0.2.7/24 on eth0 on the host"
    ]


def test_the_default_route_goes_and_with_it_the_way_back() -> None:
    by = "; it is cut by: remove default route via 192.0.2.1 through eth0 on the host"
    assert found(RemoveRoute(netns=HOST, route=DEFAULT, why="")) == [
        f"{SESSION} would have no way back{by}",
        f"the host's IPv4 default route via 192.0.2.1 through eth0 would be gone{by}",
    ]
    assert found(RemoveRoute(netns=HOST, route=DEFAULT, why=""), connections=()) == [
        f"the host's IPv4 default route via 192.0.2.1 through eth0 would be gone{by}"
    ]


def test_the_second_of_two_default_routes_takes_over_and_a_session_elsewhere_does_not_notice() -> None:
    spare = Route(to="0.0.0.0/0", via="10.0.0.254", dev="eth1", protocol=3, metric=100)
    near = Route(to="198.51.100.0/24", via="192.0.2.2", dev="eth0", protocol=3)
    assert found(RemoveRoute(netns=HOST, route=DEFAULT, why=""), observed=scene(spare, near)) == []
    assert found(RemoveRoute(netns=HOST, route=DEFAULT, why=""), observed=scene(spare)) == [
        (
            f"{SESSION} is answered via 192.0.2.1 through eth0, and would be answered via 10.0.0.254 through eth1; "
            "it is cut by: remove default route via 192.0.2.1 through eth0 on the host"
        )
    ]


def test_a_new_network_that_the_client_seems_to_be_on() -> None:
    assert found(AddAddress(netns=HOST, address=Address(dev="eth1", cidr="198.51.100.1/24"), why="")) == [
        (
            f"{SESSION} is answered via 192.0.2.1 through eth0, and would be answered through eth1; "
            "it is cut by: add address 198.51.100.1/24 on eth1 on the host"
        )
    ]
    network = DockerNetwork(name="wide", driver="bridge", subnets=(DockerSubnet(subnet="198.51.0.0/16"),))
    assert found(CreateDockerNetwork(network=network, why="")) == [
        (
            f"{SESSION} is answered via 192.0.2.1 through eth0, and would be answered through Docker's bridge of wide; "
            "it is cut by: create Docker network wide (bridge) with 198.51.0.0/16"
        )
    ]
    # As an interface's only address it has no network.
    assert found(AddAddress(netns=HOST, address=Address(dev="eth1", cidr="198.51.100.9/32"), why="")) == []


def test_a_route_that_leads_nowhere() -> None:
    assert found(AddRoute(netns=HOST, route=Route(to="198.51.100.0/25", kind="blackhole"), why="")) == [
        (
            f"{SESSION} is answered via 192.0.2.1 through eth0, and would be answered by no interface (the route to 198.51.100.0/25 is blackhole); "
            "it is cut by: add blackhole route to 198.51.100.0/25 on the host"
        )
    ]
    assert found(AddRoute(netns=HOST, route=Route(to="198.51.100.0/25", kind="blackhole", table=9000), why="")) == []
    # The same way, said more narrowly.
    assert found(AddRoute(netns=HOST, route=Route(to="198.51.100.0/25", via="192.0.2.1"), why="")) == []


def test_ipv6_is_switched_off() -> None:
    off = SetSysctl(netns=HOST, key="net.ipv6.conf.all.disable_ipv6", value="1", why="")
    by = "; it is cut by: set net.ipv6.conf.all.disable_ipv6 to 1 on the host"
    assert found(off, connections=(SSH, SSH6)) == [
        f"the SSH session from fd99::9 to fd00::7 comes in by eth0, and the address would not be there any more{by}",
        f"the host's IPv6 default route via fd00::1 through eth0 would be gone{by}",
    ]
    assert found(SetSysctl(netns=BOX, key="net.ipv6.conf.all.disable_ipv6", value="1", why=""), connections=(SSH6,)) == []


def test_the_uplink_of_the_bridge_that_has_the_address() -> None:
    own = host(link("br0"), link("eth0", master="br0"), link("tap7", master="br0"))
    observed = state(
        replace(own, addresses=frozenset({Address(dev="br0", cidr="192.0.2.7/24")}), routes=frozenset({replace(DEFAULT, dev="br0")}))
    )
    assert found(move("eth0"), observed=observed) == [
        f"{SESSION} comes in by a port of br0, which would lose it; it is cut by: move NIC eth0 from the host to box as wan"
    ]


def test_a_session_from_a_namespace_that_goes() -> None:
    pair = Veth(name="v0", alias="netwright:lab", up=True, mac="02:00:00:00:00:01", master="", peer=LinkKey(BOX, "eth0"))
    far = replace(pair, name="eth0", peer=LinkKey(HOST, "v0"))
    own = replace(
        host(link("eth9")), addresses=frozenset({Address(dev="v0", cidr="192.0.2.7/24")}), routes=frozenset({replace(DEFAULT, dev="v0")})
    )
    observed = state(replace(own, links={**own.links, "v0": pair}), Namespace(ref=BOX, owner="lab", links={"eth0": far}))
    for operation in (
        DeleteNetns(netns=BOX, why=""),
        DeleteLink(netns=BOX, name="eth0", why=""),
        DeleteLink(netns=HOST, name="v0", why=""),
    ):
        assert found(operation, observed=observed)[0].startswith(f"{SESSION} comes in by v0, and the address would not be there any more")


def test_a_connection_that_is_not_this_hosts_or_stays_in_it_needs_nothing() -> None:
    elsewhere = replace(SSH, address="203.0.113.7")
    local = replace(SSH, client="10.0.0.1")
    assert found(RemoveAddress(netns=HOST, address=ADDRESS, why=""), connections=(elsewhere, local)) == []


def publishing(publish: str) -> Document:
    return netwright.parse(f"version: 1\nname: lab\nhost: {{publish: [{{{publish}, to: '10.0.0.5:22'}}]}}\n", "lab.yaml")


def published(publish: str, *, before: frozenset[Published] = frozenset(), previous: str | None = None, by: Connection = SSH) -> list[str]:
    document = publishing(publish)
    fresh = Published(by.protocol, 2222, "10.0.0.5", 22)
    table = Table.of("nw_lab", "", frozenset({fresh}))
    observed = scene()
    there = observed.namespaces[HOST]
    observed = state(replace(there, table=Table.of("nw_lab", "x", before)))
    known = None if previous is None else publishing(previous)
    return list(taken_ports((by,), document, observed, state(replace(there, table=table)), previous=known))


def test_the_port_of_the_session_is_published() -> None:
    told = [
        "port 2222 of 192.0.2.7, on which the SSH session from 198.51.100.9 came in, would be published: who connects there next reaches 10.0.0.5:22"
    ]
    for taking in (
        "listen: 2222",
        "listen: 2000-3000/tcp",
        "listen: '192.0.2.7:2222'",
        "listen: 'eth0:2222'",
        "listen: 2222, from: 198.51.0.0/16",
    ):
        assert published(taking) == told
    for other in ("listen: 2222/udp", "listen: '10.0.0.1:2222'", "listen: 'eth1:2222'", "listen: 2222, from: 203.0.113.0/24", "listen: 22"):
        assert published(other) == []
    assert published("listen: 2222", before=frozenset({Published("tcp", 2222, "10.0.0.5", 22)})) == []


def test_a_port_that_is_published_already_is_opened_to_the_client_of_the_session() -> None:
    there = frozenset({Published("tcp", 2222, "10.0.0.5", 22)})
    narrow = "listen: 2222, from: 203.0.113.0/24"
    (told,) = published("listen: 2222", before=there, previous=narrow)
    assert told.startswith("port 2222 of 192.0.2.7, on which the SSH session from 198.51.100.9 came in, would be published")
    assert published("listen: 2222, from: [203.0.113.0/24, 198.51.100.9/32]", before=there, previous=narrow) == [told]
    assert published("listen: 2222, from: [203.0.113.0/24, 10.0.0.0/8]", before=there, previous=narrow) == []
    # It was so before.
    assert published("listen: 2222", before=there, previous="listen: 2222, from: 198.51.0.0/16") == []


def test_a_mosh_session_comes_in_by_udp() -> None:
    mosh = replace(SSH, client_port=0, protocol="udp")
    assert published("listen: 2222/udp", by=mosh) == [
        "port 2222 of 192.0.2.7, on which the mosh session from 198.51.100.9 came in, would be published: who connects there next reaches 10.0.0.5:22"
    ]
    assert published("listen: 2222/tcp", by=mosh) == []
    assert found(RemoveAddress(netns=HOST, address=ADDRESS, why=""), connections=[mosh])[0].startswith(
        "the mosh session from 198.51.100.9 to 192.0.2.7 comes in by eth0, and the address would not be there any more"
    )


def test_the_engine_refuses_before_it_touches_anything_unless_it_is_told(tmp_path: Path) -> None:
    world = a_host()
    engine = an_engine(world, tmp_path, caller=Caller(pid=1, uid=0, connections=(replace(SSH, client="198.51.100.77"),)))
    text = "version: 1\nname: lab\nnamespaces: {box: {interfaces: {wan: {nic: eth1}}}}\n"
    with engine, pytest.raises(Refused) as refused:
        engine.apply(netwright.parse(text, "lab.yaml"))
    assert str(refused.value).splitlines() == [
        "This may lock you out:",
        (
            "- the SSH session from 198.51.100.77 to 192.0.2.7 comes in by eth1, and the address would not be there any more; "
            "it is cut by: move NIC eth1 from the host to box as wan"
        ),
    ]
    assert "--confirm 60 --allow-lockout" in (refused.value.hint or "")
    assert world.executed == []
    engine.apply(netwright.parse(text, "lab.yaml"), allow_lockout=True)
    assert "eth1" not in world.namespaces[HOST].links
    # It comes back by that, and nothing is cut.
    engine.destroy("lab")
    assert "eth1" in world.namespaces[HOST].links
