"""What a program does to a disk, and to the world outside, as strace(1) saw it: in order, and with the data.

Only what concerns some folders is kept. What is written through mmap(2) is not seen: SQLite does that to the `-shm` file alone, which
is worth nothing after a crash (https://www.sqlite.org/walformat.html).
"""

from __future__ import annotations

import codecs
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CALLS = (
    "openat,write,pwrite64,ftruncate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,symlink,symlinkat,"
    "sendto,sendmsg,mount,umount2"
)
LONGEST = 1 << 24
"""Bytes of one write that strace shows."""

Content = bytes | str | None
"""A file's, a symbolic link's target, None: a folder."""
Image = Mapping[str, Content]
"""By path."""


def image_of(folders: Sequence[Path]) -> Image:
    """What is there now."""
    found: dict[str, Content] = {}
    for root in folders:
        for path in sorted([root, *root.rglob("*")]) if root.exists() else []:
            found[str(path)] = str(path.readlink()) if path.is_symlink() else None if path.is_dir() else path.read_bytes()
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A name that was not there: a file, a folder, or a symbolic link to `target`."""

    path: str
    folder: bool = False
    target: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    path: str
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """ftruncate(2), or open(2) with O_TRUNC."""

    path: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """fsync(2) or fdatasync(2) of a file, or of a folder: then its names are on the disk."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    path: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Something that no disk takes back: the host was changed, or a person was told. `words`: what."""

    words: str


Deed = Created | Written | Cut | Synced | Renamed | Removed | Outside


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    before: Image
    deeds: tuple[Deed, ...]
    status: int
    out: str
    err: str


