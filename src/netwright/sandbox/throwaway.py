"""Becoming a throw-away host: a process in user, mount, network and process namespaces of its own.

    caller ── waits, and ends with the status of the guest
      └─ init (1)     reaps; when the guest ends, init ends, and the kernel kills all that is left inside
           └─ guest   `become` returns here: the caller's code goes on, on a host that has nothing but `lo`

Each dies with the one above (PR_SET_PDEATHSIG), so `kill -9` at any of them leaves nothing: namespaces, mounts and
interfaces go with the last process that is in them. Files are the machine's own: only /run, /proc, /sys and the
folder /etc (as a list of names) are the guest's.

A user namespace maps the caller to root; root keeps all of its ids. Where root may make no user namespace (in many
containers), it goes without.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from netwright.sandbox import kernel
from netwright.sandbox.forbidden import explain

PRIVATE = Path("/run/netwright")
"""Of the sandbox alone, on its tmpfs."""
STATE = PRIVATE / "state"
_ETC = PRIVATE / "etc"
"""Where the machine's /etc is found inside."""

_KEPT_IN_RUN = (
    "systemd/resolve",
    "resolvconf",
    "NetworkManager/resolv.conf",
    "current-system",
    "booted-system",
    "wrappers",
    "opengl-driver",
)
"""What others point into: resolv.conf's targets, and the programs of NixOS."""

_SPACES = kernel.CLONE_NEWNS | kernel.CLONE_NEWNET | kernel.CLONE_NEWPID


def become() -> None:
    """Returns as the guest of a new throw-away host; the process that called waits for it outside and ends with its status.

    The process must have one thread. Raises Missing where the system forbids it; then the process must end as well,
    for some of it may be done.
    """
    root = os.geteuid() == 0
    foreground = _is_foreground()
    try:
        _unshare(root=root)
    except OSError as error:
        raise explain(error, root=root) from error
    sys.stdout.flush()
    sys.stderr.flush()
    lifeline, held = os.pipe()
    init = os.fork()
    if init:
        os.close(lifeline)
        _wait_outside(init, foreground=foreground)
    os.close(held)
    _follow(lifeline)
    lifeline, held = os.pipe()
    guest = os.fork()
    if guest:
        os.close(lifeline)
        _reap(guest)
    os.close(held)
    _follow(lifeline)
    try:
        _furnish()
    except OSError as error:
        raise explain(error, root=root) from error
    os.environ["NETWRIGHT_STATE"] = str(STATE)
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"):
        os.environ.pop(name, None)


def _unshare(*, root: bool) -> None:
    if root:
        _unshare_as_root()
        return
    uid, gid = os.geteuid(), os.getegid()
    kernel.unshare(kernel.CLONE_NEWUSER | _SPACES)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")


def _unshare_as_root() -> None:
    """A map of more than one id can only be written from outside (user_namespaces(7)): by a child that stays there."""
    target = os.getpid()
    ready, tell = os.pipe()
    writer = os.fork()
    if writer == 0:
        os.close(tell)
        _write_maps(target, ready)
    os.close(ready)
    mapped = True
    try:
        kernel.unshare(kernel.CLONE_NEWUSER | _SPACES)
        os.write(tell, b"!")
    except OSError:
        mapped = False
        kernel.unshare(_SPACES)
    finally:
        os.close(tell)
        _, status = os.waitpid(writer, 0)
    if mapped and status != 0:
        raise OSError(errno.EPERM, "the ids of a user namespace could not be written")


def _write_maps(target: int, ready: int) -> NoReturn:
    status = 1
    with contextlib.suppress(OSError):
        if os.read(ready, 1):
            for kind in ("uid_map", "gid_map"):
                ranges = [line.split() for line in Path(f"/proc/self/{kind}").read_text().splitlines()]
                same = "\n".join(f"{inside} {inside} {count}" for inside, _, count in ranges)
                Path(f"/proc/{target}/{kind}").write_text(same)
        status = 0
    os._exit(status)


def _follow(lifeline: int) -> None:
    """Die with the parent, also if it is dead already: then the pipe that it held is closed."""
    kernel.die_with_parent()
    os.set_blocking(lifeline, False)
    try:
        orphan = os.read(lifeline, 1) == b""
    except BlockingIOError:
        orphan = False
    os.close(lifeline)
    if orphan:
        os._exit(1)


def _is_foreground() -> bool:
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


def _wait_outside(init: int, *, foreground: bool) -> NoReturn:
    """Ctrl-C is the guest's to answer; any other end of this process is the sandbox's end too."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTTOU):
        signal.signal(number, signal.SIG_IGN)
    _, status = os.waitpid(init, 0)
    if foreground:
        # A shell inside took the terminal: have it back, or whoever reads from it next is stopped.
        with contextlib.suppress(OSError):
            os.tcsetpgrp(0, os.getpgrp())
    os._exit(exit_status(status))


def _reap(guest: int) -> NoReturn:
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    while True:
        pid, status = os.wait()
        if pid == guest:
            os._exit(exit_status(status))


def exit_status(status: int) -> int:
    """As a shell says it: 128 and the signal's number where one ended the process."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _furnish() -> None:
    kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    _new_proc_and_sys()
    _new_run()
    _new_etc()
    STATE.mkdir(parents=True)
    Path("/run/netns").mkdir()
    kernel.loopback_up()


def _new_proc_and_sys() -> None:
    """Where the machine's own are covered in part (in containers), the kernel shows no whole ones; the old ones then stay."""
    plain = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    for kind, where in (("proc", "/proc"), ("sysfs", "/sys")):
        for flags in (plain, plain | kernel.MS_RDONLY):
            try:
                kernel.mount(kind, where, kind, flags)
            except OSError:
                continue
            break


def _new_run() -> None:
    """An empty /run: no name of the machine's namespaces, no socket of its daemons, no lock of its iptables."""
    kept = {name: os.open(path, os.O_PATH) for name in _KEPT_IN_RUN if (path := Path("/run", name)).exists()}
    apart = os.path.realpath("/var/run") != os.path.realpath("/run")
    kernel.mount("netwright", "/run", "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=755")
    for name, fd in kept.items():
        place = Path("/run", name)
        if Path(f"/proc/self/fd/{fd}").is_dir():
            place.mkdir(parents=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
        kernel.mount(f"/proc/self/fd/{fd}", str(place), "", kernel.MS_BIND | kernel.MS_REC)
        os.close(fd)
    if apart and Path("/var/run").is_dir():
        kernel.mount("/run", "/var/run", "", kernel.MS_BIND | kernel.MS_REC)
    PRIVATE.mkdir(mode=0o755)


def _new_etc() -> None:
    """An /etc in which names can be made (/etc/netns, by a user who cannot make one in the machine's), and all else is as it was."""
    _ETC.mkdir()
    kernel.mount("/etc", str(_ETC), "", kernel.MS_BIND | kernel.MS_REC)
    kernel.mount("netwright", "/etc", "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=755")
    for entry in _ETC.iterdir():
        if entry.name != "netns":
            Path("/etc", entry.name).symlink_to(entry.readlink() if entry.is_symlink() else entry)
    Path("/etc/netns").mkdir()
