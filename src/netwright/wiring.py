"""The one module that names backends: here an Engine is put together from its parts."""

from __future__ import annotations

import os

from netwright.backends.conntrack import Conntrack
from netwright.backends.docker import DockerEngine
from netwright.backends.files import NetnsFiles
from netwright.backends.iptables import Iptables
from netwright.backends.netlink import NetlinkKernel
from netwright.backends.nft import Nft
from netwright.backends.store import SqliteStore
from netwright.backends.world import LiveWorld
from netwright.engine.engine import Engine
from netwright.engine.outcome import Progress, Silent

STATE_FOLDER = "/var/lib/netwright"
"""Where the database is, unless NETWRIGHT_STATE says otherwise."""


def state_folder() -> str:
    """Where this process keeps its memory."""
    return os.environ.get("NETWRIGHT_STATE") or STATE_FOLDER


def open_world() -> LiveWorld:
    """The kernel, nftables, Docker and /etc/netns of the namespaces that this process runs in. Nothing is opened before it is used."""
    return LiveWorld(
        kernel=NetlinkKernel(), tables=Nft(), chains=Iptables(), conntrack=Conntrack(), docker=DockerEngine(), files=NetnsFiles()
    )


def open_store(folder: str | None = None) -> SqliteStore:
    """The database. Raises NetwrightError if it cannot be opened."""
    return SqliteStore(folder or state_folder())


def open_engine(*, progress: Progress | None = None, state_folder: str | None = None) -> Engine:
    """An Engine over the real host; close it, or use it in a `with`."""
    return Engine(open_world(), open_store(state_folder), progress or Silent())
