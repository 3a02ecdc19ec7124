"""A second, independent way: the program as it is installed, and strace(1), which has a system call fail, or kills the program at it.

strace counts for each thread by itself: "the first" is the first of the main thread, and of each thread that enters a namespace.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from torture.cycle import Bench
from torture.program import LONGEST_SECONDS, Ended

MISSING = "" if shutil.which("strace") else "needs strace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """System calls of one sort, and what becomes of the numbered one."""

    names: str
    """As strace's `trace=` has them."""
    outcome: str
    """As its `inject=` has it: `error=ENOMEM`, `signal=SIGKILL`."""
    paths: tuple[str, ...] = ()
    """Only those that concern these files. `{memory}`: the state's folder."""


CALLS = (
    Call(names="sendto,sendmsg", outcome="error=ENOBUFS"),
    Call(names="recvfrom,recvmsg", outcome="error=ENOMEM"),
    Call(names="socket", outcome="error=EMFILE"),
    Call(names="unshare,setns", outcome="error=ENOMEM"),
    Call(names="mount,umount2", outcome="error=ENOMEM"),
    Call(names="clone,clone3,vfork", outcome="error=EAGAIN"),
    Call(names="execve", outcome="error=ENOENT"),
    Call(
        names="openat",
        outcome="error=ENOSPC",
        paths=("{memory}/state.db", "{memory}/state.db-wal", "{memory}/state.db-shm", "{memory}/lock"),
    ),
    Call(names="pwrite64", outcome="error=ENOSPC"),
    Call(names="pwrite64", outcome="error=EIO"),
    Call(names="fdatasync,fsync", outcome="error=EIO"),
    Call(names="ftruncate", outcome="error=EIO"),
    Call(names="unlink,unlinkat,rename,mkdir,symlink,rmdir", outcome="error=EIO"),
    Call(
        names="write",
        outcome="error=ENOMEM",
        paths=("/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/default/disable_ipv6", "/proc/sys/net/ipv6/conf/all/forwarding"),
    ),
    Call(names="sendto,sendmsg", outcome="signal=SIGKILL"),
    Call(names="unshare,setns,mount,umount2", outcome="signal=SIGKILL"),
    Call(names="pwrite64,fdatasync,fsync,ftruncate", outcome="signal=SIGKILL"),
    Call(names="unlink,unlinkat,rename,mkdir,symlink,rmdir", outcome="signal=SIGKILL"),
    Call(names="sendto,sendmsg", outcome="signal=SIGINT"),
    Call(names="unshare,setns,mount,umount2", outcome="signal=SIGTERM"),
)


class Injected:
    """One of CALLS."""

    stride = 6
    engine_dies = False

    def __init__(self, call: Call) -> None:
        self._call = call
        self.words = f"{call.names}: {call.outcome.partition('=')[2]}"
        self.ends = frozenset(
            {0, -signal.SIGKILL}
            if "KILL" in call.outcome
            else {0, 130, -signal.SIGTERM}
            if "signal" in call.outcome
            else {0, 1, -signal.SIGABRT}
        )

    def run(self, bench: Bench, number: int, *words: str) -> Ended:
        """The call `number`, from 0, of the netwright command with these words."""
        call = self._call
        began = time.monotonic()
        with tempfile.NamedTemporaryFile("r", prefix="netwright-strace-") as log:
            # Its filter makes it several times as fast; strace 6.1 sends no signals then.
            faster = [] if "signal" in call.outcome else ["--seccomp-bpf"]
            command = ["strace", "--follow-forks", *faster, "-qq", "-o", log.name]
            command += ["-e", f"trace={call.names}", "-e", f"inject={call.names}:{call.outcome}:when={number + 1}"]
            for path in call.paths:
                command += ["-P", path.format(memory=bench.disks[0])]
            command += [sys.executable, "-m", "netwright", *words]
            done = subprocess.run(
                ["timeout", "--signal", "KILL", str(LONGEST_SECONDS), *command],
                check=False,
                capture_output=True,
                text=True,
                env={**os.environ, **bench.environment},
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )
            struck = [line for line in Path(log.name).read_text(errors="replace").splitlines() if _struck(line)]
        return Ended(
            status=done.returncode if done.returncode < 128 or done.returncode == 130 else 128 - done.returncode,
            output=done.stdout,
            words=done.stderr,
            fired=struck[0] if struck else None,
            seconds=time.monotonic() - began,
        )

    def heal(self, bench: Bench) -> None:
        """Nothing stands in the way."""


def _struck(line: str) -> bool:
    return "(INJECTED)" in line or "killed by SIGKILL" in line or "--- SIGINT" in line or "--- SIGTERM" in line
