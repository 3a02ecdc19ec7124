"""Why the system does not let this process make a throw-away host, and what would allow it."""

from __future__ import annotations

import errno
from pathlib import Path

from netwright.errors import Missing

_COUNTED = ("user", "mnt", "net", "pid")


def explain(error: OSError, *, root: bool, proc_sys: Path = Path("/proc/sys")) -> Missing:
    """The sentence for a refused unshare(2), map or mount: which setting forbids it (user_namespaces(7), namespaces(7))."""
    for kind in _COUNTED:
        if error.errno == errno.ENOSPC and _setting(proc_sys / f"user/max_{kind}_namespaces") == 0:
            return _by_setting(f"user.max_{kind}_namespaces", 0, 15000, root=root)
    if error.errno == errno.ENOSPC:
        return Missing(
            "No more namespaces can be made here: a limit is reached, or they are nested 32 deep.",
            hint="sysctl user.max_user_namespaces user.max_net_namespaces shows the limits",
        )
    if not root:
        for setting, forbidding in (("kernel.unprivileged_userns_clone", 0), ("kernel.apparmor_restrict_unprivileged_userns", 1)):
            if _setting(proc_sys / setting.replace(".", "/")) == forbidding:
                return _by_setting(setting, forbidding, 1 - forbidding, root=root)
    options = "--cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
    return Missing(
        f"This system lets this process make no namespaces of its own ({error.strerror}).",
        hint=f"in a container: start it with --privileged, or with {options}" + ("" if root else "; elsewhere: run it as root"),
    )


def _by_setting(setting: str, value: int, wanted: int, *, root: bool) -> Missing:
    return Missing(
        f"A sandbox needs namespaces of its own, and {setting} = {value} forbids them{'' if root else ' to ordinary users'}.",
        hint=f"sysctl {setting}={wanted} allows them" if root else f"sudo sysctl {setting}={wanted} allows them; or run it as root",
    )


def _setting(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
