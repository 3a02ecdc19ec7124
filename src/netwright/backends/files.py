"""The files below /etc/netns: what ip-netns(8) and `netwright exec` put over /etc for a command in a namespace.

    /etc/netns/
      NAME/resolv.conf           a namespace's own file; its first line is `# netwright:STACK`
      NAME/hosts                 a symbolic link, ../.netwright/STACK/hosts, where the content is SHARED_FILE
      .netwright/STACK/hosts     a file of the whole stack: in the model it stands among the host's files

A thousand namespaces with the same thousand names are one file and a thousand links, and one more name is one write. A bind
mount follows the link, so `ip netns exec` does not see the difference. A file is replaced by rename(2): whoever opens it
has the old or the new one; a command that runs already keeps the one it was started with, as with every bind mount.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from netwright.backends.new_folder import make_readable
from netwright.errors import BackendError, NetwrightError, Refused
from netwright.model.names import OWNER_PREFIX, SHARED_FILE, SHARED_FOLDER
from netwright.model.netns import HOST, NetnsKind, NetnsRef
from netwright.model.operation import AnyOperation, RemoveFile, WriteFile
from netwright.ports import OperationFailed

MARK = f"# {OWNER_PREFIX}"
"""The beginning of the first line of a file that is ours; the stack's name follows."""

SHARED = SHARED_FOLDER


class NetnsFiles:
    """The files of all namespaces. The folder is made when there is something to write.

    `observe` comes before `execute`: an operation does not say which stack it is for, so it is for the one observed last.
    """

    HANDLES: ClassVar[tuple[type[AnyOperation], ...]] = (WriteFile, RemoveFile)
    """The operations that `execute` takes."""

    def __init__(self, folder: str = "/etc/netns") -> None:
        self._folder = folder
        self._stack = ""

    def observe(self, namespaces: frozenset[NetnsRef], stack: str) -> dict[NetnsRef, dict[str, str]]:
        """The stack's files in those namespaces: name → content, SHARED_FILE for what is a link to a file of the whole stack.

        Somebody else's files are left out; a file of the whole stack is found with the host. Raises BackendError.
        """
        self._stack = stack
        found = {}
        for ref in namespaces:
            if ref == HOST:
                found[ref] = self._read(f"{SHARED}/{stack}", owned=True)
            elif ref.kind is NetnsKind.NAMED:
                found[ref] = self._read(ref.name, owned=False)
        return found

    def execute(self, operations: Sequence[AnyOperation], done: Callable[[int], None]) -> None:
        """Do them one by one. What a RemoveFile names and is gone, or is no file of ours any more, is done at once.

        Raises OperationFailed: with a Refused where somebody else's file is in the way, with a BackendError for the rest.
        """
        emptied: set[Path] = set()
        for operation in operations:
            try:
                match operation:
                    case WriteFile():
                        self._write(operation.netns, operation.name, operation.content)
                    case RemoveFile():
                        emptied |= self._remove(operation.netns, operation.name)
                    case _:
                        raise TypeError(f"a {type(operation).__name__} is nothing that is done to a file")
            except NetwrightError as error:
                raise OperationFailed(operation, error) from error
            except OSError as error:
                cause = _explained(error, "written")
                raise OperationFailed(operation, cause) from error
            done(1)
        # What is made anew by the next run may be lost with the power; what is gone must not come back.
        for folder in emptied:
            _keep_names(folder)

    def _read(self, place: str, *, owned: bool) -> dict[str, str]:
        files = {}
        folder = f"{self._folder}/{place}"
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if _BESIDE.fullmatch(entry.name):
                        # A crash has left it. Nobody wants a file of this name: so it is removed.
                        files[entry.name] = ""
                        continue
                    content = _content(entry.path)
                    if content is not None and not entry.name.startswith(".") and (owned or _owner(content) == self._stack):
                        files[entry.name] = SHARED_FILE if content.startswith(_LINK) else content
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            raise _explained(error, "read") from error
        return files

    def _write(self, netns: NetnsRef, name: str, content: str) -> None:
        path = self._path(netns, name)
        try:
            self._put(netns, name, content, path)
        except BaseException:
            # What is half made stands in nobody's way, and still is nobody's.
            with suppress(OSError):
                _beside(path).unlink(missing_ok=True)
                self._remove_empty_folders(path)
            raise

    def _put(self, netns: NetnsRef, name: str, content: str, path: str) -> None:
        make_readable(Path(path).parent)
        if content == SHARED_FILE:
            target = f"../{SHARED}/{self._stack}/{name}"
            with suppress(FileExistsError):
                Path(path).symlink_to(target)
                return
            self._refuse_foreign(path)
            _replace(path, lambda temporary: temporary.symlink_to(target))
            return
        if _owner(content) != self._stack:
            raise ValueError(f"what is to be written to {path} does not say that it is {self._stack}'s")
        if netns != HOST:
            self._refuse_foreign(path)
        _replace(path, lambda temporary: _write_readable(temporary, content))

    def _remove(self, netns: NetnsRef, name: str) -> set[Path]:
        """The folders from which something is gone."""
        path = self._path(netns, name)
        if netns == HOST or _BESIDE.fullmatch(name) or _owner(_content(path)) == self._stack:
            Path(path).unlink(missing_ok=True)
        self._remove_empty_folders(path)
        return {Path(path).parent, Path(self._folder, SHARED), Path(self._folder)}

    def _remove_empty_folders(self, path: str) -> None:
        for folder in (Path(path).parent, Path(self._folder, SHARED, self._stack), Path(self._folder, SHARED)):
            _remove_empty(folder)

    def _path(self, netns: NetnsRef, name: str) -> str:
        return f"{self._folder}/{SHARED}/{self._stack}/{name}" if netns == HOST else f"{self._folder}/{netns.name}/{name}"

    def _refuse_foreign(self, path: str) -> None:
        if not os.path.lexists(path):
            return
        owner = _owner(_content(path))
        if owner == self._stack:
            return
        if owner is not None:
            raise Refused(
                f"{path} belongs to the stack {owner}.", hint=f"netwright destroy {owner}, or give this stack's namespace another name"
            )
        raise Refused(f"{path} is there already, and no stack made it.", hint=f"move it away: mv {path} {path}.old")


