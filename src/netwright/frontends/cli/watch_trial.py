"""The process that rolls an unconfirmed change back: `apply --confirm` starts it before the change, and leaves it behind.

It belongs to no terminal and no session, so it goes on when the connection over which the change was made is cut off, and when the
process that made it is killed, at whatever moment: then it brings back what was committed, too. Told to end (SIGTERM: a session whose
processes are ended with it, say) it does not leave the change to nobody, but takes it back at once. It does not give up.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import syslog
import time
from contextlib import closing, suppress

import click

from netwright.errors import BackendError, NetwrightError

PATIENCE = 1.0
"""Seconds between two looks at the clock (a machine may be suspended, its clock be set), and whether it was confirmed."""
RETRY = 1.0
LONGEST_RETRY = 60.0
"""Seconds before what could not be taken back is tried again: twice as many each time, up to so many."""
START_SECONDS = 60.0
_READY = b"."


def start_watching(stack: str) -> None:
    """Start the process; it watches, and is nobody's child, when this returns (daemon(7): a session of its own, two forks).

    It learns by a socket when this process has come to its end, in whichever way. Raises BackendError where it does not come up.
    """
    state = os.environ.get("NETWRIGHT_STATE")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        child = os.fork()
    except OSError as error:
        raise _not_started(error.strerror or str(error)) from error
    if child == 0:
        try:
            os.setsid()
            if os.fork() == 0:
                if state:
                    os.environ["NETWRIGHT_STATE"] = os.path.abspath(state)  # noqa: PTH100 - between fork and exec
                nowhere = os.open(os.devnull, os.O_RDWR)
                for descriptor in (0, 1, 2):
                    os.dup2(nowhere, descriptor)
                os.chdir("/")
                os.set_inheritable(theirs.fileno(), True)
                os.execv(sys.executable, [sys.executable, "-m", "netwright", "_watch-trial", stack, "--ends-with", str(theirs.fileno())])  # noqa: S606 - no shell is wanted
        finally:
            os._exit(0)
    theirs.close()
    os.waitpid(child, 0)
    ours.settimeout(START_SECONDS)
    try:
        if ours.recv(1) != _READY:
            raise _not_started("it has ended at once")
    except TimeoutError:
        raise _not_started(f"it has not come up in {START_SECONDS:.0f} seconds") from None
    # Open until this process ends.
    ours.detach()


def _not_started(reason: str) -> BackendError:
    return BackendError(
        f"The process that would take the change back cannot be started: {reason}. Nothing was touched.",
        hint="without --confirm there is no such process; with the daemon (netwright daemon) it is not needed",
    )


class _Journal:
    """A Progress that tells the system's log, for nobody else listens."""

    def phase(self, name: str) -> None: ...

    def planned(self, plan: object) -> None: ...

    def done(self, operations: int) -> None: ...

    def note(self, sentence: str) -> None:
        syslog.syslog(syslog.LOG_WARNING, sentence)


@click.command("_watch-trial", hidden=True)
@click.argument("stack")
@click.option("--ends-with", "end", type=int, required=True, help="The socket whose other end the apply has.")
def watch_trial(stack: str, end: int) -> int:
    """Wait until the change of STACK is due to be confirmed; roll it back if it was not."""
    from netwright.wiring import open_store

    told_to_end: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: told_to_end.append(number))
    syslog.openlog("netwright")
    with suppress(OSError), socket.socket(fileno=os.dup(end)) as apply:
        apply.sendall(_READY)
    over = False
    pause = PATIENCE
    retry = RETRY
    while True:
        if over:
            time.sleep(pause)
        else:
            over = bool(select.select([end], [], [], pause)[0])
        pause = PATIENCE
        try:
            with closing(open_store()) as store:
                trial = store.trials().get(stack)
                begun = stack in store.journals()
                cut_off = over and begun and store.holder() is None
        except NetwrightError:
            # What cannot be read now is tried anew: somebody relies on it.
            continue
        if trial is None and not begun:
            if over:
                return 0
            continue
        left = trial.deadline - time.time() if trial is not None and not told_to_end else 0.0
        if cut_off or (trial is not None and left <= 0):
            pause = 0.0 if _take_back(stack, early=bool(told_to_end), again_in=retry) else retry
            retry = RETRY if pause == 0 else min(2 * retry, LONGEST_RETRY)
        elif trial is not None:
            pause = min(PATIENCE, left)


def _take_back(stack: str, *, early: bool, again_in: float) -> bool:
    """What others have left unfinished goes with it, and stands in nobody's way. False: it has to be tried again."""
    from netwright.wiring import open_engine

    try:
        with open_engine(progress=_Journal()) as engine:
            done = engine.take_back(early=stack if early else None)
    except NetwrightError as error:
        failures: tuple[NetwrightError, ...] = (error,)
    else:
        if stack in done.recovered:
            syslog.syslog(syslog.LOG_WARNING, f"The change of {stack} was cut short, and was taken back.")
        if stack in done.expired:
            syslog.syslog(syslog.LOG_WARNING, f"{stack} was not confirmed in time, and was rolled back.")
        failures = done.failures
        if not failures or stack in (*done.recovered, *done.expired):
            return True
    for failure in failures:
        syslog.syslog(syslog.LOG_ERR, f"Taking back the change of {stack} is tried again in {again_in:.0f} seconds: {failure}")
    return False
