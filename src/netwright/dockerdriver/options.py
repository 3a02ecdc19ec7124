"""`docker network create -o KEY=VALUE` and `--driver-opt` of an endpoint, understood or refused: none is silently left aside.

Where Docker's own bridge driver has an option for it, its name is understood as well (moby: daemon/libnetwork/drivers/bridge/labels.go).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from netwright.errors import InvalidValue
from netwright.model.address import parse_ip, parse_prefix
from netwright.model.names import parse_ifname

PREFIX = "netwright."

T = TypeVar("T")

_SYNONYMS = {
    "com.docker.network.bridge.name": "netwright.bridge",
    "com.docker.network.driver.mtu": "netwright.mtu",
    "com.docker.network.bridge.enable_ip_masquerade": "netwright.masquerade",
    "com.docker.network.bridge.host_binding_ipv4": "netwright.listen",
    "com.docker.network.container_iface_prefix": "netwright.interface",
    "com.docker.network.bridge.enable_icc": "netwright.neighbours",
}

NETWORK_OPTIONS = (
    "netwright.ageing_seconds",
    "netwright.bridge",
    "netwright.forward_delay_seconds",
    "netwright.from",
    "netwright.gateway",
    "netwright.interface",
    "netwright.isolated",
    "netwright.listen",
    "netwright.masquerade",
    "netwright.mtu",
    "netwright.multicast_snooping",
    "netwright.neighbours",
    "netwright.routes",
    "netwright.source",
    "netwright.stp",
)
ENDPOINT_OPTIONS = ("netwright.from", "netwright.listen", "netwright.source")

MIN_MTU = 68
MAX_MTU = 65535
_TRUE = frozenset({"1", "t", "true", "yes", "on"})
_FALSE = frozenset({"0", "f", "false", "no", "off"})


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkOptions:
    """All of a network's options. None: not said."""

    bridge: str | None = None
    mtu: int | None = None
    masquerade: bool = True
    isolated: bool = True
    neighbours: bool = True
    """Whether containers on the network may open connections to each other."""
    gateway: bool = True
    """Whether the host has the gateway's address on the network."""
    sources: tuple[str, ...] | None = None
    """Who may use published ports; None: everybody."""
    preserve: bool = True
    listen: str | None = None
    """The host's address that ports are published on where `-p` names none."""
    interface: str = "eth"
    """What a container's interfaces are called, before their number."""
    stp: bool | None = None
    multicast_snooping: bool | None = None
    ageing_seconds: int | None = None
    forward_delay_seconds: int | None = None
    routes: tuple[tuple[str, str | None], ...] = ()
    """Prefix, next hop (None: directly), put into every container."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointOptions:
    """What one container may want otherwise than its network. None: as the network."""

    sources: tuple[str, ...] | None = None
    preserve: bool | None = None
    listen: str | None = None


def parse_network_options(given: Mapping[str, str]) -> NetworkOptions:
    """Raises InvalidValue for what is unknown or malformed."""
    said = _named(given, NETWORK_OPTIONS)
    return NetworkOptions(
        bridge=_optional(said, "netwright.bridge", parse_ifname),
        mtu=_optional(said, "netwright.mtu", _mtu),
        masquerade=_flag(said, "netwright.masquerade", default=True),
        isolated=_flag(said, "netwright.isolated", default=True),
        neighbours=_flag(said, "netwright.neighbours", default=True),
        gateway=_choice(said, "netwright.gateway", {"host": True, "none": False}, default=True),
        sources=_optional(said, "netwright.from", _prefixes),
        preserve=_choice(said, "netwright.source", {"preserve": True, "masquerade": False}, default=True),
        listen=_optional(said, "netwright.listen", _listen),
        interface=_optional(said, "netwright.interface", _interface) or "eth",
        stp=_optional(said, "netwright.stp", _bool),
        multicast_snooping=_optional(said, "netwright.multicast_snooping", _bool),
        ageing_seconds=_optional(said, "netwright.ageing_seconds", lambda text: _number(text, 0, 1_000_000)),
        forward_delay_seconds=_optional(said, "netwright.forward_delay_seconds", lambda text: _number(text, 0, 30)),
        routes=_optional(said, "netwright.routes", _routes) or (),
    )


def parse_endpoint_options(given: Mapping[str, object]) -> EndpointOptions:
    """Those of ours among what Docker hands on for an endpoint. Raises InvalidValue."""
    ours = {key: value for key, value in given.items() if key.startswith(PREFIX) and isinstance(value, str)}
    said = _named(ours, ENDPOINT_OPTIONS)
    return EndpointOptions(
        sources=_optional(said, "netwright.from", _prefixes),
        preserve=_optional(said, "netwright.source", lambda text: _one_of(text, {"preserve": True, "masquerade": False})),
        listen=_optional(said, "netwright.listen", _listen),
    )


def _named(given: Mapping[str, str], known: tuple[str, ...]) -> dict[str, str]:
    said: dict[str, str] = {}
    for key, value in given.items():
        name = _SYNONYMS.get(key, key)
        if name not in known:
            import difflib  # noqa: PLC0415 - most of what uses this module never gets here

            near = difflib.get_close_matches(key, known, n=1)
            raise InvalidValue(
                f"the driver netwright has no option {key}", hint=f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}"
            )
        if said.setdefault(name, value) != value:
            raise InvalidValue(f"the option {name} is said twice, as {said[name]} and as {value}")
    return said


def _optional(said: Mapping[str, str], name: str, parse: Callable[[str], T]) -> T | None:
    if name not in said:
        return None
    try:
        return parse(said[name])
    except InvalidValue as error:
        raise InvalidValue(f"the option {name}: {error}", hint=error.hint) from None


def _flag(said: Mapping[str, str], name: str, *, default: bool) -> bool:
    value = _optional(said, name, _bool)
    return default if value is None else value


def _choice(said: Mapping[str, str], name: str, words: Mapping[str, bool], *, default: bool) -> bool:
    value = _optional(said, name, lambda text: _one_of(text, words))
    return default if value is None else value


def _one_of(text: str, words: Mapping[str, bool]) -> bool:
    if text not in words:
        raise InvalidValue(f"{text!r} is none of {', '.join(words)}")
    return words[text]


def _bool(text: str) -> bool:
    if text.lower() in _TRUE or text.lower() in _FALSE:
        return text.lower() in _TRUE
    raise InvalidValue(f"{text!r} is neither true nor false")


def _number(text: str, low: int, high: int) -> int:
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise InvalidValue(f"{text!r} is not a number from {low} to {high}")
    return int(text)


def _mtu(text: str) -> int:
    return _number(text, MIN_MTU, MAX_MTU)


def _prefixes(text: str) -> tuple[str, ...]:
    return tuple(parse_prefix(part.strip()) for part in text.split(","))


def _listen(text: str) -> str:
    """0.0.0.0 and :: are one family's every address."""
    return parse_ip(text)


def _interface(text: str) -> str:
    # Docker adds a number: three digits are enough for as many networks as a container can be on.
    parse_ifname(text + "999")
    return text


def _routes(text: str) -> tuple[tuple[str, str | None], ...]:
    routes: list[tuple[str, str | None]] = []
    for part in text.split(","):
        words = part.split()
        match words:
            case [prefix]:
                routes.append((parse_prefix(prefix), None))
            case [prefix, "via", hop]:
                routes.append((parse_prefix(prefix), parse_ip(hop)))
            case _:
                raise InvalidValue(f"{part.strip()!r} is not PREFIX or PREFIX via ADDRESS")
    return tuple(routes)
