"""What the kernel tells unasked, as bytes written out by hand from the headers' layout."""

from __future__ import annotations

import sys
from struct import pack

import pytest

from netwright.backends.listening.docker import read_event
from netwright.model.notice import Kind, Notice
from netwright.rtnl.attribute import Malformed
from netwright.rtnl.message import Message
from netwright.rtnl.notification import (
    Change,
    Generation,
    TableChange,
    decode_nftables_message,
    decode_route_message,
    namespace_number,
)

pytestmark = pytest.mark.skipif(sys.byteorder != "little", reason="the bytes below are those of a little-endian machine")


def body(kind: int, text: str) -> tuple[bytes, Message]:
    data = bytes.fromhex("".join(text.split()))
    return b"\xff" * 16 + data, Message(type=kind, flags=0, sequence=0, start=16, end=16 + len(data))


LINK = "00 00 0100 07000000 43100000 00000000  0900 0300 62723700 00 000000"
ADDRESS = "02 18 80 00 07000000  0800 0100 0a4d0001  0800 0200 0a4d0001"
ADDRESS_6 = "0a 40 80 00 07000000  1400 0100 fd770000000000000000000000000009"
ROUTE = "02 18 00 00 fe 4e 00 01 00000000  0800 0100 c6336400  0800 0400 07000000"
DEFAULT = "0a 00 00 00 fe 04 00 01 00000000  0800 0400 07000000"
CLONED = "02 20 00 00 fe 00 00 01 00020000  0800 0100 c6336401"
RULE = "02 00 00 00 fe 00 00 01 00000000  0800 0600 781e0000  0500 1500 4e 000000"


@pytest.mark.parametrize(
    ("kind", "text", "change"),
    [
        (16, LINK, Change("link", False, "br7", 7, 0)),
        (17, LINK, Change("link", True, "br7", 7, 0)),
        (20, ADDRESS, Change("address", False, "10.77.0.1/24", 7, 0)),
        (21, ADDRESS_6, Change("address", True, "fd77::9/64", 7, 0)),
        (24, ROUTE, Change("route", False, "198.51.100.0/24", 7, 78)),
        (25, DEFAULT, Change("route", True, "::/0", 7, 4)),
        (24, CLONED, None),
        (33, RULE, Change("rule", True, "7800", 0, 78)),
        (80, "02000000", Change("setting", False, "", 0, 0)),
        (28, "00", None),
    ],
)
def test_rtnetlinks_messages_are_read_for_what_they_are_about(kind: int, text: str, change: Change | None) -> None:
    assert decode_route_message(*body(kind, text)) == change


RULE_OF_TABLE = "02 00 0000  0b00 0100 66696c746572 00 00  1000 0200 444f434b45522d55534552 00"
GENERATION = "00 00 0000  0800 0100 00000007  0800 0200 0000307d  0800 0300 6e667400"


@pytest.mark.parametrize(
    ("number", "text", "change"),
    [
        (2, "01 00 0000  0c00 0100 6e775f73686f7000", TableChange("nw_shop", True, "table", "")),
        (6, RULE_OF_TABLE, TableChange("filter", False, "rule", "DOCKER-USER")),
        (14, "01 00 0000  0c00 0100 6e775f73686f7000", TableChange("nw_shop", True, "element", "")),
        (15, GENERATION, Generation(12413, "nft")),
        (17, "00 00 0000", None),
    ],
)
def test_nf_tables_messages_are_read_for_the_table_and_for_who_made_them(number: int, text: str, change: object) -> None:
    assert decode_nftables_message(*body(10 << 8 | number, text)) == change


def test_other_subsystems_of_netfilter_are_passed_over() -> None:
    assert decode_nftables_message(*body(1 << 8 | 2, "02 00 0000")) is None


@pytest.mark.parametrize(("kind", "text"), [(16, "0000"), (20, "02 18 80"), (24, "02"), (32, "02 00 00 00 fe")])
def test_a_message_that_is_cut_off_is_malformed(kind: int, text: str) -> None:
    with pytest.raises(Malformed):
        decode_route_message(*body(kind, text))


def test_a_message_may_come_from_another_namespace() -> None:
    assert namespace_number([(270, 8, pack("=i", 5))], 270) == 5
    assert namespace_number([(1, 8, pack("=i", 5)), (270, 3, pack("=i", 5))], 270) is None


def event(kind: str, action: str, **attributes: str) -> dict[str, object]:
    return {"Type": kind, "Action": action, "Actor": {"ID": "f00", "Attributes": attributes}}


@pytest.mark.parametrize(
    ("message", "notice"),
    [
        (event("container", "start", name="web", image="bb:1"), Notice(kind=Kind.CONTAINER, subject="web", action="start")),
        (event("container", "die", name="web"), Notice(kind=Kind.CONTAINER, subject="web", gone=True, action="die")),
        (
            event("network", "disconnect", name="custom", container="f00"),
            Notice(kind=Kind.DOCKER_NETWORK, subject="custom", gone=True, action="disconnect"),
        ),
        (event("container", "exec_start: sh", name="web"), None),
        (event("image", "pull", name="bb:1"), None),
        ({}, None),
    ],
)
def test_dockers_events_are_read(message: dict[str, object], notice: Notice | None) -> None:
    assert read_event(message) == notice
