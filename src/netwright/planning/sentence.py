"""What an operation does, as a clause that starts with a verb: for plans, progress and errors alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from netwright.model.address import DEFAULT4, DEFAULT6, Prefix
from netwright.model.docker import Attachment, DockerNetwork
from netwright.model.firewall import ForeignChain, Published
from netwright.model.link import Link, managed_fields
from netwright.model.names import SHARED_FILE
from netwright.model.netns import HOST, NetnsKind, NetnsRef
from netwright.model.nft_text import Elements
from netwright.model.operation import (
    AddAddress,
    AddRoute,
    AddRule,
    AnyOperation,
    ChangeElements,
    ChangeLink,
    ConnectContainer,
    CreateDockerNetwork,
    CreateLink,
    CreateNetns,
    DeleteLink,
    DeleteNetns,
    DeleteTable,
    DisconnectContainer,
    FlushConntrack,
    MoveLink,
    RemoveAddress,
    RemoveDockerNetwork,
    RemoveFile,
    RemoveRoute,
    RemoveRule,
    ReplaceTable,
    SetForeignRules,
    SetSysctl,
    WriteFile,
)
from netwright.model.route import MAIN_TABLE, Address, Route, Rule
from netwright.model.sysctl import SECRET


def sentence(operation: AnyOperation) -> str:
    """`create veth eth0 in web, its other end web-1f2e on br-lab-lan on the host`: no full stop, no reason."""
    match operation:
        case CreateNetns(netns=netns, sysctls=sysctls):
            return f"create namespace {netns.name}" + (f" with {_pairs(sysctls.items())}" if sysctls else "")
        case DeleteNetns(netns=netns):
            return f"delete namespace {netns.name}"
        case CreateLink():
            return _create_link(operation)
        case ChangeLink(netns=netns, link=link, fields=fields):
            return f"{_change(link, fields)} {_in(netns)}"
        case DeleteLink(netns=netns, name=name):
            return f"delete link {name} {_in(netns)}"
        case MoveLink():
            return _move_link(operation)
        case AddAddress(netns=netns, address=address):
            return f"add {_address(address)} {_in(netns)}"
        case RemoveAddress(netns=netns, address=address):
            return f"remove {_address(address)} {_in(netns)}"
        case AddRoute(netns=netns, route=route):
            return f"add {_route(route)} {_in(netns)}"
        case RemoveRoute(netns=netns, route=route):
            return f"remove {_route(route)} {_in(netns)}"
        case AddRule(netns=netns, rule=rule):
            return f"add {_rule(rule)} {_in(netns)}"
        case RemoveRule(netns=netns, rule=rule):
            return f"remove {_rule(rule)} {_in(netns)}"
        case SetSysctl(netns=netns, key=key, value=value):
            return f"set {key} to {value if not key.endswith(SECRET) else 'what it was'} {_in(netns)}"
        case ReplaceTable(netns=netns, table=table):
            published = len(table.published)
            ports = f" ({published} published port{'s' * (published != 1)})" if published else ""
            return f"load nft table {table.name}{ports} {_in(netns)}"
        case ChangeElements(netns=netns, table=name, remove=remove, add=add):
            return f"{_elements(remove, add)} nft table {name} {_in(netns)}"
        case DeleteTable(netns=netns, name=name):
            return f"delete nft table {name} {_in(netns)}"
        case SetForeignRules(netns=netns, chain=chain, old=old, new=new):
            return f"{_foreign(chain, len(old), len(new))} {_in(netns)}"
        case FlushConntrack():
            return _forget(operation)
        case WriteFile(netns=netns, name=name, content=content):
            verb = "link" if content == SHARED_FILE else "write"
            return f"{verb} {_file(netns, name)}" + (" to the stack's" if content == SHARED_FILE else "")
        case RemoveFile(netns=netns, name=name):
            return f"remove {_file(netns, name)}"
        case CreateDockerNetwork(network=network):
            return _docker_network(network)
        case RemoveDockerNetwork(name=name):
            return f"remove Docker network {name}"
        case ConnectContainer(container=container, attachment=attachment):
            return f"connect container {container} to Docker network {attachment.network}{_at(attachment)}"
        case DisconnectContainer(container=container, network=network):
            return f"disconnect container {container} from Docker network {network}"
        case _:
            assert_never(operation)


def place(netns: NetnsRef) -> str:
    """How a person calls a namespace: `the host`, `web`, `container web`."""
    return "the host" if netns == HOST else str(netns)


def _in(netns: NetnsRef) -> str:
    return "on the host" if netns.kind is NetnsKind.HOST else f"in {netns}"


def _create_link(operation: CreateLink) -> str:
    link, twin, twin_netns = operation.link, operation.twin, operation.twin_netns
    lower = link.beneath()
    if lower is not None:
        kind = " ".join((link.kind, *link.ip_words(frozenset(managed_fields(type(link))))))
        where = "" if lower.netns == operation.netns else f" {_in(lower.netns)}"
        return f"create {kind} {link.name} {_in(operation.netns)}, standing on {lower.name}{where}"
    text = f"create {link.kind or 'link'} {link.name}{_on(link)} {_in(operation.netns)}"
    if twin is None:
        return text
    return f"{text}, its other end {twin.name}{_on(twin)} {_in(twin_netns or operation.netns)}"


def _on(link: Link) -> str:
    return f" as a port of {link.master}" if link.master else ""


def _change(link: Link, fields: frozenset[str]) -> str:
    if fields == {"up"}:
        return f"set {link.name} {'up' if link.up else 'down'}"
    if fields == {"alias"}:
        return f"mark {link.name} as {link.alias}" if link.alias else f"take the mark off {link.name}"
    if fields == {"master"}:
        return f"make {link.name} a port of {link.master}" if link.master else f"take {link.name} off its bridge"
    others = ", ".join(_field(link, name) for name in sorted(fields - {"up"}))
    return f"set {link.name} {'up' if link.up else 'down'} with {others}" if "up" in fields else f"set {others} of {link.name}"


def _field(link: Link, name: str) -> str:
    value = getattr(link, name)
    match name:
        case "alias" | "master" if not value:
            return f"no {name}"
        case _:
            words = name.replace("_", " ")
            return f"{words} {'on' if value is True else 'off' if value is False else value}"


def _move_link(operation: MoveLink) -> str:
    renamed = operation.new_name != operation.name
    if operation.source == operation.target:
        return f"rename {operation.name} to {operation.new_name} {_in(operation.source)}"
    text = f"move NIC {operation.name} from {place(operation.source)} to {place(operation.target)}"
    return f"{text} as {operation.new_name}" if renamed else text


def _address(address: Address) -> str:
    peer = f" peer {address.peer}" if address.peer else ""
    return f"address {address.cidr}{peer} on {address.dev}"


def _route(route: Route) -> str:
    kind = "" if route.kind == "unicast" else f"{route.kind} "
    defaults = {DEFAULT4: "default route", DEFAULT6: "IPv6 default route"}
    words = [kind + defaults.get(Prefix(route.to), f"route to {route.to}")]
    if route.via:
        words.append(f"via {route.via}")
    if route.dev:
        words.append(f"through {route.dev}")
    if route.source:
        words.append(f"from {route.source}")
    if route.metric:
        words.append(f"metric {route.metric}")
    if route.table != MAIN_TABLE:
        words.append(f"in table {route.table}")
    return " ".join(words)


def _rule(rule: Rule) -> str:
    words = [f"IPv{rule.family} rule {rule.priority}:"]
    if rule.from_:
        words.append(f"from {rule.from_}")
    if rule.to:
        words.append(f"to {rule.to}")
    if rule.iif:
        words.append(f"coming in by {rule.iif}")
    if rule.ip_protocol:
        words.append(rule.ip_protocol)
    if rule.source_ports:
        words.append(f"from port {_range(rule.source_ports)}")
    return " ".join([*words, f"looks in table {rule.table}"])


def _elements(remove: Elements, add: Elements) -> str:
    gone, come = ([one for name in sorted(some) for one in sorted(some[name])] for some in (remove, add))
    if not come:
        return f"take {_shown(gone)} out of"
    return f"replace {_shown(gone)} by {_shown(come)} in" if gone else f"put {_shown(come)} into"


def _shown(elements: list[str]) -> str:
    return elements[0] if len(elements) == 1 else f"{len(elements)} elements"


def _foreign(chain: ForeignChain, old: int, new: int) -> str:
    program = "iptables" if chain.family == 4 else "ip6tables"
    where = f"{program} {chain.table} chain {chain.chain}"
    if not new:
        return f"take our {_rules(old)} out of {where}"
    if not old:
        return f"put {_rules(new)} on top of {where}"
    return f"replace our {_rules(old)} by {new} on top of {where}"


def _rules(count: int) -> str:
    return "1 rule" if count == 1 else f"{count} rules"


def _forget(operation: FlushConntrack) -> str:
    admitted = _ports({admission.published for admission in operation.admitted})
    parts = [_ports(operation.published)] if operation.published else []
    parts += [f"{admitted} of clients who are let in no more"] if admitted else []
    return f"forget connections to {', and to '.join(parts)} {_in(operation.netns)}"


def _ports(published: Iterable[Published]) -> str:
    ports = list(dict.fromkeys(f"{entry.port}/{entry.protocol}" for entry in sorted(published)))
    shown = ", ".join(ports[:4])
    return shown if len(ports) <= 4 else f"{shown} and {len(ports) - 4} more ports"


def _file(netns: NetnsRef, name: str) -> str:
    return f"the file {name} of the stack's namespaces" if netns == HOST else f"/etc/netns/{netns.name}/{name}"


def _docker_network(network: DockerNetwork) -> str:
    subnets = ", ".join(entry.subnet + (f" (gateway {entry.gateway})" if entry.gateway else "") for entry in network.subnets)
    return f"create Docker network {network.name} ({network.driver})" + (f" with {subnets}" if subnets else "")


def _at(attachment: Attachment) -> str:
    stated = [address for address in (attachment.ipv4, attachment.ipv6) if address]
    names = f", also called {', '.join(attachment.aliases)}" if attachment.aliases else ""
    return (f" as {', '.join(stated)}" if stated else "") + names


def _pairs(items: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{key}={value}" for key, value in items)


def _range(ports: tuple[int, int]) -> str:
    return str(ports[0]) if ports[0] == ports[1] else f"{ports[0]}-{ports[1]}"
