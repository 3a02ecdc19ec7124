"""Whether the witnesses see what a file says: read from the file's tree and from what iproute2 shows, by nothing of Netwright's."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torture.wild.files import Tree
from torture.wild.look import HOST, Look, Place, stack_of


def disagreements(tree: Tree, seen: Look) -> list[str]:
    """A phrase for each thing that is not as the file says."""
    return list(_Agreement(tree, seen).found())


def _no_yes(value: bool) -> str:
    return "up" if value else "down"


@dataclass(frozen=True, slots=True)
class _Agreement:
    tree: Tree
    seen: Look

    @property
    def networks(self) -> Tree:
        return self.tree.get("networks", {})

    def found(self) -> Iterator[str]:
        for name, network in self.networks.items():
            yield from (f"network {name}: {what}" for what in self._network(network))
        for name, space in {**self.tree.get("namespaces", {}), HOST: self.tree.get("host", {})}.items():
            place = self.seen.places.get(name)
            if place is None:
                yield f"there is no namespace {name}"
                continue
            yield from (f"{name or 'host'}: {what}" for what in self._space(name, space, place))
        own = {name for name, place in self.seen.there().items() if place.stack == self.tree["name"]}
        wanted = {name for name, space in self.tree.get("namespaces", {}).items() if not space.get("external")}
        yield from (f"the namespace {name} is marked and not in the file" for name in sorted(own - wanted))
        yield from (f"the namespace {name} is in the file and not marked" for name in sorted(wanted - own))

    def _network(self, network: Tree) -> Iterator[str]:
        name = network.get("bridge")
        if network.get("driver") == "macvlan" or name is None:
            return
        link = self.seen.host.links.get(name)
        if link is None:
            yield f"there is no {name}"
            return
        if network.get("external"):
            return
        data = link.get("linkinfo", {})
        if data.get("info_kind") != "bridge" or stack_of(link) != self.tree["name"] or "UP" not in link["flags"]:
            yield f"{name} is {data.get('info_kind')}, {link['flags']}, of {stack_of(link)}"
        if network.get("mtu", link["mtu"]) != link["mtu"]:
            yield f"the mtu is {link['mtu']}"
        told = data.get("info_data", {})
        wanted = {
            "stp_state": int(network["stp"]) if "stp" in network else None,
            "mcast_snooping": int(network["multicast_snooping"]) if "multicast_snooping" in network else None,
        }
        yield from (f"{key} is {told.get(key)}, not {value}" for key, value in wanted.items() if value not in (None, told.get(key)))
        for subnet, gateway in self._gateways(network).items():
            length = ipaddress.ip_network(subnet).prefixlen
            if gateway is not None and not _has(link, gateway, length):
                yield f"{name} has not {gateway}/{length}"

    @staticmethod
    def _gateways(network: Tree) -> dict[str, str | None]:
        """Fixed subnet → its gateway."""
        stated = network.get("gateway")
        found: dict[str, str | None] = {}
        for subnet in network.get("subnets", ()):
            if subnet.startswith("auto"):
                continue
            net = ipaddress.ip_network(subnet)
            listed = [stated] if isinstance(stated, str) else stated or []
            if "none" in listed:
                found[subnet] = None
            elif stated is None:
                found[subnet] = str(net[1])
            else:
                found[subnet] = next((one for one in listed if ipaddress.ip_address(one) in net), str(net[1]))
        return found

    def _space(self, name: str, space: Tree, place: Place) -> Iterator[str]:
        own = name != HOST and not space.get("external")
        interfaces = space.get("interfaces", {})
        for key, spec in interfaces.items():
            link = place.links.get(key)
            if link is None:
                yield f"there is no {key}"
            else:
                yield from (f"{key}: {what}" for what in self._interface(name, spec, link))
        if own:
            if "UP" not in place.links["lo"]["flags"]:
                yield "lo is down"
            ends = {s["peer"]["interface"] for o in self.tree["namespaces"].values() for s in o.get("interfaces", {}).values() if s.get("peer", {}).get("namespace") == name}  # fmt: skip
            more = {key for key, link in place.links.items() if stack_of(link)} - {"lo", *interfaces, *ends}
            yield from (f"{key} is not in the file" for key in sorted(more))
        yield from self._defaults(own, space, place)
        for route in space.get("routes", ()):
            if not any(_is_route(route, shown) for shown in place.routes) and not self._through_what_is_down(route, interfaces):
                yield f"there is no route {route}"
        for key, value in space.get("sysctls", {}).items():
            if place.sysctls.get(key) != str(value):
                yield f"{key} is {place.sysctls.get(key)}"
        if name != HOST and space.get("forward") is True and place.sysctls["net.ipv4.ip_forward"] != "1" and _families(place) != {6}:
            yield "it does not forward"
        text = self.seen.files.get(f"/etc/netns/{name}/resolv.conf", "")
        yield from (
            f"{server} is not in resolv.conf" for server in space.get("nameservers", ()) if own and f"nameserver {server}" not in text
        )
        tables = "".join(place.tables.values())
        for publish in space.get("publish", ()):
            if (port := str(publish["listen"]).rpartition(":")[2].partition("/")[0].partition("-")[0]) not in tables:
                yield f"{port} is in no table"

    def _interface(self, where: str, spec: Tree, link: dict[str, Any]) -> Iterator[str]:
        network = self.networks.get(spec.get("network", ""), {})
        data = link.get("linkinfo", {})
        if ("UP" in link["flags"]) != spec.get("up", True):
            yield f"it is not {_no_yes(spec.get('up', True))}"
        mtu = spec.get("mtu") or network.get("mtu")
        if mtu is not None and link["mtu"] != mtu:
            yield f"its mtu is {link['mtu']}, not {mtu}"
        if spec.get("mac", link["address"]) != link["address"]:
            yield f"its MAC address is {link['address']}"
        for cidr in spec.get("addresses", ()):
            address, _, length = cidr.partition("/")
            if not _has(link, address, int(length)) and (spec.get("up", True) or ":" not in address):
                yield f"{cidr} is not on it"
        for subnet in network.get("subnets", ()):
            if subnet.startswith("auto"):
                continue
            net = ipaddress.ip_network(subnet)
            asked = [str(ipaddress.ip_address(one)) for one in spec.get("address", ()) if ipaddress.ip_address(one) in net]
            there = [a["local"] for a in link["addr_info"] if ipaddress.ip_address(a["local"]) in net and a["prefixlen"] == net.prefixlen]
            if (not there or not set(asked) <= set(there)) and (spec.get("up", True) or net.version == 4):
                yield f"of {subnet} it has {there}, not {asked or 'one'}"
        if "nic" in spec and not str(link.get("ifalias", "")).startswith("netwright-loan:"):
            yield "it is not marked as borrowed"
        if "network" in spec and network.get("driver") == "macvlan":
            if (data.get("info_kind"), data.get("info_data", {}).get("mode")) != ("macvlan", network.get("mode", "bridge")):
                yield f"it is {data}"
        elif "network" in spec:
            other = next((x for x in self.seen.host.links.values() if x["ifindex"] == link.get("link_index") and x.get("link_index") == link["ifindex"]), None)  # fmt: skip
            if data.get("info_kind") != "veth" or other is None:
                yield f"it is {data.get('info_kind')}, and its other end is {other}"
            elif not other.get("master") or other["master"] != network.get("bridge", other["master"]):
                yield f"its other end is on {other.get('master')}"
            elif "UP" not in other["flags"] or spec.get("port", other["ifname"]) != other["ifname"]:
                yield f"its other end is {other['ifname']}, {other['flags']}"
        elif "peer" in spec:
            far = spec["peer"]
            place = self.seen.places.get(HOST if far["namespace"] == "host" else far["namespace"])
            end = place.links.get(far["interface"]) if place else None
            if end is None or end.get("link_index") != link["ifindex"]:
                yield f"its other end is not {far['interface']} in {far['namespace']}"

    def _defaults(self, own: bool, space: Tree, place: Place) -> Iterator[str]:
        """A default route through the first network that has a gateway, or through the one that is said."""
        if not own:
            return
        for version, default in ((4, "default"), (6, "default")):
            gateway = None
            for key, spec in space.get("interfaces", {}).items():
                network = self.networks.get(spec.get("network", ""), {})
                usable = spec.get("up", True) and spec.get("default_route") is not False and not network.get("internal")
                if not usable or not network or any(subnet.startswith("auto") for subnet in network.get("subnets", ())):
                    continue
                ways = [way for subnet, way in self._gateways(network).items() if way and ipaddress.ip_network(subnet).version == version]
                if ways and (gateway is None or spec.get("default_route")):
                    gateway = ways[0], key
                    if spec.get("default_route"):
                        break
            shown = [(r.get("gateway"), r.get("dev")) for r in place.routes if r["dst"] == default and r["family"] == f"-{version}" and r.get("protocol") == "78" and r.get("table", "main") == "main"]  # fmt: skip
            auto = any(s.startswith("auto") for i in space.get("interfaces", {}).values() for s in self.networks.get(i.get("network", ""), {}).get("subnets", ()))  # fmt: skip
            if not auto and shown != ([gateway] if gateway else []):
                yield f"its IPv{version} default route is {shown}, not {gateway}"

    def _through_what_is_down(self, route: Tree, interfaces: Tree) -> bool:
        return "via" in route and any(spec.get("up") is False for spec in interfaces.values())


def _has(link: dict[str, Any], address: str, length: int) -> bool:
    return any(ipaddress.ip_address(a["local"]) == ipaddress.ip_address(address) and a["prefixlen"] == length for a in link["addr_info"])


def _is_route(route: Tree, shown: dict[str, Any]) -> bool:
    return (
        shown["dst"] == route["to"]
        and shown.get("type", "unicast") == route.get("type", "unicast")
        and shown.get("gateway") == route.get("via")
        and ("metric" not in route or shown.get("metric") == route["metric"])
    )


def _families(place: Place) -> set[int]:
    found = {6 if a["family"] == "inet6" else 4 for key, link in place.links.items() if key != "lo" for a in link["addr_info"]}
    return found or {4}
