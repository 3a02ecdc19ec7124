"""What is to be done in Docker: its networks as a stack wants them, and containers on them.

A Docker network cannot be changed: one that is not as wanted is removed and made anew, which its containers do not survive on it.
Those that the stack itself had connected are disconnected and connected again. Those of others are so only where that is allowed: then
it is written down how they were on it, and they are put back as they were, also if the run fails in the middle.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from netwright.model.docker import Attachment, Container, DockerNetwork, DockerState
from netwright.model.loan import DetachmentLoan
from netwright.model.operation import ConnectContainer, CreateDockerNetwork, DisconnectContainer, RemoveDockerNetwork
from netwright.model.state import Desired, State
from netwright.planning.docker_differences import are, differences, listed

START_IT = "start Docker (`systemctl start docker`), or install it (Debian's package is docker.io)"


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerPart:
    """To be done in this order: disconnect, remove, create, connect. `refused`: sentences; if there are any, nothing may be done."""

    disconnect: tuple[DisconnectContainer, ...] = ()
    remove: tuple[RemoveDockerNetwork, ...] = ()
    create: tuple[CreateDockerNetwork, ...] = ()
    connect: tuple[ConnectContainer, ...] = ()
    refused: tuple[str, ...] = ()
    detached: tuple[DetachmentLoan, ...] = ()
    """Of the containers of others that are disconnected and connected again: how they are now."""
    left: tuple[str, ...] = ()
    """What of the stack's is there and should go, and cannot, since Docker is away: phrases."""


def docker_operations(desired: Desired, observed: State, *, replace_networks: bool = False) -> DockerPart:
    """Compare the stack's Docker networks and attachments with what the engine has. Pure.

    `replace_networks`: networks may be made anew though containers of others are on them.

    A container that Docker does not have is passed over: it waits. An engine that is not there refuses only what needs it.
    """
    docker = observed.docker
    if docker is None or not docker.reachable:
        return DockerPart(refused=tuple(_unreachable(desired, docker)), left=(*_removing(desired), *_disconnecting(desired)))
    networks = _Networks(desired, docker, replace_networks=replace_networks)
    containers = _Containers(desired, docker, networks)
    return DockerPart(
        disconnect=tuple(containers.disconnect),
        remove=tuple(networks.remove),
        create=tuple(networks.create),
        connect=tuple(containers.connect),
        refused=(*networks.refused, *containers.refused),
        detached=tuple(containers.detached),
    )


class _Networks:
    """Every network's fate. `removed`: the name of each that goes, for good or to come back → the reason."""

    def __init__(self, desired: Desired, docker: DockerState, *, replace_networks: bool) -> None:
        self._desired = desired
        begun = {network for attachments in desired.detached.values() for network in attachments}
        self._replaceable = desired.docker_networks.keys() if replace_networks else begun
        """A run that was allowed to, and was cut off, may be finished or taken back."""
        self.remove: list[RemoveDockerNetwork] = []
        self.create: list[CreateDockerNetwork] = []
        self.refused: list[str] = []
        self.removed: dict[str, str] = {}
        for name, wanted in desired.docker_networks.items():
            self._compare(name, wanted, docker.networks.get(name))
        for name, there in docker.networks.items():
            if there.owner == desired.stack and name not in desired.docker_networks:
                self._leave(there)

    def _compare(self, name: str, wanted: DockerNetwork, there: DockerNetwork | None) -> None:
        if there is None:
            self.create.append(CreateDockerNetwork(network=wanted, why="in the file, not in Docker"))
            return
        if there.owner != self._desired.stack:
            whose = f"it is the stack {there.owner}'s" if there.owner else "Netwright did not make it"
            self.refused.append(
                f"Docker has a network {name} already, and {whose}: say `external: true` to join it, or choose another name"
            )
            return
        reasons = tuple(differences(wanted, there))
        if not reasons:
            return
        why = " and ".join(reasons)
        others = self._others(there)
        if others and name not in self._replaceable:
            self.refused.append(
                f"the Docker network {name} must be made anew because {why}, and {listed(others)} {are(others)} on it: "
                f"with --replace {_they(others)} {are(others)} disconnected for a moment, and connected again as before"
            )
            return
        self.removed[name] = f"{name} is made anew: {why}"
        self.remove.append(RemoveDockerNetwork(name=name, why=f"made anew: {why}"))
        self.create.append(CreateDockerNetwork(network=wanted, why=f"made anew: {why}"))

    def _leave(self, there: DockerNetwork) -> None:
        others = self._others(there)
        if others:
            self.refused.append(
                f"the Docker network {there.name} is this stack's and not wanted any more, and {listed(others)} {are(others)} on it: "
                f"disconnect {_them(others)} first (`docker network disconnect {there.name} {others[0]}`)"
            )
            return
        self.removed[there.name] = f"{there.name} is removed"
        self.remove.append(RemoveDockerNetwork(name=there.name, why="ours, not in the file"))

    def _others(self, there: DockerNetwork) -> list[str]:
        """The containers on it that somebody else put there."""
        return sorted(name for name in there.used_by if there.name not in self._desired.earlier_attachments.get(name, frozenset()))


