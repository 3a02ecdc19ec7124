"""Messages: the header that each has, requests in batches, and the kernel's answers (linux/netlink.h: struct nlmsghdr)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import NamedTuple

from netwright.rtnl import attribute
from netwright.rtnl.attribute import Malformed
from netwright.rtnl.constants import NLM_F_ACK, NLM_F_ACK_TLVS, NLM_F_CAPPED, NLM_F_REQUEST, NLMSGERR_ATTR_MSG

HEADER = Struct("=IHHII")
"""struct nlmsghdr: length, type, flags, sequence number, port."""

_ERROR = Struct("=iIHHII")
"""struct nlmsgerr: a negative errno, and the header of the message it answers."""


class Request(NamedTuple):
    """A message without its header. `body` is aligned to four bytes."""

    type: int
    flags: int
    body: bytes


class Message(NamedTuple):
    """A message in a buffer: its body stands at `start:end` there."""

    type: int
    flags: int
    sequence: int
    start: int
    end: int


class Answer(NamedTuple):
    """An NLMSG_ERROR: `code` is a positive errno, 0 for an acknowledgement; `text` is the kernel's own, where it has one."""

    code: int
    text: str


def batch(requests: Sequence[Request], first: int) -> bytes:
    """`requests` as one buffer, numbered from `first`. Only the last one is to be acknowledged: refusals come unasked."""
    pack = HEADER.pack
    last = len(requests) - 1
    parts: list[bytes] = []
    for position, (kind, flags, body) in enumerate(requests):
        asked = flags | NLM_F_REQUEST | (NLM_F_ACK if position == last else 0)
        parts.append(pack(16 + len(body), kind, asked, first + position, 0))
        parts.append(body)
    return b"".join(parts)


def single(request: Request, sequence: int) -> bytes:
    """One request that answers for itself: a dump, or the question for one object."""
    return HEADER.pack(16 + len(request.body), request.type, request.flags | NLM_F_REQUEST, sequence, 0) + request.body


def split(data: bytes) -> Iterator[Message]:
    """The messages of a buffer. Raises Malformed where one is cut off."""
    offset, size = 0, len(data)
    unpack = HEADER.unpack_from
    while offset < size:
        if size - offset < 16:
            raise Malformed(f"a message's header is cut off after {size - offset} bytes")
        length, kind, flags, sequence, _ = unpack(data, offset)
        if length < 16 or offset + length > size:
            raise Malformed(f"a message says it is {length} bytes long, of {size - offset} that are there")
        yield Message(kind, flags, sequence, offset + 16, offset + length)
        offset += (length + 3) & ~3


def decode_answer(data: bytes, message: Message) -> Answer:
    """Read an NLMSG_ERROR, with its extended acknowledgement. Raises Malformed."""
    start, end = message.start, message.end
    if end - start < _ERROR.size:
        raise Malformed(f"an error message has {end - start} bytes")
    code, length, *_ = _ERROR.unpack_from(data, start)
    text = ""
    if message.flags & NLM_F_ACK_TLVS:
        # Without NLM_F_CAPPED the whole refused message stands between the error and its attributes.
        echo = 16 if message.flags & NLM_F_CAPPED else length
        found = attribute.decode(data, start + 4 + ((echo + 3) & ~3), end)
        text = attribute.as_text(found.get(NLMSGERR_ATTR_MSG, b""))
    return Answer(-code, text)


def decode_done(data: bytes, message: Message) -> int:
    """The positive errno that an NLMSG_DONE ends a dump with, 0 if all is well. Raises Malformed."""
    if message.end == message.start:
        return 0
    return -attribute.as_s32(data[message.start : message.end])
