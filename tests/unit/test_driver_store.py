"""What the driver remembers survives, field by field."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from netwright.backends.driver_store import DriverStore
from netwright.dockerdriver.options import NetworkOptions
from netwright.dockerdriver.records import Endpoint, Lease, LeaseKind, Network, Pool, PortMapping, Records, Subnet
from netwright.errors import BackendError, Refused

RECORDS = (
    Records()
    .with_pool(Pool(id="172.30.0.0/24", prefix="172.30.0.0/24", part="172.30.0.128/25", last="172.30.0.130"))
    .with_lease(Lease(pool="172.30.0.0/24", address="172.30.0.130", kind=LeaseKind.STATED, active=False))
    .with_network(
        Network(
            id="n1",
            bridge="br-shop",
            subnets=(Subnet(prefix="172.30.0.0/24", gateway="172.30.0.1"), Subnet(prefix="fd30::/64", gateway=None)),
            internal=True,
            mtu=1400,
            options=NetworkOptions(sources=("10.0.0.0/16",), routes=(("10.9.0.0/16", None), ("10.8.0.0/16", "172.30.0.9")), stp=True),
        )
    )
    .with_endpoint(
        Endpoint(
            id="e1",
            network="n1",
            ipv4="172.30.0.130/24",
            ipv6=None,
            mac="02:4e:ac:1e:00:82",
            sources=("10.1.0.0/16",),
            preserve=False,
            listen="10.0.0.1",
            ports=(PortMapping(protocol="udp", host_ip="10.0.0.1", host_port=53, container_port=5353),),
        )
    )
)


def test_what_was_saved_is_loaded_by_the_next_process(tmp_path: Path) -> None:
    first = DriverStore(str(tmp_path / "state"))
    assert first.load() == Records()
    assert not (tmp_path / "state").exists()
    first.save(Records(), RECORDS)
    first.close()
    second = DriverStore(str(tmp_path / "state"))
    assert second.load() == RECORDS
    second.save(RECORDS, RECORDS.without_network("n1").without_pool("172.30.0.0/24"))
    assert second.load() == Records()
    second.close()
    assert stat.S_IMODE((tmp_path / "state" / "records.db").stat().st_mode) == 0o600


def test_a_newer_versions_memory_is_left_alone_and_a_damaged_one_named(tmp_path: Path) -> None:
    store = DriverStore(str(tmp_path))
    store.save(Records(), RECORDS)
    store.close()
    database = sqlite3.connect(tmp_path / "records.db")
    database.execute("UPDATE leases SET fields = '{}'")
    database.commit()
    with pytest.raises(BackendError, match=r"records\.db is damaged"):
        DriverStore(str(tmp_path)).load()
    database.execute("PRAGMA user_version = 99")
    database.commit()
    database.close()
    with pytest.raises(Refused, match="was written by a newer Netwright"):
        DriverStore(str(tmp_path)).load()
