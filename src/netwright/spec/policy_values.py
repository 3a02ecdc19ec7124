"""The small values of policies: who is on one side of them, and what they are about."""

from __future__ import annotations

import re
from dataclasses import dataclass

from netwright.errors import InvalidValue
from netwright.model.address import Prefix, parse_prefix
from netwright.spec.values import PROTOCOLS, Ports, parse_ports

HOST_NAME, INTERNET = "host", "internet"
ICMP = "icmp"

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}")
_POLICY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,62}")
_ADDRESS = re.compile(r"[0-9.]+(/.*)?|[^/]*:.*")


@dataclass(frozen=True, slots=True)
class Peer:
    """One side of a policy: a name of the file, `host` or `internet`; or a prefix."""

    name: str | None = None
    prefix: Prefix | None = None

    def __str__(self) -> str:
        return self.name or self.prefix or ""


@dataclass(frozen=True, slots=True)
class Service:
    """PORT[-PORT][/tcp|udp|sctp], or icmp (of both IP versions), which has no ports."""

    protocol: str
    ports: Ports | None = None

    def __str__(self) -> str:
        return self.protocol if self.ports is None else f"{self.ports}/{self.protocol}"

    def covers(self, other: Service) -> bool:
        """Whether all that is `other` is this, too."""
        if self.protocol != other.protocol:
            return False
        return self.ports is None or (
            other.ports is not None and self.ports.first <= other.ports.first and other.ports.last <= self.ports.last
        )


def parse_peer(text: str) -> Peer:
    """Raises InvalidValue."""
    if _ADDRESS.fullmatch(text):
        return Peer(prefix=parse_prefix(text))
    if not _NAME.fullmatch(text):
        raise InvalidValue(
            f"{text!r} is nobody's name and no prefix",
            hint="write the name of a container, a namespace or a network of this file, host, internet, or a prefix as 10.0.0.0/16",
        )
    return Peer(name=text)


def parse_service(text: str) -> Service:
    """Raises InvalidValue."""
    if text == ICMP:
        return Service(ICMP)
    ports, slash, protocol = text.partition("/")
    if slash and protocol not in PROTOCOLS:
        raise InvalidValue(f"{protocol!r} is not a protocol: tcp, udp or sctp")
    if text in PROTOCOLS:
        raise InvalidValue(f"{text} alone says no port", hint=f"write 1-65535/{text} for all of them")
    return Service(protocol if slash else "tcp", parse_ports(ports))


def parse_policy_name(text: str) -> str:
    """Raises InvalidValue."""
    if not _POLICY.fullmatch(text):
        raise InvalidValue(f"{text!r} cannot be a policy's name: up to 63 letters, digits and _ -, starting with a letter, digit or _")
    return text
