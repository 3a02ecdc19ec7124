"""Published ports: from names to addresses, family by family.

`source: preserve` needs the target's replies to come back through the publishing namespace. They are sent there by policy
rules in the target's namespace, one for each published port: "what leaves from this address and port looks into a table
whose default route is the publisher". The target's other traffic goes where it always went, and so does what it answers to
neighbours on its own networks: these stand in the table, too.

A UDP server that is bound to no address has none yet when its reply is routed (net/ipv4/udp.c: udp_sendmsg), so UDP's rule
does not ask for it; the table's routes say which address it gets.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from netwright.errors import Problem
from netwright.firewall.intents import Opening, Publish, Restriction
from netwright.model.address import DEFAULT4, DEFAULT6, family, is_loopback
from netwright.model.names import short_hash
from netwright.model.netns import HOST, NetnsKind, NetnsRef, named
from netwright.model.route import Route, Rule
from netwright.resolve.endpoint import Endpoint
from netwright.resolve.facts import Facts, matches
from netwright.resolve.network import Network
from netwright.resolve.protection import ANY_ADDRESS
from netwright.resolve.targets import Reached, Targets
from netwright.spec.document import Document, Path, path_text
from netwright.spec.schema import NamespaceSpec, PublishSpec
from netwright.spec.values import Ports, Target

RULE_PRIORITY = 7800
"""Of the policy rules that lead replies back: before the main table's 32766."""

FIRST_TABLE = 780_000
"""Tables from here on hold the way back to a publisher; the number is derived from the stack, the publisher and the target's address."""


@dataclass(slots=True)
class Published:
    """What publishing comes to: intents by publishing namespace, and the way back by the target's."""

    publishes: dict[NetnsRef, list[Publish]] = field(default_factory=dict)
    restrictions: list[Restriction] = field(default_factory=list)
    openings: list[Opening] = field(default_factory=list)
    """Of ports of the host that lead to where protection would close."""
    opened_bridges: set[str] = field(default_factory=set)
    """Bridges of ours that ports of the host lead to."""
    routes: dict[NetnsRef, set[Route]] = field(default_factory=dict)
    rules: dict[NetnsRef, set[Rule]] = field(default_factory=dict)
    sysctls: dict[NetnsRef, dict[str, str]] = field(default_factory=dict)


