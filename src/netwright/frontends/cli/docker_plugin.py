"""`netwright docker-plugin`."""

from __future__ import annotations

import importlib

import click

from netwright.frontends.cli import say
from netwright.frontends.cli.privilege import need_root


@click.command("docker-plugin")
@click.option(
    "--socket", "socket_path", metavar="PATH", help="Where to listen; /run/docker/plugins/netwright.sock if absent.", type=click.Path()
)
@click.option(
    "--spec",
    "spec_path",
    metavar="FILE",
    help="Write the socket's address there for Docker to find, e.g. /etc/docker/plugins/netwright.spec.",
    type=click.Path(),
)
@click.option("--list", "listing", is_flag=True, help="Print the driver's networks, addresses and ports, and exit.")
def docker_plugin(*, socket_path: str | None, spec_path: str | None, listing: bool) -> int:
    """Be Docker's network and IPAM driver "netwright".

    Runs in the foreground until SIGTERM or Ctrl-C, and tells systemd when it is ready (Type=notify). Networks, containers and
    published ports stay as they are while it is away; only what Docker wants to change then waits, or fails.

    \b
    Example: sudo netwright docker-plugin &
             docker network create -d netwright --ipam-driver netwright -o netwright.from=10.0.0.0/16 shop
             docker run -d --network shop -p 8080:80 web

    Exit status: 0 stopped; 1 it could not begin.
    """
    if listing:
        from netwright.dockerdriver.overview import overview
        from netwright.wiring import open_driver_store

        say.data(overview(open_driver_store().load()))
        return 0
    need_root("docker-plugin", "makes bridges and interfaces")
    # By its name: front-ends do not know each other, and this one loads an HTTP server.
    service = importlib.import_module("netwright.frontends.docker_plugin.service")
    service.run(socket_path=socket_path or service.SOCKET, spec_path=spec_path, told=say.words)
    return 0
