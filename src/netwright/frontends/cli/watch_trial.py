"""The process that rolls an unconfirmed change back: `apply --confirm` starts it before the change, and leaves it behind.

It belongs to no terminal and no session, so it goes on when the connection over which the change was made is cut off, and when the
process that made it is killed, at whatever moment: then it brings back what was committed, too.
"""

from __future__ import annotations

import os
import select
import sys
import syslog
import time
from contextlib import closing, suppress

import click

from netwright.errors import NetwrightError

PATIENCE = 1.0
"""Seconds between two looks at the clock (a machine may be suspended, its clock be set), and whether it was confirmed."""
RETRY = 5.0
ATTEMPTS = 60


def start_watching(stack: str) -> None:
    """Start the process; it is nobody's child when this returns (daemon(7): a session of its own, two forks).

    It learns by a pipe when this process has come to its end, in whichever way.
    """
    state = os.environ.get("NETWRIGHT_STATE")
    theirs, _ours = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.setsid()
            if os.fork() == 0:
                if state:
                    os.environ["NETWRIGHT_STATE"] = os.path.abspath(state)  # noqa: PTH100 - between fork and exec
                nowhere = os.open(os.devnull, os.O_RDWR)
                for descriptor in (0, 1, 2):
                    os.dup2(nowhere, descriptor)
                os.chdir("/")
                os.set_inheritable(theirs, True)
                os.execv(sys.executable, [sys.executable, "-m", "netwright", "_watch-trial", stack, "--ends-with", str(theirs)])  # noqa: S606 - no shell is wanted
        finally:
            os._exit(0)
    os.close(theirs)
    os.waitpid(child, 0)


@click.command("_watch-trial", hidden=True)
@click.argument("stack")
@click.option("--ends-with", "pipe", type=int, required=True, help="The pipe whose other end the apply has.")
def watch_trial(stack: str, pipe: int) -> int:
    """Wait until the change of STACK is due to be confirmed; roll it back if it was not."""
    from netwright.wiring import open_store

    over = False
    pause = 0.0
    while True:
        if over:
            time.sleep(pause)
        else:
            over = bool(select.select([pipe], [], [], PATIENCE)[0])
        pause = PATIENCE
        # What cannot be read now is tried anew: somebody relies on it.
        with suppress(NetwrightError), closing(open_store()) as store:
            cut_off = over and stack in store.journals() and store.holder() is None
            trial = store.trials().get(stack)
            if cut_off or (trial is not None and trial.deadline <= time.time()):
                return _bring_back(stack)
            if over and trial is None and stack not in store.journals():
                return 0
            if trial is not None:
                pause = min(PATIENCE, max(trial.deadline - time.time(), 0.0))


def _bring_back(stack: str) -> int:
    from netwright.engine.outcome import Silent
    from netwright.wiring import open_engine

    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(RETRY)
        try:
            with open_engine(progress=Silent()) as engine:
                recovered = engine.recover()
                rolled_back = engine.expire_trials()
        except NetwrightError as error:
            syslog.syslog(syslog.LOG_ERR, f"netwright: {stack} was not confirmed in time, and rolling back failed: {error}")
            continue
        if stack in recovered:
            syslog.syslog(syslog.LOG_WARNING, f"netwright: the change of {stack} was cut short, and was taken back")
        elif stack in rolled_back:
            syslog.syslog(syslog.LOG_WARNING, f"netwright: {stack} was not confirmed in time, and was rolled back")
        return 0
    return 1
