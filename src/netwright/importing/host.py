"""A host as it is → a file that describes it. All of it is external: applying the file changes nothing, and neither does destroying it."""

from __future__ import annotations

from typing import Any

from netwright.errors import Refused
from netwright.importing.docker_part import container, docker_network
from netwright.importing.draft import Draft
from netwright.importing.placed import addresses, routes, settings, subnets
from netwright.importing.settling import settle
from netwright.model.docker import DockerNetwork, DockerState
from netwright.model.link import Link, LinkKey
from netwright.model.netns import HOST, NetnsKind, NetnsRef
from netwright.model.state import Namespace, State

_HEAD = """\
This host, as `netwright import host` has found it.

All of it is external: somebody else has made it. Applying this file changes nothing, and destroying the stack neither;
`netwright status` says what is no more as it is described here, and `netwright graph` draws it.
What Netwright shall make, it must make itself: take that away by hand, then leave out its `external: true`.
Rules of the packet filter (nft, iptables) are not described."""
_USUAL_MTU = 1500
_LOOPBACK = "lo"


def import_host(state: State, name: str, *, everything: bool = False) -> str:
    """The file's text. `state`: the host, every named namespace, Docker's answers, and the forwarding sysctls of each namespace.

    What Netwright's own stacks have made is left out, unless `everything` is asked for. Raises Refused if there is a stack
    called `name`: applying the file would end it.
    """
    reader = _Reader(state, everything)
    if name in reader.stacks:
        raise Refused(
            f"There is a stack {name} on this host already; a file of that name would take its place.", hint="choose another --name"
        )
    return settle(reader.draft(name))


