"""A netlink socket to netfilter: asking for one object, dumping many, and sending requests in batches.

A socket belongs to the namespace in which it is opened, and keeps that namespace alive: it is closed as soon as the question
is answered, or a namespace that was deleted would go on living, and a NIC in it with it.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from netwright.errors import KernelError
from netwright.rtnl.constants import NLMSG_DONE, NLMSG_ERROR
from netwright.rtnl.message import HEADER, Message, Request, batch, decode_answer, decode_done, single, split
from netwright.rtnl.nfnetlink import NETLINK_NETFILTER

BUFFER_SIZE = 1 << 17
"""Bytes: more than the kernel puts in one message of a dump."""

BATCH_SIZE = 100
"""Requests to a sendmsg: their refusals fit into the socket's receive buffer."""


class NetfilterSocket:
    """Opened in the calling thread's namespace. A context manager. Every method raises KernelError."""

    def __init__(self) -> None:
        try:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
        except OSError as error:
            raise _refused(error.errno or 0, "opening a netfilter socket") from error
        self._sequence = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._socket.close()

    def get(self, request: Request) -> tuple[bytes, int, int] | None:
        """One object: its message's buffer and the bounds of the body; None where it is not there. Raises KernelError."""
        self._sequence += 1
        self._send(single(request, self._sequence))
        for data, message in self._answers():
            if message.type != NLMSG_ERROR:
                return data, message.start, message.end
            code = decode_answer(data, message).code
            if code == errno.ENOENT:
                return None
            raise _refused(code, "asking netfilter")
        return None

    def dump(self, request: Request) -> Iterator[tuple[bytes, int, int]]:
        """Many objects: for each, its message's buffer and the bounds of the body. Raises KernelError."""
        self._sequence += 1
        self._send(single(request, self._sequence))
        for data, message in self._answers():
            if message.type == NLMSG_DONE:
                if code := decode_done(data, message):
                    raise _refused(code, "listing from netfilter")
                return
            if message.type == NLMSG_ERROR:
                raise _refused(decode_answer(data, message).code, "listing from netfilter")
            yield data, message.start, message.end

    def send(self, requests: Sequence[Request], *, passing: frozenset[int] = frozenset()) -> None:
        """Do all of `requests`; refusals with an errno of `passing` are none. Raises KernelError for the first other one."""
        for position in range(0, len(requests), BATCH_SIZE):
            part = requests[position : position + BATCH_SIZE]
            first = self._sequence + 1
            self._sequence += len(part)
            self._send(batch(part, first))
            refusals = []
            for data, message in self._answers(first):
                code = decode_answer(data, message).code
                if code and code not in passing:
                    refusals.append(code)
                if message.sequence == self._sequence:
                    break
            if refusals:
                raise _refused(refusals[0], "changing netfilter")

    def _send(self, data: bytes) -> None:
        try:
            self._socket.send(data)
        except OSError as error:
            raise _refused(error.errno or 0, "sending to netfilter") from error

    def _answers(self, first: int | None = None) -> Iterator[tuple[bytes, Message]]:
        """Messages that answer the requests from `first` (the last one only, by default)."""
        oldest = self._sequence if first is None else first
        while True:
            try:
                data = self._socket.recv(BUFFER_SIZE)
            except OSError as error:
                raise _refused(error.errno or 0, "reading from netfilter") from error
            if len(data) < HEADER.size:
                return
            for message in split(data):
                if message.sequence >= oldest:
                    yield data, message


def _refused(code: int, what: str) -> KernelError:
    hint = "run it as root" if code == errno.EPERM else None
    return KernelError(code, f"{what}: {os.strerror(code)}", hint=hint)
