"""Looking at the host: what a stack needs to know of it, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from netwright.model.firewall import ForeignChain
from netwright.model.link import LinkKey
from netwright.model.loan import FOLLOWS
from netwright.model.names import antispoof_table_name, policy_table_name, table_name
from netwright.model.netns import HOST, NetnsKind, NetnsRef, named
from netwright.model.state import Desired, Namespace, State
from netwright.model.sysctl import birth_key
from netwright.planning.lending import leaves
from netwright.planning.settings import BIRTH, abandoned
from netwright.ports import Scope, World
from netwright.resolve.advertised import advertised
from netwright.resolve.facts import matches, netns_of
from netwright.spec.document import Document
from netwright.spec.schema import Spec

FOREIGN_CHAINS = frozenset(ForeignChain(family, "filter", chain) for family in (4, 6) for chain in ("DOCKER-USER", "FORWARD"))
"""Where marked rules of ours may stand."""


def needs_docker(specs: Iterable[Spec]) -> bool:
    """Docker is asked only where a spec speaks of it."""
    return any(
        spec.containers or protects(spec) or any(n is not None and n.managed_by == "docker" for n in spec.networks.values())
        for spec in specs
    )


def protects(spec: Spec) -> bool:
    """Whether the file is in charge of what Docker publishes."""
    return spec.host is not None and spec.host.protect


def forwards(spec: Spec) -> bool:
    """Whether the host itself forwards anything for this spec, may have to, or shows frames to others' filters (then these matter)."""
    networks = any((n is None or (n.managed_by == "netwright" and n.driver == "bridge")) for n in spec.networks.values())
    host = spec.host is not None and bool(spec.host.publish or spec.host.forward or spec.host.masquerade)
    publishes = host or any(c is not None and c.publish for c in spec.containers.values())
    elsewhere = any(p.to.address is not None for n in spec.namespaces.values() if n is not None for p in n.publish)
    return networks or publishes or elsewhere or bool(spec.policies)


def look_first(
    world: World, documents: Iterable[Document], *, also: Iterable[NetnsRef] = (), everywhere: bool = False, docker: bool = False
) -> State:
    """The facts that are needed to understand the documents: Docker first, since containers say which namespaces to enter.

    `also`: more namespaces; a container's wherever it is now. `everywhere`: whatever carries a mark, in every named namespace
    and in Docker. `docker`: it is asked even if no document speaks of it.
    """
    documents = list(documents)
    specs = [document.spec for document in documents]
    asked = world.observe(Scope(docker=True)).docker if docker or everywhere or needs_docker(specs) else None
    refs = {HOST}
    for ref in also:
        if ref.kind is not NetnsKind.CONTAINER:
            refs.add(ref)
        elif asked is not None and (there := asked.containers.get(ref.name)) is not None and there.running:
            refs.add(netns_of(there))
    for spec in specs:
        refs.update(named(name) for name in spec.namespaces)
        if asked is not None:
            for key, container in spec.containers.items():
                refs.update(netns_of(c) for c in matches(key, container, asked) if c.running)
    forward = any(forwards(spec) for spec in specs)
    seen = world.observe(Scope(namespaces=frozenset(refs), every_named=everywhere, forward=forward))
    if HOST in seen.namespaces and (keys := advertised(seen.namespaces[HOST])):
        more = world.observe(Scope(sysctls={HOST: keys})).namespaces.get(HOST, Namespace(ref=HOST))
        host = replace(seen.namespaces[HOST], sysctls=more.sysctls)
        seen = replace(seen, namespaces={**seen.namespaces, HOST: host})
    return replace(seen, docker=asked)


def look_closer(world: World, first: State, desired: Desired) -> State:
    """`first`, with the details that `desired` speaks of: sysctls, our table, foreign chains, files."""
    refs = set(first.namespaces)
    # What is in them goes with them, whatever it is.
    doomed = {ref for ref, seen in first.namespaces.items() if _is_doomed(ref, seen, desired)}
    sysctls: dict[NetnsRef, frozenset[str]] = {}
    tables: dict[NetnsRef, str] = {}
    policed: set[NetnsRef] = {HOST}
    for state in (desired.state, desired.earlier):
        for ref, namespace in state.namespaces.items():
            if ref not in refs or ref in doomed:
                continue
            keys = frozenset(namespace.sysctls)
            keys |= {follower for follower, leader in FOLLOWS.items() if leader in keys}
            if keys:
                sysctls[ref] = sysctls.get(ref, frozenset()) | keys
            if namespace.table is not None:
                tables[ref] = table_name(desired.stack)
            if namespace.policies is not None:
                policed.add(ref)
    for ref, namespace in first.namespaces.items():
        if ref in doomed:
            continue
        if ref.kind is NetnsKind.NAMED and namespace.owner == desired.stack and desired.earlier.namespaces.get(ref) is None:
            # Nothing is remembered of it: a crash, or a lost database.
            tables[ref] = table_name(desired.stack)
            policed.add(ref)
            sysctls[ref] = sysctls.get(ref, frozenset()) | frozenset(BIRTH)
    tables[HOST] = table_name(desired.stack)
    host_foreign = any(HOST in s.namespaces and s.namespaces[HOST].foreign for s in (desired.state, desired.earlier))
    remembered = desired.earlier.namespaces.get(HOST)
    closer = world.observe(
        Scope(
            sysctls=sysctls,
            own_sysctls=_leaving(desired),
            tables=tables,
            policies=dict.fromkeys(policed, policy_table_name(desired.stack)),
            antispoof={HOST: antispoof_table_name(desired.stack)},
            foreign=FOREIGN_CHAINS if host_foreign or first.forward is not None or remembered is None else frozenset(),
            files=frozenset(ref for ref in {*refs, *desired.state.files, *desired.earlier.files} if ref.kind is not NetnsKind.CONTAINER),
            stack=desired.stack,
            born=_left_behind(first, desired),
        )
    )
    namespaces = dict(first.namespaces)
    for ref, details in closer.namespaces.items():
        if ref in namespaces:
            namespaces[ref] = replace(
                namespaces[ref],
                sysctls=details.sysctls,
                table=details.table,
                policies=details.policies,
                antispoof=details.antispoof,
                foreign=details.foreign,
            )
    return replace(first, namespaces=namespaces, files=closer.files, born=closer.born)


def _leaving(desired: Desired) -> dict[NetnsRef, frozenset[str]]:
    """The NICs that are about to leave home: the kernel forgets their sysctls."""
    found: dict[NetnsRef, frozenset[str]] = {}
    for ref, wanted in desired.state.namespaces.items():
        for link in wanted.links.values():
            origin, home = link.origin(), link.belongs()
            if origin is not None and home is not None and leaves(LinkKey(ref, link.name), origin, home):
                found[origin.netns] = found.get(origin.netns, frozenset()) | {origin.name}
    return found


def _left_behind(first: State, desired: Desired) -> frozenset[str]:
    """Where to read what sysctls go back to that are not wanted any more, in namespaces of the stack's own that stay."""
    return frozenset(
        birth_key(key)
        for ref, wanted in desired.state.namespaces.items()
        if ref in first.namespaces and not wanted.shared
        for key in abandoned(wanted, desired.earlier.namespaces.get(ref))
    )


def _is_doomed(ref: NetnsRef, seen: Namespace, desired: Desired) -> bool:
    """Whether any plan towards `desired` deletes it."""
    return ref.kind is NetnsKind.NAMED and seen.owner == desired.stack and ref not in desired.state.namespaces
