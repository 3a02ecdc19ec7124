"""Looking at all of a host, not at what one stack needs: for an import."""

from __future__ import annotations

from dataclasses import replace

from netwright.model.netns import HOST
from netwright.model.state import State
from netwright.ports import Scope, World

SYSCTLS = frozenset({"net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"})


def look_everywhere(world: World) -> State:
    """The host, every namespace below /run/netns, with the sysctls that decide whether they forward, and Docker's objects."""
    seen = world.observe(Scope(namespaces=frozenset({HOST}), every_named=True, docker=True))
    settings = world.observe(Scope(sysctls=dict.fromkeys(seen.namespaces, SYSCTLS)))
    namespaces = {
        ref: replace(namespace, sysctls=settings.namespaces[ref].sysctls) if ref in settings.namespaces else namespace
        for ref, namespace in seen.namespaces.items()
    }
    return replace(seen, namespaces=namespaces)
