"""A stack's file on disk, changed together with what is committed."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from netwright.errors import NetwrightError, Refused
from netwright.frontends.cli.arguments import read_document
from netwright.revising.publication import Base


@dataclass(frozen=True, slots=True)
class Original:
    """A file that can be written; what it says is known."""

    base: Base
    path: Path

    def write(self, text: str) -> None:
        """In one step, with the file's owner and mode. Raises NetwrightError."""
        encoded = text.encode()
        try:
            mark = b"\xef\xbb\xbf" if self.path.read_bytes().startswith(b"\xef\xbb\xbf") else b""
            descriptor, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
            try:
                with os.fdopen(descriptor, "wb") as new:
                    new.write(mark + encoded)
                    new.flush()
                    os.fsync(new.fileno())
                shutil.copymode(self.path, name)
                there = self.path.stat()
                with suppress(PermissionError):
                    os.chown(name, there.st_uid, there.st_gid)
                Path(name).replace(self.path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise NetwrightError(
                f"It is done and kept in the stack, but {self.path} could not be changed: {error.strerror}.",
                hint="change the file by hand: what it lacks the next apply of it takes away",
            ) from error


def open_original(name: str) -> Original:
    """Raises SpecError (the file), Refused (it cannot be written)."""
    if name == "-":
        raise Refused("Standard input cannot be changed.", hint="name the file")
    document = read_document(name)
    path = Path(name).resolve()
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        raise Refused(f"{name} cannot be changed: permission denied.", hint="leave out --write, and change it by hand")
    return Original(Base(stack=document.spec.name, text=document.text, source=name), path)