_LINK = f"-> ../{SHARED}/"
_BESIDE = re.compile(r"\.(.+)\.netwright")
"""What a file is called until it has its name."""


def _content(path: str) -> str | None:
    """A file's text; `-> TARGET` for a link to a file of a whole stack; None for what is not there or is no text file."""
    try:
        target = str(Path(path).readlink())
    except OSError:
        target = ""
    if target.startswith(f"../{SHARED}/"):
        return f"-> {target}"
    try:
        return Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None


def _owner(content: str | None) -> str | None:
    """The stack that a content belongs to; None: no stack's."""
    if content is None:
        return None
    if content.startswith(_LINK):
        return content.removeprefix(_LINK).partition("/")[0]
    first = content.partition("\n")[0]
    return first.removeprefix(MARK) if first.startswith(MARK) else None


def _replace(path: str, make: Callable[[Path], None]) -> None:
    """Make a new file beside `path` and rename it there."""
    temporary = _beside(path)
    temporary.unlink(missing_ok=True)
    make(temporary)
    temporary.replace(path)


def _beside(path: str) -> Path:
    return Path(path).with_name(f".{Path(path).name}.netwright")


def _write_readable(path: Path, content: str) -> None:
    """Readable for everybody, whatever the umask: a command in the namespace may run as anybody."""
    try:
        with path.open("x", encoding="utf-8", errors="surrogateescape") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            # After a power loss an empty file could be there under the name, without the mark that says whose it is.
            os.fsync(file.fileno())
    except OSError as error:
        # write(2) knows of no name.
        error.filename = str(path)
        raise


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY):
            raise


def _keep_names(folder: Path) -> None:
    """On the disk: what it has no more. One that is gone itself is seen to by the folder above."""
    with suppress(FileNotFoundError, NotADirectoryError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _explained(error: OSError, verb: str) -> BackendError:
    hints = {
        errno.EACCES: "run as root",
        errno.EPERM: "run as root",
        errno.EROFS: "the file system is mounted read-only: mount it writable",
        errno.ENOSPC: "make room on the file system",
    }
    return BackendError(f"{error.filename} cannot be {verb}: {error.strerror}.", hint=hints.get(error.errno or 0))