def can_record() -> bool:
    """Whether strace(1) may look on here: some sandboxes forbid ptrace(2)."""
    try:
        return subprocess.run(["strace", "-qq", "-o", os.devnull, "true"], check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def record(command: Sequence[str], folders: Sequence[Path], environment: Mapping[str, str]) -> Recording:
    """Run it and tell what it did in those folders. Raises RuntimeError where strace says nothing."""
    before = image_of(folders)
    with tempfile.NamedTemporaryFile(prefix="strace-") as trace:
        tracer = [
            "strace",
            "-f",
            "-qq",
            "-y",
            "--seccomp-bpf",
            "-s",
            str(LONGEST),
            "-e",
            f"trace={CALLS}",
            "-e",
            "signal=none",
            "-o",
            trace.name,
        ]
        done = subprocess.run(
            [*tracer, *command], env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=120
        )
        text = Path(trace.name).read_bytes()
    if not text:
        raise RuntimeError(f"strace could not look on: {done.stderr.strip()}")
    deeds = tuple(_deeds(text, tuple(str(folder) for folder in folders), before))
    return Recording(before=before, deeds=deeds, status=done.returncode, out=done.stdout, err=done.stderr)


_UNFINISHED = re.compile(rb"^(\d+) +(.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(rb"^(\d+) +<\.\.\. \w+ resumed>(.*)$")
_LINE = re.compile(rb"^(\d+) +(\w+)\((.*)\) += (-?\d+|0x[0-9a-f]+|\?)(?:<.*>)?(?: .*)?$", re.DOTALL)
_DESCRIPTOR = rb"\d+<([^>]*)>"
_TEXT = rb'"((?:[^"\\]|\\.)*)"'
_PLACE = re.compile(rb"(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?" + _TEXT)
_OPENED = re.compile(_PLACE.pattern + rb", (\S+?)(?:, \d+)?$")
_WRITE = re.compile(_DESCRIPTOR + rb", " + _TEXT + rb", \d+(?:, (\d+))?$")
_CUT = re.compile(_DESCRIPTOR + rb", (\d+)$")
_SYNC = re.compile(_DESCRIPTOR + rb"$")
_CHANGES = re.compile(rb"nlmsg_type=((?:RTM|NFT_MSG|NFNL_SUBSYS_NFTABLES<<8\|NFT_MSG)_(?:NEW|DEL|SET)\w+)")


def _calls(text: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Calls that did not fail: name and arguments, in the order in which they returned."""
    begun: dict[bytes, bytes] = {}
    for line in text.splitlines():
        if unfinished := _UNFINISHED.match(line):
            begun[unfinished[1]] = unfinished[2]
            continue
        whole = line
        if resumed := _RESUMED.match(line):
            whole = resumed[1] + b" " + begun.pop(resumed[1]) + resumed[2]
        call = _LINE.match(whole)
        if call is not None and not call[4].startswith(b"-") and call[4] != b"?":
            yield call[2], call[3]


def _deeds(text: bytes, roots: tuple[str, ...], before: Image) -> Iterator[Deed]:
    there = set(before)
    sizes = {path: len(content) for path, content in before.items() if isinstance(content, bytes)}
    ends: dict[str, int] = {}
    """Where the next write(2) goes."""
    appended: set[str] = set()

    def within(path: str) -> bool:
        return any(path == root or path.startswith(f"{root}/") for root in roots)

    for name, arguments in _calls(text):
        match name:
            case b"openat":
                opened = _OPENED.match(arguments)
                if opened is None:
                    continue
                path, flags = _joined(opened[1], opened[2]), opened[3].split(b"|")
                if not within(path) or b"O_DIRECTORY" in flags:
                    continue
                ends[path] = 0
                if b"O_APPEND" in flags:
                    appended.add(path)
                if b"O_CREAT" in flags and path not in there:
                    there.add(path)
                    sizes[path] = 0
                    yield Created(path=path)
                if b"O_TRUNC" in flags:
                    sizes[path] = 0
                    yield Cut(path=path, size=0)
            case b"write" | b"pwrite64":
                written = _WRITE.match(arguments)
                if written is None:
                    continue
                path, data = written[1].decode(errors="surrogateescape"), codecs.escape_decode(written[2])[0]
                if arguments.startswith((b"1<", b"2<")):
                    yield Outside(words=f"told: {data.decode(errors='replace')}")
                elif path.startswith("/proc/sys/"):
                    yield Outside(words=f"set {path}")
                elif within(path):
                    start = int(written[3]) if written[3] else sizes.get(path, 0) if path in appended else ends.get(path, 0)
                    ends[path] = start + len(data)
                    sizes[path] = max(sizes.get(path, 0), start + len(data))
                    yield Written(path=path, offset=start, data=data)
            case b"ftruncate":
                cut = _CUT.match(arguments)
                if cut is not None and within(path := cut[1].decode(errors="surrogateescape")):
                    sizes[path] = int(cut[2])
                    yield Cut(path=path, size=int(cut[2]))
            case b"fsync" | b"fdatasync":
                synced = _SYNC.match(arguments)
                if synced is not None and (within(path := synced[1].decode()) or any(str(Path(root).parent) == path for root in roots)):
                    yield Synced(path=path)
            case (
                b"mkdir"
                | b"mkdirat"
                | b"symlink"
                | b"symlinkat"
                | b"rename"
                | b"renameat"
                | b"renameat2"
                | b"unlink"
                | b"unlinkat"
                | b"rmdir"
            ):
                for deed in _named(name, arguments):
                    if within(deed.path):
                        there.add(deed.path) if isinstance(deed, Created) else there.discard(deed.path)
                        if isinstance(deed, Renamed):
                            there.add(deed.target)
                        yield deed
            case b"sendto" | b"sendmsg":
                if changes := _CHANGES.search(arguments):
                    yield Outside(words=f"sent {changes[1].decode()}")
            case b"mount" | b"umount2":
                if b"/run/netns/" in arguments:
                    yield Outside(words=f"{name.decode()} {_places(arguments)[-1]}")


def _named(name: bytes, arguments: bytes) -> Iterator[Created | Renamed | Removed]:
    """What a call does to names."""
    places = _places(arguments)
    if name.startswith(b"mkdir"):
        yield Created(path=places[0], folder=True)
    elif name.startswith(b"symlink"):
        target = codecs.escape_decode(_PLACE.findall(arguments)[0][1])[0].decode()
        yield Created(path=places[1], target=target)
    elif name.startswith(b"rename"):
        yield Renamed(path=places[0], target=places[1])
    else:
        yield Removed(path=places[0])


def _places(arguments: bytes) -> list[str]:
    return [_joined(base, name) for base, name in _PLACE.findall(arguments)]


def _joined(base: bytes | None, name: bytes) -> str:
    path: bytes = codecs.escape_decode(name)[0]
    return os.path.normpath(os.path.join((base or b"").decode(errors="surrogateescape"), path.decode(errors="surrogateescape")))
