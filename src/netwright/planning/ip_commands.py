"""Links, addresses, routes and rules as ip(8) commands.

Where the kernel asks for more than one message (an alias is not taken at a link's birth; a link must be down to be
renamed by older kernels), there are as many commands.
"""

from __future__ import annotations

from netwright.model.address import family, ip_of
from netwright.model.link import Link, LinkKey, managed_fields
from netwright.model.names import short_hash
from netwright.model.netns import NetnsRef
from netwright.model.operation import ChangeLink, CreateLink, MoveLink
from netwright.model.route import FOREVER, MAIN_TABLE, SCOPE_GLOBAL, SCOPE_HOST, SCOPE_LINK, Address, Route, Rule
from netwright.planning.shell import ip, line, target

_SCOPES = {SCOPE_GLOBAL: "global", SCOPE_LINK: "link", SCOPE_HOST: "host"}

_FLAGS = {0x02: "nodad", 0x10: "home", 0x100: "mngtmpaddr", 0x200: "noprefixroute", 0x400: "autojoin"}
"""linux/if_addr.h: IFA_F_*, with ip-address(8)'s words."""

_GENERATION = {0: "eui64", 1: "none", 2: "stable_secret", 3: "random"}
"""linux/if_link.h: enum in6_addr_gen_mode."""


def create_link(operation: CreateLink) -> list[str]:
    """The link as it is to be; its twin with name, mac and mtu."""
    netns, link, twin = operation.netns, operation.link, operation.twin
    if (lower := link.beneath()) is not None:
        return _stacked(netns, link, lower)
    words = ["link", "add", "name", link.name, *_shape(link)]
    words += ["type", link.kind, *link.ip_words(frozenset(managed_fields(type(link))))]
    command = ip(netns, *words)
    if twin is not None:
        command += f" {line(('peer', 'name', twin.name, *_shape(twin)))}"
        if operation.twin_netns is not None and operation.twin_netns != netns:
            command += f" netns {target(operation.twin_netns)}"
    rest = [*_named(link, "alias"), *_named(link, "master"), *_named(link, "up")]
    if link.mtu_follows_ports:
        rest += _named(link, "mtu")
    return [command, ip(netns, "link", "set", "dev", link.name, *rest)] if rest else [command]


def _stacked(netns: NetnsRef, link: Link, lower: LinkKey) -> list[str]:
    """Made where the lower link is, and born where it belongs; kernels before 6.13 do not take there a name that is in use here."""
    away = lower.netns != netns
    born = f"nw-{short_hash(link.name, 11)}" if away and link.name == lower.name else link.name
    words = ["link", "add", "name", born, "link", lower.name, *_shape(link)]
    kind = line(("type", link.kind, *link.ip_words(frozenset(managed_fields(type(link))))))
    command = f"{ip(lower.netns, *words)}{f' netns {target(netns)}' if away else ''} {kind}"
    return [command] if born == link.name else [command, ip(netns, "link", "set", "dev", born, "name", link.name)]


def change_link(operation: ChangeLink) -> list[str]:
    """One command for what every link has, one for what only its kind has."""
    netns, link, fields = operation.netns, operation.link, operation.fields
    commands = []
    if own := link.ip_words(fields):
        commands.append(ip(netns, "link", "set", "dev", link.name, "type", link.kind, *own))
    words = [word for name in ("alias", "mtu", "mac", "master", "up") if name in fields for word in _named(link, name)]
    if words:
        commands.append(ip(netns, "link", "set", "dev", link.name, *words))
    return commands


def move_link(operation: MoveLink) -> list[str]:
    """Down first: a link that is up cannot be renamed by every kernel, and one that moves arrives down anyway."""
    source, goal = operation.source, operation.target
    commands = [ip(source, "link", "set", "dev", operation.name, "down")]
    renamed = operation.new_name != operation.name
    if source != goal:
        name = f" {line(('name', operation.new_name))}" if renamed else ""
        commands.append(f"{ip(source, 'link', 'set', 'dev', operation.name)} netns {target(goal)}{name}")
    elif renamed:
        commands.append(ip(source, "link", "set", "dev", operation.name, "name", operation.new_name))
    rest = ["alias", operation.alias]
    if operation.address_generation is not None:
        rest += ["addrgenmode", _GENERATION.get(operation.address_generation, str(operation.address_generation))]
    if operation.txqlen is not None:
        rest += ["txqueuelen", str(operation.txqlen)]
    if operation.group is not None:
        rest += ["group", str(operation.group)]
    return [*commands, ip(goal, "link", "set", "dev", operation.new_name, *rest)]


