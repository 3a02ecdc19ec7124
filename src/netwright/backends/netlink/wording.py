"""What a user reads when the kernel refuses an operation."""

from __future__ import annotations

import errno

from netwright.backends.netlink.channel import reason
from netwright.errors import KernelError
from netwright.model.operation import (
    AddAddress,
    AddRoute,
    AddRule,
    AnyOperation,
    ChangeLink,
    CreateLink,
    CreateNetns,
    DeleteLink,
    DeleteNetns,
    MoveLink,
    RemoveAddress,
    RemoveRoute,
    RemoveRule,
    SetSysctl,
)
from netwright.model.route import Route, Rule
from netwright.rtnl.message import Answer

_HINTS = {
    errno.EPERM: "run it as root",
    errno.EXFULL: "a bridge takes 1,023 ports at most: spread them over several networks",
}


def refused(operation: AnyOperation, answer: Answer) -> KernelError:
    """The error for an operation that the kernel refused, with its own text."""
    hint = _HINTS.get(answer.code)
    if isinstance(operation, CreateLink) and answer.code == errno.EOPNOTSUPP and not answer.text:
        hint = f"this kernel has no links of the kind {operation.link.kind}"
    if isinstance(operation, CreateLink) and answer.code == errno.EBUSY and (lower := operation.link.beneath()) is not None:
        hint = f"{lower.name} is a port of a bridge or a bond, or carries links of another kind: name that bridge, or another parent"
    if isinstance(operation, CreateLink) and answer.code == errno.EINVAL and (lower := operation.link.beneath()) is not None:
        larger = (
            f"{lower.name} carries less than {operation.link.mtu} bytes"
            if operation.link.mtu is not None
            else "its mode is none that it can have"
        )
        hint = f"{larger}, or {lower.name} has one in the mode passthru already: ip -d link show"
    return KernelError(answer.code, f"the kernel refused to {phrase(operation)}: {reason(answer)}", hint=hint)


def phrase(operation: AnyOperation) -> str:
    """What it does, to go behind "to"."""
    match operation:
        case CreateNetns(netns=netns):
            return f"make the namespace {netns}"
        case DeleteNetns(netns=netns):
            return f"delete the namespace {netns}"
        case CreateLink(netns=netns, link=link):
            return f"create the {link.kind} {link.name} in {netns}"
        case ChangeLink(netns=netns, link=link, fields=fields):
            return f"change {', '.join(sorted(fields))} of {link.name} in {netns}"
        case DeleteLink(netns=netns, name=name):
            return f"delete the link {name} in {netns}"
        case MoveLink(source=source, name=name, target=target, new_name=new_name):
            return f"move {name} from {source} to {target} as {new_name}"
        case AddAddress(netns=netns, address=address):
            return f"add {address.cidr} to {address.dev} in {netns}"
        case RemoveAddress(netns=netns, address=address):
            return f"remove {address.cidr} from {address.dev} in {netns}"
        case AddRoute(netns=netns, route=route):
            return f"add the route {_route(route)} in {netns}"
        case RemoveRoute(netns=netns, route=route):
            return f"remove the route {_route(route)} in {netns}"
        case AddRule(netns=netns, rule=rule):
            return f"add the rule {_rule(rule)} in {netns}"
        case RemoveRule(netns=netns, rule=rule):
            return f"remove the rule {_rule(rule)} in {netns}"
        case SetSysctl(netns=netns, key=key, value=value):
            return f"set {key} to {value} in {netns}"
        case _:
            return f"do {type(operation).__name__}"


def _route(route: Route) -> str:
    via = f" via {route.via}" if route.via else ""
    dev = f" dev {route.dev}" if route.dev else ""
    return f"{'' if route.kind == 'unicast' else route.kind + ' '}{route.to}{via}{dev}"


def _rule(rule: Rule) -> str:
    return f"{rule.priority} (table {rule.table})"
