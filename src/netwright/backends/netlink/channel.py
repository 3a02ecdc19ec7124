"""One rtnetlink socket: requests out, answers back (netlink(7)).

The kernel does what a request asks before sendmsg(2) returns, so the answers are there when it has; a limit on the wait is
for a broken kernel only. A socket belongs to the namespace in which it was opened, whichever thread uses it.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from netwright.errors import KernelError
from netwright.rtnl import message
from netwright.rtnl.constants import (
    NETLINK_CAP_ACK,
    NETLINK_EXT_ACK,
    NETLINK_GET_STRICT_CHK,
    NETLINK_ROUTE,
    NLM_F_DUMP_INTR,
    NLMSG_DONE,
    NLMSG_ERROR,
    SOL_NETLINK,
)
from netwright.rtnl.message import Answer, Request

BATCH = 100
"""Requests to a sendmsg: more gain nothing that can be measured, and the kernel takes no more than the send buffer has."""

ATTEMPTS = 16
"""How often a dump is begun again that others' changes have interrupted."""

_QUESTIONS = 32
"""Questions to a sendmsg: their answers must fit the receive buffer, at up to 4 KiB each."""

_SO_RCVBUFFORCE = 33
_RECEIVE_BUFFER = 1 << 20
_READ = 1 << 16
"""The kernel fills a dump's buffers to 32 KiB at most (net/netlink/af_netlink.c)."""
_PATIENCE = struct.pack("@ll", 60, 0)

T = TypeVar("T")


class Channel:
    """An rtnetlink socket. Not for two threads at a time."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._sequence = 0

    @classmethod
    def open(cls) -> Channel:
        """A socket in the calling thread's namespace. Raises KernelError."""
        try:
            sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_ROUTE)
        except OSError as error:
            raise KernelError(error.errno or 0, f"opening an rtnetlink socket: {error.strerror}") from error
        for option in (NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK):
            sock.setsockopt(SOL_NETLINK, option, 1)
        try:
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
        except PermissionError:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _PATIENCE)
        return cls(sock)

    def close(self) -> None:
        self._socket.close()

    @property
    def closed(self) -> bool:
        """Also by itself, after an error that leaves answers behind."""
        return self._socket.fileno() < 0

    def exchange(self, requests: Sequence[Request], *, at_once: int = BATCH) -> dict[int, Answer]:
        """Have all of them done, in order; what was refused, by position. One that is refused stops none behind it.

        `at_once`: so many go out in one sendmsg(2), of which a killed process has done all or none.
        """
        refused: dict[int, Answer] = {}
        for start in range(0, len(requests), at_once):
            part = requests[start : start + at_once]
            first = self._sequence + 1
            self._sequence = last = self._sequence + len(part)
            self._send(message.batch(part, first))
            waiting = True
            while waiting:
                data = self._receive()
                for found in message.split(data):
                    if found.type != NLMSG_ERROR or not first <= found.sequence <= last:
                        continue
                    answer = message.decode_answer(data, found)
                    if answer.code:
                        refused[start + found.sequence - first] = answer
                    waiting = waiting and found.sequence != last
        return refused

    def ask(self, requests: Sequence[Request], read: Callable[[bytes, int, int], T]) -> list[T | Answer]:
        """Questions that have one answer each: what `read` makes of it, or the refusal."""
        answers: list[T | Answer] = []
        for start in range(0, len(requests), _QUESTIONS):
            part = requests[start : start + _QUESTIONS]
            first = self._sequence + 1
            self._sequence += len(part)
            self._send(b"".join(message.single(request, first + position) for position, request in enumerate(part)))
            by_sequence: dict[int, T | Answer] = {}
            while len(by_sequence) < len(part):
                data = self._receive()
                for found in message.split(data):
                    if found.sequence >= first:
                        refused = found.type == NLMSG_ERROR
                        by_sequence[found.sequence] = message.decode_answer(data, found) if refused else read(data, found.start, found.end)
            answers += (by_sequence[first + position] for position in range(len(part)))
        return answers

    def dump(self, request: Request, kind: int, read: Callable[[bytes, int, int], T]) -> list[T]:
        """All objects that `request` asks for, as `read` makes them from messages of type `kind`.

        Begun again if it was interrupted by a change, because it may have missed something or told it twice. Raises
        KernelError, with EINTR where the changes do not end.
        """
        for _ in range(ATTEMPTS):
            found, whole = self._dump_once(request, kind, read)
            if whole:
                return found
        raise KernelError(
            errno.EINTR,
            f"the kernel's tables changed each of the {ATTEMPTS} times they were read",
            hint="something changes links, addresses or routes without end: stop it and try again",
        )

    def _dump_once(self, request: Request, kind: int, read: Callable[[bytes, int, int], T]) -> tuple[list[T], bool]:
        self._sequence = sequence = self._sequence + 1
        self._send(message.single(request, sequence))
        objects: list[T] = []
        whole, ended = True, False
        while not ended:
            data = self._receive()
            for found in message.split(data):
                if found.sequence != sequence:
                    continue
                if found.flags & NLM_F_DUMP_INTR:
                    whole = False
                if found.type == kind:
                    objects.append(read(data, found.start, found.end))
                elif found.type in {NLMSG_DONE, NLMSG_ERROR}:
                    done = found.type == NLMSG_DONE
                    answer = Answer(message.decode_done(data, found), "") if done else message.decode_answer(data, found)
                    if answer.code:
                        raise KernelError(answer.code, f"reading the kernel's tables: {reason(answer)}")
                    ended = True
        return objects, whole

    def _send(self, data: bytes) -> None:
        try:
            self._socket.send(data)
        except OSError as error:
            raise KernelError(error.errno or 0, f"sending to the kernel: {error.strerror}") from error

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(_READ)
        except BlockingIOError as error:
            # What is missing may still come: it must not be taken for the answer to something else.
            self._socket.close()
            raise KernelError(errno.ETIMEDOUT, "the kernel did not answer on an rtnetlink socket for a minute") from error
        except OSError as error:
            with suppress(OSError):
                self._socket.close()
            raise KernelError(error.errno or 0, f"reading from the kernel: {error.strerror}") from error


def reason(answer: Answer) -> str:
    """Why it was refused: the errno's words, and the kernel's own where it has some."""
    words = os.strerror(answer.code)
    return f"{words} ({answer.text.rstrip('.')})" if answer.text else words
