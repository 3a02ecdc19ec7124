"""`protect`: what Docker publishes is closed to whoever comes from outside, unless a stack opens it. By rule: no list of containers.

    chain             hook, priority       does
    close_forward     forward, -12         takes the bit OPENED from every packet's mark      (of a stack that protects)
    open_forward      forward, -11         gives it to what the file publishes                (of every stack that opens something)
                      forward, -10         gives it to what a policy allows to a container    (netwright.firewall.policing)
    protect_forward   forward, -9          refuses what goes to Docker's bridges without it   (of a stack that protects)

and the same in the input hook, for ports on which docker-proxy listens: it takes what no rule of Docker's translates, such
as IPv6 for a container that has IPv4 only. The bit travels between tables of several stacks, since a verdict does not: an accept in
one table keeps no other from refusing. It is given anew to each packet, so a port that is opened no more is closed to living
connections too, and it is gone when the packet leaves `protect_forward`.

What is neither Docker's nor opened passes: replies, the host's own services, what is routed to other bridges. Docker's bridges are
known by name; what is translated towards a bridge that nobody knows yet (a network that was made a moment ago) is closed as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from netwright.errors import InvalidValue
from netwright.firewall.intents import BoundPort, Opening, Protection
from netwright.firewall.publishing import PROTOCOLS, expand
from netwright.firewall.restriction import REFUSE
from netwright.firewall.sources import SourceSets, prefixes_of
from netwright.firewall.text import ADDR, IP, chain_text, map_text, set_text
from netwright.model.address import family, parse_ip
from netwright.model.names import parse_ifname

OPENED = 0x20000000
"""The bit of a packet's mark that says: a stack opens this."""

MARK_OPENED = f"meta mark set meta mark | {OPENED:#x}"

SELDOM_DOCKERS = ("virbr*", "lxdbr*", "incusbr*", "lxcbr*", "podman*")
"""Bridges that libvirt, LXD, Incus, LXC and Podman name so: also those that are not there yet."""

_ALL = 0xFFFFFFFF
_NOT_FOLLOWED = "ct state invalid,related,untracked accept"
"""Of no connection, or of one that was let in: Docker's own rules say what becomes of it. To refuse it would reset good connections."""
_CLASSES = ("address", "interface", "anywhere")
_KEY_TYPE = {
    "address": "{addr} . inet_proto . inet_service",
    "interface": "ifname . inet_proto . inet_service",
    "anywhere": "inet_proto . inet_service",
}
_ASKED = {
    "address": "ct original {ip} daddr . meta l4proto . ct original proto-dst",
    "interface": "iifname . meta l4proto . ct original proto-dst",
    "anywhere": "meta l4proto . ct original proto-dst",
}
"""What the client asked for, of a packet that was translated since."""
_RECEIVED = {
    "address": "{ip} daddr . meta l4proto . th dport",
    "interface": "iifname . meta l4proto . th dport",
    "anywhere": "meta l4proto . th dport",
}


@dataclass(slots=True)
class Openings:
    """What a stack opens, of ports that somebody hands on to containers."""

    sources: SourceSets
    bridges: tuple[str, ...] = ()
    _maps: dict[tuple[str, int], dict[str, str]] = field(default_factory=dict)
    """(class, family) → key → verdict."""
    _chains: dict[str, str] = field(default_factory=dict)

    def add(self, opening: Opening) -> None:
        """Raises InvalidValue for what cannot stand in a table."""
        if opening.protocol not in PROTOCOLS:
            raise InvalidValue(f"{opening.protocol!r} is not a protocol: tcp, udp or sctp")
        for of_family in _families(opening):
            allowed = prefixes_of(opening.sources, of_family)
            if allowed == ():
                continue
            if allowed is None:
                name = "opened_to_everybody"
                self._chains[name] = MARK_OPENED
            else:
                from_set = self.sources.name(of_family, allowed)
                name = f"opened_{from_set}"
                self._chains[name] = f"{IP[of_family]} saddr @{from_set} {MARK_OPENED}"
            class_, where = _class(opening)
            elements = self._maps.setdefault((class_, of_family), {})
            for port in expand(opening.ports):
                key = f"{where}{opening.protocol} . {port}"
                if elements.setdefault(key, f"jump {name}") != f"jump {name}":
                    raise InvalidValue(f"{opening.protocol} port {port} is opened twice, to different sources")

    def collections(self) -> str:
        """The sets and maps, as they stand in the table."""
        parts = [set_text("opened_bridges", "ifname", _quoted(self.bridges))] if self.bridges else []
        for class_, of_family in self._present():
            key_type = _KEY_TYPE[class_].format(addr=ADDR[of_family])
            parts.append(map_text(f"opened_{class_}{of_family}", f"{key_type} : verdict", self._maps[class_, of_family]))
        return "".join(parts)

    def chains(self) -> str:
        """The chains that maps lead to."""
        return "".join(chain_text(name, [rule]) for name, rule in self._chains.items())

    def forwarded(self) -> list[str]:
        """Rules of the forward hook."""
        translated = "ct direction original ct status dnat"
        rules = [f"oifname @opened_bridges {translated} {MARK_OPENED}"] if self.bridges else []
        for class_, of_family in self._present():
            used = {key.split(" . ")[-2] for key in self._maps[class_, of_family]}
            # nft takes `ct original proto-dst` into a key only where it knows the protocol.
            rules.extend(
                f"{translated} meta nfproto ipv{of_family} meta l4proto {protocol} {_ASKED[class_].format(ip=IP[of_family])}"
                f" vmap @opened_{class_}{of_family}"
                for protocol in PROTOCOLS
                if protocol in used
            )
        return rules

    def received(self) -> list[str]:
        """Rules of the input hook."""
        return [
            f"ct direction original meta nfproto ipv{of_family} {_RECEIVED[class_].format(ip=IP[of_family])} vmap @opened_{class_}{of_family}"
            for class_, of_family in self._present()
        ]

    def _present(self) -> Iterator[tuple[str, int]]:
        return ((class_, of_family) for class_ in _CLASSES for of_family in (4, 6) if (class_, of_family) in self._maps)


