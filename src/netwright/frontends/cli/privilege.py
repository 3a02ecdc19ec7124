"""Whether this process may do what a command needs, asked before anything is begun."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from netwright.errors import Refused

CAP_NET_ADMIN = 12
CAP_SYS_ADMIN = 21
"""linux/capability.h. In a user namespace of our own they count for what is in it, as the kernel has it."""


def privileged() -> bool:
    """Whether it may change the host's networks itself."""
    return not _missing()


def need_root(command: str, reason: str) -> None:
    """Raises Refused where the process lacks CAP_NET_ADMIN or CAP_SYS_ADMIN. `reason` follows "netwright COMMAND "."""
    missing = _missing()
    if not missing:
        return
    if os.geteuid() != 0:
        arguments = " ".join(["netwright", *sys.argv[1:]]) if sys.argv[1:2] == [command] else f"netwright {command} …"
        raise Refused(f"netwright {command} {reason}: that needs root. Nothing was touched.", hint=f"sudo {arguments}")
    raise Refused(
        f"netwright {command} {reason}: this root lacks {' and '.join(missing)}. Nothing was touched.",
        hint="in a container, start it with --privileged; otherwise run it outside of the sandbox that took them away",
    )


def need_state(command: str, reason: str) -> None:
    """For what only looks at the memory, or writes there: no capability is wanted, but the folder must be this user's to read. Raises Refused."""
    from netwright.wiring import state_folder

    folder = Path(state_folder())
    if os.geteuid() == 0 or (folder.is_dir() and os.access(folder, os.R_OK | os.X_OK)):
        return
    raise Refused(f"netwright {command} {reason}: that needs root. Nothing was touched.", hint=f"sudo netwright {' '.join(sys.argv[1:])}")


def _missing() -> list[str]:
    effective = _effective()
    return [name for name, bit in (("CAP_NET_ADMIN", CAP_NET_ADMIN), ("CAP_SYS_ADMIN", CAP_SYS_ADMIN)) if not effective >> bit & 1]


def _effective() -> int:
    for line in Path("/proc/self/status").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0
