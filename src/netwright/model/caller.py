"""Who asks for a change, and over what: what a change is checked against, and what is written down of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Connection:
    """What somebody works on this host by: where it came in, and from where. UDP: of mosh(1)."""

    address: str
    port: int
    client: str
    client_port: int
    """0: not known."""
    protocol: str = "tcp"

    @property
    def session(self) -> str:
        """What it is called."""
        return "the SSH session" if self.protocol == "tcp" else "the mosh session"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The process that asks."""

    pid: int
    uid: int
    user: str = ""
    """The name of `uid`; empty: it has none."""
    sudo_user: str = ""
    """Who became `uid` by sudo(8), as its environment says."""
    login_uid: int | None = None
    """Who logged in (proc(5): loginuid), whoever they became since; None: nobody did, it is a service."""
    login_user: str = ""
    command: str = ""
    """Netwright's command line, or another program's name."""
    connections: tuple[Connection, ...] = ()
    """Of the SSH or mosh session that it belongs to."""
