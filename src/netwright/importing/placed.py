"""Addresses and routes of a namespace as the language writes them, and in words what it has no words for."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from netwright.model.address import DEFAULT4, DEFAULT6, family, ip_of, network_of
from netwright.model.route import FOREVER, KERNEL_PROTOCOLS, MAIN_TABLE, PROTOCOL, Route
from netwright.model.state import Namespace
from netwright.spec.subnets import first_host

_RULES_FROM_BIRTH = frozenset({0, 32766, 32767})
"""The priorities of a namespace's first rules: for the tables local, main and default (ip-rule(8))."""
_DEFAULT_METRIC = {4: 0, 6: 1024}
FORWARDING = {"net.ipv4.ip_forward": "IPv4", "net.ipv6.conf.all.forwarding": "IPv6"}


@dataclass(slots=True)
class Addresses:
    """Those of one interface: `kept` for ever, and `words` of the others."""

    kept: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)


def addresses(space: Namespace, dev: str) -> Addresses:
    """The link-local ones, which an interface gets by itself, are not mentioned."""
    found = Addresses()
    for one in sorted((a for a in space.addresses if a.dev == dev), key=lambda a: _numerically(a.cidr)):
        if one.cidr.startswith(("fe80:", "127.", "::1/")):
            continue
        if one.peer is not None:
            found.words.append(f"It has the point-to-point address {one.cidr}, peer {one.peer}.")
        elif one.valid_seconds != FOREVER:
            found.words.append(f"It has the address {one.cidr} for a time only (DHCP, router advertisements).")
        else:
            found.kept.append(one.cidr)
    return found


def subnets(cidrs: list[str]) -> tuple[dict[str, Any], list[str]]:
    """A bridge's addresses as `subnets` and `gateway` of its network; those beyond one in each subnet in words."""
    gateways: dict[str, str] = {}
    words = []
    for cidr in cidrs:
        prefix = network_of(cidr)
        if prefix.endswith(("/32", "/128")) or prefix in gateways:
            words.append(f"Its bridge has the address {cidr} as well.")
        else:
            gateways[prefix] = ip_of(cidr)
    return described_subnets(gateways), words


def described_subnets(gateways: dict[str, str]) -> dict[str, Any]:
    """`subnets`, and `gateway` where one is not its subnet's first address."""
    if not gateways:
        return {}
    stated = [gateway for prefix, gateway in gateways.items() if gateway != first_host(prefix)]
    shown = stated[0] if len(stated) == 1 else stated
    return {"subnets": list(gateways), **({"gateway": shown} if stated else {})}


def routes(space: Namespace, not_through: set[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """The main table's, without those that the kernel makes by itself, and those through interfaces that are not described."""
    found, words = [], []
    for one in sorted(space.routes, key=_route_order):
        if one.table != MAIN_TABLE or one.protocol in KERNEL_PROTOCOLS or one.protocol == PROTOCOL or one.dev in not_through:
            continue
        found.append(_route(one))
    tables = sorted({one.table for one in space.routes if one.table != MAIN_TABLE and one.protocol != PROTOCOL})
    if tables:
        words.append(f"It has routes in other tables than main: {', '.join(map(str, tables))}.")
    rules = sum(one.priority not in _RULES_FROM_BIRTH and one.protocol != PROTOCOL for one in space.rules)
    if rules:
        words.append(f"It has {rules} policy rule{'s' * (rules > 1)} (ip rule).")
    return found, words


def settings(space: Namespace) -> Iterator[str]:
    """Sysctls that matter, in words, and what of `lo` is not as it always is."""
    for key, version in FORWARDING.items():
        if space.sysctls.get(key, "0") != "0":
            yield f"It forwards {version} ({key} is {space.sysctls[key]})."
    for cidr in addresses(space, "lo").kept:
        yield f"lo has the address {cidr}."


def _route(one: Route) -> dict[str, Any]:
    version = family(one.to)
    default = one.to in (DEFAULT4, DEFAULT6) and (version == 4 or one.via is not None)
    parts: dict[str, Any] = {
        "to": "default" if default else one.to,
        "via": one.via,
        "dev": one.dev,
        "source": one.source,
        "metric": one.metric if (one.metric or 0) != _DEFAULT_METRIC[version] else None,
        "mtu": one.mtu,
        "onlink": one.onlink or None,
        "type": one.kind if one.kind != "unicast" else None,
        "external": True,
    }
    return {key: value for key, value in parts.items() if value is not None}


def _route_order(one: Route) -> tuple[int, bool, str, int, str, str]:
    return (family(one.to), one.to not in (DEFAULT4, DEFAULT6), one.to, one.metric or 0, one.dev or "", one.via or "")


def _numerically(cidr: str) -> tuple[int, bytes]:
    return family(cidr), ipaddress.ip_interface(cidr).ip.packed
