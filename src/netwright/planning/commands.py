"""A plan as commands that a person could run by hand, as root, and get the same kernel state."""

from __future__ import annotations

import shlex
from typing import assert_never

from netwright.model.address import family
from netwright.model.docker import STACK_LABEL, Attachment, DockerNetwork
from netwright.model.firewall import ForeignChain, Published
from netwright.model.names import SHARED_FILE, SHARED_FOLDER, table_family
from netwright.model.netns import HOST, NetnsRef
from netwright.model.nft_text import element_commands
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
    Plan,
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
from netwright.planning.ip_commands import address, change_link, create_link, flush, move_link, route, rule
from netwright.planning.shell import here_document, inside, ip, line

_FILES = "/etc/netns"


def shell_commands(plan: Plan) -> list[str]:
    """One entry a command, in the plan's order; an entry with a here-document has several lines.

    For a POSIX shell in the namespace that Netwright runs in.
    """
    commands: list[str] = []
    shaken: set[tuple[NetnsRef, str]] = set()
    replaced = False
    for place, operation in enumerate(plan.operations):
        following = plan.operations[place + 1] if place + 1 < len(plan.operations) else None
        match operation:
            case RemoveAddress(netns=netns, address=unwanted):
                # IPv4 drops the other addresses of a subnet with its first one, and routes with the last address.
                gone = (netns, unwanted.dev) in shaken and family(unwanted.cidr) == 4
                commands += [flush(netns, unwanted)] if gone else commands_of(operation, plan.stack)
                shaken.add((netns, unwanted.dev))
            case RemoveRoute() if _is_replaced(operation, following):
                replaced = True
                continue
            case AddRoute(netns=netns, route=wanted) if replaced:
                commands.append(route(netns, "replace", wanted))
            case _:
                commands += commands_of(operation, plan.stack)
        replaced = False
    return commands


def _is_replaced(operation: RemoveRoute, following: AnyOperation | None) -> bool:
    """IPv4 has one route for each destination, metric and table; the old one may be gone already with an address."""
    if not isinstance(following, AddRoute) or following.netns != operation.netns or family(operation.route.to) == 6:
        return False
    old, new = operation.route, following.route
    return (old.to, old.table, old.metric or 0) == (new.to, new.table, new.metric or 0)


def commands_of(operation: AnyOperation, stack: str) -> list[str]:
    """Those of one operation of a stack."""
    match operation:
        case CreateNetns(netns=netns, sysctls=sysctls):
            return [line(("ip", "netns", "add", netns.name)), *(_sysctl(netns, key, value) for key, value in sysctls.items())]
        case DeleteNetns(netns=netns):
            return [line(("ip", "netns", "delete", netns.name))]
        case CreateLink(netns=netns, sysctls=sysctls):
            return [*create_link(operation), *(_sysctl(netns, key, value) for key, value in sysctls.items())]
        case ChangeLink():
            return change_link(operation)
        case DeleteLink(netns=netns, name=name):
            return [ip(netns, "link", "delete", "dev", name)]
        case MoveLink():
            return move_link(operation)
        case AddAddress(netns=netns, address=wanted):
            return [address(netns, "replace", wanted)]
        case RemoveAddress(netns=netns, address=unwanted):
            return [address(netns, "delete", unwanted)]
        case AddRoute(netns=netns, route=wanted):
            return [route(netns, "add", wanted)]
        case RemoveRoute(netns=netns, route=unwanted):
            return [route(netns, "delete", unwanted)]
        case AddRule(netns=netns, rule=wanted):
            return [rule(netns, "add", wanted)]
        case RemoveRule(netns=netns, rule=unwanted):
            return [rule(netns, "delete", unwanted)]
        case SetSysctl(netns=netns, key=key, value=value, optional=optional):
            return [_sysctl(netns, key, value) + (" || true" if optional else "")]
        case ReplaceTable(netns=netns, table=table, owner=owner):
            return [here_document(inside(netns, "nft", "-f", "-"), table.replacement(owner))]
        case ChangeElements(netns=netns, table=name, remove=remove, add=add):
            return [here_document(inside(netns, "nft", "-f", "-"), element_commands(name, remove, add))]
        case DeleteTable(netns=netns, name=name):
            return [inside(netns, "nft", "delete", "table", table_family(name), name)]
        case SetForeignRules(netns=netns, chain=chain, old=old, new=new):
            return [
                *(_iptables(netns, chain, "-D", (), text) for text in old),
                *(_iptables(netns, chain, "-I", (str(place),), text) for place, text in enumerate(new, 1)),
            ]
        case FlushConntrack(netns=netns, published=published, admitted=admitted):
            # conntrack(8) cannot say "but of these clients": theirs begin anew.
            return [_conntrack(netns, entry) for entry in sorted(published | {admission.published for admission in admitted})]
        case WriteFile(netns=netns, name=name, content=content):
            return _write(_folder(netns, stack), name, content, stack)
        case RemoveFile(netns=netns, name=name):
            return _remove(netns, stack, name)
        case CreateDockerNetwork(network=network):
            return [line(_docker_network(network))]
        case RemoveDockerNetwork(name=name):
            return [line(("docker", "network", "rm", name))]
        case ConnectContainer(container=container, attachment=attachment):
            return [line(_connect(container, attachment))]
        case DisconnectContainer(container=container, network=network):
            return [line(("docker", "network", "disconnect", network, container))]
        case _:
            assert_never(operation)


