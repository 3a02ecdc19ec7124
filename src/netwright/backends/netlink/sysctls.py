"""Sysctls below net, which every network namespace has of its own: /proc/sys shows the reader's (proc(5))."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Mapping

from netwright.backends.netns import in_thread, unshare_network, visit
from netwright.errors import KernelError
from netwright.model.netns import NetnsRef
from netwright.model.sysctl import OF_INTERFACES, of_interface

_SWAP = str.maketrans("./", "/.")
_LOOPBACK = "lo"
_UNSET = {errno.ENOENT, errno.EIO}
"""Not in this kernel or of no such interface; and what the kernel answers for one that has no value yet."""


def read_all(wanted: Mapping[NetnsRef, frozenset[str]]) -> dict[NetnsRef, dict[str, str]]:
    """The values of those that are there; a namespace that is not is absent. Tabs between values are spaces. Raises KernelError."""
    return visit(wanted, lambda netns: _read_here(wanted[netns]))


def read_own(links: Mapping[NetnsRef, frozenset[str]]) -> dict[NetnsRef, dict[str, str]]:
    """All that can be set of these links, and of `default`; as `read_all`. Raises KernelError."""

    def read(netns: NetnsRef) -> dict[str, str]:
        # Only the initial namespace shows what a new link's neighbours have (net/core/neighbour.c: neigh_parms_alloc): of others, the loopback's.
        first = _read_here(_settable((_LOOPBACK,)))
        born = {of_interface(key, "default"): value for key, value in first.items()}
        return {**born, **_read_here(_settable(("default", *links[netns])))}

    return visit(links, read)


def read_born(keys: Iterable[str]) -> dict[str, str]:
    """The values in a new namespace, which ends with the thread that is in it. Raises KernelError."""

    def look() -> dict[str, str]:
        unshare_network()
        return _read_here(keys)

    return in_thread(look)


def has_family(key: str) -> bool:
    """Whether the kernel has the family that the sysctl is of: booted with `ipv6.disable=1` it has no net.ipv6."""
    return os.path.isdir("/".join(["/proc/sys", *key.split(".")[:2]]))  # noqa: PTH112 - as the rest of this module


def write(key: str, value: str) -> None:
    """Set it in the calling thread's namespace. Raises KernelError."""
    try:
        fd = os.open(_path(key), os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, value.encode() + b"\n")
        finally:
            os.close(fd)
    except OSError as error:
        code = error.errno or 0
        if code == errno.ENOENT:
            raise KernelError(code, f"there is no sysctl {key} here", hint="its interface, or a part of the kernel, is missing") from error
        raise KernelError(code, f"setting the sysctl {key} to {value!r}: {error.strerror}") from error


def _settable(links: Iterable[str]) -> Iterator[str]:
    for name in links:
        for above in OF_INTERFACES:
            key = f"{above}.{name.replace('.', '/')}"
            try:
                entries = list(os.scandir(_path(key)))
            except OSError as error:
                if error.errno in _UNSET:
                    continue
                raise KernelError(error.errno or 0, f"listing the sysctls {key}: {error.strerror}") from error
            yield from (f"{key}.{entry.name}" for entry in entries if entry.stat().st_mode & stat.S_IWUSR)


def _read_here(keys: Iterable[str]) -> dict[str, str]:
    values = {}
    for key in keys:
        try:
            fd = os.open(_path(key), os.O_RDONLY | os.O_CLOEXEC)
            try:
                content = os.read(fd, 65536)
            finally:
                os.close(fd)
        except OSError as error:
            if error.errno in _UNSET:
                continue
            raise KernelError(error.errno or 0, f"reading the sysctl {key}: {error.strerror}") from error
        values[key] = " ".join(content.decode().split())
    return values


def _path(key: str) -> str:
    """`net.ipv4.conf.eth0/1.rp_filter` → /proc/sys/net/ipv4/conf/eth0.1/rp_filter, and never a way out of there."""
    parts = key.split(".")
    if any(not part.strip("/") for part in parts):
        raise KernelError(errno.EINVAL, f"{key!r} is not a sysctl")
    return f"/proc/sys/{key.translate(_SWAP)}"
