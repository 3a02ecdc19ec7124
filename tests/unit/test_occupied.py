"""What overlaps a prefix is found without looking at all of it, and a default route is told from a route to somewhere."""

from __future__ import annotations

import ipaddress
from itertools import product

import pytest

from netwright.model.route import Route
from netwright.resolve.occupied import Occupancy, Occupied, is_default

PREFIXES = [
    ipaddress.ip_network(text)
    for text in (
        *("10.0.0.0/8", "10.30.0.0/16", "10.30.0.0/24", "10.30.0.0/32", "10.30.0.255/32", "10.30.1.0/24", "10.31.0.0/16", "192.0.2.0/24"),
        *("fd30::/48", "fd30::/64", "fd30::1/128", "fd30:0:0:1::/64", "fd31::/16", "2001:db8::/32"),
        "10.30.0.0/24",
    )
]
ASKED = [
    *PREFIXES,
    *(ipaddress.ip_network(text) for text in ("10.30.0.0/25", "10.0.0.0/7", "11.0.0.0/8", "::/0", "fd30::/63", "0.0.0.0/0")),
]


def test_it_finds_what_a_look_at_each_finds_in_the_same_order() -> None:
    entries = [Occupied(prefix=prefix, whose=f"number {number}") for number, prefix in enumerate(PREFIXES)]
    occupancy = Occupancy(entries)
    found = {asked: occupancy.overlapping(asked) for asked in ASKED}
    assert found == {
        asked: [one for one in entries if one.prefix.version == asked.version and one.prefix.overlaps(asked)] for asked in ASKED
    }
    assert sum(map(len, found.values())) > len(ASKED)


@pytest.mark.parametrize(
    ("to", "default"),
    [
        *product(("0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "64.0.0.0/2", "::/0", "8000::/1", "2000::/3"), [True]),
        *product(("10.0.0.0/8", "172.16.0.0/12", "fc00::/7", "fd00::/8"), [False]),
    ],
)
def test_what_is_a_default_route_or_a_part_of_one(to: str, default: bool) -> None:
    assert is_default(Route(to=to)) is default
