"""What is right in the file and wrong on this host: found before anything is touched."""

from __future__ import annotations

import ipaddress

from netwright.errors import Problem
from netwright.model.netns import HOST
from netwright.resolve.facts import Facts
from netwright.resolve.links import Links
from netwright.resolve.network import Network
from netwright.resolve.occupied import Occupied, Prefix, occupied
from netwright.spec.document import Document, path_text


def overlaps(document: Document, networks: dict[str, Network], links: Links, facts: Facts) -> tuple[list[Problem], list[str]]:
    """Subnets that the host already routes elsewhere, or that Docker uses: problems.

    And warnings: of a subnet that stands already, and with which something that came later is in conflict (a VPN).
    """
    own = {network.bridge for network in networks.values() if network.bridge}
    # What stands on a NIC is on that one's subnets: so it is meant, also where the NIC is still called otherwise.
    parents = {network.wire.parent for network in networks.values() if network.wire is not None}
    own |= parents
    own |= {loan.new_name for loan in facts.nic_loans if loan.name in parents and loan.netns == HOST}
    own |= {now.name for name in parents if (nic := links[HOST].get(name)) is not None and (now := nic.origin()) and now.netns == HOST}
    docker_names = {network.docker_name for network in networks.values() if network.docker_name}
    others = occupied(facts, document.spec.name, bridges=own, docker_names=docker_names)
    problems = []
    warnings = []
    for key, network in networks.items():
        if network.spec.external:
            continue
        for index, prefix in enumerate(network.spec.subnets):
            subnet = ipaddress.ip_network(prefix)
            path = ("networks", key, "subnets", index)
            for other in others.overlapping(subnet):
                if _stands(network, subnet, document.spec.name, facts):
                    warnings.append(f"{path_text(path)}: {prefix} overlaps {other.prefix}, {other.whose}; {_outcome(subnet, other)}")
                else:
                    problems.append(document.problem(path, f"{prefix} overlaps {other.prefix}, {other.whose}", "choose another subnet"))
    return problems, warnings


def _stands(network: Network, subnet: Prefix, stack: str, facts: Facts) -> bool:
    """Whether the network is there, as the stack's, with this subnet."""
    if network.docker_name is not None:
        there = facts.docker.networks.get(network.docker_name)
        return there is not None and there.owner == stack and any(ipaddress.ip_network(one.subnet) == subnet for one in there.subnets)
    bridge = facts.host.links.get(network.bridge or "")
    if bridge is None or bridge.owner != stack:
        return False
    gateway = next((one.gateway for one in network.subnets if one.prefix == str(subnet)), None)
    return gateway is None or any(
        one.dev == bridge.name and ipaddress.ip_interface(one.cidr).network == subnet for one in facts.host.addresses
    )


def _outcome(subnet: Prefix, other: Occupied) -> str:
    """Who gets the packets for what is in both: the longest prefix wins (RFC 1812, section 5.2.4.3)."""
    if other.prefix.prefixlen > subnet.prefixlen:
        return f"what is in {other.prefix} does not reach the network any more"
    if other.prefix.prefixlen < subnet.prefixlen:
        return f"of {other.prefix}, what is in {subnet} is not reached any more"
    return "only one of the two is reached"