class _Reader:
    def __init__(self, state: State, everything: bool) -> None:
        self._spaces = {ref: space for ref, space in state.namespaces.items() if ref.kind is not NetnsKind.CONTAINER}
        self._host = self._spaces.get(HOST, Namespace(ref=HOST))
        self._docker = state.docker or DockerState(reachable=False, why="Docker was not asked")
        self._everything = everything
        self._keys: dict[str, str] = {}
        """Bridge → the key of its network."""
        self._left: list[str] = []
        self.stacks = self._owners()

    def draft(self, name: str) -> Draft:
        draft = Draft(_HEAD.split("\n"), {"version": 1, "name": name, "networks": {}, "namespaces": {}, "host": {}, "containers": {}})
        self._networks(draft)
        for ref, space in sorted(self._spaces.items(), key=lambda item: item[0].name):
            if ref == HOST:
                continue
            if self._is_left(space.owner):
                self._left.append(f"the namespace {ref.name}, of the stack {space.owner}")
                continue
            draft.values["namespaces"][ref.name] = {"external": True}
            self._describe(draft, ("namespaces", ref.name), space)
        self._describe(draft, ("host",), self._host)
        self._containers(draft)
        if self._left:
            draft.remark(
                (), "Left out, since stacks of Netwright's have made it (--all describes it too):", *(f"- {one}" for one in self._left)
            )
        if not self._docker.reachable:
            draft.remark((), f"Nothing of Docker's is here: {self._docker.why}")
        return draft

    def _owners(self) -> set[str]:
        links = (link for space in self._spaces.values() for link in space.links.values())
        owners = {owner for link in links for owner in (link.owner, link.borrower)}
        return {owner for owner in owners | {network.owner for network in self._docker.networks.values()} if owner}

    def _is_left(self, owner: str | None) -> bool:
        return owner is not None and not self._everything

    def _networks(self, draft: Draft) -> None:
        networks = draft.values["networks"]
        of_docker: dict[str, DockerNetwork | None] = {}
        for name, network in sorted(self._docker.networks.items()):
            if network.bridge is not None:
                of_docker[network.bridge] = network
            if self._is_left(network.owner):
                self._left.append(f"Docker's network {name}, of the stack {network.owner}")
            elif network.driver not in ("host", "null"):
                networks[name], words = docker_network(network, self._docker)
                draft.remark(("networks", name), *words)
                if network.bridge is not None:
                    self._keys[network.bridge] = name
        for name, link in sorted(self._host.links.items()):
            if link.kind != "bridge" or name in of_docker:
                continue
            if self._is_left(link.owner):
                self._left.append(f"the bridge {name}, of the stack {link.owner}")
                continue
            key = name if name not in networks else f"{name}-bridge"
            own = addresses(self._host, name)
            described, words = subnets(own.kept)
            networks[key] = {"external": True, "bridge": name, **described}
            draft.remark(("networks", key), *own.words, *words, *_unusual(link))
            self._keys[name] = key

    def _describe(self, draft: Draft, path: tuple[str, ...], space: Namespace) -> None:
        """Interfaces, routes and settings of one namespace."""
        part = draft.at(path)
        interfaces: dict[str, Any] = {}
        undescribed = {_LOOPBACK}
        for name, link in sorted(space.links.items()):
            if name == _LOOPBACK or (space.ref == HOST and self._is_told_elsewhere(link)):
                continue
            if self._is_left(link.owner or link.borrower):
                undescribed.add(name)
                self._left.append(f"the interface {name} of {_name(space.ref)}, of the stack {link.owner or link.borrower}")
                continue
            interfaces[name], words = self._interface(space, link)
            draft.remark((*path, "interfaces", name), *words)
        if interfaces:
            part["interfaces"] = interfaces
        found, words = routes(space, undescribed)
        if found:
            part["routes"] = found
        draft.remark(path, *settings(space), *words)

    def _is_told_elsewhere(self, link: Link) -> bool:
        """A bridge is told as a network, a port that leads into a namespace there; Docker's own ports are nobody else's affair."""
        twin = link.twin()
        if link.kind == "bridge":
            return True
        if link.master is None or not link.master:
            return False
        if twin is not None and twin.netns != HOST and self._describes(twin):
            return link.master in self._keys
        return link.kind == "veth" and twin is None and self._is_bridge_of_others(link.master)

    def _is_bridge_of_others(self, bridge: str) -> bool:
        return any(network.bridge == bridge for network in self._docker.networks.values())

    def _describes(self, key: LinkKey) -> bool:
        space = self._spaces.get(key.netns)
        link = space.links.get(key.name) if space else None
        return space is not None and link is not None and not self._is_left(space.owner) and not self._is_left(link.owner or link.borrower)

    def _interface(self, space: Namespace, link: Link) -> tuple[dict[str, Any], list[str]]:
        entry: dict[str, Any] = {"external": True}
        words = []
        twin = link.twin()
        far = self._host.links.get(twin.name) if twin is not None and twin.netns == HOST and space.ref != HOST else None
        if twin is not None and far is not None and far.master in self._keys and self._describes(twin):
            entry |= {"network": self._keys[far.master or ""], "port": twin.name}
        elif twin is not None and self._describes(twin):
            entry["peer"] = {"namespace": _name(twin.netns), "interface": twin.name}
        else:
            words.append(_what(space, link, twin))
        if link.master:
            words.append(f"It is a port of {link.master}.")
        own = addresses(space, link.name)
        if own.kept:
            entry["addresses"] = own.kept
        if link.mtu not in (None, _USUAL_MTU):
            entry["mtu"] = link.mtu
        if link.up is False:
            entry["up"] = False
        return entry, [*words, *own.words]

    def _containers(self, draft: Draft) -> None:
        for name, one in sorted(self._docker.containers.items()):
            entry, words = container(one, self._docker)
            draft.values["containers"][name] = entry
            draft.remark(("containers", name), *words)


def _name(ref: NetnsRef) -> str:
    return "host" if ref == HOST else ref.name


def _unusual(link: Link) -> list[str]:
    return [f"Its MTU is {link.mtu}."] * (link.mtu not in (None, _USUAL_MTU)) + ["It is down."] * (link.up is False)


def _what(space: Namespace, link: Link, twin: LinkKey | None) -> str:
    """What an interface is that is neither on a network nor one end of a described veth."""
    seen = space.seen.get(link.name)
    kind = seen.kind if seen is not None else link.kind
    if kind == "veth":
        where = f"{twin.name} in {_name(twin.netns)}" if twin is not None else "in a namespace without a name"
        return f"A veth; its other end is {where}."
    if kind:
        return f"Of the kind {kind}."
    device = f" at {seen.bus} {seen.device}" if seen is not None and seen.device else ""
    return f"A NIC{device}{f', {link.mac}' if link.mac else ''}."
