"""What is to be done in Docker: its networks as a stack wants them, and containers on them.

A Docker network cannot be changed: one that is not as wanted is removed and made anew, which its containers do not survive on it.
Therefore nobody's container is ever taken off a network for that: only those are that the stack itself had connected.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from netwright.model.address import family
from netwright.model.docker import STACK_LABEL, Attachment, DockerNetwork, DockerState, DockerSubnet
from netwright.model.operation import ConnectContainer, CreateDockerNetwork, DisconnectContainer, RemoveDockerNetwork
from netwright.model.state import Desired, State

ENGINE_OPTIONS = (
    "com.docker.network.enable_ipv4",
    "com.docker.network.enable_ipv6",
    "com.docker.network.driver.overlay.vxlanid_list",
)
"""Newer engines write these among a network's options themselves."""
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
                f"the Docker network {name} must be made anew because {why}, and {_list(others)} {_are(others)} on it: "
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
                f"the Docker network {there.name} is this stack's and not wanted any more, and {_list(others)} {_are(others)} on it: "
                f"disconnect {_them(others)} first (`docker network disconnect {there.name} {others[0]}`)"
            )
            return
        self.removed[there.name] = f"{there.name} is removed"
        self.remove.append(RemoveDockerNetwork(name=there.name, why="ours, not in the file"))

    def _others(self, there: DockerNetwork) -> list[str]:
        """The containers on it that somebody else put there."""
        return sorted(name for name in there.used_by if there.name not in self._desired.earlier_attachments.get(name, frozenset()))


def differences(wanted: DockerNetwork, there: DockerNetwork) -> Iterator[str]:
    """In what a network of ours is not as wanted: a clause for each difference, "its driver is macvlan, not bridge".

    What the file does not state is Docker's choice and no difference: a gateway, subnets. Options and labels are compared whole, since
    nobody but the stack can have set those of its network: one that has left the file is a difference.
    """
    if wanted.driver != there.driver:
        yield f"its driver is {there.driver}, not {wanted.driver}"
    if wanted.internal != there.internal:
        yield "it is not internal" if wanted.internal else "it is internal"
    if wanted.ipv6 != there.ipv6:
        yield "it has no IPv6" if wanted.ipv6 else "it has IPv6"
    if wanted.attachable != there.attachable:
        yield "containers cannot join it" if wanted.attachable else "containers can join it"
    if wanted.ingress != there.ingress:
        yield "it is not the swarm's ingress network" if wanted.ingress else "it is the swarm's ingress network"
    for version in (4, 6):
        yield from _subnet_differences(_of_family(wanted.subnets, version), _of_family(there.subnets, version))
    ignored = {option: value for option, value in there.options.items() if option in ENGINE_OPTIONS and option not in wanted.options}
    yield from _mapping_differences("option", wanted.options, {k: v for k, v in there.options.items() if k not in ignored})
    yield from _mapping_differences("label", _unmarked(wanted.labels), _unmarked(there.labels))


def _subnet_differences(wanted: Mapping[str, DockerSubnet], there: Mapping[str, DockerSubnet]) -> Iterator[str]:
    if not wanted:
        return
    if wanted.keys() != there.keys():
        yield f"its {_plural('subnet', there)} {_are(there)} {_list(there)}, not {_list(wanted)}" if there else f"it lacks {_list(wanted)}"
        return
    for prefix, want in wanted.items():
        have = there[prefix]
        if want.gateway is not None and want.gateway != have.gateway:
            yield f"its gateway in {prefix} is {have.gateway or 'nobody'}, not {want.gateway}"
        if want.ip_range != have.ip_range and not want.range_chosen:
            yield f"containers get addresses of {have.ip_range or prefix}, not of {want.ip_range or prefix}"
        elif free := _allocatable(want, have):
            yield f"{_list(free)} {_are(free)} not reserved in it"


def _allocatable(want: DockerSubnet, have: DockerSubnet) -> list[str]:
    """The addresses that must not go to a container, and can."""
    pool = ipaddress.ip_network(have.ip_range or have.subnet)
    kept = {have.gateway, *have.reserved.values()}
    return sorted(
        {address for address in want.reserved.values() if address not in kept and ipaddress.ip_address(address) in pool},
        key=lambda address: int(ipaddress.ip_address(address)),
    )


def _mapping_differences(what: str, wanted: Mapping[str, str], there: Mapping[str, str]) -> Iterator[str]:
    for key in sorted(wanted.keys() | there.keys()):
        if key not in there:
            yield f"it has not the {what} {key}={wanted[key]}"
        elif key not in wanted:
            yield f"it has the {what} {key}={there[key]}"
        elif wanted[key] != there[key]:
            yield f"its {what} {key} is {there[key]}, not {wanted[key]}"


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
        yield f"{_list(needs)} {'need' if len(needs) > 1 else 'needs'} Docker: {why}; {START_IT}"


def _of_family(subnets: Iterable[DockerSubnet], version: int) -> dict[str, DockerSubnet]:
    return {subnet.subnet: subnet for subnet in subnets if family(subnet.subnet) == version}


def _unmarked(labels: Mapping[str, str]) -> dict[str, str]:
    """Without our mark: whose it is was asked before."""
    return {key: value for key, value in labels.items() if key != STACK_LABEL}


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)


def _are(names: Mapping[str, object] | list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _them(names: list[str]) -> str:
    return "it" if len(names) == 1 else "them"


def _plural(word: str, names: Mapping[str, object]) -> str:
    return word if len(names) == 1 else f"{word}s"
