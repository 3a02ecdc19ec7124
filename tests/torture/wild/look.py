"""What iproute2 and nft see of the host and of every named namespace: the witnesses, who know nothing of Netwright but its marks."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from own_host import FOLDERS, away, enter

HOST = ""
"""In the place of a namespace's name: the host."""
MARK = "netwright"
OUR_TABLE = re.compile(r"nw[pa]?_")
OUR_PROTOCOL = "78"
SYSCTLS = (
    *("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding", "net.ipv4.ip_default_ttl", "net.ipv4.conf.all.rp_filter"),
    *("net.ipv6.conf.default.disable_ipv6", "net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables"),
)
_PASSING = {"stats", "stats64", "operstate", "promiscuity", "allmulti", "tentative", "valid_life_time", "preferred_life_time", "linkmode"}
_PASSING |= {"state", "bridge_id", "root_id", "designated_root", "designated_bridge", "id", "no", "designated_port", "qdisc", "cookie"}
_PASSING |= {
    "root_port",
    "root_path_cost",
    "topology_change",
    "topology_change_detected",
    "designated_cost",
    "tso_max_size",
    "tso_max_segs",
}
_PASSING |= {"inet6_addr_gen_mode", "gso_max_size", "gso_max_segs", "gro_max_size", "gso_ipv4_max_size", "gro_ipv4_max_size"}
"""Comes and goes by itself: counters, carriers, the spanning tree's votes and what it does to a bridge's memory meanwhile."""
_REMADE = {"ifindex", "link_index", "link_netnsid", "link", "address", "permaddr", "num_tx_queues", "num_rx_queues", "vlan_default_pvid"}
"""Differs from one making of a link to the next."""
_FAR_END = {"link_index", "link_netnsid", "link", "ifindex"}
"""Tells where the other end of a veth is: a NIC's goes away and comes back."""
_CARRIER = {"NO-CARRIER", "LOWER_UP", "M-DOWN"}