class Publishing:
    """Resolves the publishes of one stack."""

    def __init__(
        self,
        document: Document,
        endpoints: list[Endpoint],
        networks: dict[str, Network],
        facts: Facts,
        problems: list[Problem],
        waiting: list[str],
    ) -> None:
        self._document = document
        self._networks = networks
        self._facts = facts
        self._problems = problems
        self._waiting = waiting
        self._targets = Targets(document, endpoints, networks, facts, problems, waiting)
        self.result = Published()

    def resolve(self) -> Published:
        """All of the file's publishes."""
        spec = self._document.spec
        for name, maybe in spec.namespaces.items():
            for index, publish in enumerate((maybe or NamespaceSpec()).publish):
                self._publish(named(name), publish, ("namespaces", name, "publish", index))
        for index, publish in enumerate(spec.host.publish if spec.host else ()):
            if not self._left_to_docker(publish, None, ("host", "publish", index)):
                self._publish(HOST, publish, ("host", "publish", index))
        for key, container in spec.containers.items():
            for index, short in enumerate(container.publish if container else ()):
                path: Path = ("containers", key, "publish", index)
                target = Target(short.to or short.listen.ports, name=key)
                publish = PublishSpec.model_construct(listen=short.listen, from_=short.from_, to=target, source=short.source)
                if not self._left_to_docker(publish, key, path):
                    self._publish(HOST, publish, path)
        return self.result

    def _publish(self, netns: NetnsRef, publish: PublishSpec, path: Path) -> None:
        reached = self._targets.reach(netns, publish.to, path)
        listen = publish.listen
        served = False
        for target in reached:
            version = family(target.address)
            sources = None if publish.from_ is None else tuple(p for p in publish.from_ if family(p) == version)
            if (listen.address and family(listen.address) != version) or sources == ():
                continue
            served = True
            through = self._targets.through(netns, target.address)
            if is_loopback(listen.address or "") and version == 4 and not self._lead_out(netns, target, through, path):
                continue
            self.result.publishes.setdefault(netns, []).append(
                Publish(
                    protocol=listen.protocol,
                    ports=(listen.ports.first, listen.ports.last),
                    target=target.address,
                    target_ports=(publish.to.ports.first, publish.to.ports.last),
                    interface=listen.interface,
                    address=None if listen.address in ANY_ADDRESS else listen.address,
                    sources=sources,
                    preserve=publish.source == "preserve",
                    through=through,
                    target_subnet=target.subnet,
                )
            )
            if netns == HOST:
                self._open(publish, target.address, sources)
            if publish.source == "preserve":
                self._way_back(netns, target, publish, sources, path)
        if reached and not served:
            have = " and ".join(sorted({f"IPv{family(t.address)}" for t in reached}))
            self._problems.append(
                self._document.problem(path, f"{publish.to} has {have} only, and nobody who may use this port can reach that")
            )

    def _open(self, publish: PublishSpec, target: str, sources: tuple[str, ...] | None) -> None:
        """What some stack's `host.protect` shall let pass. Targets on networks of ours are known by their bridge."""
        for network in self._networks.values():
            if network.ours and network.bridge and any(target in subnet.pool for subnet in network.subnets):
                self.result.opened_bridges.add(network.bridge)
                return
        self.result.openings.append(_opening(publish, sources, family(target)))

    def _lead_out(self, netns: NetnsRef, target: Reached, through: str | None, path: Path) -> bool:
        """A way for what is sent to 127.0.0.1: through an interface that is known, which may lead there then."""
        if through is not None:
            self.result.sysctls.setdefault(netns, {})[f"net.ipv4.conf.{through.replace('.', '/')}.route_localnet"] = "1"
        elif target.netns is not None and target.netns.kind is NetnsKind.CONTAINER:
            self._waiting.append(f"{path_text(path)} waits for {netns} to have an interface on a network of the container")
        else:
            self._problems.append(
                self._document.problem(
                    path,
                    f"{target.address} is on no network of this namespace: what is sent to a loopback address does not find there",
                    "publish on another address",
                )
            )
        return through is not None

    def _way_back(self, netns: NetnsRef, target: Reached, publish: PublishSpec, sources: tuple[str, ...] | None, path: Path) -> None:
        if target.netns is not None and target.netns.kind is NetnsKind.CONTAINER and target.via and target.interface is None:
            # Docker names the interface when it connects the container: the next round knows it.
            self._waiting.append(f"{path_text(path)}: the way back waits for {publish.to.name} to be on the network")
            return
        if target.netns is None or target.via is None or target.interface is None:
            self._problems.append(
                self._document.problem(
                    (*path, "source"),
                    f"source: preserve needs {publish.to.name or publish.to.address} on a network that this namespace is on too: "
                    "its replies must find back",
                    "put both on one network, or leave out source: preserve",
                )
            )
            return
        if target.netns in (netns, HOST):
            return
        version = family(target.address)
        table = FIRST_TABLE + int(short_hash(f"{self._document.spec.name}/{netns.key}/{target.address}", 4), 16)
        back = self.result.routes.setdefault(target.netns, set())
        default = DEFAULT4 if version == 4 else DEFAULT6
        back.add(Route(to=default, via=target.via, dev=target.interface, source=target.address, table=table))
        for subnet, dev in self._targets.connected(target.netns, version, target.interface):
            back.add(Route(to=subnet, dev=dev, table=table))
        rules = self.result.rules.setdefault(target.netns, set())
        for source in sources or (None,):
            rules.add(
                Rule(
                    family=version,
                    priority=RULE_PRIORITY,
                    table=table,
                    from_=None if publish.listen.protocol == "udp" else f"{target.address}/{32 if version == 4 else 128}",
                    to=source,
                    ip_protocol=publish.listen.protocol,
                    source_ports=(publish.to.ports.first, publish.to.ports.last),
                )
            )

    def _left_to_docker(self, publish: PublishSpec, key: str | None, path: Path) -> bool:
        """Docker publishes this port itself: then its DNAT stays, and at most we shut others out."""
        for container in self._facts.docker.containers.values():
            for binding in container.bindings:
                listen = publish.listen
                if binding.protocol != listen.protocol or not listen.ports.overlaps(Ports(binding.host_port, binding.host_port)):
                    continue
                if not _meet(listen.address, binding.host_ip):
                    continue
                spec = self._document.spec.containers.get(key or publish.to.name or "")
                if container not in matches(key or publish.to.name or "", spec, self._facts.docker):
                    self._problems.append(
                        self._document.problem(
                            path, f"Docker publishes port {binding.host_port}/{binding.protocol} already, for {container.name}"
                        )
                    )
                    return True
                addresses = (attachment.ipv4 for attachment in container.attachments.values())
                opening = _opening(publish, None if publish.from_ is None else tuple(publish.from_))
                self.result.openings.append(replace(opening, target=next((address for address in addresses if address), None)))
                if publish.from_ is not None:
                    self.result.restrictions.append(
                        Restriction(
                            protocol=listen.protocol,
                            ports=(listen.ports.first, listen.ports.last),
                            sources=tuple(publish.from_),
                            address=None if listen.address in ANY_ADDRESS else listen.address,
                        )
                    )
                return True
        return False


def _meet(listened: str | None, bound: str) -> bool:
    """Whether Docker takes what comes to an address: what it has bound to 127.0.0.1 nobody outside can reach."""
    if bound in ("127.0.0.1", "::1"):
        return listened == bound
    if listened is None or listened == bound:
        return True
    return family(listened) == family(bound) and (listened in ANY_ADDRESS or bound in ANY_ADDRESS)


def _opening(publish: PublishSpec, sources: tuple[str, ...] | None, version: int | None = None) -> Opening:
    listen = publish.listen
    anywhere = listen.address in ANY_ADDRESS
    return Opening(
        protocol=listen.protocol,
        ports=(listen.ports.first, listen.ports.last),
        sources=sources,
        interface=listen.interface,
        address=None if anywhere else listen.address,
        family=family(listen.address) if anywhere and listen.address is not None else version,
    )
