"""The resolver: one Document and the facts of one host → what that host shall be."""

from __future__ import annotations

from dataclasses import dataclass, replace

from netwright.errors import InvalidValue, Problem
from netwright.firewall.compiler import compile_table
from netwright.firewall.docker_direct import unreachable
from netwright.firewall.docker_nft import accepted_mark
from netwright.firewall.foreign import foreign_rules
from netwright.firewall.intents import BridgeNetwork, Intents, Protection
from netwright.firewall.obstruction import obstacles
from netwright.model.address import family
from netwright.model.firewall import ForeignChain, ForeignRules, ForwardFilter, Table
from netwright.model.link import LinkKey
from netwright.model.names import SHARED_FILE
from netwright.model.netns import HOST, NetnsRef
from netwright.model.route import Route
from netwright.model.state import Desired, Namespace, State
from netwright.resolve.advertised import still_accepted, untaken
from netwright.resolve.antispoof import antispoof_table
from netwright.resolve.chosen_subnets import choose_subnets
from netwright.resolve.docker_network import needs_forwarding
from netwright.resolve.docker_part import wanted_attachments, wanted_networks
from netwright.resolve.endpoint import Endpoint, Holder, holders, resolve_endpoints
from netwright.resolve.external import missing
from netwright.resolve.facts import Facts
from netwright.resolve.host_access import shim_routes
from netwright.resolve.host_check import overlaps
from netwright.resolve.identities import Identities
from netwright.resolve.inside import at_odds
from netwright.resolve.kept_address import range_choices, unkept
from netwright.resolve.links import Links, resolve_links
from netwright.resolve.mtu import resolve_mtus
from netwright.resolve.names import hosts_file, resolv_conf
from netwright.resolve.network import Network, resolve_networks
from netwright.resolve.parents import check_parents, sleeping_parents
from netwright.resolve.policing import Policies
from netwright.resolve.protection import protection
from netwright.resolve.publishing import Published, Publishing
from netwright.resolve.routing import FORWARD, NO_IPV6, forwarding, resolve_addresses, resolve_routes
from netwright.spec.document import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What came out: the desired state, the leases as they are now, and what is wrong (then nothing may be touched)."""

    desired: Desired
    leases: dict[str, str]
    problems: tuple[Problem, ...]
    refused: tuple[str, ...]
    """Sentences about the host that have no place in the file."""


def resolve(document: Document, facts: Facts) -> Resolved:
    """Pure. Problems are collected, never raised: the desired state is as complete as can be without what they are about."""
    problems: list[Problem] = []
    waiting: list[str] = []
    chosen = choose_subnets(document, facts)
    document = chosen.document
    problems += chosen.problems
    networks = resolve_networks(document, facts, problems)
    holding = holders(document, facts, problems, waiting)
    endpoints, leases = resolve_endpoints(document, holding, networks, facts, problems, waiting)
    sizes = resolve_mtus(document, holding, networks, facts)
    links = resolve_links(document, holding, networks, endpoints, facts, problems, waiting, sizes.mtus)
    routes = resolve_routes(holding, endpoints)
    if shimmed := shim_routes(networks, endpoints, document.spec.containers, facts):
        routes[HOST] = routes.get(HOST, set()) | shimmed
    # What has no link (a problem was told) has no addresses and no routes either.
    absent = {LinkKey(e.netns, e.interface) for e in endpoints if e.interface not in links[e.netns] and not e.spec.external}
    if absent:
        endpoints = [e for e in endpoints if LinkKey(e.netns, e.interface) not in absent]
        routes = {ref: {r for r in own if r.dev is None or LinkKey(ref, r.dev) not in absent} for ref, own in routes.items()}
    published = Publishing(document, endpoints, networks, facts, problems, waiting).resolve()
    down = {LinkKey(endpoint.netns, endpoint.interface) for endpoint in endpoints if not endpoint.spec.up}
    for ref, standing in published.routes.items():
        published.routes[ref], _ = _through_what_is_up(ref, standing, down)
    for ref, standing in routes.items():
        routes[ref], unusable = _through_what_is_up(ref, standing, down)
        waiting += [f"the route to {route.to} in {ref} waits for {route.dev}, which shall be down" for route in unusable]
    wrong, overlapping = overlaps(document, networks, links, facts)
    problems += wrong
    problems += check_parents(document, networks, links, facts)
    odd, inside = at_odds(document, endpoints, facts)
    problems += odd
    waiting += missing(holding, endpoints, facts)

    forward = facts.observed.forward or ForwardFilter()
    intents = _intents(holding, networks, links, published, protection(document, networks, facts, waiting), forward)
    namespaces = _namespaces(
        document, holding, networks, endpoints, links, routes, published, intents, problems, nftables=facts.docker.nftables
    )
    policies = Policies(document, Identities(document, endpoints, networks, facts), published, holding, facts)
    try:
        namespaces = policies.in_force(namespaces)
    except InvalidValue as error:
        problems.append(document.problem(("policies",), str(error), error.hint))
    waiting += policies.waiting()
    if policies.within_bridges():
        forward = replace(forward, bridge_calls_iptables=frozenset({4, 6}))
    host = namespaces.get(HOST, Namespace(ref=HOST))
    if host.sysctls.get(FORWARD[6]) == "1" or _docker_forwards_ipv6(networks):
        # First of all, so that nothing is lost when forwarding is turned on. What the file says counts.
        host = replace(host, sysctls={**still_accepted(facts), **host.sysctls})
    foreign = _foreign(document.spec.name, forward, intents.get(HOST, Intents()))
    guarded = antispoof_table(document.spec.name, endpoints, links, namespaces, policies.policed(links))
    namespaces[HOST] = replace(host, foreign=foreign, antispoof=guarded)
    files = {holder.netns: _files(document, holder) for holder in holding if holder.owned}
    if files:
        files[HOST] = {"hosts": hosts_file(document, endpoints, networks, facts)}
    desired = Desired(
        stack=document.spec.name,
        state=State(namespaces=namespaces, files=files),
        docker_networks=wanted_networks(document, networks, endpoints, sizes.mtus),
        attachments=wanted_attachments(document, networks, facts, waiting),
        waiting=tuple(dict.fromkeys(waiting)),
        warnings=(
            *overlapping,
            *inside,
            *sizes.warnings,
            *unkept(document, networks, facts),
            *sleeping_parents(networks, endpoints, links, facts),
            *policies.warnings(),
        ),
        choices=(*chosen.choices, *sizes.choices, *range_choices(document, networks, facts)),
    )
    refused = (
        *obstacles(document.spec.name, forward, intents.get(HOST, Intents())),
        *unreachable(document.spec.name, forward.direct_drops, published.publishes),
    )
    return Resolved(desired=desired, leases={**leases, **chosen.leases, **sizes.leases}, problems=tuple(problems), refused=refused)


def _docker_forwards_ipv6(networks: dict[str, Network]) -> bool:
    """Docker turns it on for a bridge with IPv6."""
    made = (n for n in networks.values() if n.docker_name is not None and n.spec.driver == "bridge" and not n.spec.external)
    return any(family(subnet.prefix) == 6 for network in made for subnet in network.subnets)


def _through_what_is_up(ref: NetnsRef, routes: set[Route], down: set[LinkKey]) -> tuple[set[Route], list[Route]]:
    """The routes that the kernel takes, and those that it refuses: the ones through an interface that is down."""
    unusable = {route for route in routes if route.dev is not None and LinkKey(ref, route.dev) in down}
    return routes - unusable, sorted(unusable, key=lambda route: (route.to, route.via or ""))


def _intents(
    holding: list[Holder],
    networks: dict[str, Network],
    links: Links,
    published: Published,
    protected: Protection | None,
    forward: ForwardFilter,
) -> dict[NetnsRef, Intents]:
    bridges = tuple(
        BridgeNetwork(
            bridge=network.bridge,
            subnets=tuple(subnet.prefix for subnet in network.subnets),
            masquerade=network.spec.masquerade and not network.spec.internal and any(s.gateway for s in network.subnets),
            internal=network.spec.internal,
            isolated=network.spec.isolated,
        )
        for network in networks.values()
        if network.ours and network.bridge is not None
    )
    pairs = tuple(link.name for link in links[HOST].values() if link.twin() is not None and not link.master)
    return {
        holder.netns: Intents(
            publishes=tuple(published.publishes.get(holder.netns, ())),
            masquerade_interfaces=tuple(holder.spec.masquerade) if holder.spec else (),
            networks=bridges if holder.netns == HOST else (),
            own_interfaces=pairs if holder.netns == HOST and holder.spec and (holder.spec.forward or holder.spec.masquerade) else (),
            restrictions=tuple(published.restrictions) if holder.netns == HOST else (),
            openings=tuple(published.openings) if holder.netns == HOST else (),
            opened_bridges=tuple(sorted(published.opened_bridges)) if holder.netns == HOST else (),
            protection=protected if holder.netns == HOST else None,
            shut_here=frozenset({4, 6}) - forward.docker_user,
            accepted_mark=accepted_mark(forward) if holder.netns == HOST else None,
        )
        for holder in holding
    }


def _namespaces(
    document: Document,
    holding: list[Holder],
    networks: dict[str, Network],
    endpoints: list[Endpoint],
    links: Links,
    routes: dict[NetnsRef, set[Route]],
    published: Published,
    intents: dict[NetnsRef, Intents],
    problems: list[Problem],
    *,
    nftables: bool,
) -> dict[NetnsRef, Namespace]:
    addresses = resolve_addresses(endpoints, networks)
    by_netns = {holder.netns: holder for holder in holding}
    interfaces: dict[NetnsRef, list[Endpoint]] = {}
    for endpoint in endpoints:
        interfaces.setdefault(endpoint.netns, []).append(endpoint)
    refs = dict.fromkeys([*by_netns, *links, *addresses, *published.routes])
    gateways = frozenset(
        family(subnet.prefix)
        for network in networks.values()
        if network.ours and not network.spec.internal
        for subnet in network.subnets
        if subnet.gateway
    )
    if nftables:
        gateways |= needs_forwarding(networks)
    result = {}
    for ref in refs:
        holder = by_netns.get(ref)
        families = frozenset(family(a.cidr) for a in addresses.get(ref, ()))
        result[ref] = Namespace(
            ref=ref,
            owner=document.spec.name if holder is not None and holder.owned else None,
            links=links.get(ref, {}),
            addresses=frozenset(addresses.get(ref, ())),
            routes=frozenset(routes.get(ref, set()) | published.routes.get(ref, set())),
            rules=frozenset(published.rules.get(ref, ())),
            sysctls={
                **(untaken(links.get(HOST, {}).values()) if ref == HOST else {}),
                **(_sysctls(holder, families, gateways, published, interfaces.get(ref, [])) if holder is not None else {}),
            },
            table=_table(document, holder, intents[ref], problems) if holder is not None else None,
        )
    return result


def _table(document: Document, holder: Holder, intents: Intents, problems: list[Problem]) -> Table | None:
    try:
        return compile_table(document.spec.name, intents)
    except InvalidValue as error:
        problems.append(document.problem((*holder.path, "publish"), str(error), error.hint))
        return None


def _sysctls(
    holder: Holder,
    families: frozenset[int],
    gateways: frozenset[int],
    published: Published,
    endpoints: list[Endpoint],
) -> dict[str, str]:
    ref = holder.netns
    publishes = frozenset(family(p.target) for p in published.publishes.get(ref, ()))
    wanted: dict[str, str] = {}
    if holder.owned:
        # An interface that comes up speaks IPv6 unasked (MLD, router solicitations): with many on a bridge that is most of the work.
        wanted[NO_IPV6] = "0" if 6 in families else "1"
    for endpoint in endpoints if 6 in families else ():
        if endpoint.address(6) and not endpoint.spec.external:
            wanted[f"net.ipv6.conf.{endpoint.interface.replace('.', '/')}.disable_ipv6"] = "0"
    wanted |= forwarding(holder, families, gateway_families=gateways if ref == HOST else frozenset(), publishes=publishes)
    for endpoint in endpoints:
        if endpoint.is_shim:
            # It is on the wire a second time: who asks there for an address of the host shall be answered by the NIC alone.
            wanted[f"net.ipv4.conf.{endpoint.interface.replace('.', '/')}.arp_filter"] = "1"
    wanted |= published.sysctls.get(ref, {})
    if holder.spec is not None:
        wanted |= holder.spec.sysctls
    return wanted


def _files(document: Document, holder: Holder) -> dict[str, str]:
    files = {"hosts": SHARED_FILE}
    if (text := resolv_conf(document, holder)) is not None:
        files["resolv.conf"] = text
    return files


def _foreign(stack: str, forward: ForwardFilter, intents: Intents) -> dict[ForeignChain, ForeignRules]:
    return {chain: ForeignRules(rules=rules) for chain, rules in foreign_rules(stack, forward, intents).items() if rules}
