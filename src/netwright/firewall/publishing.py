"""Published ports as maps: what a packet costs does not depend on how many there are.

A connection's first packet is looked up three times at most, each an exact hash lookup, the most specific first:

    what was written        key                                 map
    ADDRESS:PORT            destination . protocol . port       listen_address
    INTERFACE:PORT          interface . protocol . port         listen_interface     if the destination is an address of it
    PORT                    protocol . port                     listen_anywhere      if the destination is an address of this namespace

The verdict is a jump to the chain of a list of sources. There are as many chains as there are distinct lists. It returns where the
source is not in its list, and the packet goes on as if nothing were there; otherwise the same key leads to the target.

What is generated here reaches ports published on an address or anywhere (the output hook), but not those of an interface, for it
comes in through none. A port published on an address of 127.0.0.0/8 is for this namespace alone. The kernel sends nothing from there
through another interface, and takes nothing back, unless its `route_localnet` is on (net/ipv4/route.c); and where that is on,
neighbours could reach all that listens on 127.0.0.1 (CVE-2020-8558). So what claims to come from there, or is sent there, is dropped
on every other interface, before connection tracking. ::1 has no such switch, and `PORT` alone means neither of the two.

`published` holds every translation by the connection's original port and the target. It says whom to masquerade, and so only
connections that this table translated are, and it is what the table is read back by.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from netwright.errors import InvalidValue
from netwright.firewall.intents import Publish
from netwright.firewall.sources import Prefixes, SourceSets, prefixes_of
from netwright.firewall.text import ADDR, IP, chain_text, map_text
from netwright.model.address import family, is_loopback, parse_ip, parse_prefix
from netwright.model.firewall import Published
from netwright.model.names import parse_ifname

PROTOCOLS = ("tcp", "udp", "sctp")

_LOOPBACK = {4: "127.0.0.0/8", 6: "::1"}
_KEY_TYPE = {
    "address": "{addr} . inet_proto . inet_service",
    "interface": "ifname . inet_proto . inet_service",
    "anywhere": "inet_proto . inet_service",
}
_KEY = {
    "address": "{ip} daddr . meta l4proto . th dport",
    "interface": "iifname . meta l4proto . th dport",
    "anywhere": "meta l4proto . th dport",
}
_GUARD = {
    "address": "",
    "interface": "meta nfproto ipv{family} fib daddr . iif type local ",
    "anywhere": "{ip} daddr != {loopback} fib daddr type local ",
}
_CLASSES = tuple(_KEY)
_MASQUERADE = "goto masquerade_it"


@dataclass(slots=True)
class Translation:
    """All publishes of a table, gathered."""

    sources: SourceSets
    published: set[Published] = field(default_factory=set)
    _listen: dict[tuple[str, int], dict[str, str]] = field(default_factory=dict)
    """(class, family) → key → verdict."""
    _target: dict[tuple[str, int], dict[str, str]] = field(default_factory=dict)
    """(class, family) → key → ADDRESS . PORT."""
    _chains: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _back: dict[int, dict[str, str]] = field(default_factory=lambda: {4: {}, 6: {}})
    """Family → key in `published` → verdict."""
    _on_loopback: bool = False
    _hairpins: dict[str, str] = field(default_factory=dict)
    """Subnet → its chain."""

    def add(self, publish: Publish) -> None:
        """Raises InvalidValue for what cannot stand in a table."""
        target = parse_ip(publish.target)
        of_family = family(target)
        allowed = prefixes_of(publish.sources, of_family)
        if allowed == ():
            return
        class_, where = _class(publish, of_family)
        listen = self._listen.setdefault((class_, of_family), {})
        goals = self._target.setdefault((class_, of_family), {})
        verdict = f"jump {self._chain(class_, of_family, allowed)}"
        back = self._verdict(publish, of_family)
        self._on_loopback = self._on_loopback or (publish.address is not None and is_loopback(publish.address))
        for port, target_port in pairs(publish):
            key = f"{where}{publish.protocol} . {port}"
            goal = f"{target} . {target_port}"
            if listen.setdefault(key, verdict) != verdict or goals.setdefault(key, goal) != goal:
                raise InvalidValue(
                    f"{publish.protocol} port {port} is published twice, to {goals[key].replace(' . ', ':')} and to {target}:{target_port}"
                )
            self._answer(of_family, f"{publish.protocol} . {port} . {goal}", back)
            self.published.add(Published(publish.protocol, port, target, target_port))

    def collections(self) -> str:
        """The maps, as they stand in the table."""
        parts = []
        for class_, of_family in self._present():
            key_type = _KEY_TYPE[class_].format(addr=ADDR[of_family])
            parts.append(map_text(f"listen_{class_}{of_family}", f"{key_type} : verdict", self._listen[class_, of_family]))
            goal_type = f"{ADDR[of_family]} . inet_service"
            parts.append(map_text(f"target_{class_}{of_family}", f"{key_type} : {goal_type}", self._target[class_, of_family]))
        for of_family, back in self._back.items():
            if back:
                parts.append(
                    map_text(f"published{of_family}", f"inet_proto . inet_service . {ADDR[of_family]} . inet_service : verdict", back)
                )
        return "".join(parts)

    def chains(self) -> str:
        """The chains that maps lead to."""
        parts = [chain_text(name, rules) for name, rules in self._chains.items()]
        if any(_MASQUERADE in back.values() for back in self._back.values()):
            parts.append(chain_text("masquerade_it", ["masquerade"]))
        parts.extend(chain_text(name, [f"{IP[family(subnet)]} saddr {subnet} masquerade"]) for subnet, name in self._hairpins.items())
        return "".join(parts)

    def incoming(self) -> list[str]:
        """Rules of the prerouting hook."""
        return [self._lookup(class_, of_family) for class_, of_family in self._present()]

    def guarded(self) -> list[str]:
        """Rules of the prerouting hook before connection tracking: a reply is sent to another address still, so none is dropped."""
        if not self._on_loopback:
            return []
        return [f'iifname != "lo" ip {word} {_LOOPBACK[4]} drop' for word in ("saddr", "daddr")]

    def local(self) -> list[str]:
        """Rules of the output hook."""
        return [self._lookup(class_, of_family) for class_, of_family in self._present() if class_ != "interface"]

    def outgoing(self) -> list[str]:
        """Rules of the postrouting hook."""
        rules: list[str] = []
        for of_family, back in self._back.items():
            used = {key.partition(" ")[0] for key in back}
            # nft takes `ct original proto-dst` into a key only where it knows the protocol: so a rule for each, not for each port.
            rules.extend(
                f"ct status dnat meta nfproto ipv{of_family} meta l4proto {protocol} "
                f"meta l4proto . ct original proto-dst . {IP[of_family]} daddr . th dport vmap @published{of_family}"
                for protocol in PROTOCOLS
                if protocol in used
            )
        return rules

    def _present(self) -> Iterator[tuple[str, int]]:
        return ((class_, of_family) for class_ in _CLASSES for of_family in (4, 6) if (class_, of_family) in self._listen)

    def _lookup(self, class_: str, of_family: int) -> str:
        words = {"ip": IP[of_family], "family": of_family, "loopback": _LOOPBACK[of_family]}
        return f"{_GUARD[class_].format(**words)}{_KEY[class_].format(**words)} vmap @listen_{class_}{of_family}"

    def _chain(self, class_: str, of_family: int, allowed: Prefixes | None) -> str:
        """The chain that lets a list of sources through to the targets of a class."""
        words = {"ip": IP[of_family]}
        translate = f"dnat {IP[of_family]} to {_KEY[class_].format(**words)} map @target_{class_}{of_family}"
        if allowed is None:
            name = f"{class_}{of_family}_everybody"
            self._chains[name] = (translate,)
            return name
        from_set = self.sources.name(of_family, allowed)
        name = f"{class_}_{from_set}"
        self._chains[name] = (f"{IP[of_family]} saddr @{from_set} {translate}",)
        return name

    def _answer(self, of_family: int, key: str, verdict: str) -> None:
        """Two listens of one port may lead to one target. Masquerading wins: it works whatever the target's routes are."""
        if self._back[of_family].get(key) != _MASQUERADE:
            self._back[of_family][key] = verdict

    def _verdict(self, publish: Publish, of_family: int) -> str:
        """What happens at postrouting to a connection that this publish translated."""
        if not publish.preserve:
            return _MASQUERADE
        if publish.target_subnet is None:
            return "accept"
        subnet = parse_prefix(publish.target_subnet)
        if family(subnet) != of_family:
            raise InvalidValue(f"{subnet} is not of the same IP version as the target {publish.target}")
        name = self._hairpins.setdefault(subnet, f"hairpin_{len(self._hairpins) + 1}")
        return f"goto {name}"


