"""Subnets that the file leaves open: one for each that nothing on this host uses or leads to, kept for as long as the network is in the file."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from netwright.errors import Problem
from netwright.ipam.pools import subnets
from netwright.model.docker import DockerNetwork
from netwright.model.names import bridge_name
from netwright.resolve.decision import decision_key
from netwright.resolve.facts import Facts
from netwright.resolve.occupied import Occupancy, Occupied, Prefix, occupied
from netwright.resolve.uplink import uplink
from netwright.spec.document import Document
from netwright.spec.fields import AUTO
from netwright.spec.schema_networks import NetworkSpec

MOST_TOLD = 3
"""So many subnets that were passed over are named, each with what is in its way."""


@dataclass(slots=True)
class Chosen:
    """`document`: with a prefix in the place of each that was open."""

    document: Document
    leases: dict[str, str] = field(default_factory=dict)
    choices: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def choose_subnets(document: Document, facts: Facts) -> Chosen:
    """What was chosen before is kept while its network stands, and else while nothing is in its way."""
    made = Chosen(document=document)
    open_ = {key: wishes for key, spec in document.spec.networks.items() if (wishes := _wishes(spec or NetworkSpec(), facts, key))}
    if not open_:
        return made
    taken = _taken(document, facts)
    found: dict[str, list[str]] = {}
    for key, wishes in open_.items():
        spec = document.spec.networks[key] or NetworkSpec()
        prefixes = []
        for wish in wishes:
            prefix = _one(made, key, spec, wish, facts, taken) if wish in AUTO else wish
            if prefix is not None:
                prefixes.append(prefix)
                taken.add(Occupied(prefix=ipaddress.ip_network(prefix), whose=f"which is the network {key}'s"))
        found[key] = prefixes
    made.document = _with(document, found)
    return made


def known_subnets(document: Document, facts: Facts) -> Document:
    """The same document, with what was chosen for the open ones as far as it is known, and without the rest: to draw it."""
    found = {}
    for key, maybe in document.spec.networks.items():
        spec = maybe or NetworkSpec()
        if spec.open_families:
            known = [(_standing(document, key, spec, AUTO[one], facts) if one in AUTO else one) for one in spec.subnets]
            found[key] = [one for one in known if one is not None]
    return _with(document, found) if found else document


def _wishes(spec: NetworkSpec, facts: Facts, key: str) -> list[str]:
    """A network's `subnets`, if one of them is open. One of Docker's that says none, and that Docker does not have yet, has `auto4`."""
    if spec.external:
        return []
    if spec.open_families:
        return spec.subnets
    docker = spec.managed_by == "docker" and spec.driver == "bridge" and not spec.subnets
    unmade = facts.docker.reachable and (spec.name or key) not in facts.docker.networks
    return ["auto4"] if docker and (unmade or decision_key(key, "auto4") in facts.leases) else []


def _one(made: Chosen, key: str, spec: NetworkSpec, wish: str, facts: Facts, taken: Occupancy) -> str | None:
    document = made.document
    lease = decision_key(key, wish)
    standing = _standing(document, key, spec, AUTO[wish], facts)
    kept = standing or facts.leases.get(lease)
    if kept is not None and (standing is not None or not taken.overlapping(ipaddress.ip_network(kept))):
        made.leases[lease] = kept
        return kept
    # A host of its own: two with the same file have different ones.
    way_out = uplink(facts.host, 4) or uplink(facts.host, 6)
    mac = facts.host.links[way_out.dev].mac if way_out is not None else None
    passed: list[tuple[Prefix, Occupied]] = []
    more = 0
    for candidate in subnets(AUTO[wish], f"{mac}/{document.spec.name}/{key}"):
        if passed and candidate.overlaps(passed[-1][1].prefix):
            # The same again: a route to 10.0.0.0/8 is in the way of 65,536.
            more += 1
            continue
        obstacle = next(iter(taken.overlapping(candidate)), None)
        if obstacle is None:
            made.leases[lease] = str(candidate)
            made.choices.append(f"networks.{key}.subnets: {candidate}{_passed(passed, more)}")
            return str(candidate)
        passed.append((candidate, obstacle))
    made.problems.append(
        document.problem(("networks", key, "subnets"), "no private subnet is free on this host", f"state subnets: in networks.{key}")
    )
    return None


def _passed(passed: list[tuple[Prefix, Occupied]], more: int) -> str:
    """The clause that names them; `more`: so many beside them."""
    if not passed:
        return ""
    told = [f"{candidate} overlaps {one.prefix}, {one.whose}" for candidate, one in passed[:MOST_TOLD]]
    rest = more + max(0, len(passed) - MOST_TOLD)
    *first, last = [*told, *([f"{rest:,} more {'are' if rest > 1 else 'is'} taken"] if rest else [])]
    return ", because " + ", and ".join([", ".join(first), last] if first else [last])


def _standing(document: Document, key: str, spec: NetworkSpec, version: int, facts: Facts) -> str | None:
    """The subnet that the stack's network has on the host, or in Docker."""
    stack = document.spec.name
    if spec.managed_by == "docker":
        there: DockerNetwork | None = facts.docker.networks.get(spec.name or key)
        prefixes = [config.subnet for config in there.subnets] if there is not None and there.owner == stack else []
    else:
        bridge = facts.host.links.get(spec.bridge or bridge_name(stack, key))
        ours = bridge is not None and bridge.owner == stack
        prefixes = sorted(
            str(ipaddress.ip_interface(one.cidr).network)
            for one in facts.host.addresses
            if ours and bridge is not None and one.dev == bridge.name and not ipaddress.ip_interface(one.cidr).is_link_local
        )
    lease = facts.leases.get(decision_key(key, f"auto{version}"))
    fitting = [one for one in prefixes if ipaddress.ip_network(one).version == version and one not in spec.prefixes]
    return lease if lease in fitting else next(iter(fitting), None)


