"""Which network namespace: the one Netwright runs in, one below /run/netns, or a container's."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class NetnsKind(Enum):
    HOST = "host"
    NAMED = "named"
    CONTAINER = "container"


@dataclass(frozen=True, slots=True)
class NetnsRef:
    """Names a network namespace. Two refs are equal if kind and name are: where it can be entered is a fact of the moment."""

    kind: NetnsKind
    name: str = ""
    """Below /run/netns, or the container's name in Docker; empty for the host."""
    path: str = field(default="", compare=False)
    """Where the namespace can be opened, e.g. /run/netns/web or /proc/1234/ns/net; empty for the host."""

    def __hash__(self) -> int:
        # States of a thousand namespaces are dictionaries by ref: an Enum's own hash is computed in Python.
        return hash(self.name)

    def __str__(self) -> str:
        if self.kind is NetnsKind.HOST:
            return "host"
        return self.name if self.kind is NetnsKind.NAMED else f"container {self.name}"

    @property
    def key(self) -> str:
        """Stable text for journals and JSON: `host`, `named/web`, `container/web`."""
        return "host" if self.kind is NetnsKind.HOST else f"{self.kind.value}/{self.name}"


HOST = NetnsRef(NetnsKind.HOST)
NETNS_FOLDER = "/run/netns"
"""Where ip-netns(8) keeps its names."""


def named(name: str) -> NetnsRef:
    """The namespace that `ip netns` knows as `name`."""
    return NetnsRef(NetnsKind.NAMED, name, f"{NETNS_FOLDER}/{name}")


def container(name: str, pid: int = 0) -> NetnsRef:
    """A running container's namespace, by its first process."""
    return NetnsRef(NetnsKind.CONTAINER, name, f"/proc/{pid}/ns/net" if pid else "")


def from_key(key: str) -> NetnsRef:
    """The inverse of `NetnsRef.key` (a container's path is not kept)."""
    kind, _, name = key.partition("/")
    if kind == "host":
        return HOST
    return named(name) if kind == NetnsKind.NAMED.value else container(name)
