"""How a command reaches a namespace, and how words become a line that a POSIX shell reads back as the same words."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from netwright.model.netns import NetnsKind, NetnsRef

HERE = "$$"
"""For `ip link … netns`: the shell's own process, so the namespace in which the commands are run. Never quoted."""


def line(words: Iterable[str]) -> str:
    """Every word quoted where it must be; only `HERE` stays for the shell to fill in."""
    return " ".join(word if word == HERE else shlex.quote(word) for word in words)


def ip(netns: NetnsRef, *words: str, family: int = 4) -> str:
    """An ip(8) command in `netns`."""
    six = ("-6",) if family == 6 else ()
    if netns.kind is NetnsKind.NAMED:
        return line(("ip", "-n", netns.name, *six, *words))
    return inside(netns, "ip", *six, *words)


def inside(netns: NetnsRef, *words: str) -> str:
    """Any command in `netns`."""
    match netns.kind:
        case NetnsKind.HOST:
            return line(words)
        case NetnsKind.NAMED:
            return line(("ip", "netns", "exec", netns.name, *words))
        case NetnsKind.CONTAINER:
            return f"nsenter --net={container_path(netns)} {line(words)}"


def container_path(netns: NetnsRef) -> str:
    """Where a container's namespace is: as looked up, or else as Docker can tell when the command is run."""
    if netns.path:
        return shlex.quote(netns.path)
    return f'"/proc/$(docker inspect --format "{{{{.State.Pid}}}}" {shlex.quote(netns.name)})/ns/net"'


def target(netns: NetnsRef) -> str:
    """What stands behind `netns` in an ip-link(8) command, quoted."""
    match netns.kind:
        case NetnsKind.HOST:
            return HERE
        case NetnsKind.NAMED:
            return shlex.quote(netns.name)
        case NetnsKind.CONTAINER:
            return container_path(netns)


def here_document(command: str, text: str) -> str:
    """`command` with `text` on its standard input. The text ends with a newline, as every here-document does."""
    mark = "EOF"
    while mark in text.split("\n"):
        mark += "_"
    body = text if text.endswith("\n") or not text else f"{text}\n"
    return f"{command} <<'{mark}'\n{body}{mark}"
