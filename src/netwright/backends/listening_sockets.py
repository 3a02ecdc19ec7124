"""Which processes listen on a port of the host: what comes to a published port from outside does not reach them.

/proc/net (proc_pid_net(5)): of the network namespace of the thread that reads it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from netwright.model.listening import Listening

_STATES = {"tcp": "0A", "udp": "07"}
"""include/net/tcp_states.h: TCP_LISTEN; and TCP_CLOSE, which a UDP socket without a peer is in."""


def listening(protocol: str, first: int, last: int) -> tuple[Listening, ...]:
    """Sockets of the host with a port from `first` to `last`; of SCTP none is looked for."""
    found = list(_sockets(protocol, first, last))
    names = _owners({inode for _, _, inode in found}) if found else {}
    return tuple(sorted({Listening(address=address, port=port, process=names.get(inode, "")) for address, port, inode in found}, key=str))


def _sockets(protocol: str, first: int, last: int) -> Iterator[tuple[str, int, str]]:
    for name in (protocol, f"{protocol}6") if protocol in _STATES else ():
        with suppress(OSError):
            for line in Path(f"/proc/thread-self/net/{name}").read_text(encoding="ascii").splitlines()[1:]:
                words = line.split()
                address, _, port = words[1].partition(":")
                if words[3] == _STATES[protocol] and first <= int(port, 16) <= last:
                    yield _address(address), int(port, 16), words[9]


def _address(digits: str) -> str:
    """Words of 32 bits, each in the machine's order (net/ipv4/tcp_ipv4.c: get_tcp4_sock)."""
    packed = b"".join(bytes.fromhex(digits[at : at + 8])[::-1] for at in range(0, len(digits), 8))
    return str(ipaddress.ip_address(packed))


def _owners(inodes: set[str]) -> dict[str, str]:
    """Inode → `nginx (pid 812)`, as far as this process may look."""
    names = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            for descriptor in (entry / "fd").iterdir():
                with suppress(OSError):
                    target = str(descriptor.readlink())
                    if target.startswith("socket:[") and (inode := target[8:-1]) in inodes:
                        comm = (entry / "comm").read_text(encoding="utf-8", errors="replace").rstrip("\n")
                        names[inode] = f"{comm} (pid {entry.name})"
    return names
