"""A host to resolve and plan against, and the pipeline in one call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from netwright.model.docker import DockerState
from netwright.model.firewall import ForwardFilter
from netwright.model.link import Link, Observation
from netwright.model.netns import HOST, NetnsRef
from netwright.model.operation import Plan
from netwright.model.route import Route
from netwright.model.state import Claims, Desired, Namespace, State
from netwright.planning.planner import plan
from netwright.resolve.facts import Facts
from netwright.resolve.resolver import Resolved, resolve
from netwright.resolve.transition import transition
from netwright.spec.load import parse

SYSCTLS = {"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1"}


def link(name: str, *, alias: str = "", master: str = "", up: bool = True) -> Link:
    return Link(name=name, alias=alias, up=up, mtu=1500, mac=f"02:00:00:00:01:{len(name):02x}", master=master)


def host(*links: Link, routes: frozenset[Route] = frozenset(), sysctls: Mapping[str, str] = SYSCTLS) -> Namespace:
    """The host with these links (beside lo)."""
    lo = Link(name="lo", alias="", up=True, mtu=65536, mac="00:00:00:00:00:00", master="")
    everything = {x.name: x for x in (lo, *links)}
    seen = {name: Observation(index=number) for number, name in enumerate(everything, 1)}
    return Namespace(ref=HOST, links=everything, seen=seen, routes=routes, sysctls=sysctls)


def state(*namespaces: Namespace, docker: DockerState | None = None, forward: ForwardFilter | None = None) -> State:
    return State(namespaces={n.ref: n for n in namespaces}, docker=docker, forward=forward)


def resolved(text: str, observed: State | None = None, leases: Mapping[str, str] | None = None) -> Resolved:
    facts = Facts(observed=observed or state(host()), leases=leases or {})
    return resolve(parse(text, "file.yaml"), facts)


def problems(text: str, observed: State) -> list[str]:
    return [problem.text("file.yaml") for problem in resolved(text, observed).problems]


def planned(text: str, observed: State, *, before: str | None = None, claims: Claims | None = None) -> Plan:
    """What an apply of `text` would do, where `before` was the last committed file."""
    facts = Facts(observed=observed)
    target = resolve(parse(text, "file.yaml"), facts)
    assert not target.problems
    earlier = [resolve(parse(before, "file.yaml"), facts).desired] if before else []
    return plan(transition(target.desired, before=earlier, facts=facts, claims=claims or Claims(), fingerprints={}), observed)


def reached(desired: Desired) -> dict[NetnsRef, Namespace]:
    """The host as it is after `desired` was applied on an empty one, without what only a kernel can tell."""
    return {ref: replace(namespace, seen={}) for ref, namespace in desired.state.namespaces.items()}
