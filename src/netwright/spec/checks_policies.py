"""Policies: names that exist, sides that can meet, nothing that says itself away."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from netwright.model.address import IPNetwork, family
from netwright.spec.findings import Findings
from netwright.spec.places import Path
from netwright.spec.policy_values import HOST_NAME, INTERNET, Peer, Service
from netwright.spec.schema import Spec
from netwright.spec.schema_policies import PolicySpec
from netwright.spec.suggest import did_you_mean
from netwright.spec.topology import Topology


def check_policies(topology: Topology, findings: Findings) -> None:
    seen: dict[str, Path] = {}
    subnets = own_subnets(topology.spec)
    for index, policy in enumerate(topology.spec.policies):
        path: Path = ("policies", index)
        if policy.name in seen:
            there = seen[policy.name]
            findings.add(
                (*path, "name"),
                f"another policy has this name already{findings.where(there)}",
                "give it one of its own",
                on=((*there, "name"),),
            )
        seen.setdefault(policy.name, path)
        _sides(policy, path, topology, subnets, findings)
    _contradictions(topology.spec.policies, findings)


def own_subnets(spec: Spec) -> list[IPNetwork]:
    """Those that the file states of its networks."""
    return [ipaddress.ip_network(subnet) for network in spec.networks.values() if network is not None for subnet in network.prefixes]


def is_outside(peer: Peer, subnets: Iterable[IPNetwork]) -> bool:
    """Whether it is nothing of the file: the internet, or a prefix that is not a part of one of its `subnets`."""
    if peer.prefix is None:
        return peer.name == INTERNET
    prefix = ipaddress.ip_network(peer.prefix)
    return not any(subnet.version == prefix.version and prefix.subnet_of(subnet) for subnet in subnets)  # type: ignore[arg-type]


def _sides(policy: PolicySpec, path: Path, topology: Topology, subnets: list[IPNetwork], findings: Findings) -> None:
    if policy.from_ is None and policy.to is None:
        findings.add(path, "it says neither from: whom nor to: whom", "say at least one of them")
    for key, side in (("from", policy.from_), ("to", policy.to), ("ports", policy.ports)):
        if side is not None and not side:
            findings.add((*path, key), "an empty list is about nothing", f"leave out {key}: if it is about everything")
    for key, peers in (("from", policy.from_), ("to", policy.to)):
        for index, peer in enumerate(peers or ()):
            if peer.name is not None:
                _name(peer.name, (*path, key, index), topology, findings)
    if policy.from_ and policy.to:
        versions = [{family(peer.prefix) if peer.prefix else 0 for peer in peers} for peers in (policy.from_, policy.to)]
        if 0 not in versions[0] | versions[1] and not versions[0] & versions[1]:
            findings.add(path, "nothing can be meant by it: the two sides have not one IP version in common")
    outside = [peer for peer in policy.to or () if is_outside(peer, subnets)]
    if policy.action == "allow" and outside and all(is_outside(peer, subnets) for peer in policy.from_ or ()):
        findings.add(
            path,
            f"nobody of this file is under from:, so connections to {outside[0]} are open as they were",
            "say under from: which containers, namespaces or networks may have these connections, and no others to the outside",
            on=(("networks",),),
        )


def _name(name: str, path: Path, topology: Topology, findings: Findings) -> None:
    if name in (HOST_NAME, INTERNET):
        return
    site, net = topology.site(name), topology.nets.get(name)
    if site is not None and net is not None:
        what = "container" if site.container is not None else "namespace"
        findings.add(
            path, f"{name} is a {what} and a network: which of the two is meant?", "give one of them another name", on=(site.path, net.path)
        )
    elif site is None and net is None:
        names = [*topology.containers, *topology.namespaces, *topology.nets, HOST_NAME, INTERNET]
        findings.add(
            path,
            f"there is no container, namespace or network {name} in this file",
            did_you_mean(name, names, "names"),
            on=(("containers", name), ("namespaces", name), ("networks", name)),
        )
    elif net is not None and net.known and not net.subnets:
        findings.add(path, f"{name} is a plain switch: without subnets nobody can be told by an address to be on it", on=(net.path,))


def _contradictions(policies: Sequence[PolicySpec], findings: Findings) -> None:
    """An allow all of which another policy denies."""
    denies = [(index, policy) for index, policy in enumerate(policies) if policy.action == "deny"]
    for index, policy in enumerate(policies):
        for number, deny in denies if policy.action == "allow" else ():
            if _covers(deny.from_, policy.from_) and _covers(deny.to, policy.to) and _covers_ports(deny.ports, policy.ports):
                there: Path = ("policies", number)
                findings.add(
                    ("policies", index),
                    f"it allows nothing: the policy {deny.name}{findings.where(there)} denies all of it, and a deny wins",
                    "take out one of the two",
                    on=(there,),
                )
                break


def _covers(wide: list[Peer] | None, narrow: list[Peer] | None) -> bool:
    if wide is None or not narrow:
        return wide is None
    return all(any(_within(peer, other) for other in wide) for peer in narrow)


def _within(peer: Peer, other: Peer) -> bool:
    if peer.prefix is None or other.prefix is None:
        return peer == other
    inner, outer = ipaddress.ip_network(peer.prefix), ipaddress.ip_network(other.prefix)
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]


def _covers_ports(wide: list[Service] | None, narrow: list[Service] | None) -> bool:
    if wide is None or not narrow:
        return wide is None
    return all(any(other.covers(service) for other in wide) for service in narrow)
