"""IpamDriver: pools and addresses."""

from __future__ import annotations

import pytest

from netwright.dockerdriver.ipam import Surroundings, release_address, release_pool, request_address, request_pool
from netwright.dockerdriver.records import Lease, LeaseKind, Pool, Records
from netwright.dockerdriver.requests import AddressRequest, PoolRequest
from netwright.errors import InvalidValue, NetwrightError, Refused

NOTHING = Surroundings()
LAN = "172.30.0.0/29"


def pool(prefix: str | None = LAN, part: str | None = None, *, ipv6: bool = False) -> PoolRequest:
    return PoolRequest(prefix=prefix, part=part, ipv6=ipv6)


def ask(address: str | None = None, *, gateway: bool = False, of: str = LAN) -> AddressRequest:
    return AddressRequest(pool=of, address=address, gateway=gateway)


def lan(part: str | None = None) -> Records:
    """With its gateway set apart."""
    records, _ = request_pool(Records(), pool(part=part), NOTHING)
    records, gateway = request_address(records, ask(gateway=True), NOTHING)
    assert gateway == "172.30.0.1/29"
    return records


def allocate(records: Records, around: Surroundings = NOTHING) -> tuple[Records, str]:
    return request_address(records, ask(), around)


def test_addresses_go_round_before_one_is_used_again() -> None:
    records = lan()
    given = []
    for _ in range(3):
        records, address = allocate(records)
        given.append(address)
    records = release_address(records, LAN, "172.30.0.2")
    for _ in range(2):
        records, address = allocate(records)
        given.append(address)
    records, address = allocate(records)
    assert [*given, address] == [f"172.30.0.{n}/29" for n in (2, 3, 4, 5, 6, 2)]
    with pytest.raises(InvalidValue, match=r"172\.30\.0\.0/29 has no free address left"):
        allocate(records)


def test_an_ip_range_is_allocated_from_and_the_rest_can_be_asked_for() -> None:
    records, address = allocate(lan("172.30.0.4/31"))
    assert address == "172.30.0.4/29"
    records, address = request_address(records, ask("172.30.0.6"), NOTHING)
    assert address == "172.30.0.6/29"
    assert records.leases[f"{LAN} 172.30.0.6"] == Lease(pool=LAN, address="172.30.0.6", kind=LeaseKind.STATED)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("172.30.0.1", "172.30.0.1 is the network's gateway's already"),
        ("172.30.0.2", "172.30.0.2 is another container's already"),
        ("172.30.0.5", "172.30.0.5 is web's (stack shop) already"),
        ("172.30.0.7", "172.30.0.7 is not the address of a host in 172.30.0.0/29"),
        ("10.0.0.1", "10.0.0.1 is not the address of a host in 172.30.0.0/29"),
    ],
)
def test_a_stated_address_that_is_taken_is_refused(address: str, sentence: str) -> None:
    records, _ = allocate(lan())
    with pytest.raises(NetwrightError) as refusal:
        request_address(records, ask(address), Surroundings(taken={"172.30.0.5": "web's (stack shop)"}))
    assert str(refusal.value) == sentence


def test_what_namespaces_have_is_not_allocated() -> None:
    _, address = allocate(lan(), Surroundings(taken={"172.30.0.2": "web's", "172.30.0.3": "web's", "fd00::1": "web's"}))
    assert address == "172.30.0.4/29"


def test_what_a_file_states_for_a_container_is_given_to_nobody_unasked() -> None:
    around = Surroundings(kept=frozenset({"172.30.0.2", "172.30.0.4"}))
    records, first = allocate(lan(), around)
    records, second = allocate(records, around)
    _, stated = request_address(records, ask("172.30.0.4"), around)
    assert (first, second, stated) == ("172.30.0.3/29", "172.30.0.5/29", "172.30.0.4/29")


def test_a_stated_address_stays_reserved_when_its_container_stops() -> None:
    records, _ = request_address(lan(), ask("172.30.0.2"), NOTHING)
    records = release_address(records, LAN, "172.30.0.2")
    assert not records.leases[f"{LAN} 172.30.0.2"].active
    records, other = allocate(records)
    assert other == "172.30.0.3/29"
    records, again = request_address(records, ask("172.30.0.2"), NOTHING)
    assert again == "172.30.0.2/29"
    assert records.leases[f"{LAN} 172.30.0.2"].active


def test_a_gateway_that_is_asked_for_again_is_answered_again() -> None:
    records = lan()
    assert request_address(records, ask("172.30.0.1", gateway=True), NOTHING) == (records, "172.30.0.1/29")


def test_a_pool_that_holds_nothing_is_answered_again_and_one_that_does_is_anothers() -> None:
    records, first = request_pool(Records(), pool(), NOTHING)
    assert request_pool(records, pool(), NOTHING) == (records, first)
    for prefix in (LAN, "172.30.0.0/16", "172.30.0.4/30"):
        with pytest.raises(Refused, match=r"overlaps 172\.30\.0\.0/29, which is another Docker network's pool"):
            request_pool(lan(), pool(prefix), NOTHING)


def test_a_released_pool_takes_its_addresses_with_it() -> None:
    assert release_pool(lan(), LAN) == Records()
    with pytest.raises(Refused, match="there is no pool"):
        request_address(Records(), ask(), NOTHING)


def test_a_chosen_subnet_is_none_that_the_host_has_a_way_to() -> None:
    around = Surroundings(routed=("172.17.0.0/16", "172.18.5.0/24", "10.0.0.0/8"), taken={"172.19.0.9": "web's"})
    records, chosen = request_pool(Records(), pool(None), around)
    assert chosen == Pool(id="172.20.0.0/16", prefix="172.20.0.0/16")
    _, chosen = request_pool(records, pool(None), around)
    assert chosen.prefix == "172.21.0.0/16"
    with pytest.raises(Refused, match="every default subnet overlaps"):
        request_pool(Records(), pool(None), Surroundings(routed=("172.16.0.0/12", "192.168.0.0/16")))


def test_a_chosen_ipv6_subnet_is_of_the_machines_own_site() -> None:
    around = Surroundings(site="fd12:3456:789a::/48", routed=("fd12:3456:789a:1::/64",))
    _, chosen = request_pool(Records(), pool(None, ipv6=True), around)
    assert chosen.prefix == "fd12:3456:789a:2::/64"


def test_an_ip_range_must_be_a_part_of_its_subnet() -> None:
    for prefix, part in ((LAN, "172.31.0.0/30"), (LAN, "fd00::/64"), (None, "172.30.0.0/30")):
        with pytest.raises(InvalidValue):
            request_pool(Records(), pool(prefix, part), NOTHING)
