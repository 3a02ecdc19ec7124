"""Rules of the shape that Docker 29 writes with `--firewall-backend=nftables`, made from what an engine would be told.

The shape is what moby describes in integration/network/bridge/nftablesdoc: a table `docker-bridges` for each IP family, two verdict maps
at the forward hook, and two chains for each bridge.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """One that Docker publishes itself."""

    host: int
    address: str
    port: int
    protocol: str = "tcp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """A network of Docker's. `mode`: nat, nat-unprotected, routed, or internal."""

    name: str
    subnets: Sequence[str]
    mode: str = "nat"
    ports: Sequence[Port] = ()
    containers: Sequence[str] = ()
    """Addresses."""


def docker_rules(bridges: Sequence[Bridge], *, accept_mark: str | None = None, policy: str = "accept") -> str:
    """nft(8) text. `accept_mark`: what --bridge-accept-fwmark was; `policy`: `drop` is what Docker sets where it turned forwarding on itself."""
    return "".join(_table(version, bridges, accept_mark, policy) for version in (4, 6))


def _table(version: int, bridges: Sequence[Bridge], accept_mark: str | None, policy: str) -> str:
    here = [bridge for bridge in bridges if any(_version(subnet) == version for subnet in bridge.subnets)]
    family = "ip" if version == 4 else "ip6"
    loopback = "ip daddr != 127.0.0.0/8" if version == 4 else "ip6 daddr != ::1"
    maps = {
        "filter-forward-in-jumps": "filter-forward-in",
        "filter-forward-out-jumps": "filter-forward-out",
        "nat-postrouting-out-jumps": "nat-postrouting-out",
    }
    lines = [f"table {family} docker-bridges {{"]
    for bridge in here:
        lines += _chain(f"filter-forward-in__{bridge.name}", _into(version, bridge, accept_mark))
        lines += _chain(f"filter-forward-out__{bridge.name}", _out_of(bridge))
        subnet = next(subnet for subnet in bridge.subnets if _version(subnet) == version)
        masquerade = [f'oifname != "{bridge.name}" {family} saddr {subnet} counter masquerade comment "MASQUERADE"']
        lines += _chain(f"nat-postrouting-out__{bridge.name}", masquerade if bridge.mode.startswith("nat") else [])
    for name, chain in maps.items():
        elements = ", ".join(f'"{bridge.name}" : jump {chain}__{bridge.name}' for bridge in here)
        lines += [f"map {name} {{", "type ifname : verdict", *([f"elements = {{ {elements} }}"] if elements else []), "}"]
    local = "fib daddr type local counter jump nat-prerouting-and-output"
    lines += _chain("nat-prerouting-and-output", _translations(version, here))
    lines += _chain(
        "filter-FORWARD",
        [
            f"type filter hook forward priority filter; policy {policy};",
            "oifname vmap @filter-forward-in-jumps",
            "iifname vmap @filter-forward-out-jumps",
        ],
    )
    lines += _chain("nat-PREROUTING", ["type nat hook prerouting priority dstnat; policy accept;", local])
    lines += _chain("nat-OUTPUT", ["type nat hook output priority -100; policy accept;", f"{loopback} {local}"])
    lines += _chain(
        "nat-POSTROUTING", ["type nat hook postrouting priority srcnat; policy accept;", "iifname vmap @nat-postrouting-out-jumps"]
    )
    lines += _chain("raw-PREROUTING", ["type filter hook prerouting priority raw; policy accept;", *_direct(version, family, here)])
    return "\n".join([*lines, "}", ""])


def _into(version: int, bridge: Bridge, accept_mark: str | None) -> Iterator[str]:
    yield "ct state established,related counter accept"
    if bridge.mode == "internal":
        yield f'iifname != "{bridge.name}" counter drop comment "INTERNAL NETWORK INGRESS"'
        yield 'counter accept comment "ICC"'
        return
    if bridge.mode == "routed":
        yield f'{"ip protocol icmp" if version == 4 else "meta l4proto ipv6-icmp"} counter accept comment "ICMP"'
    if accept_mark is not None:
        value, _, mask = accept_mark.partition("/")
        matched = f"and {int(mask, 0)} == {int(value, 0)}" if mask else str(int(value, 0))
        yield f'meta mark {matched} counter accept comment "ALLOW FW MARK"'
    yield f'iifname "{bridge.name}" counter accept comment "ICC"'
    for port in bridge.ports:
        if _version(port.address) == version:
            yield f"{'ip' if version == 4 else 'ip6'} daddr {port.address} {port.protocol} dport {port.port} counter accept"
    if bridge.mode == "nat-unprotected":
        yield 'counter accept comment "UNPROTECTED"'
    else:
        yield 'counter drop comment "UNPUBLISHED PORT DROP"'


def _out_of(bridge: Bridge) -> Iterator[str]:
    yield "ct state established,related counter accept"
    if bridge.mode == "internal":
        yield f'oifname != "{bridge.name}" counter drop comment "INTERNAL NETWORK EGRESS"'
    else:
        yield 'counter accept comment "OUTGOING"'


def _translations(version: int, bridges: Sequence[Bridge]) -> Iterator[str]:
    for bridge in bridges:
        for port in bridge.ports if bridge.mode.startswith("nat") else ():
            if _version(port.address) == version:
                target = f"{port.address}:{port.port}" if version == 4 else f"[{port.address}]:{port.port}"
                yield f'iifname != "{bridge.name}" {port.protocol} dport {port.host} counter dnat to {target} comment "DNAT"'


def _direct(version: int, family: str, bridges: Sequence[Bridge]) -> Iterator[str]:
    for bridge in bridges:
        for address in bridge.containers if bridge.mode == "nat" else ():
            if _version(address) == version:
                yield f'{family} daddr {address} iifname != "{bridge.name}" counter drop comment "DROP DIRECT ACCESS"'


def _chain(name: str, rules: Sequence[str] | Iterator[str]) -> list[str]:
    return [f"chain {name} {{", *rules, "}"]


def _version(text: str) -> int:
    return ipaddress.ip_interface(text).version
