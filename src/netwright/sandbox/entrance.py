"""Entering a throw-away host from outside, and starting a program there. Standard library only: it starts in 30 ms.

The throw-away host is named by the process that waits for it outside (see `throwaway`): its namespaces are the host's.
As a program: `python -I -S -c PROGRAM PID NAMESPACE COMMAND…`, where an empty NAMESPACE is the host itself.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from netwright.sandbox import kernel

END = signal.SIGRTMIN
"""Ends the command as SIGKILL would. To kill the starter itself would leave the command, dead, for the machine's init to bury."""

_FORWARDED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


def command(keeper: int, namespace: str, arguments: Sequence[str]) -> list[str]:
    """What starts `arguments` in `namespace` of the throw-away host that the process `keeper` waits for."""
    package = str(Path(__file__).parents[2])
    program = f"import sys; sys.path.insert(0, {package!r}); from netwright.sandbox.entrance import main; main()"
    return [sys.executable, "-I", "-S", "-c", program, str(keeper), namespace, *arguments]


def enter(keeper: int, namespace: str) -> None:
    """Move the calling process, which has one thread, to the throw-away host; its children are born among its processes.

    Raises OSError (ENOENT where there is no such namespace).
    """
    folder = os.getcwd()  # noqa: PTH109 - pathlib would be an import more
    spaces = f"/proc/{keeper}/ns"
    kinds = {"user": kernel.CLONE_NEWUSER, "mnt": kernel.CLONE_NEWNS, "net": kernel.CLONE_NEWNET, "pid_for_children": kernel.CLONE_NEWPID}
    opened = {kind: os.open(f"{spaces}/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in kinds}
    for name, kind in kinds.items():
        # The kernel refuses to enter the user namespace that one is in.
        if name != "user" or not Path(spaces, "user").samefile("/proc/self/ns/user"):
            kernel.setns(opened[name], kind)
        os.close(opened[name])
    with contextlib.suppress(OSError):
        os.chdir(folder)
    if namespace:
        fd = os.open(f"/run/netns/{namespace}", os.O_RDONLY | os.O_CLOEXEC)
        kernel.setns(fd, kernel.CLONE_NEWNET)
        os.close(fd)
        _furnish(namespace)


def _furnish(namespace: str) -> None:
    """As ip-netns(8) does: a /sys that shows this namespace, and its own files in /etc."""
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_SLAVE)
    with contextlib.suppress(OSError):
        kernel.mount("sysfs", "/sys", "sysfs", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    own = Path("/etc/netns", namespace)
    for file in own.iterdir() if own.is_dir() else ():
        with contextlib.suppress(OSError):
            kernel.mount(str(file), f"/etc/{file.name}", "", kernel.MS_BIND)


def main() -> NoReturn:
    """The program. Its end is the command's: the same exit status, or the same signal; 127 where it cannot be started."""
    keeper, namespace, *arguments = sys.argv[1:]
    try:
        enter(int(keeper), namespace)
    except OSError as error:
        sys.stderr.write(f"netwright: entering {namespace or 'the host'} of the lab: {error.strerror}\n")
        os._exit(126)
    child = os.fork()
    if child == 0:
        kernel.die_with_parent()
        # Python ignores these two, and what is ignored stays so for the command.
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        try:
            os.execvp(arguments[0], arguments)  # noqa: S606 - no shell is wanted
        except OSError as error:
            sys.stderr.write(f"netwright: {arguments[0]}: {error.strerror}\n")
        os._exit(127)

    def forward(number: int, _frame: FrameType | None) -> None:
        os.kill(child, signal.SIGKILL if number == END else number)

    for number in (*_FORWARDED, END):
        signal.signal(number, forward)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        ended = os.WTERMSIG(status)
        if ended != signal.SIGKILL:
            signal.signal(ended, signal.SIG_DFL)
        os.kill(os.getpid(), ended)
    os._exit(os.waitstatus_to_exitcode(status))
