"""The part of a subnet that is left between some addresses."""

from __future__ import annotations

import pytest

from netwright.ipam.block import free_block


@pytest.mark.parametrize(
    ("subnet", "addresses", "block"),
    [
        ("172.30.0.0/16", ["172.30.0.10"], "172.30.128.0/17"),
        ("172.30.0.0/16", ["172.30.128.0"], "172.30.0.0/17"),
        ("10.77.0.0/24", ["10.77.0.2", "10.77.0.200"], "10.77.0.128/26"),
        ("10.77.0.0/24", ["10.77.0.2", "10.77.0.130", "10.77.0.200"], "10.77.0.64/26"),
        ("fd77::/64", ["fd77::2"], "fd77::8000:0:0:0/96"),
        ("10.77.0.0/24", ["10.99.0.2"], "10.77.0.0/24"),
        ("10.77.0.0/28", ["10.77.0.1", "10.77.0.5", "10.77.0.9"], "10.77.0.12/30"),
        ("10.77.0.0/28", ["10.77.0.1", "10.77.0.5", "10.77.0.9", "10.77.0.13"], None),
        ("10.77.0.0/31", [], None),
    ],
)
def test_the_largest_part_without_them_and_of_two_the_last(subnet: str, addresses: list[str], block: str | None) -> None:
    assert free_block(subnet, addresses) == block
