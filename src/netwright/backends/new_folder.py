"""Folders that are made here: for everybody to look into, or for nobody else; whatever the umask of the caller is."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from netwright.errors import BackendError, Refused

STATE_FILES = frozenset({"state.db", "lock", "daemon.lock", "events.log", "events.log.1", "docker-plugin", "plugin.lock"})
"""What a folder of the state has in it, besides SQLite's files beside its database."""
DATABASES = frozenset({"state.db", "records.db"})


def make_readable(folder: Path) -> None:
    """Make it, and the folders above it that are missing: root's, mode 0755. One that is there stays as it is. Raises OSError."""
    for missing in _missing(folder):
        with suppress(FileExistsError):
            missing.mkdir(mode=0o755)
            missing.chmod(0o755)
    if not folder.is_dir():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder))


def make_private(folder: Path) -> None:
    """Make it, and the folders above it that are missing: ours, mode 0700. One that is there and others may look into is closed to them.

    Raises OSError; Refused where it is, or may at any time become, somebody else's, and where closing it would shut others out of their own.
    """
    for missing in _missing(folder):
        with suppress(FileExistsError):
            missing.mkdir(mode=0o700)
            missing.chmod(0o700)
    link = folder.lstat()
    if stat.S_ISLNK(link.st_mode):
        _refuse_strangers(folder, link.st_uid, "is a link that belongs")
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        _refuse_strangers(folder, found.st_uid, "belongs")
        if not found.st_mode & 0o077 or found.st_uid != os.geteuid():
            return
        names = {entry.name for entry in folder.iterdir()}
        if not names & DATABASES and (others := sorted(names - STATE_FILES)):
            raise Refused(
                f"{folder} cannot be the folder of the state: others may look into it, and there is more in it ({others[0]}). Nothing was touched.",
                hint="set NETWRIGHT_STATE to a folder of its own",
            )
        os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)


ANOTHER_FOLDER = "run as root, or set NETWRIGHT_STATE to a folder that you may write to and that has room"


def unusable(folder: Path, reason: str, hint: str = ANOTHER_FOLDER) -> BackendError:
    return BackendError(f"The state folder {folder} cannot be used: {reason}.", hint=hint)


def _missing(folder: Path) -> list[Path]:
    """The topmost first."""
    return [one for one in reversed((folder, *folder.parents)) if not os.path.lexists(one)]


def _refuse_strangers(folder: Path, owner: int, what: str) -> None:
    if owner not in {0, os.geteuid()}:
        raise Refused(
            f"The folder of the state, {folder}, {what} to another user (number {owner}): what is remembered there cannot be trusted. "
            "Nothing was touched.",
            hint=f"look at what it is; then remove it, give it to root (chown -hR root {folder}), or set NETWRIGHT_STATE to another folder",
        )
