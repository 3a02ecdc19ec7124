"""Who may use the API: root, and the members of one group; the kernel says who is at the other end (unix(7): SO_PEERCRED)."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import socket
from dataclasses import dataclass
from struct import Struct, iter_unpack

from netwright.errors import InvalidValue

GROUP = "netwright"
_SO_PEERGROUPS = 59
"""asm-generic/socket.h: the other end's supplementary groups, as they were when it connected."""
_UCRED = Struct("=iII")
_MOST_BYTES = 1024
"""Python's getsockopt takes no larger buffer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """The process at the other end, when it connected."""

    pid: int
    uid: int
    groups: frozenset[int]


def peer_of(sock: socket.socket) -> Peer:
    """Raises OSError, KeyError."""
    pid, uid, gid = _UCRED.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    try:
        more = frozenset(group for (group,) in iter_unpack("=I", sock.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _MOST_BYTES)))
    except OSError as error:
        if error.errno != errno.ERANGE:
            raise
        # More groups than fit: those that the user has by now.
        more = frozenset(os.getgrouplist(pwd.getpwuid(uid).pw_name, gid))
    return Peer(pid=pid, uid=uid, groups=more | {gid})


def allowed(peer: Peer, group: int | None) -> bool:
    """Root (or whoever the daemon runs as), and the members of the group."""
    return peer.uid in {0, os.geteuid()} or (group is not None and group in peer.groups)


def group_id(name: str) -> int | None:
    """A group's number, by its name or as it is; None: there is no such group, and root alone may use the API. Raises InvalidValue."""
    if name.isdigit():
        return int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        if name != GROUP:
            raise InvalidValue(f"there is no group {name} on this host", hint=f"groupadd --system {name}") from None
        return None
