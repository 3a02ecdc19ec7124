"""iptables' programs: which of its two kinds holds a table, and running them.

Rules of iptables live in nf_tables (iptables-nft) or in the kernel's older tables (iptables-legacy). A host can have both.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from enum import Enum
from pathlib import Path

from netwright.backends import own_tasks
from netwright.backends.nfnetlink import NetfilterSocket
from netwright.errors import FirewallError, Missing
from netwright.firewall.foreign import FILTER
from netwright.rtnl.nftables import get_table

LOCK_SECONDS = 30
"""How long to wait for another program that holds iptables' lock."""

_WORDS = {4: "iptables", 6: "ip6tables"}
_NFT_FAMILIES = {4: "ip", 6: "ip6"}
_LEGACY_NAMES = {4: "/proc/thread-self/net/ip_tables_names", 6: "/proc/thread-self/net/ip6_tables_names"}
FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Where the programs are, and nobody but root puts any. PATH comes after them: it may have a user's folder in it, or one that depends on where we are."""


class Variant(Enum):
    """Which tables a program works on."""

    NFT = "nft"
    LEGACY = "legacy"


def variants(family: int, table: str = FILTER) -> tuple[Variant, ...]:
    """Those that have a table of this name in the calling thread's namespace. No program is started."""
    found = []
    with NetfilterSocket() as netfilter:
        if netfilter.get(get_table(_NFT_FAMILIES[family], table)) is not None:
            found.append(Variant.NFT)
    try:
        names = Path(_LEGACY_NAMES[family]).read_text(encoding="ascii").split()
    except OSError:
        names = []
    if table in names:
        found.append(Variant.LEGACY)
    return tuple(found)


def save(family: int, variant: Variant, table: str) -> str:
    """The table as iptables-save prints it. Raises FirewallError, Missing."""
    return _run([program(family, variant, "save"), "-t", table], "")


def restore(family: int, variant: Variant, text: str) -> None:
    """Change a table in one transaction; what `text` does not name stays. Raises FirewallError, Missing."""
    _run([program(family, variant, "restore"), "--noflush", "-w", str(LOCK_SECONDS)], text)


def program(family: int, variant: Variant, verb: str, *, folders: Sequence[str] | None = None) -> str:
    """The path of a program: what the system has in `folders` (FOLDERS), else what PATH has in others. Raises Missing.

    Distributions that ship one kind only may have it under the plain name alone.
    """
    word = _WORDS[family]
    named = os.environ.get("PATH", os.defpath).split(os.pathsep)
    path = os.pathsep.join([*(FOLDERS if folders is None else folders), *(folder for folder in named if Path(folder).is_absolute())])
    for name in (f"{word}-{variant.value}-{verb}", f"{word}-{verb}"):
        if found := shutil.which(name, path=path):
            return found
    raise Missing(f"{word}-{verb} is not there, and rules must be put into a chain of iptables", hint="install the package iptables")


def _run(command: list[str], text: str) -> str:
    try:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            own_tasks.remember(process.pid)
            told, complaint = process.communicate(text)
    except OSError as error:
        raise FirewallError(f"{command[0]} cannot be run: {error.strerror}") from error
    if process.returncode != 0:
        raise FirewallError(f"{Path(command[0]).name} says: {complaint.strip() or f'exit status {process.returncode}'}")
    return told