def _taken(document: Document, facts: Facts) -> Occupancy:
    """All that a new subnet must not overlap: what the host has and leads to, what other stacks have, what the file itself speaks of."""
    spec = document.spec
    bridges = {(network.bridge if network else None) or bridge_name(spec.name, key) for key, network in spec.networks.items()}
    names = {(network.name if network else None) or key for key, network in spec.networks.items()}
    taken = occupied(facts, spec.name, bridges=bridges, docker_names=names)
    for one in _spoken_of(document, facts):
        taken.add(one)
    return taken


def _spoken_of(document: Document, facts: Facts) -> Iterator[Occupied]:
    spec = document.spec
    for prefix, stack in sorted(facts.elsewhere_subnets.items()):
        yield Occupied(prefix=ipaddress.ip_network(prefix), whose=f"which is the stack {stack}'s")
    for loan in facts.nic_loans:
        for address in loan.addresses:
            yield Occupied(prefix=ipaddress.ip_interface(address.cidr).network, whose=f"which the NIC {loan.name} had, and gets back")
    for key, network in spec.networks.items():
        for prefix in network.prefixes if network else ():
            yield Occupied(prefix=ipaddress.ip_network(prefix), whose=f"which is the network {key}'s")
    parts = {**{f"namespaces.{name}": part for name, part in spec.namespaces.items()}, "host": spec.host}
    for where, part in parts.items():
        for name, interface in part.interfaces.items() if part is not None else ():
            for cidr in interface.addresses:
                yield Occupied(prefix=ipaddress.ip_interface(cidr).network, whose=f"in which {where}.interfaces.{name} is")
        for route in part.routes if part is not None else ():
            if route.to != "default" and ipaddress.ip_network(route.to).prefixlen:
                yield Occupied(prefix=ipaddress.ip_network(route.to), whose=f"to which {where} has a route")


def _with(document: Document, found: Mapping[str, list[str]]) -> Document:
    networks = {
        key: (spec or NetworkSpec()).model_copy(update={"subnets": found[key]}) if key in found else spec
        for key, spec in document.spec.networks.items()
    }
    return replace(document, spec=document.spec.model_copy(update={"networks": networks}))
