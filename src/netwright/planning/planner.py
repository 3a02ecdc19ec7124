"""The planner: plan(desired, observed) → operations. Pure: no socket, clock, file or log.

It compares whole states and says what must happen, in which order and why. What cannot be reconciled with what others have
on the host is refused here, all of it at once, before anything is touched.
"""

from __future__ import annotations

from netwright.errors import Refused
from netwright.model.link import LinkKey
from netwright.model.loan import ConnectionLoan
from netwright.model.netns import HOST, NetnsKind, NetnsRef
from netwright.model.operation import AnyOperation, CreateNetns, DeleteNetns, Plan
from netwright.model.state import Desired, Namespace, State
from netwright.planning.addressing import plan_addressing
from netwright.planning.conflicts import find_conflicts, is_our_netns, without
from netwright.planning.docker import docker_operations
from netwright.planning.draft import Draft, Step
from netwright.planning.links import plan_links
from netwright.planning.settings import plan_antispoof, plan_files, plan_foreign, plan_policies, plan_sysctls, plan_table


def plan(desired: Desired, observed: State, *, lenient: bool = False, replace_networks: bool = False) -> Plan:
    """What makes the host as desired. Raises Refused, naming every conflict, if something there is not ours to change.

    `lenient`: what conflicts is left out instead, and named in the plan's `waiting`: for going back to what once was. A NIC that
    cannot be given back is no less of a conflict then. `replace_networks`: Docker networks may be made anew though others' containers
    are on them.
    """
    draft = Draft(stack=desired.stack)
    conflicts = find_conflicts(desired, observed)
    draft.refused.extend(conflicts.sentences)
    if draft.refused:
        desired = without(desired, conflicts)
    doomed = _doomed_netns(desired, observed)
    bridges = _plan_docker(desired, observed, draft, replace_networks=replace_networks)
    links = plan_links(desired, observed, doomed, bridges, draft)
    for ref in _all(desired, observed):
        wanted = desired.state.namespaces.get(ref, Namespace(ref=ref))
        there = observed.namespaces.get(ref)
        earlier = desired.earlier.namespaces.get(ref, Namespace(ref=ref))
        if ref in conflicts.netns:
            continue
        if ref in doomed:
            step = Step.DELETE_LEFT_NETNS if ref in links.left else Step.DELETE_NETNS
            draft.add(step, DeleteNetns(netns=ref, why="in the file no more"))
            continue
        if there is None and (wanted.owner is None or ref.kind is not NetnsKind.NAMED):
            # Nothing of ours can be left in what is gone, and only our own is made.
            continue
        plan_policies(desired, wanted, there, draft)
        plan_antispoof(desired, wanted, there, draft)
        at_birth, sysctls = plan_sysctls(desired, wanted, there, earlier, links, draft, observed.born)
        if there is None:
            draft.claimed_netns.add(ref)
            draft.add(Step.CREATE_NETNS, CreateNetns(netns=ref, sysctls=at_birth, why="in the file, not on the host"))
        configure: list[AnyOperation] = [*links.configure.get(ref, ()), *sysctls]
        configure += plan_addressing(wanted, there, earlier, links, draft)
        draft.add(Step.CONFIGURE, *configure)
        plan_table(desired, wanted, there, draft)
        if ref == HOST:
            plan_foreign(wanted, there, draft)
    for ref in sorted(_hollow(desired, observed), key=lambda ref: ref.key):
        draft.add(Step.DELETE_NETNS, DeleteNetns(netns=ref, why="an earlier run was cut off, and left its name only"))
    plan_files(desired, observed, doomed, draft)
    refused = tuple(dict.fromkeys(draft.refused))
    if refused and (conflicts.stuck or not lenient):
        raise Refused("\n".join(refused))
    return draft.plan(desired, refused)


def _all(desired: Desired, observed: State) -> list[NetnsRef]:
    return list(dict.fromkeys([*desired.state.namespaces, *sorted(observed.namespaces, key=lambda ref: ref.key)]))


def _doomed_netns(desired: Desired, observed: State) -> frozenset[NetnsRef]:
    """Ours, and wanted no more."""
    return frozenset(
        ref
        for ref, there in observed.namespaces.items()
        if ref.kind is NetnsKind.NAMED
        and is_our_netns(there, desired)
        and (ref not in desired.state.namespaces or desired.state.namespaces[ref].owner is None)
    )


def _hollow(desired: Desired, observed: State) -> frozenset[NetnsRef]:
    """Names without a namespace that are ours, and wanted no more. Those that are wanted are made use of."""
    return frozenset(
        ref
        for ref in observed.hollow
        if desired.state.namespaces.get(ref, Namespace(ref=ref)).owner is None
        and (ref in desired.claims.netns or desired.earlier.namespaces.get(ref, Namespace(ref=ref)).owner == desired.stack)
    )


def _plan_docker(desired: Desired, observed: State, draft: Draft, *, replace_networks: bool) -> frozenset[LinkKey]:
    """Docker's part; the bridges that go with the networks it removes (they may come back, without their ports)."""
    part = docker_operations(desired, observed, replace_networks=replace_networks)
    draft.loans.extend(part.detached)
    draft.refused.extend(part.refused)
    draft.left = part.left
    draft.add(Step.DISCONNECT, *part.disconnect)
    draft.add(Step.DELETE_NETWORKS, *part.remove)
    draft.add(Step.CREATE_NETWORKS, *part.create)
    draft.forward_first = bool(part.create) and observed.docker is not None and observed.docker.nftables
    draft.add(Step.CONNECT, *part.connect)
    draft.claimed_networks.update(operation.network.name for operation in part.create)
    networks = observed.docker.networks if observed.docker else {}
    for operation in part.connect:
        there = observed.docker.containers.get(operation.container) if observed.docker else None
        network = operation.attachment.network
        if network not in desired.attachments.get(operation.container, {}) or network in desired.detached.get(operation.container, {}):
            continue
        if network not in desired.earlier_attachments.get(operation.container, ()) and (there is None or network not in there.attachments):
            draft.loans.append(ConnectionLoan(container=operation.container, network=network))
    gone = (networks[operation.name].bridge for operation in part.remove if operation.name in networks)
    return frozenset(LinkKey(HOST, bridge) for bridge in gone if bridge)
