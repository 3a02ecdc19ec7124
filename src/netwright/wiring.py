"""The one module that names backends: here an Engine is put together from its parts."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from netwright.backends.caller import caller_of, program_of, this_process
from netwright.backends.conntrack import Conntrack
from netwright.backends.docker import DockerEngine
from netwright.backends.driver_store import DriverStore
from netwright.backends.files import NetnsFiles
from netwright.backends.iptables import Iptables
from netwright.backends.netlink import NetlinkKernel
from netwright.backends.new_folder import make_readable
from netwright.backends.nft import Nft
from netwright.backends.service import notify, only_one
from netwright.backends.store import SqliteStore
from netwright.backends.world import LiveWorld
from netwright.dockerdriver.conflicts import Claim, claims_of
from netwright.dockerdriver.records import PORTS_STACK, STACK
from netwright.engine.engine import Engine
from netwright.engine.outcome import Progress, Silent

if TYPE_CHECKING:
    from netwright.model.caller import Caller
    from netwright.model.listening import Listening
    from netwright.model.notice import Notice
    from netwright.ports import Listener, Log

__all__ = [
    "default_folder",
    "driver_folder",
    "listening_on_host",
    "make_readable",
    "notify",
    "only_one",
    "open_docker",
    "open_driver_store",
    "open_engine",
    "open_listener",
    "open_log",
    "open_store",
    "open_world",
    "peer_caller",
    "state_folder",
    "this_process",
]

STATE_FOLDER = "/var/lib/netwright"
"""Where the database is, unless NETWRIGHT_STATE says otherwise."""


def state_folder() -> str:
    """Where this process keeps its memory."""
    return os.environ.get("NETWRIGHT_STATE") or STATE_FOLDER


default_folder = state_folder
"""By a name that no parameter has."""


def driver_folder(folder: str | None = None) -> str:
    """Where Netwright as Docker's driver keeps its memory, and the stack of its networks."""
    return f"{folder or state_folder()}/docker-plugin"


def open_driver_store(folder: str | None = None) -> DriverStore:
    """What Docker has told its driver netwright. Nothing is made before there is something to remember."""
    return DriverStore(driver_folder(folder))


def open_docker() -> DockerEngine:
    """The engine as it tells of itself, without what Netwright knows of its own networks there."""
    return DockerEngine()


def open_world(folder: str | None = None) -> LiveWorld:
    """The kernel, nftables, Docker and /etc/netns of the namespaces that this process runs in. Nothing is opened before it is used."""
    return LiveWorld(
        kernel=NetlinkKernel(),
        tables=Nft(),
        chains=Iptables(),
        conntrack=Conntrack(),
        docker=DockerEngine(driver_records=open_driver_store(folder).load),
        files=NetnsFiles(),
    )


def open_store(folder: str | None = None) -> SqliteStore:
    """The database. Raises NetwrightError if it cannot be opened."""
    return SqliteStore(folder or state_folder())


def _driver_claims(folder: str | None) -> tuple[Claim, ...]:
    with closing(open_driver_store(folder)) as memory:
        return claims_of(memory.load())


def open_engine(*, progress: Progress | None = None, state_folder: str | None = None, caller: Caller | None = None) -> Engine:
    """An Engine over the real host; close it, or use it in a `with`. `caller`: who asks, if it is not this process."""
    # The driver's own stacks are kept elsewhere, and their marks are of these names.
    reserved = frozenset({STACK, PORTS_STACK})
    store = SqliteStore(state_folder or default_folder(), reserved=reserved, claims=partial(_driver_claims, state_folder))
    return Engine(open_world(state_folder), store, progress or Silent(), caller or this_process())


def peer_caller(pid: int, uid: int, request: str) -> Caller:
    """The process at the other end of a unix socket, as one that asks; `request`: what for."""
    return caller_of(pid, uid, f"{program_of(pid)}: {request}")


def listening_on_host(protocol: str, first: int, last: int) -> tuple[Listening, ...]:
    """Who listens on these ports of the host."""
    from netwright.backends.listening_sockets import listening  # noqa: PLC0415 - one command's alone

    return listening(protocol, first, last)


def open_listener(tell: Callable[[Sequence[Notice]], None], *, folder: str | None = None) -> Listener:
    """Tells, from threads of its own, what happens on this host. Raises KernelError."""
    from netwright.backends.listening import Listener  # noqa: PLC0415 - the daemon's alone

    return Listener(tell, state_folder=folder or state_folder())


def open_log(folder: str | None = None) -> Log:
    """What the daemon did, beside the database."""
    from netwright.backends.event_log import EventLog  # noqa: PLC0415 - the daemon's alone, and `netwright events`'

    return EventLog(folder or state_folder())
