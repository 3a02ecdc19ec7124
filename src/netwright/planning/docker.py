"""What is to be done in Docker: its networks as a stack wants them, and containers on them.

A Docker network cannot be changed: one that is not as wanted is removed and made anew, which its containers do not survive on it.
Therefore nobody's container is ever taken off a network for that: only those are that the stack itself had connected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from netwright.model.docker import Attachment, DockerNetwork, DockerState
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


def docker_operations(desired: Desired, observed: State) -> DockerPart:
    """Compare the stack's Docker networks and attachments with what the engine has. Pure.

    A container that Docker does not have is passed over: it waits. An engine that is not there refuses only what needs it.
    """
    docker = observed.docker
    if docker is None or not docker.reachable:
        return DockerPart(refused=tuple(_unreachable(desired, docker)))
    networks = _Networks(desired, docker)
    disconnect, connect, refused = _attachments(desired, docker, networks)
    return DockerPart(
        disconnect=tuple(disconnect),
        remove=tuple(networks.remove),
        create=tuple(networks.create),
        connect=tuple(connect),
        refused=(*networks.refused, *refused),
    )


class _Networks:
    """Every network's fate. `removed`: the name of each that goes, for good or to come back → the reason."""

    def __init__(self, desired: Desired, docker: DockerState) -> None:
        self._desired = desired
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
        if others:
            self.refused.append(
                f"the Docker network {name} must be made anew because {why}, and {listed(others)} {are(others)} on it: "
                f"disconnect {_them(others)} first (`docker network disconnect {name} {others[0]}`)"
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


def _attachments(
    desired: Desired, docker: DockerState, networks: _Networks
) -> tuple[list[DisconnectContainer], list[ConnectContainer], list[str]]:
    disconnect: list[DisconnectContainer] = []
    connect: list[ConnectContainer] = []
    refused: list[str] = []
    known = (docker.networks.keys() - networks.removed.keys()) | desired.docker_networks.keys()
    for name, container in sorted(docker.containers.items()):
        wanted = desired.attachments.get(name, {})
        ours = desired.earlier_attachments.get(name, frozenset())
        for network in sorted(wanted.keys() | ours):
            there, want = container.attachments.get(network), wanted.get(network)
            if want is None:
                if there is not None:
                    disconnect.append(DisconnectContainer(container=name, network=network, why="connected by us, not in the file"))
                continue
            if network not in known:
                refused.append(f"the container {name} is to be on {network}, and Docker has no such network, or will have none")
                continue
            driver = docker.networks[network].driver if network in docker.networks else ""
            if there is None and driver in ("host", "null"):
                refused.append(f"the container {name} cannot be put on {network}: it must be started with --network {network}")
                continue
            if there is None and (alone := _alone(container.host_network, container.attachments)):
                refused.append(f"the container {name} cannot be on {network}: it was started with --network {alone}")
                continue
            if there is None:
                connect.append(ConnectContainer(container=name, attachment=want, why="in the file, not on this network"))
            elif reason := networks.removed.get(network) or _address_reason(want, there):
                disconnect.append(DisconnectContainer(container=name, network=network, why=reason))
                connect.append(ConnectContainer(container=name, attachment=want, why=reason))
    return disconnect, connect, refused


def _address_reason(want: Attachment, there: Attachment) -> str | None:
    """Why a container must be connected once more, or None."""
    wrong = [(have, wish) for wish, have in ((want.ipv4, there.ipv4), (want.ipv6, there.ipv6)) if wish is not None and wish != have]
    return " and ".join(f"its address is {have}, not {wish}" if have else f"it has not the address {wish}" for have, wish in wrong) or None


def _alone(host_network: bool, attachments: Mapping[str, Attachment]) -> str | None:
    """Docker connects a container of these two kinds to nothing else."""
    if host_network:
        return "host"
    return "none" if "none" in attachments else None


def _unreachable(desired: Desired, docker: DockerState | None) -> Iterator[str]:
    why = docker.why if docker is not None else "Docker was not looked at"
    earlier = desired.earlier.docker.networks.keys() if desired.earlier.docker is not None else frozenset()
    left = sorted((earlier | desired.claims.docker_networks) - desired.docker_networks.keys())
    needs = [f"the Docker network {name}" for name in sorted(desired.docker_networks)]
    needs += [f"removing the Docker network {name}" for name in left]
    needs += [f"the container {name} on {network}" for name in sorted(desired.attachments) for network in sorted(desired.attachments[name])]
    needs += [
        f"disconnecting the container {name} from {network}"
        for name in sorted(desired.earlier_attachments)
        for network in sorted(desired.earlier_attachments[name] - desired.attachments.get(name, {}).keys())
    ]
    if needs:
        yield f"{listed(needs)} {'need' if len(needs) > 1 else 'needs'} Docker: {why}; {START_IT}"


def _them(names: list[str]) -> str:
    return "it" if len(names) == 1 else "them"