def _sysctl(netns: NetnsRef, key: str, value: str) -> str:
    return inside(netns, "sysctl", "-q", "-w", f"{key}={value}")


def _iptables(netns: NetnsRef, chain: ForeignChain, verb: str, position: tuple[str, ...], text: str) -> str:
    program = "iptables" if chain.family == 4 else "ip6tables"
    return inside(netns, program, "-w", "-t", chain.table, verb, chain.chain, *position, *shlex.split(text))


def _conntrack(netns: NetnsRef, entry: Published) -> str:
    """conntrack(8) exits with 1 where there was nothing to delete, which is no failure here."""
    command = inside(
        netns, "conntrack", "-D",
        "-f", "ipv6" if family(entry.target) == 6 else "ipv4",
        "-p", entry.protocol,
        "--orig-port-dst", str(entry.port),
        "--reply-src", entry.target,
        "--reply-port-src", str(entry.target_port),
    )  # fmt: skip
    return f"{command} || true"


def _folder(netns: NetnsRef, stack: str) -> str:
    """What a stack's namespaces have in common stands among the host's files."""
    return f"{_FILES}/{SHARED_FOLDER}/{stack}" if netns == HOST else f"{_FILES}/{netns.name}"


def _write(folder: str, name: str, content: str, stack: str) -> list[str]:
    path = f"{folder}/{name}"
    made = line(("mkdir", "-p", folder))
    if content == SHARED_FILE:
        return [made, line(("ln", "-sfn", f"../{SHARED_FOLDER}/{stack}/{name}", path))]
    if content and not content.endswith("\n"):
        return [made, f"printf %s {shlex.quote(content)} >{shlex.quote(path)}"]
    return [made, here_document(f"cat >{shlex.quote(path)}", content)]


def _remove(netns: NetnsRef, stack: str, name: str) -> list[str]:
    folder = _folder(netns, stack)
    folders = [folder, f"{_FILES}/{SHARED_FOLDER}"] if netns == HOST else [folder]
    return [line(("rm", "-f", f"{folder}/{name}")), line(("rmdir", "--ignore-fail-on-non-empty", *folders))]


def _docker_network(network: DockerNetwork) -> list[str]:
    words = ["docker", "network", "create", "--driver", network.driver]
    for subnet in network.subnets:
        words += ["--subnet", subnet.subnet]
        if subnet.gateway:
            words += ["--gateway", subnet.gateway]
        if subnet.ip_range:
            words += ["--ip-range", subnet.ip_range]
        for name, reserved in subnet.reserved.items():
            words += ["--aux-address", f"{name}={reserved}"]
    if network.internal:
        words.append("--internal")
    if network.ipv6:
        words.append("--ipv6")
    if network.attachable:
        words.append("--attachable")
    if network.ingress:
        words.append("--ingress")
    for key, value in network.options.items():
        words += ["--opt", f"{key}={value}" if value else key]
    owner = {STACK_LABEL: network.owner} if network.owner else {}
    for key, value in {**network.labels, **owner}.items():
        words += ["--label", f"{key}={value}"]
    return [*words, network.name]


def _connect(container: str, attachment: Attachment) -> list[str]:
    words = ["docker", "network", "connect"]
    if attachment.ipv4:
        words += ["--ip", attachment.ipv4]
    if attachment.ipv6:
        words += ["--ip6", attachment.ipv6]
    for link_local in attachment.link_local:
        words += ["--link-local-ip", link_local]
    for alias in attachment.aliases:
        words += ["--alias", alias]
    for link in attachment.links:
        words += ["--link", link]
    for key, value in attachment.driver_options.items():
        words += ["--driver-opt", f"{key}={value}"]
    if attachment.gateway_priority:
        words += ["--gw-priority", str(attachment.gateway_priority)]
    return [*words, attachment.network, container]
