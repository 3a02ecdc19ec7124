"""The peers, as shell scripts: what a person would run who has iproute2 and no Netwright."""

from __future__ import annotations

from pathlib import Path

from topology import Topology


def article_up(topology: Topology) -> str:
    """The article's way: make the pair on the host, move an end, rename it, configure it by `ip netns exec`; a process a command."""
    lines = ["set -e"]
    for bridge, gateway in topology.gateways.items():
        lines += [f"ip link add {bridge} type bridge", f"ip address add {gateway}/16 dev {bridge}", f"ip link set {bridge} up"]
    for number, one in enumerate(topology.endpoints):
        inside = f"ip netns exec {one.namespace} ip"
        lines += [
            f"ip netns add {one.namespace}",
            f"ip link add {one.port} type veth peer name v{number}",
            f"ip link set {one.port} master {one.bridge}",
            f"ip link set v{number} netns {one.namespace}",
            f"{inside} link set v{number} name eth0",
            f"ip link set {one.port} up",
            f"{inside} link set eth0 up",
            f"{inside} link set lo up",
            f"{inside} address add {one.address}/16 dev eth0",
            f"{inside} route add default via {one.gateway}",
        ]
    return "\n".join(lines) + "\n"


def batch_up(topology: Topology, folder: Path) -> str:
    """`ip -batch`, written as well as it can be: the pair in place, one batch for the host, one for the inside of each namespace."""
    host = []
    for bridge, gateway in topology.gateways.items():
        host += [f"link add {bridge} up type bridge", f"address add {gateway}/16 dev {bridge}"]
    host += [f"netns add {one.namespace}" for one in topology.endpoints]
    host += [f"link add {one.port} up master {one.bridge} type veth peer name eth0 netns {one.namespace}" for one in topology.endpoints]
    (folder / "host.batch").write_text("\n".join(host) + "\n")
    lines = ["set -e", f"ip -batch {folder}/host.batch"]
    for one in topology.endpoints:
        inside = [
            "link set lo up",
            f"address add {one.address}/16 dev eth0",
            "link set eth0 up",
            f"route add default via {one.gateway}",
        ]
        (folder / f"{one.namespace}.batch").write_text("\n".join(inside) + "\n")
        lines.append(f"ip -n {one.namespace} -batch {folder}/{one.namespace}.batch")
    return "\n".join(lines) + "\n"


def links_down(topology: Topology) -> str:
    """Each link deleted, then its namespace; a process a command."""
    lines = ["set -e"]
    for one in topology.endpoints:
        lines += [f"ip link del {one.port}", f"ip netns del {one.namespace}"]
    return "\n".join(lines + _bridges_down(topology)) + "\n"


def namespaces_down(topology: Topology) -> str:
    """`ip netns del` in a loop: the links go with their namespaces, some time later."""
    lines = ["set -e", *(f"ip netns del {one.namespace}" for one in topology.endpoints)]
    return "\n".join(lines + _bridges_down(topology)) + "\n"


def batch_down(topology: Topology, folder: Path) -> str:
    """The same as one `ip -batch`."""
    batch = [f"netns del {one.namespace}" for one in topology.endpoints] + [f"link del {bridge}" for bridge in topology.gateways]
    (folder / "down.batch").write_text("\n".join(batch) + "\n")
    return f"ip -batch {folder}/down.batch\n"


def _bridges_down(topology: Topology) -> list[str]:
    return [f"ip link del {bridge}" for bridge in topology.gateways]
