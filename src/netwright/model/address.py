"""Addresses and prefixes as canonical text.

Text, because a host with a thousand endpoints holds many of them: `str` compares and hashes in C, prints as it is,
and inet_ntop makes it from the kernel's bytes. Canonical means: what inet_ntop(3) prints, then `/` and the length.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import NewType

from netwright.errors import InvalidValue

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
IPInterface = ipaddress.IPv4Interface | ipaddress.IPv6Interface

Ip = NewType("Ip", str)
"""An address: `10.0.0.1`, `fd00::1`."""

Cidr = NewType("Cidr", str)
"""An address with its prefix length, host bits kept: `10.0.0.1/8`."""

Prefix = NewType("Prefix", str)
"""A network, host bits zero: `10.0.0.0/8`."""

DEFAULT4 = Prefix("0.0.0.0/0")
DEFAULT6 = Prefix("::/0")


def family(text: str) -> int:
    """4 or 6."""
    return 6 if ":" in text else 4


def is_loopback(address: str) -> bool:
    """Of 127.0.0.0/8, or ::1: only the namespace itself can send there. `address` is canonical."""
    return address == "::1" or address.startswith("127.")


@lru_cache(maxsize=65536)
def parse_ip(text: str) -> Ip:
    """Canonical text of an address. Raises InvalidValue that says what is wrong with it."""
    return Ip(canonical(_interface(text, "an address", with_length=False).ip))


@lru_cache(maxsize=65536)
def parse_cidr(text: str) -> Cidr:
    """Canonical text of an interface's address, ADDRESS/LENGTH. Raises InvalidValue."""
    interface = _interface(text, "an interface's address", with_length=True)
    return Cidr(f"{canonical(interface.ip)}/{interface.network.prefixlen}")


@lru_cache(maxsize=65536)
def parse_prefix(text: str) -> Prefix:
    """Canonical text of a network. Raises InvalidValue, also where host bits are set."""
    interface = _interface(text, "a network", with_length=None)
    if interface.ip != interface.network.network_address:
        raise InvalidValue(f"{text} has bits set behind its prefix length", hint=f"the network is {interface.network}")
    return Prefix(f"{canonical(interface.network.network_address)}/{interface.network.prefixlen}")


def canonical(ip: IPAddress) -> str:
    """As inet_ntop(3) prints it: the standard library differs for v4-mapped addresses."""
    if ip.version == 6 and (mapped := ip.ipv4_mapped) is not None:
        return f"::ffff:{mapped}"
    return str(ip)


def network_of(cidr: str) -> Prefix:
    """The network that an interface's address is in: `10.1.2.3/8` → `10.0.0.0/8`."""
    network = ipaddress.ip_interface(cidr).network
    return Prefix(f"{canonical(network.network_address)}/{network.prefixlen}")


def ip_of(cidr: str) -> Ip:
    """`10.1.2.3/8` → `10.1.2.3`."""
    return Ip(cidr.partition("/")[0])


def link_local(mac: str) -> Ip:
    """The link-local address that a MAC makes (RFC 4291, appendix A). Raises ValueError if it is none."""
    octets = bytearray.fromhex(mac.replace(":", ""))
    octets[0] ^= 2
    identifier = bytes((*octets[:3], 0xFF, 0xFE, *octets[3:]))
    return Ip(canonical(ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + identifier)))


@lru_cache(maxsize=65536)
def _interface(text: str, what: str, *, with_length: bool | None) -> IPInterface:
    address, slash, length = text.partition("/")
    ip = _address(address, what)
    top = ip.max_prefixlen
    if with_length is False and slash:
        raise InvalidValue(f"{text} has a prefix length; here stands an address alone", hint=f"write {address}")
    if with_length is True and not slash:
        raise InvalidValue(f"{text} has no prefix length", hint=f"write {text}/{24 if top == 32 else 64}, if that is your network's")
    if slash and not (length.isascii() and length.isdigit() and int(length) <= top):
        raise InvalidValue(f"/{length} is not a prefix length: an IPv{ip.version} one is 0 to {top}")
    return ipaddress.ip_interface(f"{address}/{int(length) if slash else top}")


def _address(text: str, what: str) -> IPAddress:
    if not text:
        raise InvalidValue(f"is empty; here stands {what}")
    if ":" in text:
        if "%" in text:
            raise InvalidValue(f"{text} names a zone; leave out everything from % on")
        try:
            return ipaddress.IPv6Address(text)
        except ValueError as error:
            raise InvalidValue(f"{text} is not an IPv6 address: {_reason(error)}") from None
    parts = text.split(".")
    for part in parts:
        if not (part.isascii() and part.isdigit()):
            raise InvalidValue(f"{text} is not {what}" if len(parts) != 4 else f"{text} is not an IPv4 address: {part!r} is not a number")
        if int(part) > 255:
            raise InvalidValue(f"{text} is not an IPv4 address: {part} is more than 255")
        if len(part) > 1 and part[0] == "0":
            raise InvalidValue(f"{text} is not an IPv4 address: {part!r} starts with 0, which some programs read as octal")
    if len(parts) != 4:
        raise InvalidValue(f"{text} is not an IPv4 address: it has {len(parts)} part{'s' * (len(parts) != 1)}, not 4")
    return ipaddress.IPv4Address(text)


def _reason(error: ValueError) -> str:
    return str(error).partition(" in ")[0][:1].lower() + str(error).partition(" in ")[0][1:]
