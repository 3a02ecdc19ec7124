"""Files at random: over the whole language as far as it works without Docker, and valid but for a few, which are drawn anew.

Stacks have their own names, subnets and ports, and sometimes each other's: then one of the two is refused.
"""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import strategies as st

import netwright
from netwright.errors import SpecError
from torture.wild.ground import FOREIGN_BRIDGE, MACS, NICS, ROOM

STACKS = ("one", "two", "far")
Tree = dict[str, Any]
RARELY = 8


def rarely(draw: st.DrawFn, one_in: int = RARELY) -> bool:
    """True once in so many; shrinks to False."""
    return draw(st.integers(0, one_in - 1)) == one_in - 1


TRIES = 4
"""Nine of ten drawn files are valid. An example is not given up for the tenth."""


@st.composite
def files(draw: st.DrawFn, stack: str) -> str:
    """The text of a valid file of that stack."""
    for _ in range(TRIES):
        if (text := valid(draw(trees(stack)))) is not None:
            return text
    return as_text({"version": 1, "name": stack, "namespaces": {f"{stack}-a": {}}})


def as_text(tree: Tree) -> str:
    return yaml.safe_dump(tree, sort_keys=False, default_flow_style=None, width=120)


def valid(tree: Tree) -> str | None:
    """As a file; None: it is not valid."""
    text = as_text(tree)
    try:
        netwright.parse(text, "stack.yaml")
    except SpecError:
        return None
    return text


@st.composite
def trees(draw: st.DrawFn, stack: str) -> Tree:
    networks: Tree = {name: draw(a_network(stack, number)) for number, name in enumerate(("lan", "dmz", "wire")) if draw(st.booleans())}
    names = [f"{stack}-{letter}" for letter in "abc"[: draw(st.integers(1, 3))]]
    if rarely(draw):
        names[-1] = "shared"
    spare = [nic for nic in NICS if nic != networks.get("wire", {}).get("parent")]
    namespaces: Tree = {}
    for number, name in enumerate(names):
        namespaces[name] = draw(a_namespace(networks, number, spare))
    if rarely(draw, 4):
        namespaces[ROOM] = {"external": True, **draw(a_namespace(networks, 5, []))}
        names.append(ROOM)
    if len(names) > 1 and rarely(draw, 3):
        one, two = draw(st.permutations(names))[:2]
        subnet = 40 + STACKS.index(stack)
        peer = {"peer": {"namespace": two, "interface": "p1"}, "addresses": [f"10.{subnet}.0.1/24", f"fd{subnet}::1/64"]}
        namespaces[one].setdefault("interfaces", {})["p0"] = peer
        if draw(st.booleans()):
            other = {"peer": {"namespace": one, "interface": "p0"}, "addresses": [f"10.{subnet}.0.2/24"], **draw(of_a_link())}
            namespaces[two].setdefault("interfaces", {})["p1"] = other
    tree: Tree = {"version": 1, "name": stack, "networks": networks, "namespaces": namespaces}
    if host := draw(a_host(stack, networks, namespaces, spare)):
        tree["host"] = host
    if rarely(draw, 4):
        tree["policies"] = draw(st.lists(a_policy([*names, *networks]), min_size=1, max_size=3, unique_by=lambda policy: policy["name"]))
    return {key: value for key, value in tree.items() if value}


