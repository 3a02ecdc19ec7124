"""Names that come and go in a folder, by inotify(7): no socket tells that a namespace has lost its name."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import Struct

from netwright.backends.new_folder import make_private
from netwright.errors import KernelError
from netwright.model.netns import NETNS_FOLDER, named
from netwright.model.notice import Kind, Notice

LOCK = "lock"
"""Written to and closed by whoever changes a stack: see backends.store.lock."""

_IN_CLOSE_WRITE = 0x008
_IN_MOVED = 0x0C0
_IN_CREATE = 0x100
_IN_DELETE = 0x200
_IN_MOVED_FROM = 0x040
_IN_Q_OVERFLOW = 0x4000
_IN_NONBLOCK_CLOEXEC = os.O_NONBLOCK | os.O_CLOEXEC
_EVENT = Struct("=iIII")
"""struct inotify_event: watch, mask, cookie, and the length of the name behind it."""
_READ = 1 << 16

_libc = ctypes.CDLL(None, use_errno=True)


class FolderEars:
    """Watches /run/netns, as soon as it is there, and the lock of the state. Raises KernelError."""

    def __init__(self, state_folder: str) -> None:
        self._descriptor = _libc.inotify_init1(_IN_NONBLOCK_CLOEXEC)
        if self._descriptor < 0:
            raise _failed("watching folders")
        self._state = state_folder
        make_private(Path(state_folder))
        self._state_watch = self._watch(state_folder, _IN_CLOSE_WRITE)
        self._names_watch = self._watch(NETNS_FOLDER, _IN_CREATE | _IN_DELETE | _IN_MOVED)

    def look_again(self) -> None:
        """The folder of names may have come since, or have been mounted over: the same one is not watched twice."""
        self._names_watch = self._watch(NETNS_FOLDER, _IN_CREATE | _IN_DELETE | _IN_MOVED)

    def sources(self) -> dict[int, Callable[[], Iterator[Notice]]]:
        """The descriptor that becomes readable, and what reads it."""
        return {self._descriptor: self._read}

    def close(self) -> None:
        os.close(self._descriptor)

    def _read(self) -> Iterator[Notice]:
        try:
            data = os.read(self._descriptor, _READ)
        except BlockingIOError:
            return
        offset = 0
        while offset < len(data):
            watch, mask, _, length = _EVENT.unpack_from(data, offset)
            name = os.fsdecode(data[offset + _EVENT.size : offset + _EVENT.size + length].rstrip(b"\0"))
            offset += _EVENT.size + length
            if mask & _IN_Q_OVERFLOW:
                yield Notice(kind=Kind.LOST)
            elif watch == self._state_watch:
                if name == LOCK:
                    yield Notice(kind=Kind.STATE)
            elif watch == self._names_watch and name:
                yield Notice(kind=Kind.NAMESPACE, netns=named(name), subject=name, gone=bool(mask & (_IN_DELETE | _IN_MOVED_FROM)))

    def _watch(self, folder: str, mask: int) -> int:
        """-1 where there is no such folder (yet)."""
        return int(_libc.inotify_add_watch(self._descriptor, os.fsencode(folder), mask))


def _failed(what: str) -> KernelError:
    code = ctypes.get_errno()
    return KernelError(code, f"{what}: {os.strerror(code)}")
