"""What a process that stays shares with its host: a lock that says that it is the only one, and what it tells its supervisor."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from netwright.backends.new_folder import make_private, unusable
from netwright.errors import Busy

_NOTIFY_SECONDS = 1.0
"""Whoever listens and does not read is no reason to stand still."""


@contextmanager
def only_one(lock: str, refusal: Busy) -> Iterator[None]:
    """Hold `lock`, a path whose folder is made (0700), until the end of the block. Raises `refusal` where another process holds it, and what `make_private` refuses.

    The kernel drops it with its holder, however that one ended: flock(2).
    """
    path = Path(lock)
    try:
        make_private(path.parent)
        held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise unusable(path.parent, error.strerror or str(error)) from error
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise refusal from None
        yield
    finally:
        os.close(held)


def notify(state: str) -> None:
    """sd_notify(3): nothing where nobody listens."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as supervisor:
        supervisor.settimeout(_NOTIFY_SECONDS)
        supervisor.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)
