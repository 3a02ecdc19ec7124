"""The message layer: literal bytes, and answers that are cut off or lie about their length."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.errors import BackendError
from netwright.rtnl import address, attribute, link, message, netnsid, route, rule
from netwright.rtnl.attribute import Malformed
from netwright.rtnl.message import Answer, Message, Request

NAMES = {2: "eth0"}


def test_attributes_are_padded_to_four_bytes_and_say_their_true_length():
    assert attribute.text(3, "br0") == b"\x08\x00\x03\x00br0\x00"
    assert attribute.text(3, "br10") == b"\x09\x00\x03\x00br10\x00\x00\x00\x00"
    assert attribute.raw(20, b"") == b"\x04\x00\x14\x00"
    assert attribute.u8(21, 78) == b"\x05\x00\x15\x00\x4e\x00\x00\x00"
    assert attribute.u16(7, 258) == b"\x06\x00\x07\x00\x02\x01\x00\x00"
    assert attribute.u32(4, 1400) == b"\x08\x00\x04\x00\x78\x05\x00\x00"
    assert attribute.nested(18, attribute.text(1, "veth")) == b"\x10\x00\x12\x80\x09\x00\x01\x00veth\x00\x00\x00\x00"


def test_attributes_are_read_by_type_without_flag_bits_or_padding():
    data = attribute.text(3, "br10") + attribute.nested(18, attribute.text(1, "veth"))
    assert attribute.decode(data) == {3: b"br10\x00", 18: b"\x09\x00\x01\x00veth\x00\x00\x00\x00"}


def test_only_the_last_of_a_batch_is_to_be_acknowledged():
    data = message.batch([Request(17, 0, b"abcd"), Request(16, 0x600, b"efghijkl")], 41)
    assert data == (
        b"\x14\x00\x00\x00\x11\x00\x01\x00\x29\x00\x00\x00\x00\x00\x00\x00abcd"
        b"\x18\x00\x00\x00\x10\x00\x05\x06\x2a\x00\x00\x00\x00\x00\x00\x00efghijkl"
    )
    assert list(message.split(data)) == [Message(17, 1, 41, 16, 20), Message(16, 0x605, 42, 36, 44)]


def test_a_refusal_carries_the_kernels_text():
    text = attribute.text(1, "Device is already in use")
    body = struct.pack("=iIHHII", -16, 60, 16, 5, 7, 0) + text
    data = struct.pack("=IHHII", 16 + len(body), 2, 0x300, 7, 99) + body
    (found,) = message.split(data)
    assert message.decode_answer(data, found) == Answer(16, "Device is already in use")


def test_a_refusal_that_repeats_the_whole_request_carries_the_text_behind_it():
    request = struct.pack("=IHHII", 21, 16, 5, 7, 0) + b"abcde\0\0\0"
    body = struct.pack("=i", -22) + request + attribute.text(1, "no")
    data = struct.pack("=IHHII", 16 + len(body), 2, 0x200, 7, 99) + body
    (found,) = message.split(data)
    assert message.decode_answer(data, found) == Answer(22, "no")


def test_a_refusal_without_a_text_has_none():
    body = struct.pack("=iIHHII", -17, 60, 16, 5, 7, 0)
    data = struct.pack("=IHHII", 16 + len(body), 2, 0x100, 7, 99) + body
    (found,) = message.split(data)
    assert message.decode_answer(data, found) == Answer(17, "")


def test_a_number_of_a_namespace_is_read_with_its_sign():
    body = b"\0\0\0\0" + attribute.u32(1, 0xFFFFFFFF)
    assert netnsid.decode(body, 0, len(body)) == -1
    assert netnsid.get(9) == Request(90, 0, b"\0\0\0\0\x08\x00\x03\x00\x09\x00\x00\x00")


def test_malformed_is_an_error_of_ours_and_a_value_error():
    assert issubclass(Malformed, BackendError)
    assert issubclass(Malformed, ValueError)


@pytest.mark.parametrize(
    "data",
    [b"\x03\x00\x01\x00", b"\x09\x00\x01\x00abcd", b"\x00\x00\x00\x00"],
    ids=["shorter than its header", "longer than what is there", "of no length: would never end"],
)
def test_an_attribute_with_an_impossible_length_is_refused(data):
    with pytest.raises(Malformed):
        attribute.decode(data)


@pytest.mark.parametrize(
    "data",
    [
        b"\x10\x00\x00",
        struct.pack("=IHHII", 15, 16, 0, 0, 0),
        struct.pack("=IHHII", 0, 16, 0, 0, 0),
        struct.pack("=IHHII", 17, 16, 0, 0, 0),
    ],
    ids=["half a header", "shorter than its header", "of no length", "longer than what is there"],
)
def test_a_message_with_an_impossible_length_is_refused(data):
    with pytest.raises(Malformed):
        list(message.split(data))


def _whole_bodies():
    info = attribute.nested(18, attribute.text(1, "veth") + attribute.nested(2, b""))
    header = link.HEADER.pack(0, 1, 2, 1, 0)
    af_spec = attribute.nested(26, attribute.nested(10, attribute.u8(8, 1)))
    hop = struct.pack("=HBBi", 16, 0, 0, 2) + attribute.raw(5, b"\x0a\0\0\1")
    return {
        "link": header + attribute.text(3, "eth0") + attribute.u32(4, 1500) + info + af_spec,
        "address": struct.pack("=BBBBI", 2, 24, 0x80, 0, 2) + attribute.raw(2, b"\x0a\0\0\1") + attribute.raw(6, bytes(16)),
        "route": route.HEADER.pack(2, 0, 0, 0, 254, 78, 0, 1, 0) + attribute.raw(9, hop) + attribute.nested(8, attribute.u32(2, 1400)),
        "rule": rule.HEADER.pack(2, 0, 8, 0, 254, 0, 0, 1, 0) + attribute.raw(2, b"\x0a\0\0\0") + attribute.raw(23, b"\1\0\2\0"),
        "number": b"\0\0\0\0" + attribute.u32(1, 5),
    }


def _decode_all(body: bytes) -> None:
    readers = (
        lambda: link.decode(body, 0, len(body)),
        lambda: address.decode(body, 0, len(body), NAMES),
        lambda: list(route.decode(body, 0, len(body), NAMES)),
        lambda: rule.decode(body),
        lambda: netnsid.decode(body, 0, len(body)),
    )
    for read in readers:
        try:
            read()
        except Malformed:
            continue


@pytest.mark.parametrize("sort", _whole_bodies())
def test_a_message_cut_off_anywhere_is_read_or_refused(sort):
    body = _whole_bodies()[sort]
    for size in range(len(body) + 1):
        _decode_all(body[:size])


@pytest.mark.parametrize("sort", _whole_bodies())
def test_a_message_with_any_byte_changed_is_read_or_refused(sort):
    body = _whole_bodies()[sort]
    for position in range(len(body)):
        for value in (0, 1, 3, 0x7F, 0xFF):
            _decode_all(body[:position] + bytes([value]) + body[position + 1 :])


@given(st.binary(max_size=200))
def test_noise_is_read_or_refused(data):
    _decode_all(data)
    try:
        for found in message.split(data):
            message.decode_answer(data, found)
            message.decode_done(data, found)
    except Malformed:
        pass
