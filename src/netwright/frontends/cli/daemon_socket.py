"""Where the daemon listens, and for whom commands ask it: users who are not root, but may use its socket."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from netwright.frontends.cli.privilege import privileged

if TYPE_CHECKING:
    from netwright.frontends.cli.daemon_client import Daemon

SOCKET = "/run/netwright/api.sock"
"""Unless NETWRIGHT_SOCKET says otherwise."""


def socket_path() -> str:
    return os.environ.get("NETWRIGHT_SOCKET") or SOCKET


def daemon_for_user() -> Daemon | None:
    """The daemon, where this user needs it and may use it; None: the command does the work itself, or says that it takes root."""
    if privileged():
        return None
    import socket

    with socket.socket(socket.AF_UNIX) as door:
        try:
            door.connect(socket_path())
        except OSError:
            return None
    from netwright.frontends.cli.daemon_client import Daemon

    return Daemon(socket_path())


def stack_path(stack: str | None) -> str:
    """In the API: of one stack's status, or of all."""
    return "/v1/status" if stack is None else f"/v1/status/{stack}"
