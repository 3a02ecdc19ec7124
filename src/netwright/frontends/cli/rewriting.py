"""A stack's file on disk, changed together with what is committed."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from netwright.errors import NetwrightError, Refused
from netwright.frontends.cli.arguments import read_document
from netwright.revising.publication import Base

MARK = b"\xef\xbb\xbf"
"""A byte order mark in UTF-8."""


@dataclass(frozen=True, slots=True)
class Original:
    """A file that can be written; what it says is known."""

    base: Base
    path: Path

    def write(self, text: str) -> None:
        """In one step, with the file's owner and mode. Raises NetwrightError."""
        encoded = text.encode()
        try:
            there, mark = self._present()
            descriptor, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
            try:
                # By its descriptor: whoever the folder belongs to could put a link to another file in the place of its name.
                with os.fdopen(descriptor, "wb") as new:
                    new.write(mark + encoded)
                    with suppress(PermissionError):
                        os.fchown(new.fileno(), there.st_uid, there.st_gid)
                    os.fchmod(new.fileno(), stat.S_IMODE(there.st_mode))
                    new.flush()
                    os.fsync(new.fileno())
                Path(name).replace(self.path)
                folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    os.fsync(folder)
                finally:
                    os.close(folder)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise NetwrightError(
                f"It is done and kept in the stack, but {self.path} could not be changed: {error.strerror}.",
                hint="change the file by hand: what it lacks the next apply of it takes away",
            ) from error

    def _present(self) -> tuple[os.stat_result, bytes]:
        """Whose the file is, and the byte order mark that it begins with. A link that has come in its place is not followed. Raises OSError."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            return os.fstat(descriptor), MARK if file.read(len(MARK)) == MARK else b""


def open_original(name: str) -> Original:
    """Raises SpecError (the file), Refused (it cannot be written)."""
    if name == "-":
        raise Refused("Standard input cannot be changed.", hint="name the file")
    document = read_document(name)
    path = Path(name).resolve()
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        raise Refused(f"{name} cannot be changed: permission denied.", hint="leave out --write, and change it by hand")
    return Original(Base(stack=document.spec.name, text=document.text, source=name), path)