_LISTING = "=== listing\n"
_SEEN_BY = f"""\
ip -j -d address show
ip -j -d -4 route show table all
ip -j -d -4 rule show
ip -j -d -6 route show table all
ip -j -d -6 rule show
printf '{_LISTING}'
nft --stateless list ruleset
"""
"""One shell for all: a process of its own for each would be most of the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One namespace."""

    links: dict[str, dict[str, Any]]
    """As `ip -j -d address` shows them, by name; without link-local addresses, which come with a carrier."""
    routes: list[dict[str, Any]]
    """Of all tables but `local`."""
    rules: list[dict[str, Any]]
    tables: dict[str, str]
    """`FAMILY NAME` → nft's listing, without counters."""
    sysctls: dict[str, str]

    @property
    def stack(self) -> str | None:
        """Whose the namespace is, by its loopback's mark."""
        return stack_of(self.links.get("lo", {}))

    def borrowed(self) -> dict[str, str]:
        """NIC → the stack that has it, by the mark."""
        return {
            name: str(link["ifalias"]).partition(":")[2]
            for name, link in self.links.items()
            if str(link.get("ifalias", "")).startswith("netwright-loan:")
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    places: dict[str, Place | None]
    """By name; None: a name with no namespace behind it."""
    files: dict[str, str]

    @property
    def host(self) -> Place:
        place = self.places[HOST]
        assert place is not None
        return place

    def there(self) -> dict[str, Place]:
        return {name: place for name, place in self.places.items() if place is not None}


def stack_of(link: Mapping[str, Any]) -> str | None:
    """Whose a link is, by its mark."""
    said = str(link.get("ifalias", ""))
    return said.removeprefix("netwright:") if said.startswith("netwright:") else None


def look() -> Look:
    """All there is now."""
    places: dict[str, Place | None] = {}
    with away():
        places[HOST] = _place()
        for name in sorted(path.name for path in FOLDERS[0].iterdir()):
            try:
                fd = os.open(FOLDERS[0] / name, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                continue
            try:
                enter(fd)
            except OSError:
                places[name] = None
                continue
            finally:
                os.close(fd)
            places[name] = _place()
    files = {str(path): path.read_text() for path in sorted(FOLDERS[1].rglob("*")) if path.is_file()}
    return Look(places=places, files=files)


def _place() -> Place:
    """Of the namespace that the thread is in."""
    text = subprocess.run(["sh", "-ec", _SEEN_BY], check=True, capture_output=True, text=True).stdout
    told, listing = text.split(_LISTING)
    shown_links, *shown_routing = _read(told)
    links = {}
    for link in shown_links:
        addresses = [a for a in link.get("addr_info", ()) if a and not a["local"].startswith("fe80:")]
        link["addr_info"] = sorted((_plain(a) for a in addresses), key=lambda a: (a["family"], a["local"], a["prefixlen"]))
        link["flags"] = sorted(set(link["flags"]) - _CARRIER)
        links[link["ifname"]] = _plain(link)
    routes, rules = [], []
    for family, shown_routes, shown_rules in (("-4", *shown_routing[:2]), ("-6", *shown_routing[2:])):
        routes += [{**_plain(r), "family": family, "flags": sorted(set(r["flags"]) - {"linkdown"})} for r in shown_routes if _is_told(r)]
        rules += [{**rule, "family": family} for rule in shown_rules]
    tables = {" ".join(text.split(maxsplit=2)[:2]): text for text in re.split(r"^table ", listing, flags=re.MULTILINE)[1:]}
    return Place(links=links, routes=sorted(routes, key=_text), rules=sorted(rules, key=_text), tables=tables, sysctls=sysctls())


def sysctls() -> dict[str, str]:
    """Those that may be changed, of the namespace that the thread is in."""
    paths = {key: Path("/proc/sys", *key.split(".")) for key in SYSCTLS}
    return {key: path.read_text().strip() for key, path in paths.items() if path.exists()}


def every_sysctl(names: set[str]) -> dict[str, str]:
    """All of the host's below net.ipv4 and net.ipv6, of the interfaces `names` and of all and default."""
    found = {}
    for family in ("ipv4", "ipv6"):
        for path in Path("/proc/sys/net", family).rglob("*"):
            parts = path.parts[5:]
            if parts[0] in ("neigh", "route") or (parts[0] == "conf" and len(parts) > 1 and parts[1] not in {*names, "all", "default"}):
                continue
            if path.is_file() and path.stat().st_mode & 0o200 and parts[-1] not in ("stable_secret", "ping_group_range", "mc_forwarding"):
                found[str(path)] = path.read_text().strip()
    return found


def _is_told(route: dict[str, Any]) -> bool:
    return route.get("table") != "local" and not str(route["dst"]).startswith(("fe80:", "multicast", "ff00:"))


def _read(text: str) -> list[list[dict[str, Any]]]:
    """JSON lists, one after the other."""
    decoder, found = json.JSONDecoder(), []
    while text := text.strip():
        value, end = decoder.raw_decode(text)
        found.append([entry for entry in value if entry])
        text = text[end:]
    return found


def _plain(entry: dict[str, Any], without: frozenset[str] = frozenset(_PASSING)) -> dict[str, Any]:
    return {
        key: _plain(value, without) if isinstance(value, dict) else value
        for key, value in entry.items()
        if key not in without and not key.endswith("_timer")
    }


def _text(entry: Any) -> str:
    return json.dumps(entry, sort_keys=True)


def exactly(seen: Look) -> dict[str, Any]:
    """All of it, one entry for each thing: what must be equal where nothing was touched."""
    return dict(_entries(seen, lambda link: link))


def roughly(seen: Look) -> dict[str, Any]:
    """Without what differs from one making of a link to the next."""
    return dict(_entries(seen, lambda link: _plain(link, frozenset(_REMADE if stack_of(link) else _FAR_END))))


def _entries(seen: Look, shown: Callable[[dict[str, Any]], dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    yield from seen.files.items()
    for name, place in seen.places.items():
        where = name or "host"
        yield where, place is not None
        if place is None:
            continue
        for key, link in place.links.items():
            yield f"{where}: link {key}", shown(link)
        yield from ((f"{where}: route {_text(route)}", True) for route in place.routes)
        yield from ((f"{where}: rule {_text(rule)}", True) for rule in place.rules)
        yield from ((f"{where}: table {key}", text) for key, text in place.tables.items())
        yield from ((f"{where}: {key}", value) for key, value in place.sysctls.items())


def as_a_stranger_knows(link: dict[str, Any]) -> dict[str, Any]:
    """Without numbers that a NIC gets when it comes home, and without where its other end is."""
    return _plain(link, frozenset(_FAR_END))


Link = tuple[str, str]
"""A namespace's name, and a link's in it."""


def all_links(seen: Look) -> set[Link]:
    return {(name, key) for name, place in seen.there().items() for key in place.links}


def strange(seen: Look, theirs: set[Link]) -> dict[str, Any]:
    """What is not Netwright's: the links that are known to be `theirs`, and what hangs on them; rules, routes and tables without marks."""
    found: dict[str, Any] = {}
    for name, place in seen.there().items():
        if (name, "lo") not in theirs:
            continue
        where = name or "host"
        found[where] = True
        others = {key for key in place.links if (name, key) not in theirs}
        for key, link in place.links.items():
            if key not in others:
                # A port of a bridge of ours is freed when that goes.
                hangs = {"flags", "master", "linkinfo"} if link.get("master") in others else {"flags"}
                found[f"{where}: link {key}"] = as_a_stranger_knows({k: v for k, v in link.items() if k not in hangs})
        for route in place.routes:
            if route.get("protocol") != OUR_PROTOCOL and route.get("dev") not in others and not route.get("nexthops"):
                found[f"{where}: route {_text(route)}"] = True
        found |= {f"{where}: rule {_text(rule)}": True for rule in place.rules if rule.get("protocol") != OUR_PROTOCOL}
        found |= {f"{where}: table {key}": text for key, text in place.tables.items() if not _is_ours(key)}
        found |= {path: text for path, text in seen.files.items() if path.startswith(f"/etc/netns/{name}/") and name}
    return found


def _is_ours(table: str) -> bool:
    name = table.split()[1]
    return OUR_TABLE.match(name) is not None and name != "nw_others"


def marked(seen: Look, stack: str | None = None) -> list[str]:
    """What carries Netwright's marks; of one stack, or of all."""
    left = []
    names = {f"{kind}_{stack.replace('-', '_')}" for kind in ("nw", "nwp", "nwa")} if stack else None
    for name, place in seen.there().items():
        where = name or "host"
        for key, link in place.links.items():
            alias = str(link.get("ifalias", ""))
            if alias in (f"netwright:{stack}", f"netwright-loan:{stack}") or (stack is None and MARK in alias):
                left.append(f"{where}: link {key}")
        left += [f"{where}: table {key}" for key in place.tables if (key.split()[1] in names if names else _is_ours(key))]
        if stack is None:
            left += [f"{where}: route {_text(route)}" for route in place.routes if route.get("protocol") == OUR_PROTOCOL]
            left += [f"{where}: rule {_text(rule)}" for rule in place.rules if rule.get("protocol") == OUR_PROTOCOL]
    if stack is None:
        left += [path for path in seen.files if MARK in path]
        left += [f"{name}: nothing is behind this name" for name, place in seen.places.items() if place is None]
    return left