def _class(publish: Publish, of_family: int) -> tuple[str, str]:
    """The class of a publish, and its key's beginning."""
    if publish.protocol not in PROTOCOLS:
        raise InvalidValue(f"{publish.protocol!r} is not a protocol: tcp, udp or sctp")
    if publish.interface is not None and publish.address is not None:
        raise InvalidValue(f"a publish listens on an interface or on an address, not on both: {publish.interface}, {publish.address}")
    if publish.interface is not None:
        return "interface", f'"{parse_ifname(publish.interface)}" . '
    if publish.address is None:
        return "anywhere", ""
    address = parse_ip(publish.address)
    if family(address) != of_family:
        raise InvalidValue(f"{address} and the target {publish.target} are not of the same IP version")
    if address == "::1":
        raise InvalidValue("::1 cannot be published on: the kernel routes nothing from it to another machine", hint="publish on 127.0.0.1")
    return "address", f"{address} . "


def pairs(publish: Publish) -> Sequence[tuple[int, int]]:
    """Each port and the target's port that it leads to. Raises InvalidValue."""
    ports = expand(publish.ports)
    targets = expand(publish.target_ports)
    if len(targets) == 1:
        return [(port, targets[0]) for port in ports]
    if len(targets) != len(ports):
        raise InvalidValue(f"{len(ports)} ports cannot be published to {len(targets)}: as many, or a single one")
    return list(zip(ports, targets, strict=True))


def expand(ports: tuple[int, int]) -> range:
    """Every port from first to last. Raises InvalidValue."""
    first, last = ports
    if not 1 <= first <= last <= 65535:
        raise InvalidValue(f"{first}-{last} is not a range of ports")
    return range(first, last + 1)
