"""Who makes a sandbox in the tests: root, and a user who may nothing.

An interpreter that was installed below a closed home is made readable for that user, in mounts of the command's own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[1]
NOBODY = 65534
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def _opening() -> list[str]:
    """Shell lines that let everybody read the interpreter and this checkout, without opening what else is beside them."""
    lines = []
    for needed in dict.fromkeys(Path(path).resolve() for path in (sys.base_prefix, sys.prefix, ROOT)):
        closed = next((folder for folder in reversed(needed.parents) if not folder.stat().st_mode & 1), None)
        if closed is not None:
            lines += [
                "mount -t tmpfs -o mode=755 opened /mnt",
                f"mkdir /mnt/kept && mount --rbind {needed} /mnt/kept",
                f"mount -t tmpfs -o mode=755 opened {closed}",
                f"mkdir -p {needed} && mount --rbind /mnt/kept {needed}",
            ]
    return lines


def as_root(arguments: Sequence[str]) -> list[str]:
    return list(arguments)


def as_nobody(arguments: Sequence[str], *, before: Sequence[str] = (), group: int | None = None) -> list[str]:
    """`before`: shell lines that root runs first, in the same mounts. `group`: the user is a member of it."""
    groups = "--clear-groups" if group is None else f"--groups={group}"
    drop = f'exec setpriv --reuid={NOBODY} --regid={NOBODY} {groups} --inh-caps=-all -- "$@"'
    script = "\n".join(["set -e", *_opening(), *before, drop])
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *arguments]


USERS = {"root": as_root, "nobody": as_nobody}


def python(program: str, *arguments: str) -> list[str]:
    return [sys.executable, "-P", "-c", program, *arguments]


def run(command: Sequence[str], *, env: Mapping[str, str] | None = None, **options: Any) -> subprocess.CompletedProcess[str]:
    """In a folder that everybody may enter, with little in the environment."""
    return subprocess.run(
        command, env=ENVIRONMENT | dict(env or {}), cwd="/", capture_output=True, text=True, timeout=60, check=False, **options
    )


KINDS = ("user", "mnt", "net", "pid")


class Pinned:
    """The namespaces of a running process, held so that the kernel gives their numbers to no others. A context manager."""

    def __init__(self, pid: int | str) -> None:
        self.held = [os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY) for kind in KINDS]
        self.names = {os.readlink(f"/proc/self/fd/{fd}") for fd in self.held}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for fd in self.held:
            os.close(fd)

    def processes(self) -> list[str]:
        """The processes of the machine that are in one of them but none of our own, as /proc shows them."""
        own = {os.readlink(f"/proc/self/ns/{kind}") for kind in KINDS}
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if any(os.readlink(folder / "ns" / kind) in self.names - own for kind in KINDS):
                    found.append((folder / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue
        return found

    def left_after(self, seconds: float) -> list[str]:
        """Wait for them to be gone; those that are not."""
        deadline = time.monotonic() + seconds
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.01)
        return left


def innermost(pid: int) -> int:
    """The last of a process's descendants."""
    while children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        pid = int(children[-1])
    return pid