@dataclass(frozen=True, slots=True)
class Closing:
    """The rules that close. With `protection` None: none."""

    protection: Protection | None

    def collections(self) -> str:
        """The sets, as they stand in the table."""
        wanted = self.protection
        if wanted is None:
            return ""
        names = {"inside": wanted.inside, "docker_bridges": wanted.bridges, "other_bridges": wanted.others}
        parts = [set_text(name, "ifname", _quoted(found)) for name, found in names.items() if found]
        for of_family in (4, 6):
            if ports := self._bound(of_family, stated=False):
                parts.append(set_text(f"bound{of_family}", "inet_proto . inet_service", ports))
            if ports := self._bound(of_family, stated=True):
                parts.append(set_text(f"bound_address{of_family}", f"{ADDR[of_family]} . inet_proto . inet_service", ports))
        return "".join(parts)

    def unopened(self) -> list[str]:
        """The rule that takes the bit away, of either hook."""
        return [f"meta mark set meta mark & {_ALL ^ OPENED:#x}"] if self.protection is not None else []

    def forwarded(self) -> list[str]:
        """Rules of the forward hook."""
        wanted = self.protection
        if wanted is None:
            return []
        rules = ["ct direction reply accept", _NOT_FOLLOWED]
        if wanted.inside:
            rules.append("iifname @inside accept")
        rules.append(_passed())
        if wanted.bridges:
            rules.append(f"oifname @docker_bridges goto {REFUSE}")
        rules += ["ct status & dnat == 0 accept", 'meta oifkind != "bridge" accept']
        if wanted.others:
            rules.append("oifname @other_bridges accept")
        rules += [f'oifname "{pattern}" accept' for pattern in SELDOM_DOCKERS]
        return [*rules, f"goto {REFUSE}"]

    def received(self) -> list[str]:
        """Rules of the input hook: loopback passes, and what is not for a port of docker-proxy's."""
        wanted = self.protection
        if wanted is None or not wanted.bound:
            return []
        rules = ['iifname "lo" accept', "ct direction reply accept", _NOT_FOLLOWED]
        if wanted.inside:
            rules.append("iifname @inside accept")
        rules.append(_passed())
        for of_family in (4, 6):
            if self._bound(of_family, stated=True):
                rules.append(f"{IP[of_family]} daddr . meta l4proto . th dport @bound_address{of_family} goto {REFUSE}")
            if self._bound(of_family, stated=False):
                rules.append(f"meta nfproto ipv{of_family} meta l4proto . th dport @bound{of_family} goto {REFUSE}")
        return rules

    def _bound(self, of_family: int, *, stated: bool) -> list[str]:
        bound = self.protection.bound if self.protection is not None else ()
        return list(dict.fromkeys(_element(one) for one in bound if one.family == of_family and (one.address is not None) == stated))


def _passed() -> str:
    return f"meta mark & {OPENED:#x} != 0 meta mark set meta mark & {_ALL ^ OPENED:#x} accept"


def _element(bound: BoundPort) -> str:
    if bound.protocol not in PROTOCOLS:
        raise InvalidValue(f"{bound.protocol!r} is not a protocol: tcp, udp or sctp")
    (port,) = expand((bound.port, bound.port))
    where = "" if bound.address is None else f"{parse_ip(bound.address)} . "
    return f"{where}{bound.protocol} . {port}"


def _families(opening: Opening) -> Iterable[int]:
    if opening.address is not None:
        return (family(parse_ip(opening.address)),)
    return (4, 6) if opening.family is None else (opening.family,)


def _class(opening: Opening) -> tuple[str, str]:
    """The class of an opening, and its key's beginning."""
    if opening.address is not None:
        return "address", f"{parse_ip(opening.address)} . "
    if opening.interface is not None:
        return "interface", f'"{parse_ifname(opening.interface)}" . '
    return "anywhere", ""


def _quoted(names: Iterable[str]) -> list[str]:
    return sorted({f'"{parse_ifname(name)}"' for name in names})
