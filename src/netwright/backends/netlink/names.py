"""Named namespaces, as ip-netns(8) keeps them: a name is a file in /run/netns on which the namespace is mounted.

Both ways: `ip netns` lists, enters and deletes ours, and its own are like ours.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from netwright.backends.netlink import sysctls
from netwright.backends.netlink.channel import Channel
from netwright.backends.netns import OWN, identity, unshare_network
from netwright.backends.new_folder import make_readable
from netwright.errors import KernelError
from netwright.model.netns import NETNS_FOLDER, NetnsKind, NetnsRef

# linux/mount.h
_MS_BIND = 0x1000
_MS_REC = 0x4000
_MS_SHARED = 0x100000
_MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


def prepare_folder() -> None:
    """Make /run/netns, and a shared mount of it, so that a name that goes in one mount namespace goes in all. Raises KernelError."""
    folder = Path(NETNS_FOLDER)
    make_readable(folder)
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # As ip-netns(8) does: two that begin at once must not mount it twice.
        fcntl.flock(fd, fcntl.LOCK_EX)
        try:
            _mount("", folder, _MS_SHARED | _MS_REC)
        except KernelError as error:
            if error.errno != errno.EINVAL:
                raise
            _mount(str(folder), folder, _MS_BIND | _MS_REC)
            _mount("", folder, _MS_SHARED | _MS_REC)
    finally:
        os.close(fd)


def create(netns: NetnsRef, values: Mapping[str, str]) -> Channel:
    """Make the namespace and name it, in a thread of its own, which stays in it. Raises KernelError, EEXIST where the name is taken.

    It gets its name last, whole: a run that dies before leaves nothing. One that dies between the file and the mount
    leaves a plain file, of which the next one makes its own.
    """
    if identity(netns) is not None:
        raise _taken(netns)
    unshare_network()
    for key, value in values.items():
        sysctls.write(key, value)
    channel = Channel.open()
    try:
        _give_name(netns)
    except BaseException:
        channel.close()
        raise
    return channel


def delete(netns: NetnsRef) -> None:
    """Take the name away; the namespace goes with its last user. Nothing happens where there is no such name. Raises KernelError."""
    target = Path(netns.path)
    if _libc.umount2(os.fsencode(target), _MNT_DETACH) != 0 and (code := ctypes.get_errno()) not in {errno.EINVAL, errno.ENOENT}:
        raise KernelError(code, f"unmounting {target}: {os.strerror(code)}")
    try:
        target.unlink(missing_ok=True)
    except OSError as error:
        raise KernelError(error.errno or 0, f"removing {target}: {error.strerror}") from error


def is_hollow(netns: NetnsRef) -> bool:
    """Whether there is only the name: the empty file of a run that died before it mounted, or after it unmounted."""
    if netns.kind is not NetnsKind.NAMED or identity(netns) is not None:
        return False
    try:
        found = Path(netns.path).lstat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == 0


def _give_name(netns: NetnsRef) -> None:
    target = Path(netns.path)
    try:
        os.close(os.open(target, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0))
    except FileExistsError as error:
        if identity(netns) is not None or target.stat().st_size:
            raise _taken(netns) from error
    except OSError as error:
        raise KernelError(error.errno or 0, f"making {target}: {error.strerror}") from error
    try:
        _mount(OWN, target, _MS_BIND)
    except KernelError:
        with suppress(OSError):
            target.unlink()
        raise


def _taken(netns: NetnsRef) -> KernelError:
    return KernelError(
        errno.EEXIST,
        f"there is a network namespace {netns} already",
        hint="choose another name, or delete it: ip netns delete " + netns.name,
    )


def _mount(source: str, target: Path, flags: int) -> None:
    if _libc.mount(source.encode(), os.fsencode(target), b"none", ctypes.c_ulong(flags), None) != 0:
        code = ctypes.get_errno()
        raise KernelError(code, f"mounting {target}: {os.strerror(code)}")
