"""Policies: from names to addresses, for each namespace in which they are in force.

That is the host, whose bridges and routes are between most; and each namespace that forwards, where clients are still to be seen
whom it hides from the host, or that has an interface that is on no bridge, so that what comes in there passes the host nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from netwright.firewall.antispoof import Policed
from netwright.firewall.policies import Passage, Policing, Policy, Service, Side
from netwright.firewall.policing import compile_policies
from netwright.model.address import DEFAULT4, DEFAULT6, IPNetwork, family
from netwright.model.netns import HOST, NetnsRef
from netwright.model.state import Namespace
from netwright.resolve.endpoint import Holder
from netwright.resolve.facts import Facts
from netwright.resolve.identities import Identities
from netwright.resolve.internet import without
from netwright.resolve.links import Links
from netwright.resolve.publishing import Published
from netwright.spec.checks_policies import is_outside, own_subnets
from netwright.spec.document import Document, path_text
from netwright.spec.policy_values import HOST_NAME, INTERNET, Peer
from netwright.spec.schema import ContainerPublishSpec, NamespaceSpec, PublishSpec
from netwright.spec.schema_policies import PolicySpec

BRIDGE_SYSCTLS = {"net.bridge.bridge-nf-call-iptables": "1", "net.bridge.bridge-nf-call-ip6tables": "1"}
"""What is within a bridge passes the host's forward hook: connection tracking, on which policies rest, does not exist in nftables' bridge
family on every kernel (nf_conntrack_bridge), and br_netfilter is what Docker relies upon, too.
"""

ALWAYS_INSIDE = ("224.0.0.0/4", "255.255.255.255/32", "fe80::/10", "ff00::/8")
"""What never leaves a network by itself. 169.254.0.0/16 is not in it: clouds answer there for secrets."""


@dataclass(frozen=True, slots=True)
class Policies:
    """The policies of one file."""

    document: Document
    identities: Identities
    published: Published
    holding: list[Holder]
    facts: Facts
    _subnets: list[IPNetwork] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_subnets", own_subnets(self.document.spec))

    @property
    def written(self) -> list[PolicySpec]:
        return self.document.spec.policies

    def within_bridges(self) -> bool:
        """Whether there are policies between members of one bridge."""
        return any(policy.to is None or any(self._is_member(peer) for peer in policy.to) for policy in self.written)

    def policed(self, links: Links) -> Policed | None:
        """Where they are kept within a bridge; None: no policy is about that."""
        if not self.within_bridges():
            return None
        bridges = self.identities.bridges()
        ports = (link.name for link in links[HOST].values() if link.master in bridges and not link.borrowed)
        networks = self.document.spec.networks.values()
        dockers = any(network is not None and (network.managed_by == "docker" or network.external) for network in networks)
        return Policed(ports=tuple(ports), dockers=dockers or bool(self.document.spec.containers))

    def in_force(self, namespaces: dict[NetnsRef, Namespace]) -> dict[NetnsRef, Namespace]:
        """The namespaces with their policies. Raises InvalidValue."""
        changed = dict(namespaces)
        for site in self._sites():
            there = changed.get(site, Namespace(ref=site))
            sysctls = BRIDGE_SYSCTLS if site == HOST and self.within_bridges() else {}
            table = compile_policies(self.document.spec.name, self.at(site))
            changed[site] = replace(there, policies=table, sysctls={**sysctls, **there.sysctls})
        return changed

    def waiting(self) -> Iterator[str]:
        """Sentences: policies that name a container which is not there."""
        why = "" if self.facts.docker.reachable else f": {self.facts.docker.why}"
        for index, policy in enumerate(self.written):
            for peer in dict.fromkeys((*(policy.from_ or ()), *(policy.to or ()))):
                if peer.name not in self.document.spec.containers:
                    continue
                found = self.identities.containers(peer.name)
                if not any(one.running for one in found):
                    yield f"{path_text(('policies', index))} ({policy.name}) waits for the container {peer.name} to run{why}"

    def warnings(self) -> Iterator[str]:
        """Sentences: containers that have no address of their own to be known by, or are where no packet of theirs passes the host."""
        peers = (peer for policy in self.written for peer in (*(policy.from_ or ()), *(policy.to or ())))
        for name in dict.fromkeys(peer.name for peer in peers if peer.name in self.document.spec.containers):
            for one in self.identities.containers(name):
                if one.host_network:
                    yield f"the container {one.name} has the host's network, so no policy for {name} holds for it: name host"
                for network, driver in self.identities.past_the_host(one):
                    yield f"no policy holds for the container {one.name} on the network {network}: by {driver} its packets do not pass the host"
            spec = self.document.spec.containers[name]
            for interface, its in (spec.interfaces if spec else {}).items():
                if self.identities.passes_by(its):
                    yield f"no policy holds for containers.{name}.interfaces.{interface}: what comes and goes there does not pass the host"

        yield from self._bystanders()

    def _bystanders(self) -> Iterator[str]:
        """Bridges of others whose frames a FORWARD that drops has not seen so far, and will when br_netfilter is on."""
        forward = self.facts.observed.forward
        if forward is None or not self.within_bridges() or not forward.drops - forward.bridge_calls_iptables:
            return
        own = {*self.identities.bridges(), *(network.bridge for network in self.facts.docker.networks.values())}
        others = sorted(name for name, link in self.facts.host.links.items() if link.kind == "bridge" and name not in own)
        if others:
            yield (
                f"policies within a bridge need br_netfilter, which is off: when it is on, what is within {', '.join(others)} passes iptables'"
                " FORWARD as well, which drops what it does not know"
            )

    def _joined(self) -> tuple[str, ...]:
        """The host's ends of what joins it to namespaces."""
        members = (*self.document.spec.namespaces.values(), *self.document.spec.containers.values())
        ends = (spec.peer for member in members if member is not None for spec in member.interfaces.values())
        found = {end.interface for end in ends if end is not None and end.namespace == HOST_NAME}
        host = self.document.spec.host
        found |= {name for name, spec in (host.interfaces if host else {}).items() if spec.peer is not None or spec.network is not None}
        return tuple(sorted(found))

    def _is_member(self, peer: Peer) -> bool:
        return peer.name != HOST_NAME and not is_outside(peer, self._subnets)

    def _sites(self) -> Iterator[NetnsRef]:
        """Where they are in force."""
        for holder in self.holding if self.written else ():
            if holder.netns == HOST or (holder.spec is not None and self._judges(holder.spec)):
                yield holder.netns

    def at(self, site: NetnsRef) -> Policing:
        """As they are in force in a namespace."""
        closed: list[Peer] = []
        confined: list[Peer] = []
        for policy in self.written:
            if policy.action == "allow":
                closed += [peer for peer in policy.to or () if not is_outside(peer, self._subnets)]
                if any(is_outside(peer, self._subnets) for peer in policy.to or ()):
                    confined += [peer for peer in policy.from_ or () if not is_outside(peer, self._subnets)]
        return Policing(
            policies=tuple(self._policy(policy, site) for policy in self.written),
            closed=self._side(closed, site),
            confined=self._side(confined, site),
            inside=(*self.identities.members(), *ALWAYS_INSIDE) if confined else (),
            passages=tuple(self._passages(site, preserve=False)),
            passing=frozenset(self._passing(site, preserve=False)),
            preserved=tuple(self._passages(site, preserve=True)),
            preserving=frozenset(self._passing(site, preserve=True)),
            on_host=site == HOST,
            judged=tuple(self._judged(site)),
            bridges=self.identities.bridges() if site == HOST else (),
            bridged=self.identities.bridged() if site == HOST else (),
            joined=self._joined() if site == HOST else (),
        )

    def _judges(self, spec: NamespaceSpec) -> bool:
        forwards = bool(spec.publish or spec.masquerade or spec.forward)
        return forwards or any(map(self.identities.passes_by, spec.interfaces.values()))

    def _policy(self, policy: PolicySpec, site: NetnsRef) -> Policy:
        services = [
            Service(protocol=one.protocol, ports=(one.ports.first, one.ports.last) if one.ports else None) for one in policy.ports or ()
        ]
        return Policy(
            name=policy.name,
            sources=self._side(policy.from_, site),
            targets=self._side(policy.to, site),
            services=None if policy.ports is None else tuple(services),
            deny=policy.action == "deny",
            log=policy.log,
        )

    def _side(self, peers: list[Peer] | None, site: NetnsRef) -> Side:
        if peers is None:
            return Side(anyone=True)
        own = HOST_NAME if site == HOST else site.name
        others = [peer for peer in peers if peer.name != own]
        # The host's own addresses in the file's networks are not theirs: there it is the host, and nobody else.
        here = [peer for peer in others if peer.prefix is not None or peer.name == INTERNET] if site == HOST else others
        return Side(
            itself=len(others) < len(peers),
            addressed=bool(others),
            prefixes=self._prefixes(others),
            addressed_here=bool(here),
            here=self._prefixes(here) if len(here) < len(others) else None,
            by_proxy=site == HOST and any(peer.name in self.document.spec.containers for peer in others),
            proxied=tuple(self.identities.proxied(others)) if site == HOST else (),
        )

    def _prefixes(self, peers: Iterable[Peer]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(prefix for peer in peers for prefix in self.identities.prefixes(peer)))

    def _passages(self, site: NetnsRef, *, preserve: bool) -> Iterator[Passage]:
        """What others publish: from their own addresses, or, where the target sees the client, from all who may use it.

        But not from the target's neighbours: these are always masqueraded, so that one who is seen has not come that way.
        """
        for publisher, publishes in self.published.publishes.items():
            for publish in publishes if publisher != site else ():
                if publish.preserve is not preserve:
                    continue
                sources = self.identities.of_netns(publisher)
                if preserve:
                    sources = without(publish.sources or (DEFAULT4, DEFAULT6), publish.target_subnet)
                for source in sources:
                    if family(source) == family(publish.target):
                        yield Passage(source=source, target=publish.target, protocol=publish.protocol, ports=publish.target_ports)

    def _passing(self, site: NetnsRef, *, preserve: bool) -> Iterator[str]:
        spec = self.document.spec
        written: list[PublishSpec | ContainerPublishSpec] = []
        for name, namespace in spec.namespaces.items():
            if namespace is not None and name != site.name:
                written += namespace.publish
        if site != HOST:
            written += spec.host.publish if spec.host else ()
            written += [publish for one in spec.containers.values() if one is not None for publish in one.publish]
        return (publish.listen.protocol for publish in written if (publish.source == "preserve") is preserve)

    def _judged(self, site: NetnsRef) -> Iterator[str]:
        for holder in self.holding:
            if holder.netns not in (site, HOST) and holder.spec is not None and holder.spec.masquerade:
                yield from self.identities.of_netns(holder.netns, only=holder.spec.masquerade)