@st.composite
def a_network(draw: st.DrawFn, stack: str, number: int) -> Tree:
    own = 3 * STACKS.index(stack) + number
    place = (own + draw(st.sampled_from([0] * 9 + [3]))) % 9
    subnets = draw(
        st.sampled_from([[f"10.30.{place}.0/24"], [f"fd30:{place + 1}::/64"], [f"10.30.{place}.0/24", f"fd30:{place + 1}::/64"]])
    )
    if number == 2:
        parent = draw(st.sampled_from(NICS))
        more = draw(st.sampled_from([{}, {"mode": "private"}, {"mode": "vepa"}, {"host_access": True}, {"mtu": 1380}]))
        return {"driver": "macvlan", "parent": parent, "subnets": subnets, **more}
    if rarely(draw):
        return {"external": True, "bridge": FOREIGN_BRIDGE, "subnets": ["10.60.0.0/24"], "gateway": "10.60.0.1"}
    network: Tree = {"subnets": subnets}
    if draw(st.booleans()):
        network["bridge"] = f"br-{stack}{number}" if not rarely(draw) else "br-shared"
    if rarely(draw):
        network["subnets"] = draw(st.sampled_from([["auto4"], ["auto6"], ["auto4", "auto6"], []]))
        return network
    wide = f"10.3{place + 1}.0.0/16"
    several: list[Tree] = [
        {"gateway": "none"},
        {"gateway": [subnet.replace(".0/24", ".254").replace("::/64", "::fe") for subnet in subnets]},
        {"mtu": draw(st.sampled_from([1400, 1300, 2000]))},
        {"masquerade": False},
        {"internal": True},
        {"isolated": True},
        {"antispoof": True},
        {"stp": True, "forward_delay_seconds": 2},
        {"ageing_seconds": 77},
        {"multicast_snooping": False},
        {"ip_range": subnets[0].replace(".0/24", ".128/25").replace("::/64", "::8000/113")},
        {"aux_addresses": {"printer": subnets[0].replace(".0/24", ".50").replace("::/64", "::50")}},
        {"subnets": [*subnets, wide]} if place == own else {},
    ]
    for more in draw(st.lists(st.sampled_from(several), max_size=2)):
        network |= more
    return network


def of_a_link() -> st.SearchStrategy[Tree]:
    mac = {"mac": "02:00:00:00:aa:01"}
    return st.sampled_from([{}, {}, {}, {"mtu": 1290}, {"up": False}, mac])


@st.composite
def a_namespace(draw: st.DrawFn, networks: Tree, number: int, spare: list[str]) -> Tree:
    space: Tree = {"interfaces": {}}
    near: list[str] = []
    for index in range(draw(st.integers(0, 2)) if networks else 0):
        name = draw(st.sampled_from(sorted(networks)))
        interface: Tree = {"network": name}
        fixed = [subnet for subnet in networks[name]["subnets"] if not subnet.startswith("auto")]
        if draw(st.booleans()) and fixed and len(fixed) == len(networks[name]["subnets"]):
            near = [stated(subnet, 10 + 2 * number + index) for subnet in fixed]
            interface["address"] = near
        interface |= draw(st.sampled_from([{}, {}, {"default_route": False}, {"default_route": True}]))
        if networks[name].get("driver") is None and rarely(draw):
            interface["port"] = f"port{number}{index}"
        interface |= {**draw(of_a_link()), "addresses": draw(st.sampled_from([[], [], [f"10.70.{number}.{index + 1}/24"]]))}
        if interface.get("mac"):
            interface["mac"] = f"02:00:00:00:aa:{number}{index}"
        space["interfaces"][f"eth{index}"] = {key: value for key, value in interface.items() if value != []}
    if spare and rarely(draw, 3):
        nic = spare.pop(draw(st.integers(0, len(spare) - 1)))
        chosen = draw(st.sampled_from([nic, nic, {"mac": MACS[nic]}]))
        wan: Tree = {"nic": chosen, "addresses": [f"10.8{number}.0.1/24", f"fd8{number}::1/64"], **draw(of_a_link())}
        space["interfaces"][draw(st.sampled_from(["wan", nic]))] = wan
    space["routes"] = draw(st.lists(a_route(near), max_size=2, unique_by=lambda route: route["to"]))
    space |= draw(st.sampled_from([{}, {}, {"sysctls": {"net.ipv4.ip_default_ttl": 77}}, {"sysctls": {"net.ipv4.conf.all.rp_filter": 2}}]))
    space |= draw(st.sampled_from([{}, {}, {"forward": True}, {"forward": False}, {"masquerade": sorted(space["interfaces"])[:1]}]))
    space |= draw(st.sampled_from([{}, {}, {"nameservers": ["192.0.2.53"], "search": ["example.org"]}]))
    return {key: value for key, value in space.items() if value not in ({}, [])}


