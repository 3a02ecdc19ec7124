"""The process that rolls an unconfirmed change back: `apply --confirm` leaves it behind.

It belongs to no terminal and no session, so it goes on when the connection over which the change was made is cut off.
"""

from __future__ import annotations

import os
import sys
import syslog
import time

import click

from netwright.errors import NetwrightError

PATIENCE = 5.0
"""Seconds between two looks at the clock (a machine may be suspended, its clock be set), and between two attempts."""
ATTEMPTS = 60


def start_watching(stack: str, deadline: float) -> None:
    """Start the process; it is nobody's child when this returns (daemon(7): a session of its own, two forks)."""
    state = os.environ.get("NETWRIGHT_STATE")
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
                os.execv(sys.executable, [sys.executable, "-m", "netwright", "_watch-trial", stack, "--until", repr(deadline)])  # noqa: S606 - no shell is wanted
        finally:
            os._exit(0)
    os.waitpid(child, 0)


@click.command("_watch-trial", hidden=True)
@click.argument("stack")
@click.option("--until", type=float, required=True, help="Seconds since the epoch.")
def watch_trial(stack: str, until: float) -> int:
    """Sleep until the change of STACK is due to be confirmed; roll it back if it was not."""
    while (left := until - time.time()) > 0:
        time.sleep(min(left, PATIENCE))
    from netwright.engine.outcome import Silent
    from netwright.wiring import open_engine

    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PATIENCE)
        try:
            with open_engine(progress=Silent()) as engine:
                rolled_back = engine.expire_trials()
        except NetwrightError as error:
            syslog.syslog(syslog.LOG_ERR, f"netwright: {stack} was not confirmed in time, and rolling back failed: {error}")
            continue
        if stack in rolled_back:
            syslog.syslog(syslog.LOG_WARNING, f"netwright: {stack} was not confirmed in time, and was rolled back")
        return 0
    return 1
