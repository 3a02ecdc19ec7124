"""The small values of the language that are more than a word: what is listened on, and what is published to.

Parsed once, at the edge; each raises InvalidValue with a sentence that says what is wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from netwright.errors import InvalidValue
from netwright.model.address import Ip, parse_ip
from netwright.model.names import parse_ifname

PROTOCOLS = ("tcp", "udp", "sctp")


@dataclass(frozen=True, slots=True)
class Ports:
    """A port, or a range of them: first and last, 1 to 65535."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"

    def overlaps(self, other: Ports) -> bool:
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True, slots=True)
class Listen:
    """[INTERFACE:|ADDRESS:|[IPV6]:]PORT[-PORT][/tcp|udp|sctp]."""

    ports: Ports
    protocol: str = "tcp"
    interface: str | None = None
    address: Ip | None = None

    def __str__(self) -> str:
        address = f"[{self.address}]" if self.address and ":" in self.address else self.address
        where = self.interface or address
        return f"{where}:{self.ports}/{self.protocol}" if where else f"{self.ports}/{self.protocol}"


@dataclass(frozen=True, slots=True)
class Target:
    """NAME:PORT, ADDRESS:PORT or [IPV6]:PORT, or a range of ports."""

    ports: Ports
    name: str | None = None
    address: Ip | None = None

    def __str__(self) -> str:
        address = f"[{self.address}]" if self.address and ":" in self.address else self.address
        return f"{self.name or address}:{self.ports}"


_LISTEN = re.compile(r"(?:\[(?P<six>[^\]]*)\]:|(?P<where>[^:\[\]]+):)?(?P<ports>[^:/]+)(?:/(?P<protocol>.*))?")
_TARGET = re.compile(r"(?:\[(?P<six>[^\]]*)\]|(?P<where>[^:\[\]]+)):(?P<ports>[^:/]+)")
_SHORT = re.compile(r"(?:(?P<where>\[[^\]]*\]|[^:\[\]]+):)?(?P<outer>[^:/]+):(?P<inner>[^:/]+)(?:/(?P<protocol>.*))?")


def parse_ports(text: str) -> Ports:
    """`80` or `8000-8010`. Raises InvalidValue."""
    first, dash, last = text.partition("-")
    numbers = [first, last] if dash else [first]
    for number in numbers:
        if not (number.isascii() and number.isdigit()):
            raise InvalidValue(f"{text!r} is not a port or a range of ports", hint="write 80 or 8000-8010")
        if not 1 <= int(number) <= 65535:
            raise InvalidValue(f"{number} is not a port: 1 to 65535")
    ports = Ports(int(numbers[0]), int(numbers[-1]))
    if ports.first > ports.last:
        raise InvalidValue(f"the range {text} is the wrong way round")
    return ports


def parse_listen(text: str) -> Listen:
    """Raises InvalidValue."""
    match = _LISTEN.fullmatch(text)
    if match is None:
        raise InvalidValue(f"{text!r} is not [INTERFACE:|ADDRESS:|[IPV6]:]PORT[-PORT][/tcp|udp|sctp]", hint=_brackets(text))
    protocol = _protocol(match["protocol"])
    ports = parse_ports(match["ports"])
    if match["six"] is not None:
        return Listen(ports, protocol, address=parse_ip(match["six"]))
    where = match["where"]
    if where is None:
        return Listen(ports, protocol)
    if _looks_like_address(where):
        return Listen(ports, protocol, address=parse_ip(where))
    return Listen(ports, protocol, interface=parse_ifname(where))


def parse_target(text: str) -> Target:
    """Raises InvalidValue."""
    match = _TARGET.fullmatch(text)
    if match is None:
        raise InvalidValue(f"{text!r} is not NAME:PORT, ADDRESS:PORT or [IPV6]:PORT", hint=_brackets(text))
    ports = parse_ports(match["ports"])
    if match["six"] is not None:
        return Target(ports, address=parse_ip(match["six"]))
    if _looks_like_address(match["where"]):
        return Target(ports, address=parse_ip(match["where"]))
    return Target(ports, name=match["where"])


def parse_short_publish(text: str) -> tuple[Listen, Ports]:
    """Docker's short form, [ADDRESS:]PORT:CONTAINERPORT[/PROTOCOL]. Raises InvalidValue."""
    match = _SHORT.fullmatch(text)
    if match is None:
        raise InvalidValue(f"{text!r} is not [ADDRESS:]PORT:CONTAINERPORT[/tcp|udp|sctp]", hint='write "8080:80/tcp"')
    where = f"{match['where']}:" if match["where"] else ""
    listen = parse_listen(f"{where}{match['outer']}/{match['protocol'] or 'tcp'}")
    return listen, parse_ports(match["inner"])


def _protocol(text: str | None) -> str:
    if text is None:
        return "tcp"
    if text not in PROTOCOLS:
        raise InvalidValue(f"{text!r} is not a protocol: tcp, udp or sctp")
    return text


def _looks_like_address(text: str) -> bool:
    return bool(re.fullmatch(r"[0-9.]+", text)) and "." in text


def _brackets(text: str) -> str | None:
    return "an IPv6 address stands in brackets, as in [fd00::1]:80" if text.count(":") > 1 and "[" not in text else None