def stated(subnet: str, number: int) -> str:
    return subnet.replace(".0/24", f".{number}").replace(".0.0/16", f".7.{number}").replace("::/64", f"::{number}")


@st.composite
def a_route(draw: st.DrawFn, near: list[str]) -> Tree:
    """`near`: addresses in the subnets that next hops can be in."""
    number = draw(st.integers(1, 4))
    to = f"100.64.{number}.0/24"
    if near and draw(st.booleans()):
        separator = "." if "." in near[0] else ":"
        via = f"{near[0].rpartition(separator)[0]}{separator}99"
        route = {"to": to if separator == "." else f"fd64:{number}::/48", "via": via}
        return {**route, **draw(st.sampled_from([{}, {"metric": 77}, {"mtu": 1280}]))}
    return {
        "to": to,
        "type": draw(st.sampled_from(["blackhole", "unreachable", "prohibit"])),
        **draw(st.sampled_from([{}, {"metric": 88}])),
    }


@st.composite
def a_host(draw: st.DrawFn, stack: str, networks: Tree, namespaces: Tree, spare: list[str]) -> Tree:
    host: Tree = {}
    reachable = [name for name, space in namespaces.items() if space.get("interfaces")]
    if reachable and draw(st.booleans()):
        base = 8000 + 100 * (STACKS.index(stack) if not rarely(draw) else 0)
        host["publish"] = draw(st.lists(a_publish(base, reachable), min_size=1, max_size=3, unique_by=lambda one: one["to"]))
    if spare and rarely(draw, 6):
        nic = draw(st.sampled_from(spare))
        host["interfaces"] = {
            nic: {"nic": nic, "addresses": ["10.88.0.1/24", "192.0.2.7/24"], **draw(st.sampled_from([{}, {"mtu": 1400}]))}
        }
    if rarely(draw, 6):
        host["sysctls"] = draw(st.sampled_from([{"net.ipv4.ip_default_ttl": 99}, {"net.ipv4.conf.all.rp_filter": 2}]))
    if rarely(draw, 6):
        host["forward"] = True
    inner = [
        spec["address"][0]
        for space in namespaces.values()
        for spec in space.get("interfaces", {}).values()
        if "." in (spec.get("address") or [""])[0] and not {"driver", "gateway"} & networks[spec["network"]].keys()
    ]
    if inner and networks and rarely(draw, 4):
        third = STACKS.index(stack)
        host["routes"] = [{"to": f"100.65.{third}.0/24", "via": inner[0]}]
    return host


@st.composite
def a_publish(draw: st.DrawFn, base: int, reachable: list[str]) -> Tree:
    port = base + draw(st.integers(0, 3))
    listen = draw(
        st.sampled_from(
            [f"{port}", f"{port}", f"10.9.0.1:{port}", f"up0:{port}", f"{port}/udp", f"127.0.0.1:{port}", f"{port + 10}-{port + 12}"]
        )
    )
    if rarely(draw, 10):
        listen = f"{port}/sctp"
    target = draw(st.sampled_from(reachable))
    to = f"{target}:{draw(st.sampled_from(['80', '80-82']))}" if "-" in listen else f"{target}:80"
    publish: Tree = {"listen": listen, "to": to}
    if "127." not in listen:
        publish |= draw(st.sampled_from([{}, {}, {"from": ["10.9.0.0/24"]}, {"from": ["10.9.0.8/31", "192.0.2.0/24"]}]))
        publish |= draw(st.sampled_from([{}, {}, {"source": "preserve"}]))
    return publish


@st.composite
def a_policy(draw: st.DrawFn, members: list[str]) -> Tree:
    some = st.lists(st.sampled_from([*members, "host", "10.9.0.0/24", "internet"]), min_size=1, max_size=2, unique=True)
    policy: Tree = {"name": draw(st.sampled_from(["office", "night", "gate"])), "from": draw(some), "to": draw(some)}
    policy |= draw(st.sampled_from([{}, {"ports": [80]}, {"ports": ["8000-8003", "icmp"]}]))
    return policy | draw(st.sampled_from([{}, {"action": "deny"}]))
