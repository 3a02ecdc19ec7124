"""Whose ports are guarded against speaking for others: of networks that say `antispoof`, and who is behind each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from netwright.firewall.antispoof import GuardedPort, Policed, compile_antispoof
from netwright.model.address import ip_of
from netwright.model.firewall import Table
from netwright.model.netns import HOST, NetnsRef
from netwright.model.state import Namespace
from netwright.resolve.endpoint import Endpoint
from netwright.resolve.links import Links

_FORWARDING = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")


def antispoof_table(
    stack: str, endpoints: Iterable[Endpoint], links: Links, namespaces: Mapping[NetnsRef, Namespace], policed: Policed | None
) -> Table | None:
    """The host's own interface on a network is nobody's to guard. `policed`: where policies are kept within a bridge."""
    return compile_antispoof(
        stack,
        [
            guarded
            for endpoint in endpoints
            if endpoint.network is not None
            and endpoint.network.spec.antispoof
            and endpoint.netns != HOST
            and not endpoint.spec.external
            and (guarded := _port(endpoint, links, namespaces)) is not None
        ],
        policed,
    )


def _port(endpoint: Endpoint, links: Links, namespaces: Mapping[NetnsRef, Namespace]) -> GuardedPort | None:
    link = links[endpoint.netns].get(endpoint.interface)
    twin = link.twin() if link is not None else None
    if link is None or twin is None or link.mac is None:
        return None
    there = namespaces.get(endpoint.netns)
    return GuardedPort(
        port=twin.name,
        mac=link.mac,
        addresses=tuple(ip_of(address) for address in endpoint.addresses),
        forwards=there is not None and any(there.sysctls.get(key) == "1" for key in _FORWARDING),
    )