def address(netns: NetnsRef, verb: str, wanted: Address) -> str:
    """`verb` is replace or delete."""
    words = ["address", verb]
    whole = verb != "delete"
    words += [ip_of(wanted.cidr), "peer", wanted.peer] if wanted.peer else [wanted.cidr]
    if whole:
        if wanted.broadcast:
            words += ["broadcast", wanted.broadcast]
        # ip(8) gives an address of 127.0.0.0/8 the scope host unless told otherwise.
        if wanted.scope != SCOPE_GLOBAL or wanted.cidr.startswith("127."):
            words += ["scope", _SCOPES.get(wanted.scope, str(wanted.scope))]
        if wanted.label:
            words += ["label", wanted.label]
    words += ["dev", wanted.dev]
    if whole:
        if (wanted.valid_seconds, wanted.preferred_seconds) != (FOREVER, FOREVER):
            words += ["valid_lft", _seconds(wanted.valid_seconds), "preferred_lft", _seconds(wanted.preferred_seconds)]
        words += [word for bit, word in _FLAGS.items() if wanted.flags & bit]
    return ip(netns, *words, family=family(wanted.cidr))


def flush(netns: NetnsRef, unwanted: Address) -> str:
    """Remove it if it is still there."""
    return ip(netns, "address", "flush", "dev", unwanted.dev, "to", f"{ip_of(unwanted.cidr)}/32")


def route(netns: NetnsRef, verb: str, wanted: Route) -> str:
    """`verb` is add, replace or delete."""
    words = ["route", verb]
    if wanted.kind != "unicast":
        words.append(wanted.kind)
    words.append("default" if wanted.to in {"0.0.0.0/0", "::/0"} else wanted.to)
    if wanted.via:
        words += ["via", *(("inet6",) if family(wanted.via) != family(wanted.to) else ()), wanted.via]
    if wanted.dev:
        words += ["dev", wanted.dev]
    words += ["proto", str(wanted.protocol)]
    if wanted.scope is not None and family(wanted.to) == 4:
        words += ["scope", _SCOPES.get(wanted.scope, str(wanted.scope))]
    if wanted.source:
        words += ["src", wanted.source]
    if wanted.metric:
        words += ["metric", str(wanted.metric)]
    if wanted.table != MAIN_TABLE:
        words += ["table", str(wanted.table)]
    if wanted.mtu and verb != "delete":
        words += ["mtu", str(wanted.mtu)]
    if wanted.onlink and verb != "delete":
        words.append("onlink")
    return ip(netns, *words, family=family(wanted.to))


def rule(netns: NetnsRef, verb: str, wanted: Rule) -> str:
    """`verb` is add or delete."""
    words = ["rule", verb, "priority", str(wanted.priority), "from", wanted.from_ or "all"]
    if wanted.to:
        words += ["to", wanted.to]
    if wanted.iif:
        words += ["iif", wanted.iif]
    if wanted.ip_protocol:
        words += ["ipproto", wanted.ip_protocol]
    if wanted.source_ports:
        first, last = wanted.source_ports
        words += ["sport", str(first) if first == last else f"{first}-{last}"]
    words += ["lookup", str(wanted.table), "protocol", str(wanted.protocol)]
    return ip(netns, *words, family=wanted.family)


def _shape(link: Link) -> list[str]:
    queues = () if link.queues is None else ("numtxqueues", str(link.queues), "numrxqueues", str(link.queues))
    mtu = () if link.mtu_follows_ports else _named(link, "mtu")
    return [*mtu, *_named(link, "mac"), *queues]


def _named(link: Link, field: str) -> list[str]:
    match field:
        case "alias":
            return [] if link.alias is None else ["alias", link.alias]
        case "mtu":
            return [] if link.mtu is None else ["mtu", str(link.mtu)]
        case "mac":
            return [] if link.mac is None else ["address", link.mac]
        case "master":
            return [] if link.master is None else ["master", link.master] if link.master else ["nomaster"]
        case _:
            return [] if link.up is None else ["up" if link.up else "down"]


def _seconds(seconds: int) -> str:
    return "forever" if seconds == FOREVER else str(seconds)
