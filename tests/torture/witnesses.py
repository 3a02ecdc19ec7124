"""All that others see of a host: iproute2, nft, iptables-save, the kernel's files, the Docker Engine; one line for each value.

Left out is what comes and goes by itself, or is another each time the same thing is made:

    ifindex, link_index, link_netnsid, "ifN" as a peer     numbers that the kernel counts up, whoever makes links
    stats, counters of chains, timers, lifetimes            what passes by
    gc_timer and the like of bridges                        clocks
    tentative, NO-CARRIER, LOWER_UP, operstate              the kernel tells of a carrier up to a second late (net/core/link_watch.c)
    link-local addresses, IPv6's table local                come with the carrier
    MACs that the kernel or Docker has generated            random: those that the tests have set begin with 02:00:00
    names, MACs and ids of Docker's own veths               random: only that they are there, and where they are plugged in
    names of a container's interfaces that Docker makes     it counts them up: known by their addresses here
    the order of iptables' rules but in DOCKER-USER         Docker puts a network's where it likes, by when it was made
    IPv6 routes of protocol boot to no gateway              an engine that starts adds them for its bridges
    what leads to Docker's name server in a container       to other ports, and in another order, each time    empty folders below /etc/netns                          mean nothing to anybody
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

Docker = Callable[..., str]
"""The docker command: its arguments in, standard output out."""
Seen = dict[str, str]

SET_BY_US = "02:00:00:"
SETTLED_SECONDS = 4.0
_WANDERING = {
    *("ifindex", "link_index", "link_netnsid", "stats", "stats64", "tentative", "operstate", "state", "promiscuity", "allmulti"),
    *("valid_life_time", "preferred_life_time", "bridge_id", "root_id", "designated_root", "designated_bridge", "designated_port"),
    *("id", "no", "tso_max_size", "tso_max_segs", "topology_change", "topology_change_detected"),
}
_SYSCTLS = "/proc/sys/net/ipv[46]/conf /proc/sys/net/ipv[46]/neigh/eth1 /proc/sys/net/bridge /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/ip_default_ttl"
_END = "%%%%"
_PARTS = ("address", "-4 route", "-6 route", "-4 rule", "-6 rule", "nft", "sysctls", "iptables", "ip6tables")
_LOOK = f"; echo; echo {_END}; ".join(
    (
        "ip -j -d address show",
        "ip -j -d -4 route show table all",
        "ip -j -d -6 route show table all",
        "ip -j -d -4 rule",
        "ip -j -d -6 rule",
        "nft --stateless list ruleset",
        f"grep -rs . {_SYSCTLS}",
        "iptables-save 2>/dev/null",
        "ip6tables-save 2>/dev/null",
    )
)
_DOCKERS_DNS = re.compile(r"127\.0\.0\.11|DOCKER_OUTPUT|DOCKER_POSTROUTING")
_IPTABLES_TABLES = {f"table {family} {name}" for family in ("ip", "ip6") for name in ("filter", "nat", "mangle", "raw")}
"""Shown by iptables-save."""
ORDERED = "-A DOCKER-USER "
_DOCKERS_VETH = re.compile(r"veth[0-9a-f]{7}$")


def witness(docker: Docker | None = None) -> Seen:
    """Of the host that this thread is on, its named namespaces, /etc/netns, and Docker's objects and its containers' namespaces."""
    seen: dict[str, Any] = {"host": _namespace("/proc/thread-self/ns/net")}
    for name in sorted(Path("/run/netns").iterdir()):
        seen[name.name] = _namespace(str(name))
    seen["files"] = {
        str(path): str(path.readlink()) if path.is_symlink() else f"{path.stat().st_mode:o} {path.read_text()}"
        for path in sorted(Path("/etc/netns").rglob("*"))
        if not path.is_dir()
    }
    if docker is not None:
        seen["docker"] = {"networks": dict(_networks(docker)), "containers": (containers := dict(_containers(docker)))}
        for name, told in containers.items():
            if pid := told.pop("pid"):
                given = {one["IPAddress"] for one in told["networks"].values()}
                seen[f"container {name}"] = _namespace(f"/proc/{pid}/ns/net", given - {""})
    return dict(_flat(seen))


def settled(expected: Seen, docker: Docker | None = None) -> Seen:
    """The witness when it is as expected, or after some seconds: what the kernel and Docker do afterwards takes them a moment."""
    deadline = time.monotonic() + SETTLED_SECONDS
    while (seen := witness(docker)) != expected and time.monotonic() < deadline:
        time.sleep(0.05)
    return seen


def differences(expected: Seen, seen: Seen) -> str:
    """`PATH: expected, seen`, the first few; empty where there are none."""
    paths = sorted(path for path in expected.keys() | seen.keys() if expected.get(path) != seen.get(path))
    told = [f"{path}: {expected.get(path, 'nothing')[:300]} → {seen.get(path, 'nothing')[:300]}" for path in paths[:6]]
    return "; ".join([*told, *([f"and {len(paths) - 6} more"] if len(paths) > 6 else [])])


def _namespace(path: str, given: Collection[str] = ()) -> dict[str, Any]:
    """`given`: the addresses that Docker gave a container."""
    done = subprocess.run(["nsenter", f"--net={path}", "sh", "-c", _LOOK], check=False, capture_output=True, text=True)
    if not done.stdout:
        return {"": f"cannot be entered: {done.stderr}"}
    plain = done.stdout
    for name, address in _dockers_ends(plain, given):
        plain = re.sub(rf'(?<=["/]){name}(?=["/])', f"with {address}", plain)
    told = dict(zip(_PARTS, plain.split(f"\n{_END}\n"), strict=True))
    links = json.loads(told["address"] or "[]")
    kept = {family: [_route(route) for route in json.loads(told[f"{family} route"] or "[]")] for family in ("-4", "-6")}
    dockers = {link["ifname"] for link in links if link and _DOCKERS_VETH.match(link["ifname"])}
    return {
        "links": {link["ifname"]: _link(link) for link in links if link and link["ifname"] not in dockers},
        "Docker's veths": sorted(str(link.get("master")) for link in links if link and link["ifname"] in dockers),
        "routes": {family: dict.fromkeys(filter(None, routes), "there") for family, routes in kept.items()},
        "rules": {family: json.loads(told[f"{family} rule"] or "[]") for family in ("-4", "-6")},
        "nft": _by_table(re.sub(r"\bcounter packets \d+ bytes \d+", "counter", told["nft"])),
        "sysctls": dict(
            line.removeprefix("/proc/sys/net/").partition(":")[::2]
            for line in told["sysctls"].splitlines()
            # Docker's veths come with names of their own, and which of its ends in a container is eth1 changes; what the kernel makes up for
            # each interface is no setting.
            if not re.search(r"/veth[0-9a-f]{7}/|/neigh/with |stable_secret", line)
        ),
        "iptables": _rules(told["iptables"]),
        "ip6tables": _rules(told["ip6tables"]),
    }


def _dockers_ends(told: str, given: Collection[str]) -> Iterator[tuple[str, str]]:
    for link in json.loads(told.partition(f"\n{_END}\n")[0] or "[]"):
        for address in link.get("addr_info", ()) if link else ():
            if address.get("local") in given:
                yield link["ifname"], address["local"]


def _rules(saved: str) -> str:
    lines = (re.sub(r" \[\d+:\d+\]$", "", line) for line in saved.splitlines() if line[:1] != "#")
    kept = [line for line in lines if not _DOCKERS_DNS.search(line)]
    return "\n".join([*sorted(line for line in kept if ORDERED not in line), *(line for line in kept if ORDERED in line)])


def _link(link: dict[str, Any]) -> dict[str, Any]:
    plain = _steady(link)
    if str(plain.get("link", "")).startswith("if"):
        del plain["link"]
    plain.pop("permaddr", None)
    if not str(link.get("address", "")).startswith(SET_BY_US):
        plain.pop("address", None)
    plain["flags"] = sorted(set(link["flags"]) - {"NO-CARRIER", "LOWER_UP", "M-DOWN"})
    plain["addr_info"] = sorted(
        json.dumps(_steady(address), sort_keys=True) for address in link["addr_info"] if not address.get("local", "").startswith("fe80:")
    )
    return plain


def _route(route: dict[str, Any]) -> str:
    """Empty for those that come and go with a carrier."""
    if not route or str(route.get("dst", "")).startswith(("fe80:", "ff00:", "multicast")):
        return ""
    engines_own = route.get("protocol") == "boot" and "gateway" not in route
    if ":" in str(route.get("dst", "")) and (route.get("table") == "local" or engines_own):
        return ""
    if _DOCKERS_VETH.match(str(route.get("dev", ""))):
        return ""
    plain = {key: value for key, value in route.items() if key not in {"flags", "expires"}}
    return json.dumps({**plain, "flags": sorted(set(route.get("flags", [])) - {"linkdown"})}, sort_keys=True)


def _steady(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _steady(value) if isinstance(value, dict) else value
        for key, value in entry.items()
        if key not in _WANDERING and not key.endswith("_timer")
    }


def _by_table(text: str) -> dict[str, str]:
    """A ruleset by its tables."""
    found: dict[str, str] = {}
    for part in re.split(r"^(?=table )", text, flags=re.MULTILINE):
        if (name := part.partition("{")[0].strip()) not in _IPTABLES_TABLES:
            found[name] = part.strip()
    return found


def _networks(docker: Docker) -> Iterator[tuple[str, dict[str, Any]]]:
    names = docker("network", "ls", "--format", "{{.Name}}").split()
    for network in json.loads(docker("network", "inspect", *names)) if names else []:
        users = {one["Name"]: [one["IPv4Address"], one["IPv6Address"]] for one in (network["Containers"] or {}).values()}
        kept = ("Driver", "EnableIPv6", "IPAM", "Internal", "Attachable", "Options", "Labels", "Scope")
        # Of a network that was made without a gateway it tells one when it has been started again.
        pools = [{key: value for key, value in pool.items() if key != "Gateway"} for pool in network["IPAM"]["Config"] or ()]
        yield network["Name"], {**{key: network[key] for key in kept}, "IPAM": pools, "Containers": users}


def _containers(docker: Docker) -> Iterator[tuple[str, dict[str, Any]]]:
    ids = docker("ps", "--all", "--quiet").split()
    for one in json.loads(docker("inspect", *ids)) if ids else []:
        settings = one["NetworkSettings"]
        yield (
            one["Name"].removeprefix("/"),
            {
                "pid": one["State"]["Pid"],
                "running": one["State"]["Running"],
                "ports": settings["Ports"],
                "networks": {name: _endpoint(endpoint, one["Id"]) for name, endpoint in settings["Networks"].items()},
            },
        )


def _endpoint(endpoint: Mapping[str, Any], own: str) -> dict[str, Any]:
    kept = ("IPAMConfig", "Links", "Gateway", "IPAddress", "IPPrefixLen", "GlobalIPv6Address", "GlobalIPv6PrefixLen", "DriverOpts")
    # Docker adds the container's own short id, by itself.
    aliases = sorted(alias for alias in endpoint["Aliases"] or () if not own.startswith(alias))
    return {**{key: endpoint[key] for key in kept}, "Aliases": aliases}


def _flat(entry: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(entry, dict) and entry:
        for key, value in entry.items():
            yield from _flat(value, f"{path}/{key}" if path else str(key))
    else:
        yield path, entry if isinstance(entry, str) else json.dumps(entry, sort_keys=True)
