"""Who asks: the process, the user behind it, and the SSH session that it belongs to, from /proc (proc(5)).

sudo(8) drops SSH_CONNECTION, and a multiplexer's shells keep that of a session long gone. So it is looked for in the environments of the
ancestors, and believed only where the kernel has such a connection now, in this process's network namespace. What an ancestor that is an
SSH server has open counts as well.
"""

from __future__ import annotations

import ipaddress
import os
import pwd
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from netwright.model.address import canonical
from netwright.model.caller import Caller, Connection

_PROC = Path("/proc")
_ESTABLISHED = "01"
"""include/net/tcp_states.h: TCP_ESTABLISHED, as /proc/net/tcp has it."""
_NOBODY = 0xFFFFFFFF
"""A login uid that was never set."""
_SERVERS = ("sshd", "dropbear")
"""What SSH servers call themselves, at the beginning (OpenSSH since 9.8: sshd-session)."""
_ROAMING = "mosh-server"
"""Of mosh(1), likewise: the connection that began it is gone, and its UDP socket has no peer that the kernel knows."""
_SHARED = ("TMUX", "STY")
"""In the environment of what runs in tmux(1) or screen(1): nobody can tell by which of the sessions it is watched."""
_LONGEST_COMMAND = 500


def this_process() -> Caller:
    """The process that this runs in."""
    return caller_of(os.getpid(), os.getuid(), _own_command())


def caller_of(pid: int, uid: int, command: str) -> Caller:
    """A process that asks over a socket, say. What cannot be read (it is gone, or not ours to look at) is left out."""
    login_uid = _login_uid(pid)
    sudo_user = _environment(pid).get("SUDO_USER", "")
    return Caller(
        pid=pid,
        uid=uid,
        user=_user(uid),
        sudo_user=_printable(sudo_user),
        login_uid=login_uid,
        login_user=_user(login_uid) if login_uid is not None else "",
        command=_printable(command)[:_LONGEST_COMMAND],
        connections=connections_of(pid),
    )


def program_of(pid: int) -> str:
    """A process's name for itself (proc(5): comm). Not its arguments: others put secrets there."""
    with suppress(OSError):
        return _printable((_PROC / str(pid) / "comm").read_text(encoding="utf-8", errors="replace").strip())
    return ""


def connections_of(pid: int) -> tuple[Connection, ...]:
    """The connections of the SSH session that the process belongs to: one, or none. In tmux or screen: of all sessions.

    Of a mosh session: its UDP ports, with the client as it was when it began.
    """
    told: list[Connection] = []
    sockets: set[int] = set()
    roaming: set[int] = set()
    shared = False
    for ancestor in _ancestors(pid):
        environment = _environment(ancestor)
        shared = shared or any(name in environment for name in _SHARED)
        if not told and (connection := _parse(environment.get("SSH_CONNECTION", ""))) is not None:
            told.append(connection)
        if not sockets and program_of(ancestor).startswith(_SERVERS):
            sockets = _sockets(ancestor)
        if program_of(ancestor) == _ROAMING:
            roaming |= _sockets(ancestor)
    if shared:
        told = [one for other in _processes() if (one := _parse(_environment(other).get("SSH_CONNECTION", ""))) is not None]
    if not told and not sockets:
        return ()
    found = {one for one, inode in _established() if one in told or inode in sockets}
    ports = {port for port, inode in _udp_ports() if inode in roaming} if roaming else set()
    found |= {replace(one, port=port, client_port=0, protocol="udp") for one in told[:1] for port in ports}
    return tuple(sorted(found))


def _own_command() -> str:
    """Netwright's own arguments hold no secrets. Of another program that uses it, its name."""
    path = Path(sys.argv[0] or "python")
    own = path.name == "netwright" or path.parts[-2:] == ("netwright", "__main__.py")
    return " ".join(["netwright", *sys.argv[1:]]) if own else path.name


def _ancestors(pid: int) -> Iterator[int]:
    """The process, its parent, and so on."""
    while pid > 0:
        yield pid
        try:
            # Behind the name, which may have anything in it.
            pid = int((_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return


def _processes() -> Iterator[int]:
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            yield int(entry.name)


def _environment(pid: int) -> dict[str, str]:
    """As the process was started with."""
    try:
        data = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return {}
    return {name: value for name, _, value in (entry.partition("=") for entry in data.decode(errors="replace").split("\0")) if name}


def _parse(text: str) -> Connection | None:
    """sshd(8): SSH_CONNECTION, the client's address and port, then the server's."""
    words = text.split(" ")
    try:
        client, client_port, address, port = words
        return Connection(address=_ip(address), port=int(port), client=_ip(client), client_port=int(client_port))
    except ValueError:
        return None


def _ip(text: str) -> str:
    """Without the zone; IPv4 in IPv6 as IPv4. Raises ValueError."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return canonical(address)


def _sockets(pid: int) -> set[int]:
    """The inodes of the sockets that a process has open."""
    found = set()
    with suppress(OSError):
        for entry in (_PROC / str(pid) / "fd").iterdir():
            with suppress(OSError):
                kind, _, number = str(entry.readlink()).partition(":")
                if kind == "socket":
                    found.add(int(number.strip("[]")))
    return found


def _established() -> Iterator[tuple[Connection, int]]:
    """The TCP connections of this thread's network namespace, with the inodes of their sockets (proc_net_tcp.rst)."""
    for name in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (_PROC / "thread-self" / "net" / name).read_text(encoding="ascii").splitlines()[1:]:
                _, local, remote, state, _, _, _, _, _, inode, *_ = line.split()
                if state == _ESTABLISHED:
                    (address, port), (client, client_port) = _endpoint(local), _endpoint(remote)
                    yield Connection(address=address, port=port, client=client, client_port=client_port), int(inode)


def _udp_ports() -> Iterator[tuple[int, int]]:
    """The UDP sockets of this thread's network namespace: port and inode."""
    for name in ("udp", "udp6"):
        with suppress(OSError):
            for line in (_PROC / "thread-self" / "net" / name).read_text(encoding="ascii").splitlines()[1:]:
                words = line.split()
                yield int(words[1].partition(":")[2], 16), int(words[9])


def _endpoint(text: str) -> tuple[str, int]:
    """`0100007F:0016`: words of four bytes as the machine has them, and the port."""
    words, _, port = text.partition(":")
    data = b"".join(int(words[start : start + 8], 16).to_bytes(4, sys.byteorder) for start in range(0, len(words), 8))
    return _ip(socket.inet_ntop(socket.AF_INET if len(data) == 4 else socket.AF_INET6, data)), int(port, 16)


def _login_uid(pid: int) -> int | None:
    try:
        number = int((_PROC / str(pid) / "loginuid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return None if number == _NOBODY else number


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
