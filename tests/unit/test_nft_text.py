"""An nft table's text, taken apart: as we write it, and as nft lists it."""

from __future__ import annotations

from netwright.model.nft_text import element_commands, split

WRITTEN = """\
\tset from4_1 {
\t\ttype ipv4_addr
\t\tflags interval
\t\telements = {
\t\t\t10.0.0.0/16,
\t\t\t192.0.2.7/32
\t\t}
\t}
\tset empty6 {
\t\ttype ipv6_addr
\t\tflags interval
\t}
\tmap listen {
\t\ttype ifname . inet_proto . inet_service : verdict
\t\telements = {
\t\t\t"eth1" . tcp . 8000 : jump from_a
\t\t}
\t}
\tchain from_a {
\t\tip6 saddr { fd00::1/128, fd00::2 } accept
\t}
"""

LISTED = """\
table inet nw_lab {
\tcomment "netwright:lab 0123"
\tset from4_1 {
\t\ttype ipv4_addr
\t\tflags interval
\t\telements = { 10.0.0.0/16, 192.0.2.7 }
\t}

\tset empty6 {
\t\ttype ipv6_addr
\t\tflags interval
\t}

\tmap listen {
\t\ttype ifname . inet_proto . inet_service : verdict
\t\telements = { "eth1" . 6 . 8000 : jump from_a,
\t\t\t     "eth1" . 6 . 8001 : jump from_a }
\t}
}
"""


def test_our_text_is_rules_without_elements_and_elements_in_the_words_of_nft() -> None:
    rules, elements = split(WRITTEN)
    assert rules == (
        "\tset from4_1 {\n\t\ttype ipv4_addr\n\t\tflags interval\n\t}\n"
        "\tset empty6 {\n\t\ttype ipv6_addr\n\t\tflags interval\n\t}\n"
        "\tmap listen {\n\t\ttype ifname . inet_proto . inet_service : verdict\n\t}\n"
        "\tchain from_a {\n\t\tip6 saddr { fd00::1/128, fd00::2 } accept\n\t}\n"
    )
    assert elements == {
        "from4_1": frozenset({"10.0.0.0/16", "192.0.2.7"}),
        "empty6": frozenset[str](),
        "listen": frozenset({'"eth1" . 6 . 8000 : jump from_a'}),
    }


def test_what_nft_lists_is_read_in_the_same_words() -> None:
    _, elements = split(LISTED)
    assert elements == {
        "from4_1": frozenset({"10.0.0.0/16", "192.0.2.7"}),
        "empty6": frozenset[str](),
        "listen": frozenset({'"eth1" . 6 . 8000 : jump from_a', '"eth1" . 6 . 8001 : jump from_a'}),
    }


def test_elements_go_before_others_come_and_a_map_loses_them_by_their_keys() -> None:
    remove = {"listen": frozenset({'"eth1" . 6 . 8000 : jump from_a'}), "from4_1": frozenset({"10.0.0.0/16", "10.1.0.9"})}
    assert element_commands("nw_lab", remove, {"listen": frozenset({'"eth1" . 6 . 8000 : jump from_b'})}) == (
        "delete element inet nw_lab from4_1 { 10.0.0.0/16, 10.1.0.9 }\n"
        'delete element inet nw_lab listen { "eth1" . 6 . 8000 }\n'
        'add element inet nw_lab listen { "eth1" . 6 . 8000 : jump from_b }\n'
    )
