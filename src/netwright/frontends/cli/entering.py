"""Becoming a command in a named namespace, as ip-netns(8) describes it.

The process that calls this never comes back: it enters, arranges /sys and /etc in a mount namespace of its own, and is
replaced by the command, whose exit status is therefore its own.
"""

from __future__ import annotations

import ctypes
import difflib
import errno
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from netwright.errors import NetwrightError, Refused
from netwright.frontends.cli import say
from netwright.model.netns import NETNS_FOLDER

FILES_FOLDER = "/etc/netns"
NOT_EXECUTABLE = 126
NOT_FOUND = 127
"""As env(1) and shells have it."""

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
MS_BIND = 4096
MS_REC = 16384
MS_SLAVE = 1 << 19
"""sys/mount.h, linux/sched.h."""


def namespaces() -> list[str]:
    """The names below /run/netns, whoever made them."""
    try:
        return sorted(entry.name for entry in Path(NETNS_FOLDER).iterdir())
    except OSError:
        return []


def become(namespace: str, command: Sequence[str]) -> int:
    """Replace this process by `command` in `namespace`. Returns, with an exit status, only if the command cannot be started.

    Raises Refused or NetwrightError where the namespace cannot be entered.
    """
    _enter(namespace)
    _own_mounts()
    _show_own_sys()
    _put_files(namespace)
    # Python ignores these two, and what is ignored stays so for the command.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        os.execvp(command[0], list(command))  # noqa: S606 - no shell is wanted
    except OSError as error:
        say.words(f"error: {command[0]}: {error.strerror}")
        return NOT_FOUND if error.errno == errno.ENOENT else NOT_EXECUTABLE


def _enter(namespace: str) -> None:
    if "/" in namespace or namespace in ("", ".", ".."):
        raise Refused(f"{namespace!r} is no namespace's name.", hint="give the name alone, as ip netns lists it")
    try:
        descriptor = os.open(f"{NETNS_FOLDER}/{namespace}", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Refused(f"There is no namespace {namespace}.", hint=_alternative(namespace)) from None
    except OSError as error:
        raise Refused(f"The namespace {namespace} cannot be opened: {error.strerror}.") from error
    try:
        _call("setns", descriptor, CLONE_NEWNET)
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise Refused(
                f"{NETNS_FOLDER}/{namespace} is a file that was left over, not a namespace.", hint=f"sudo ip netns delete {namespace}"
            ) from None
        raise NetwrightError(f"The namespace {namespace} cannot be entered: {error.strerror}.") from error
    finally:
        os.close(descriptor)


def _alternative(namespace: str) -> str:
    if namespace == "host":
        return "host is the namespace that you are in: run the command as it is"
    near = difflib.get_close_matches(namespace, namespaces(), n=1)
    return f"did you mean {near[0]}?" if near else "ip netns list shows those there are; for a container use docker exec"


def _own_mounts() -> None:
    try:
        _call("unshare", CLONE_NEWNS)
        # What is mounted outside later is seen inside, and not the other way round.
        _mount("none", "/", "", MS_REC | MS_SLAVE)
    except OSError as error:
        raise NetwrightError(f"The command cannot be given mounts of its own: {error.strerror}.") from error


def _show_own_sys() -> None:
    """A /sys that shows this namespace's interfaces, with what is mounted below the old one (cgroups, …) still there.

    sysfs shows the network namespace of whoever mounted it. The old one is covered, not unmounted: what is mounted below it can
    then be bound to the new one through a descriptor, as its path leads to the new one already.
    """
    below = [path for path in _mounts() if path.startswith("/sys/")]
    kept = [(path, os.open(path, os.O_PATH | os.O_CLOEXEC)) for path in below if not any(path.startswith(f"{outer}/") for outer in below)]
    try:
        # A user namespace may not drop the read-only, nosuid, … that the machine's /sys was mounted with; the bits of statvfs are mount's.
        _mount("sysfs", "/sys", "sysfs", os.statvfs("/sys").f_flag & (os.ST_RDONLY | os.ST_NOSUID | os.ST_NODEV | os.ST_NOEXEC))
    except OSError as error:
        say.words(f"warning: /sys shows the interfaces of another namespace: mounting one of its own: {error.strerror}")
        kept_paths: list[tuple[str, int]] = []
    else:
        kept_paths = kept
    for path, descriptor in kept_paths:
        try:
            _mount(f"/proc/self/fd/{descriptor}", path, "", MS_BIND | MS_REC)
        except OSError as error:
            say.words(f"warning: {path} cannot be kept: {error.strerror}")
    for _, descriptor in kept:
        os.close(descriptor)


def _put_files(namespace: str) -> None:
    """Each entry of /etc/netns/NAMESPACE over the one of that name in /etc."""
    try:
        sources = sorted(Path(FILES_FOLDER, namespace).iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    for source in sources:
        target = f"/etc/{source.name}"
        try:
            _mount(str(source), target, "", MS_BIND)
        except OSError as error:
            say.words(f"warning: {source} cannot be put over {target}: {error.strerror}")


def _mounts() -> list[str]:
    """Mount points, parents first (proc_pid_mountinfo(5): the fifth field, with octal escapes)."""
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    return sorted({line.split(" ")[4].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\") for line in lines})


def _mount(source: str, target: str, kind: str, flags: int) -> None:
    _call("mount", os.fsencode(source), os.fsencode(target), os.fsencode(kind) or None, ctypes.c_ulong(flags), None)


def _call(name: str, *arguments: object) -> None:
    """A function of the C library that returns 0. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