class _Containers:
    """Every container's place on the networks that the stack has a say in."""

    def __init__(self, desired: Desired, docker: DockerState, networks: _Networks) -> None:
        self._desired = desired
        self._docker = docker
        self._networks = networks
        self._known = (docker.networks.keys() - networks.removed.keys()) | desired.docker_networks.keys()
        self.disconnect: list[DisconnectContainer] = []
        self.connect: list[ConnectContainer] = []
        self.refused: list[str] = []
        self.detached: list[DetachmentLoan] = []
        for name, container in sorted(docker.containers.items()):
            wanted = desired.attachments.get(name, {})
            torn = container.attachments.keys() & networks.removed.keys()
            ours = desired.earlier_attachments.get(name, frozenset())
            for network in sorted({*wanted, *ours, *desired.detached.get(name, {}), *torn}):
                self._place(container, network, wanted.get(network), ours=network in ours)

    def _place(self, container: Container, network: str, want: Attachment | None, *, ours: bool) -> None:
        name, there = container.name, container.attachments.get(network)
        begun = self._desired.detached.get(name, {}).get(network)
        before = begun or (None if ours else there)
        if want is None and before is None:
            if there is not None:
                self.disconnect.append(DisconnectContainer(container=name, network=network, why="connected by us, not in the file"))
            return
        if want is not None and (refusal := self._refusal(container, network)):
            self.refused.append(refusal)
            return
        if network not in self._known:
            return
        target, lost = self._settled(network, want, before)
        if there is None:
            why = "in the file, not on this network" if before is None else "it was on it before"
            self.connect.append(ConnectContainer(container=name, attachment=target, why=why + lost))
        elif reason := self._networks.removed.get(network) or _address_reason(target, there):
            self.disconnect.append(DisconnectContainer(container=name, network=network, why=reason))
            self.connect.append(ConnectContainer(container=name, attachment=target, why=reason + lost))
            if before is not None and begun is None:
                self.detached.append(DetachmentLoan(container=name, attachment=before))

    def _refusal(self, container: Container, network: str) -> str | None:
        """Why a container cannot be put on a network."""
        name = container.name
        if network not in self._known:
            return f"the container {name} is to be on {network}, and Docker has no such network, or will have none"
        if network in container.attachments:
            return None
        if network in self._docker.networks and self._docker.networks[network].driver in ("host", "null"):
            return f"the container {name} cannot be put on {network}: it must be started with --network {network}"
        if alone := _alone(container.host_network, container.attachments):
            return f"the container {name} cannot be on {network}: it was started with --network {alone}"
        return None

    def _settled(self, network: str, want: Attachment | None, before: Attachment | None) -> tuple[Attachment, str]:
        """How it shall be on the network: as the file says, else as it was; and a clause about addresses that it cannot keep."""
        if before is None:
            assert want is not None
            return want, ""
        place = self._desired.docker_networks.get(network) or self._docker.networks.get(network)
        subnets = [ipaddress.ip_network(one.subnet) for one in place.subnets] if place is not None else []
        kept: dict[str, str | None] = {}
        lost = []
        for field, stated, had in (("ipv4", want and want.ipv4, before.ipv4), ("ipv6", want and want.ipv6, before.ipv6)):
            fits = had is not None and any(ipaddress.ip_address(had) in subnet for subnet in subnets)
            kept[field] = stated or (had if fits else None)
            if had is not None and not fits and not stated:
                lost.append(had)
        clause = f"; {listed(lost)} {are(lost)} in no subnet of it any more: Docker gives another address" if lost else ""
        return replace(before, network=network, gateway4=None, gateway6=None, **kept), clause  # type: ignore[arg-type]


def _address_reason(want: Attachment, there: Attachment) -> str | None:
    """Why a container must be connected once more, or None."""
    wrong = [(have, wish) for wish, have in ((want.ipv4, there.ipv4), (want.ipv6, there.ipv6)) if wish is not None and wish != have]
    return " and ".join(f"its address is {have}, not {wish}" if have else f"it has not the address {wish}" for have, wish in wrong) or None


def _alone(host_network: bool, attachments: Mapping[str, Attachment]) -> str | None:
    """Docker connects a container of these two kinds to nothing else."""
    if host_network:
        return "host"
    return "none" if "none" in attachments else None


def _removing(desired: Desired) -> list[str]:
    earlier = desired.earlier.docker.networks.keys() if desired.earlier.docker is not None else frozenset()
    left = sorted((earlier | desired.claims.docker_networks) - desired.docker_networks.keys())
    return [f"removing the Docker network {name}" for name in left]


def _disconnecting(desired: Desired) -> list[str]:
    return [
        f"disconnecting the container {name} from {network}"
        for name in sorted(desired.earlier_attachments)
        for network in sorted(desired.earlier_attachments[name] - desired.attachments.get(name, {}).keys())
    ]


def _unreachable(desired: Desired, docker: DockerState | None) -> Iterator[str]:
    why = docker.why if docker is not None else "Docker was not looked at"
    needs = [f"the Docker network {name}" for name in sorted(desired.docker_networks)]
    needs += _removing(desired)
    needs += [f"the container {name} on {network}" for name in sorted(desired.attachments) for network in sorted(desired.attachments[name])]
    needs += _disconnecting(desired)
    needs += [f"the container {name} back on {network}" for name in sorted(desired.detached) for network in sorted(desired.detached[name])]
    if needs:
        yield f"{listed(needs)} {'need' if len(needs) > 1 else 'needs'} Docker: {why}; {START_IT}"


def _them(names: list[str]) -> str:
    return "it" if len(names) == 1 else "them"


def _they(names: list[str]) -> str:
    return "it" if len(names) == 1 else "they"
