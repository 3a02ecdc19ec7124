"""`netwright daemon`."""

from __future__ import annotations

import importlib

import click

from netwright.frontends.cli import say
from netwright.frontends.cli.daemon_socket import socket_path
from netwright.frontends.cli.privilege import need_root


@click.command(short_help="Keep stacks true.")
@click.option("--group", metavar="GROUP", default="netwright", show_default=True, help="Whose members may use the API, besides root.")
def daemon(*, group: str) -> int:
    """Keep committed stacks true, and serve the API.

    Builds all stacks at boot, and puts back what is undone or has come to mean something else: a container has another address, a
    ruleset was flushed, a link or a namespace is gone. It repairs what is a stack's and nothing else, writes down what it did and why
    ("netwright events"), and backs off where something fights it.

    Runs in the foreground until SIGTERM or Ctrl-C; what it has made stays. SIGHUP: look at everything again. It tells systemd when it
    is ready (Type=notify) and that it is alive (WatchdogSec=).

    \b
    Example: sudo netwright daemon
             sudo systemctl enable --now netwright

    Exit status: 0 stopped; 1 it could not begin.
    """
    need_root("daemon", "changes the host's networks")
    # By its name: front-ends do not know each other, and this one loads an HTTP server.
    service = importlib.import_module("netwright.frontends.daemon.service")
    service.run(socket_path=socket_path(), group=group, told=say.words)
    return 0
