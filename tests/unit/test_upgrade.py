"""A state that an earlier version has written is read by this one: files as those versions wrote them (tests/unit/states)."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from memory_host import NIC, a_host, an_engine
from state_fixture import EDGE, LAB, STATES, TRIED, WIDER

from netwright.backends.fake import FakeWorld
from netwright.backends.store import SqliteStore, schema
from netwright.kinds.nic import Nic
from netwright.model.link import Link, LinkKey, Observation
from netwright.model.loan import NicLoan, SysctlLoan
from netwright.model.netns import HOST, named
from netwright.model.operation import CreateNetns, MoveLink
from netwright.model.route import Address, Route
from netwright.model.state import Claims

VERSIONS = [2, *range(3, len(schema.MIGRATIONS) + 1)]
"""Version 1 was never released."""


def written_by(version: int, folder: Path) -> SqliteStore:
    """A store over the state of that version."""
    with closing(sqlite3.connect(folder / "state.db")) as database:
        database.executescript((STATES / f"version-{version}.sql").read_text())
    return SqliteStore(str(folder))


@pytest.mark.parametrize("version", VERSIONS)
def test_all_of_it_is_read(version: int, tmp_path: Path) -> None:
    with closing(written_by(version, tmp_path)) as store:
        assert {name: (commit.spec, commit.source) for name, commit in store.commits().items()} == {
            "edge": (TRIED, "edge.yaml"),
            "lab": (LAB, "lab.yaml"),
        }
        assert store.leases("edge") == {"lan/named/gate/eth0/10.5.0.0/24": "10.5.0.2", "lan/named/more/eth0/10.5.0.0/24": "10.5.0.3"}
        assert store.loans() == {
            "edge": (
                NicLoan(
                    home=HOST,
                    name="eth1",
                    netns=named("gate"),
                    new_name="wan",
                    mac="02:00:00:00:00:99",
                    permanent_mac=None,
                    mtu=1400,
                    up=True,
                    master="",
                    alias="the uplink",
                    txqlen=900,
                    group=0,
                    addrgenmode=None,
                    addresses=(Address(dev="eth1", cidr="192.0.2.7/24", broadcast="192.0.2.255", label="eth1"),),
                    routes=(Route(to="198.51.100.0/24", via="192.0.2.1", dev="eth1", protocol=4, metric=5),),
                    # Version 6 is the first that keeps a NIC's sysctls.
                    sysctls={} if version < 6 else {"net.ipv4.conf.eth1.rp_filter": "2"},
                ),
                SysctlLoan(netns=HOST, key="net.ipv4.ip_forward", value="0"),
            )
        }
        (journal,) = store.journals().values()
        assert (journal.stack, journal.spec, journal.claims) == (
            "lab",
            WIDER,
            Claims(netns=frozenset({named("b")}), links=frozenset({LinkKey(HOST, "b-c50be0ec4223b"), LinkKey(named("b"), "eth0")})),
        )
        (trial,) = store.trials().values()
        assert (trial.stack, trial.spec, trial.leases) == ("edge", EDGE, {"lan/named/gate/eth0/10.5.0.0/24": "10.5.0.2"})
        assert len(store.fingerprints("edge")) == 1
        # Version 3 is the first that keeps a log.
        assert [deed.act.value for deed in store.deeds()] == ([] if version < 3 else ["apply", "apply", "apply"])


@pytest.mark.parametrize("version", VERSIONS)
def test_it_has_the_shape_of_a_new_one_then(version: int, tmp_path: Path) -> None:
    def shape(folder: Path) -> list[tuple[str, str]]:
        with closing(sqlite3.connect(folder / "state.db")) as database:
            assert database.execute("PRAGMA user_version").fetchone() == (len(schema.MIGRATIONS),)
            return sorted(database.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"))

    (tmp_path / "old").mkdir()
    with closing(written_by(version, tmp_path / "old")) as old, closing(SqliteStore(str(tmp_path / "new"))) as new:
        old.set_trial("other", None)
        new.set_trial("other", None)
    assert shape(tmp_path / "old") == shape(tmp_path / "new")


def test_of_the_log_the_repairs_are_told_apart_then(tmp_path: Path) -> None:
    written_by(3, tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "state.db")) as database:
        (at, text) = database.execute("SELECT at, deed FROM deeds WHERE id = 3").fetchone()
        repair = text.replace('{"act":"apply"', '{"act":"repair"', 1)
        database.execute("INSERT INTO deeds (at, stack, deed) VALUES (?, 'lab', ?)", (at, repair))
        database.commit()
    with closing(SqliteStore(str(tmp_path))) as store:
        assert [deed.act.value for deed in store.deeds()] == ["apply", "apply", "apply", "repair"]
    with closing(sqlite3.connect(tmp_path / "state.db")) as database:
        assert database.execute("SELECT id, repair FROM deeds ORDER BY id").fetchall() == [(1, 0), (2, 0), (3, 0), (4, 1)]


def a_borrowed_nic() -> FakeWorld:
    """The host on which `edge` has its NIC, as far as the NIC goes."""
    world = a_host()
    lent = Nic(name="wan", up=False, alias="netwright-loan:edge", current=LinkKey(named("gate"), "wan"))
    move = MoveLink(source=HOST, name="eth1", target=named("gate"), new_name=lent.name, alias=lent.alias or "", why="")
    world.execute([CreateNetns(netns=named("gate"), why=""), move], lambda _done: None)
    gate = world.namespaces[named("gate")]
    marked = replace(gate.links["lo"], alias="netwright:edge")
    world.namespaces[named("gate")] = replace(gate, owner="edge", links={**gate.links, "lo": marked})
    return world


@pytest.mark.parametrize("version", VERSIONS)
def test_what_it_has_borrowed_is_given_back_by_it(version: int, tmp_path: Path) -> None:
    world = a_borrowed_nic()
    written_by(version, tmp_path).close()
    with an_engine(world, tmp_path) as engine:
        engine.destroy("edge")
        engine.destroy("lab")
        assert engine.status() == ()
    host = world.namespaces[HOST]
    assert host.links["eth1"] == Link(name="eth1", alias="the uplink", up=True, mtu=1400, mac=NIC.mac, master="")
    assert host.seen["eth1"] == Observation(index=7, txqlen=900)
    assert host.addresses == {Address(dev="eth1", cidr="192.0.2.7/24", broadcast="192.0.2.255", label="eth1")}
    assert [ref for ref in world.namespaces if ref != HOST] == []


def test_every_version_has_its_file() -> None:
    assert sorted(path.name for path in STATES.iterdir()) == [f"version-{version}.sql" for version in VERSIONS]
