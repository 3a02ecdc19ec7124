"""The ports of a Compose service, in both of their forms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netwright.errors import InvalidValue
from netwright.model.address import parse_ip
from netwright.spec.values import PROTOCOLS, Ports, parse_ports

ANY_IPV4 = "0.0.0.0"  # noqa: S104 - read, not bound


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposePort:
    """What Docker publishes. `published` None: a port that Docker picks, when the container starts."""

    published: Ports | None
    target: Ports
    protocol: str = "tcp"
    address: str | None = None

    @property
    def picked(self) -> bool:
        """Docker picks one: of all, or of a range for a single port."""
        return self.published is None or len(self.published) != len(self.target)

    @property
    def listen(self) -> str:
        """As the language has it."""
        where = "" if self.address is None else f"[{self.address}]:" if ":" in self.address else f"{self.address}:"
        return f"{where}{self.published}/{self.protocol}"

    @property
    def local(self) -> bool:
        """Of the host's loopback interface: nobody else reaches it."""
        return self.address is not None and (self.address.startswith("127.") or self.address == "::1")


_SHORT = re.compile(r"(?:(?P<where>\[[^\]]*\]|[^:]*):(?=[^:]*:))?(?:(?P<outer>[^:/]*):)?(?P<inner>[^:/]+)(?:/(?P<protocol>[a-zA-Z]+))?")


def parse_port(value: Any) -> ComposePort:
    """`8080:80`, `127.0.0.1:5000-5010:5000-5010/udp`, `80`, or the mapping of the long form. Raises InvalidValue."""
    if isinstance(value, Mapping):
        return _long(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidValue("a port is a text, a number or a mapping")
    match = _SHORT.fullmatch(str(value))
    if match is None:
        raise InvalidValue(f"{value!r} is not [[ADDRESS:]PORT:]CONTAINERPORT[/PROTOCOL]")
    return _port(match["outer"], match["inner"], match["protocol"], (match["where"] or "").strip("[]"))


def _long(value: Mapping[str, Any]) -> ComposePort:
    if value.get("target") is None:
        raise InvalidValue("target: is missing, the container's port")
    return _port(
        _text(value.get("published")), _text(value["target"]), _text(value.get("protocol")), _text(value.get("host_ip")).strip("[]")
    )


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _port(outer: str | None, inner: str, protocol: str | None, where: str) -> ComposePort:
    protocol = (protocol or "tcp").lower()
    if protocol not in PROTOCOLS:
        raise InvalidValue(f"{protocol!r} is not a protocol: tcp, udp or sctp")
    published = None if outer in (None, "", "0") else parse_ports(outer or "")
    target = parse_ports(inner)
    if published is not None and len(target) > 1 and len(published) != len(target):
        raise InvalidValue(f"{published} cannot map to {target}: the ranges are not of the same size")
    return ComposePort(published=published, target=target, protocol=protocol, address=parse_ip(where) if where else None)
