"""Addresses are given out in order, once, and never what somebody else has."""

from __future__ import annotations

import pytest

from netwright.errors import InvalidValue
from netwright.ipam.pool import Pool


def take(pool: Pool, count: int) -> list[str]:
    return [pool.allocate() for _ in range(count)]


def test_hosts_only_in_order() -> None:
    assert take(Pool.of("10.9.0.0/29"), 6) == ["10.9.0.1", "10.9.0.2", "10.9.0.3", "10.9.0.4", "10.9.0.5", "10.9.0.6"]


def test_what_is_taken_is_left_out() -> None:
    pool = Pool.of("10.9.0.0/29")
    pool.take("10.9.0.1")
    pool.take("10.9.0.3")
    assert take(pool, 2) == ["10.9.0.2", "10.9.0.4"]


def test_a_full_subnet_says_how_many_it_has() -> None:
    pool = Pool.of("10.9.0.0/30")
    take(pool, 2)
    with pytest.raises(InvalidValue, match=r"10\.9\.0\.0/30 has no free address left \(it has 2\)"):
        pool.allocate()


def test_both_addresses_of_a_31_are_hosts() -> None:
    assert take(Pool.of("10.9.0.4/31"), 2) == ["10.9.0.4", "10.9.0.5"]


def test_ipv6_has_no_broadcast_address() -> None:
    assert take(Pool.of("fd00:9::8/125"), 7)[-1] == "fd00:9::f"


def test_a_range_limits_what_is_given_out_but_not_what_may_be_stated() -> None:
    pool = Pool.of("10.9.0.0/24", ip_range="10.9.0.64/26")
    assert pool.allocate() == "10.9.0.64"
    assert "10.9.0.5" in pool


def test_what_docker_allocates_from_is_used_last() -> None:
    pool = Pool.of("10.9.0.0/29", avoid="10.9.0.0/30")
    assert take(pool, 4) == ["10.9.0.4", "10.9.0.5", "10.9.0.6", "10.9.0.1"]


def test_a_lease_is_kept_only_while_it_is_a_free_host_of_the_subnet() -> None:
    pool = Pool.of("10.9.0.0/29")
    pool.take("10.9.0.2")
    assert [pool.free(a) for a in ("10.9.0.3", "10.9.0.2", "10.9.0.0", "10.9.0.7", "10.9.1.3")] == [True, False, False, False, False]


def test_an_address_that_was_given_back_in_the_middle_is_found_again() -> None:
    pool = Pool.of("10.9.0.0/29")
    take(pool, 6)
    pool.taken.discard(int.from_bytes(bytes([10, 9, 0, 3]), "big"))
    assert pool.allocate() == "10.9.0.3"
