"""A program that tries what a service should not get away with, and says of each what the kernel answered: done, or the error's name."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

KINDS = {"network": 0x40000000, "mounts": 0x00020000, "users": 0x10000000, "processes": 0x20000000}
"""Of namespaces: linux/sched.h."""
READ_WRITE_EXECUTE, ANONYMOUS = 7, 0x22
PTRACE_ATTACH = 16
SIZE_OF_LOG = 10
"""Of klogctl(3)."""
TIMEX_BYTES = 208
NULL_DEVICE = os.makedev(1, 3)

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_ssize_t


def told(what: str, code: int) -> None:
    print(f"{what}: {errno.errorcode[code] if code else 'done'}", flush=True)


def called(what: str, result: int) -> None:
    """A function of the C library's has answered."""
    told(what, ctypes.get_errno() if result == -1 else 0)


def tried(what: str, action: Callable[..., Any], *arguments: Any) -> None:
    try:
        action(*arguments)
    except OSError as error:
        told(what, error.errno or 0)
    else:
        told(what, 0)


victim = os.fork()
if not victim:
    signal.pause()

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as speaking:
    tried("a packet to itself", speaking.sendto, b"x", ("127.0.0.1", 9))
    tried("a packet to a neighbour", speaking.sendto, b"x", (sys.argv[1], 9))

for kind, flag in KINDS.items():
    called(f"a new namespace of {kind}", libc.unshare(flag))
called("memory to write and execute", libc.mmap(None, 4096, READ_WRITE_EXECUTE, ANONYMOUS, -1, 0))
called("another root", libc.chroot(b"/"))
called("another process", libc.ptrace(PTRACE_ATTACH, victim, 0, 0))
os.kill(victim, signal.SIGKILL)
called("a kernel module", libc.init_module(None, 0, b""))
called("the kernel's log", libc.klogctl(SIZE_OF_LOG, None, 0))
called("the host's name", libc.sethostname(b"other", 5))
called("the clock", libc.adjtimex(ctypes.create_string_buffer(TIMEX_BYTES)))
called("another user", libc.setuid(1000))
called("swap", libc.swapon(b"/nowhere", 0))
called("another personality", libc.personality(8))
called("memory that stays", libc.mlockall(1))
called("another processor", libc.sched_setaffinity(0, 8, (ctypes.c_char * 8)(1)))
tried("a file of set-user-id", os.open, "/run/attempt", os.O_CREAT | os.O_WRONLY, 0o4755)
tried("a device", os.mknod, "/run/attempted", 0o20600, NULL_DEVICE)
for family in (socket.AF_PACKET, socket.AF_VSOCK, socket.AF_ALG, socket.AF_NETLINK):
    tried(f"a socket of {family.name}", socket.socket, family, socket.SOCK_DGRAM)
