"""Ports that somebody else publishes: found before a port is taken, so that Docker can show a sentence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netwright.dockerdriver.endpoints import families
from netwright.dockerdriver.records import STACK, Endpoint, PortMapping, Records
from netwright.errors import Refused

_ANY = (None, "0.0.0.0", "::")  # noqa: S104 - read, not bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Ports of the host that a stack (or the driver, by the name of its own) publishes."""

    stack: str
    protocol: str
    first: int
    last: int
    address: str | None
    """None: every address, or those of an interface."""


def claims_of(records: Records) -> tuple[Claim, ...]:
    """What the driver publishes, as a stack sees it."""
    return tuple(
        Claim(stack=STACK, protocol=port.protocol, first=port.host_port, last=port.host_port, address=port.host_ip)
        for endpoint in records.endpoints.values()
        for port in endpoint.ports
    )


def refuse_taken(records: Records, claims: Iterable[Claim], endpoint: Endpoint, wanted: PortMapping) -> None:
    """Raises Refused where another container's or a stack's port is the same."""
    port = f"port {wanted.host_port}/{wanted.protocol}"
    for other in records.endpoints.values():
        if other.id == endpoint.id:
            continue
        for mapping in other.ports:
            same = (mapping.protocol, mapping.host_port) == (wanted.protocol, wanted.host_port)
            if same and _meet(mapping.host_ip, wanted.host_ip) and set(families(mapping, other)) & set(families(wanted, endpoint)):
                raise Refused(f"{port} of the host is published already, for the container with {other.ipv4 or other.ipv6}")
    for claim in claims:
        if claim.protocol == wanted.protocol and claim.first <= wanted.host_port <= claim.last and _meet(claim.address, wanted.host_ip):
            raise Refused(f"{port} of the host is published already, by the stack {claim.stack}")


def _meet(one: str | None, other: str | None) -> bool:
    return one in _ANY or other in _ANY or one == other
