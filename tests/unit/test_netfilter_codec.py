"""ctnetlink and the nft table's comment as bytes: written out by hand from the headers' layout."""

from __future__ import annotations

import sys

import pytest

from netwright.firewall.mark import Mark, observed, parse_mark
from netwright.model.firewall import Published
from netwright.rtnl import conntrack, nftables
from netwright.rtnl.attribute import Malformed

pytestmark = pytest.mark.skipif(sys.byteorder != "little", reason="the bytes below are those of a little-endian machine")


def hexed(text: str) -> bytes:
    return bytes.fromhex("".join(text.split()))


UDP_ENTRY = hexed("""
    02000000
    3400 0180
      1400 0180  0800 0100 0a000009  0800 0200 0a000001
      1c00 0280  0500 0100 11 000000  0600 0200 9dd4 0000  0600 0300 14e9 0000
    3400 0280
      1400 0180  0800 0100 ac1e000a  0800 0200 ac1e0002
      1c00 0280  0500 0100 11 000000  0600 0200 0035 0000  0600 0300 9dd4 0000
    0800 0300 000001be
    0800 0c00 1234abcd
    0600 1200 0007 0000
""")
"""10.0.0.9:40404 → 10.0.0.1:5353, answered by 172.30.0.10:53 to 172.30.0.2; zone 7."""


def test_an_entry_is_read_as_what_was_published() -> None:
    entry = conntrack.decode(b"\xff" * 8 + UDP_ENTRY, 8, 8 + len(UDP_ENTRY))
    assert entry is not None
    assert entry.published == Published("udp", 5353, "172.30.0.10", 53)


def test_an_entry_is_forgotten_by_its_original_tuple_zone_and_id() -> None:
    entry = conntrack.decode(UDP_ENTRY, 0, len(UDP_ENTRY))
    assert entry is not None
    request = conntrack.forget(entry)
    assert (request.type, request.flags) == (0x0102, 0)
    assert request.body == UDP_ENTRY[:56] + hexed("0600 1200 0007 0000  0800 0c00 1234abcd")


def test_an_entry_without_ports_is_none_of_ours() -> None:
    icmp = UDP_ENTRY.replace(hexed("0500 0100 11 000000"), hexed("0500 0100 01 000000"))
    assert conntrack.decode(icmp, 0, len(icmp)) is None


def test_a_dump_asks_for_one_version() -> None:
    assert conntrack.dump(6) == (0x0101, 0x300, hexed("0a000000"))


def test_a_cut_off_entry_is_malformed() -> None:
    with pytest.raises(Malformed):
        conntrack.decode(UDP_ENTRY[:30], 0, 30)


def test_a_table_is_asked_for_by_family_and_name() -> None:
    assert nftables.get_table("inet", "nw_a") == (0x0A01, 0, hexed("01000000 0900 0100") + b"nw_a\0\0\0\0")


def test_a_tables_comment_is_found_in_its_user_data() -> None:
    comment = b"netwright:a 0f\0"
    data = hexed("07 02 aabb 00 0f") + comment
    body = hexed("01000000") + len(data + b"1234").to_bytes(2, "little") + hexed("0600") + data + b"\0" * (-len(data) % 4)
    assert nftables.decode_comment(body, 0, len(body)) == "netwright:a 0f"
    assert nftables.decode_comment(hexed("01000000 0600 0100 6100 0000"), 0, 12) == ""
    with pytest.raises(Malformed, match="user data is cut off"):
        nftables.decode_comment(hexed("01000000 0800 0600 00 09 6162"), 0, 12)


@pytest.mark.parametrize("comment", ["", "netwright:", "netwright:web", "netwright:web xyz", "my netwright:web 0f", "netwright:Web 0f"])
def test_another_comment_is_no_mark(comment: str) -> None:
    assert parse_mark(comment) is None


def test_a_mark_says_owner_and_digest() -> None:
    assert parse_mark("netwright:my-web 0f3a") == Mark("my-web", "0f3a")


def test_published_ports_are_read_from_a_listing_with_numbers_or_names() -> None:
    listing = """\
table inet nw_web {
	comment "netwright:web 0f"
	map listen_address4 {
		type ipv4_addr . inet_proto . inet_service : verdict
		elements = { 10.0.0.1 . 6 . 80 : jump address4_everybody }
	}
	map published4 {
		type inet_proto . inet_service . ipv4_addr . inet_service : verdict
		elements = { 6 . 80 . 172.30.0.10 . 8080 : goto masquerade_it, 17 . 53 . 172.30.0.10 . 53 : goto hairpin_1,
			132 . 99 . 172.30.0.11 . 98 : accept }
	}
	map published6 {
		elements = { tcp . 80 . fd00::a . 8080 : accept }
	}
	map restricted4 {
		elements = { 6 . 81 : goto refuse_it }
	}
}
"""
    assert observed("nw_web", Mark("web", "0f"), listing).published == {
        Published("tcp", 80, "172.30.0.10", 8080),
        Published("udp", 53, "172.30.0.10", 53),
        Published("sctp", 99, "172.30.0.11", 98),
        Published("tcp", 80, "fd00::a", 8080),
    }
