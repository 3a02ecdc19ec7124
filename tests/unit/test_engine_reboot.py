"""A host that has booted again while the memory stayed: the NIC is at home, and somebody may have set it up since."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from memory_host import a_host, an_engine, visible

from netwright.backends.fake import FakeWorld
from netwright.model.netns import HOST
from netwright.model.route import FOREVER, Address, Route
from netwright.spec.load import parse

EDGE = "version: 1\nname: edge\nnamespaces: {gate: {interfaces: {wan: {nic: eth1, addresses: [203.0.113.5/24]}}}}\n"
OF_A_ROUTER = Address(dev="eth1", cidr="2001:db8::5/64", valid_seconds=3600)


def booted(*addresses: Address, routes: frozenset[Route] = frozenset()) -> FakeWorld:
    """The host, whose NIC has these."""
    world = a_host()
    world.namespaces[HOST] = replace(world.namespaces[HOST], addresses=frozenset(addresses), routes=routes)
    return world


def borrowed(folder: Path) -> None:
    """Remembered: `edge` has eth1, which was 192.0.2.7/24."""
    with an_engine(a_host(), folder) as engine:
        engine.apply(parse(EDGE, "edge.yaml"))


@pytest.mark.parametrize("again", [False, True], ids=["destroyed at once", "applied again"])
@pytest.mark.parametrize(
    ("cidr", "to", "via"), [("192.0.2.99/24", "198.51.100.0/24", "192.0.2.77"), ("2001:db8::7/64", "2001:db8:9::/48", "2001:db8::77")]
)
def test_what_somebody_has_set_it_up_with_since_stays(cidr: str, to: str, via: str, again: bool, tmp_path: Path) -> None:
    borrowed(tmp_path)
    theirs = Address(dev="eth1", cidr=cidr, valid_seconds=FOREVER)
    world = booted(theirs, routes=frozenset({Route(to=to, via=via, dev="eth1", protocol=16)}))
    before = visible(world)
    with an_engine(world, tmp_path) as engine:
        if again:
            engine.apply(parse(EDGE, "edge.yaml"))
            assert "wan" in {name for namespace in world.namespaces.values() for name in namespace.links}
        engine.destroy("edge")
    assert visible(world) == before


@pytest.mark.parametrize("address", [(), (OF_A_ROUTER,)], ids=["nothing", "what a router has told it"])
def test_where_nobody_has_it_is_given_back_as_it_was_borrowed(address: tuple[Address, ...], tmp_path: Path) -> None:
    borrowed(tmp_path)
    world = booted(*address)
    with an_engine(world, tmp_path) as engine:
        engine.destroy("edge")
    host = world.namespaces[HOST]
    assert host.addresses == {Address(dev="eth1", cidr="192.0.2.7/24", broadcast="192.0.2.255", label="eth1"), *address}
    assert host.routes == {Route(to="198.51.100.0/24", via="192.0.2.1", dev="eth1", protocol=4, metric=5)}
