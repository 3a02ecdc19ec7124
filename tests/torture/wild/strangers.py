"""What others do to the host meanwhile: to what is Netwright's, and beside it. Each is commands that a person could type."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from torture.wild.ground import EXT, NICS, ROOM, plug_in
from torture.wild.look import HOST, Look, Place, stack_of

NAMES = ("st0", "st1", "br-one0", "br-two0", "br-shared", "p0")
"""Of links that strangers make: some are wanted by a file, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    script: str
    takes: bool = False
    """Whether a name, a NIC or an address may be taken by it that a file wants: then a refusal is right."""
    nics: frozenset[str] = frozenset()
    """Of these NICs nobody knows afterwards how they were."""


def at(netns: str, command: str) -> str:
    """`command` in a namespace; ip's own way where it has one."""
    if netns == HOST:
        return command
    return f"ip -n {netns} {command.removeprefix('ip ')}" if command.startswith("ip ") else f"nsenter --net=/run/netns/{netns} {command}"


def deeds(seen: Look) -> st.SearchStrategy[Deed]:
    """One of what is possible now."""
    ours = [*_to_links(seen), *_to_places(seen)]
    beside = _beside(seen)
    return st.sampled_from(ours) | st.sampled_from(beside) if ours else st.sampled_from(beside)


def _to_links(seen: Look) -> list[Deed]:
    found = []
    for netns, place in seen.there().items():
        for name, link in place.links.items():
            if stack_of(link) is None or name == "lo":
                continue
            mastered = (f"ip link set {name} nomaster", f"ip link set {name} master {_some_bridge(seen)}") if link.get("master") else ()
            commands = (
                f"ip link delete {name}",
                f"ip link set {name} down",
                f"ip link set {name} up",
                f"ip link set {name} mtu 1499",
                f"ip address flush dev {name}",
                f"ip route flush dev {name}",
                f"ip address add 10.66.0.1/24 dev {name}",
                f"ip link set {name} address 02:00:00:00:bb:01",
                *mastered,
            )
            found += [Deed(script=at(netns, command)) for command in commands]
            found.append(Deed(script=at(netns, f"ip link set {name} down") + "; " + at(netns, f"ip link set {name} name gone0")))
    return found


def _some_bridge(seen: Look) -> str:
    return "br-ext" if "br-ext" in seen.host.links else "lo"


def _to_places(seen: Look) -> list[Deed]:
    found = []
    for netns, place in seen.there().items():
        if place.stack is None and netns not in (HOST, ROOM):
            continue
        found += [Deed(script=at(netns, f"ip {family} route flush table all proto 78")) for family in ("-4", "-6") if netns == HOST]
        found += [Deed(script=at(netns, "nft flush ruleset")), *_to_tables(netns, place)]
        found += [Deed(script=at(netns, f"sysctl -qw {key}={value}")) for key, value in _written_back(place)]
        if place.stack is not None:
            # A NIC that is a veth dies with its namespace.
            found.append(
                Deed(script=f"ip netns delete {netns}", takes=bool(place.borrowed()), nics=frozenset(NICS if place.borrowed() else ()))
            )
            found.append(Deed(script=f"ip -n {netns} link set lo down"))
            found += [Deed(script=f"rm -rf /etc/netns/{netns}")] if any(f"/{netns}/" in path for path in seen.files) else []
    return found


def _to_tables(netns: str, place: Place) -> list[Deed]:
    return [Deed(script=at(netns, f"nft delete table {key}")) for key in place.tables if key.split()[1].startswith("nw")]


def _written_back(place: Place) -> list[tuple[str, str]]:
    """To what they were before Netwright came."""
    born = {"net.ipv4.ip_forward": "0", "net.ipv6.conf.all.forwarding": "0", "net.ipv4.ip_default_ttl": "64"}
    return [(key, value) for key, value in born.items() if place.sysctls.get(key, value) != value]


def _beside(seen: Look) -> list[Deed]:
    """Things of their own that come and go."""
    found = []
    host = seen.host
    for name in NAMES:
        if name not in host.links:
            found += [
                Deed(script=f"ip link add {name} address 02:00:00:00:c0:61 type bridge", takes=True),
                Deed(script=f"ip link add {name} type dummy; ip address add 10.66.7.1/24 dev {name}; ip link set {name} up", takes=True),
            ]
        elif stack_of(host.links[name]) is None:
            found.append(Deed(script=f"ip link delete {name}"))
    for name in ("theirs0", "one-a", "two-a", "shared"):
        if name not in seen.places:
            found.append(Deed(script=f"ip netns add {name}; ip -n {name} link set lo up", takes=True))
        elif (place := seen.places[name]) is not None and place.stack is None:
            found.append(Deed(script=f"ip netns delete {name}"))
    for table in ("theirs2", "nw_others"):
        known = f"inet {table}" in host.tables
        found.append(Deed(script=f"nft {'delete' if known else 'add'} table inet {table}"))
    routed = {str(route["dst"]) for route in host.routes}
    for prefix in ("10.30.4.0/24", "192.0.2.128/25", "198.19.0.0/16"):
        found.append(Deed(script=f"ip route {'delete' if prefix in routed else 'add'} blackhole {prefix}", takes=True))
    found += [Deed(script=plug_in(nic), takes=True, nics=frozenset({nic})) for nic in NICS if not _is_somewhere(nic, seen)]
    borrowed = {nic for place in seen.there().values() for nic in place.borrowed()}
    found += [
        Deed(script=f"ip link delete {nic}", takes=True, nics=frozenset({nic})) for nic in NICS if nic in host.links and nic not in borrowed
    ]
    if ROOM in seen.places:
        found.append(Deed(script=f"ip -n {ROOM} route replace 100.66.0.0/24 dev old0"))
    return found


def _is_somewhere(nic: str, seen: Look) -> bool:
    """Its other end dies with it."""
    ext = seen.places.get(EXT)
    return ext is not None and nic in ext.links
