"""Attributes: length, type, value, and padding to four bytes (linux/netlink.h: struct nlattr)."""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from sys import byteorder

from netwright.errors import BackendError
from netwright.rtnl.constants import NLA_F_NESTED, NLA_TYPE_MASK

HEADER = Struct("=HH")
_U8 = Struct("=HHBxxx")
_U16 = Struct("=HHHxx")
_U32 = Struct("=HHI")
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")


class Malformed(BackendError, ValueError):
    """What came over the socket is not what rtnetlink(7) says: cut off, or a length that cannot be."""


def raw(kind: int, value: bytes) -> bytes:
    """An attribute of any bytes."""
    size = len(value)
    return HEADER.pack(size + 4, kind) + value + _PADDING[size & 3]


def nested(kind: int, attributes: bytes) -> bytes:
    """An attribute that holds attributes."""
    return HEADER.pack(len(attributes) + 4, kind | NLA_F_NESTED) + attributes


@lru_cache(maxsize=4096)
def text(kind: int, value: str) -> bytes:
    """A string with its closing NUL (NLA_NUL_STRING)."""
    return raw(kind, value.encode() + b"\0")


def u8(kind: int, value: int) -> bytes:
    return _U8.pack(5, kind, value)


def u16(kind: int, value: int) -> bytes:
    return _U16.pack(6, kind, value)


def u32(kind: int, value: int) -> bytes:
    return _U32.pack(8, kind, value)


def decode(data: bytes, offset: int = 0, end: int | None = None) -> dict[int, bytes]:
    """The attributes in `data[offset:end]`, by type without its flag bits. Raises Malformed."""
    if end is None:
        end = len(data)
    unpack = HEADER.unpack_from
    found: dict[int, bytes] = {}
    while offset + 4 <= end:
        length, kind = unpack(data, offset)
        if length < 4 or offset + length > end:
            raise Malformed(f"an attribute of type {kind & NLA_TYPE_MASK} says it is {length} bytes long, of {end - offset} that are there")
        found[kind & NLA_TYPE_MASK] = data[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found


def as_u8(value: bytes) -> int:
    if not value:
        raise Malformed("a number of one byte is empty")
    return value[0]


def as_u16(value: bytes) -> int:
    if len(value) < 2:
        raise Malformed(f"a number of two bytes has {len(value)}")
    return int.from_bytes(value[:2], byteorder)


def as_u32(value: bytes) -> int:
    if len(value) < 4:
        raise Malformed(f"a number of four bytes has {len(value)}")
    return int.from_bytes(value[:4], byteorder)


def as_s32(value: bytes) -> int:
    if len(value) < 4:
        raise Malformed(f"a number of four bytes has {len(value)}")
    return int.from_bytes(value[:4], byteorder, signed=True)


def as_text(value: bytes) -> str:
    """Up to the first NUL; bytes that are no UTF-8 stay recognisable (surrogateescape)."""
    return value.partition(b"\0")[0].decode("utf-8", "surrogateescape")
