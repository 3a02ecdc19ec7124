"""Lists of source prefixes: merged, told apart, and turned around."""

from __future__ import annotations

from netwright.firewall.sources import SourceSets, complement, prefixes_of


def test_prefixes_are_split_by_version_merged_and_sorted() -> None:
    mixed = ("10.1.0.0/16", "10.0.0.0/16", "10.1.2.0/24", "fd00::/64", "192.0.2.1/32")
    assert prefixes_of(mixed, 4) == ("10.0.0.0/15", "192.0.2.1/32")
    assert prefixes_of(mixed, 6) == ("fd00::/64",)


def test_no_list_and_the_whole_internet_are_everybody_and_an_empty_list_is_nobody() -> None:
    assert prefixes_of(None, 4) is None
    assert prefixes_of(("0.0.0.0/1", "128.0.0.0/1"), 4) is None
    assert prefixes_of(("::/0",), 6) is None
    assert prefixes_of((), 4) == ()
    assert prefixes_of(("fd00::/64",), 4) == ()


def test_the_complement_is_every_gap() -> None:
    assert complement(("10.0.0.0/16", "192.0.2.7/32"), 4) == (
        ("0.0.0.0", "9.255.255.255"),
        ("10.1.0.0", "192.0.2.6"),
        ("192.0.2.8", "255.255.255.255"),
    )
    assert complement(("0.0.0.0/8", "128.0.0.0/1"), 4) == (("1.0.0.0", "127.255.255.255"),)
    assert complement(("fd00::/16",), 6) == (
        ("::", "fcff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("fd01::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    )


def test_equal_lists_share_a_set_and_versions_count_apart() -> None:
    sets = SourceSets()
    names = [sets.name(4, ("10.0.0.0/8",)), sets.name(6, ("fd00::/8",)), sets.name(4, ("192.0.2.0/24",)), sets.name(4, ("10.0.0.0/8",))]
    assert names == ["from4_1", "from6_1", "from4_2", "from4_1"]
